// npm run bench [-- --only drain,pinned,backlog,adds,pickup,slow,logs,facade,flows,gates,rates,schedules --jobs 100000 --rounds 3 --json --defaults]: Trunkline as it comes
// against its peers in their best settings (and as they come), interleaved in one run on one embedded server, all on the same Node.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const here = fileURLToPath(new URL('.', import.meta.url))
const root = join(here, '..')
const names = ['drain', 'logs', 'pinned', 'backlog', 'adds', 'pickup', 'slow', 'facade', 'flows', 'gates', 'rates', 'schedules']
const values = readArguments()

if (!existsSync(join(here, 'node_modules/pg-boss')))
  execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: here, stdio: ['ignore', 2, 2] })
const node24 = join(here, 'node_modules/node24/bin/node')
if (Number(process.versions.node.split('.')[0]) < 22) {
  if (!existsSync(node24))
    throw new Error('pg-boss and graphile-worker want Node 22 or later, and there is no other Node for this machine here')
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: ['ignore', 2, 2] })
  process.exit(spawnSync(node24, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' }).status ?? 1)
}

const { main } = await import('./main.mjs')
await main({
  ...values,
  version: JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version,
  cores: cpus().length,
  dataDir: () => mkdtempSync(join(tmpdir(), 'trunkline-bench-')),
  clear: (folder) => rmSync(folder, { recursive: true, force: true }),
})

/** Ends the process with a sentence where an argument is wrong. */
function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string', default: names.join(',') },
        jobs: { type: 'string', default: '100000' },
        backlog: { type: 'string', default: '1000000' },
        rounds: { type: 'string', default: '3' },
        defaults: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    })
    const only = values.only.split(',')
    const unknown = only.find((name) => !names.includes(name))
    if (unknown !== undefined) throw new Error(`--only knows no "${unknown}"; allowed: ${names.join(', ')}`)
    const count = (name) => {
      const n = Number(values[name])
      if (!Number.isInteger(n) || n < 1) throw new Error(`--${name} is "${values[name]}"; allowed: a whole number from 1`)
      return n
    }
    return { ...values, only, jobs: count('jobs'), backlog: count('backlog'), rounds: count('rounds') }
  } catch (error) {
    console.error(`error: ${error.message}`)
    process.exit(2)
  }
}
