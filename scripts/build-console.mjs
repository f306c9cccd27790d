// Builds the console into packages/trunkline/dist/console, unless what it is made of is the same as the last time.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const target = join(root, 'packages/trunkline/dist/console')
const mark = join(root, 'packages/trunkline/dist/console.inputs')
const lock = join(root, 'packages/trunkline/dist/console.lock')

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

/** Two at once would write into the same folder: the second waits for the first. A lock that is a minute old was left behind. */
async function alone(work) {
  mkdirSync(join(root, 'packages/trunkline/dist'), { recursive: true })
  for (;;) {
    try {
      mkdirSync(lock)
      break
    } catch {
      if (Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? 0) > 60_000) rmdirSync(lock)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
  try {
    work()
  } finally {
    rmdirSync(lock)
  }
}

await alone(() => {
  const now = digest()
  const before = existsSync(join(target, 'index.html')) && existsSync(mark) ? readFileSync(mark, 'utf8') : ''
  if (now === before) return
  const vite = join(root, 'node_modules/vite/bin/vite.js')
  const { status } = spawnSync(process.execPath, [vite, 'build', '--logLevel', 'warn'], {
    cwd: join(root, 'packages/console'),
    stdio: 'inherit',
    env: { ...process.env, NODE_ENV: 'production' },
  })
  if (status !== 0) {
    process.exitCode = status ?? 1
    return
  }
  writeFileSync(mark, now)
})
