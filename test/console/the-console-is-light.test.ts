import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { beforeAll, expect, test } from 'vitest'
import { loginPage } from '../../packages/server/src/console/login-page.ts'

// budgets in kB of gzip: what a page needs before it can be used is the closure of its imports in the manifest of the build

interface Entry {
  file: string
  isEntry?: boolean
  imports?: string[]
  dynamicImports?: string[]
  css?: string[]
}

const root = fileURLToPath(new URL('../..', import.meta.url))
const built = join(root, 'packages/trunkline/dist/console')
let manifest: Record<string, Entry>

beforeAll(() => {
  execFileSync(process.execPath, [join(root, 'scripts/build-console.mjs')], { stdio: 'inherit' })
  manifest = JSON.parse(readFileSync(join(built, '.vite/manifest.json'), 'utf8'))
})

function closure(name: string, found = new Set<string>()): Set<string> {
  const { file, css = [], imports = [] } = manifest[name] as Entry
  if (found.has(file)) return found
  found.add(file)
  for (const one of css) found.add(one)
  for (const one of imports) closure(one, found)
  return found
}

const weigh = (files: Iterable<string>) =>
  [...files].reduce((sum, file) => sum + gzipSync(readFileSync(join(built, file)), { level: 9 }).length, 0) / 1000
const entry = () => Object.keys(manifest).find((name) => manifest[name]?.isEntry) as string
const pages = () => Object.keys(manifest).filter((name) => name.startsWith('src/pages/'))

test('landing on the overview costs at most 275 kB', () => {
  const files = new Set([...closure(entry()), ...closure('src/pages/overview/overview.tsx'), 'index.html'])
  expect(weigh(files)).toBeLessThanOrEqual(275)
})

test('any other page costs at most 60 kB more', () => {
  const landed = closure('src/pages/overview/overview.tsx', closure(entry()))
  expect(pages().length).toBeGreaterThan(12)
  const extra = Object.fromEntries(pages().map((page) => [page, weigh([...closure(page)].filter((file) => !landed.has(file)))]))
  expect(Object.entries(extra).filter(([, kB]) => kB > 60)).toEqual([])
})

test('the whole costs at most 650 kB', () => {
  const files = new Set(Object.values(manifest).flatMap(({ file, css = [] }) => [file, ...css]))
  expect(weigh(files)).toBeLessThanOrEqual(650)
})

test('the login page costs at most 15 kB with its style and script, and needs nothing else', () => {
  const html = loginPage({ base: '', next: '/admin/jobs', email: '', environment: { name: 'local', tone: 'grey' }, oidc: null })
  const parts = ['login-page.css', 'login-comfort.js'].map((name) => readFileSync(join(root, 'packages/server/src/console', name), 'utf8'))
  expect(Buffer.byteLength(html + parts.join(''))).toBeLessThanOrEqual(15_000)
  expect([...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url)).toEqual(['data:,', '/admin/login.css', '/admin/login.js'])
})
