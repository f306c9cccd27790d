#!/usr/bin/env node
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const built = new URL('../dist/main.js', import.meta.url)
if (existsSync(fileURLToPath(built))) {
  const { main } = await import(built.href)
  await main(process.argv)
} else {
  console.error('error: the build is missing\n  Run: npm ci && npm run build')
  process.exitCode = 1
}
