// npm run check: types, format, lint, arrows between packages, unused code, packaging, lock file. Prints each step and its time.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

const root = new URL('..', import.meta.url)
const packages = readdirSync(new URL('packages', root))
let failed = 0

function step(name, command, args, cwd = root) {
  const begun = Date.now()
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, npm_config_loglevel: 'error' },
  })
  report(name, status === 0, begun, status === 0 ? '' : `${stdout}${stderr}`)
}

function report(name, ok, begun, text) {
  if (!ok) failed++
  console.log(`${ok ? 'ok  ' : 'FAIL'}  ${name}  (${((Date.now() - begun) / 1000).toFixed(1)} s)`)
  if (!ok) console.log(text)
}

/** A release of which platform packages are missing from the registry leaves holes that only `npm ci` elsewhere would find. */
function lockIsComplete() {
  const lock = JSON.parse(readFileSync(new URL('package-lock.json', root), 'utf8'))
  const there = new Set(Object.keys(lock.packages).map((path) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)))
  return Object.entries(lock.packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies)
      .filter((name) => !there.has(name))
      .map((name) => `${path || 'root'} wants ${name}`),
  )
}

function versionsAgree() {
  const versions = packages.map((name) => JSON.parse(readFileSync(new URL(`packages/${name}/package.json`, root), 'utf8')).version)
  return new Set(versions).size === 1 ? [] : [`versions differ: ${versions.join(', ')}`]
}

step('types and build', 'npm', ['run', '--silent', 'build'])
step('types of tests', 'npx', ['tsc', '-p', 'tsconfig.test.json'])
step('format, lint, imports', 'npx', ['biome', 'ci', '--error-on-warnings', '.'])
step('unused files, exports, dependencies', 'npx', ['knip', '--no-progress'])
for (const name of packages) step(`packaging of ${name}`, 'npx', ['publint', '--strict', `packages/${name}`])
let begun = Date.now()
const holes = lockIsComplete()
report('lock file is complete', holes.length === 0, begun, holes.join('\n'))
begun = Date.now()
const differing = versionsAgree()
report('one version', differing.length === 0, begun, differing.join('\n'))
console.log(failed === 0 ? 'check: clean' : `check: ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
