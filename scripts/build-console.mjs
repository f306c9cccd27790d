// Builds the console into packages/trunkline/dist/console, unless what it is made of is the same as the last time.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const target = join(root, 'packages/trunkline/dist/console')
const mark = join(root, 'packages/trunkline/dist/console.inputs')

function* files(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) yield* files(path)
    else if (!/\.test\./.test(entry.name)) yield path
  }
}

function digest() {
  const hash = createHash('sha256')
  const inputs = [
    ...['console/src', 'client/src', 'contract/src'].flatMap((folder) => [...files(join(root, 'packages', folder))]),
    ...['index.html', 'vite.config.ts', 'package.json'].map((name) => join(root, 'packages/console', name)),
    join(root, 'package-lock.json'),
  ]
  for (const file of inputs) hash.update(file.slice(root.length)).update('\0').update(readFileSync(file)).update('\0')
  return hash.digest('hex')
}

const now = digest()
const before = existsSync(join(target, 'index.html')) && existsSync(mark) ? readFileSync(mark, 'utf8') : ''
if (now !== before) {
  const vite = join(root, 'node_modules/vite/bin/vite.js')
  const { status } = spawnSync(process.execPath, [vite, 'build', '--logLevel', 'warn'], {
    cwd: join(root, 'packages/console'),
    stdio: 'inherit',
    env: { ...process.env, NODE_ENV: 'production' },
  })
  if (status !== 0) process.exit(status ?? 1)
  writeFileSync(mark, now)
}
