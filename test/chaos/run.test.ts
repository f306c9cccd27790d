import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { mutants } from './mutants.ts'
import { allFaults } from './nemesis.ts'
import { createRandom } from './random.ts'
import { applyEdits } from './source-copy.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

test('an unknown option is refused with the one that was meant', () => {
  const args = ['--conditions=trunkline-source', '--import', import.meta.resolve('tsx'), 'test/chaos/run.ts', '--secnds', '5']
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' })
  expect(status).toBe(2)
  expect(stderr).toContain('unknown option "--secnds", did you mean "--seconds"?')
})

test.each(mutants)('the mutant "$name" still fits the sources', ({ edits, faults, breaks }) => {
  expect(applyEdits(edits).size).toBeGreaterThan(0)
  expect(faults.length).toBeGreaterThan(0)
  expect(breaks.length).toBeGreaterThan(0)
  // a function that a later migration replaces is broken there, or not at all
  const migrations = edits.filter(({ file }) => file.includes('/migrations/'))
  for (const { file, from } of migrations) {
    const folder = join(root, dirname(file))
    const later = readdirSync(folder).filter((name) => /^\d/.test(name) && name > basename(file))
    for (const name of later) expect(readFileSync(join(folder, name), 'utf8').includes(from), `${from} in ${name}`).toBe(false)
  }
})

test('a seed decides everything that is drawn, and each name has a stream of its own', () => {
  const drawn = (seed: number, name?: string) => Array.from({ length: 5 }, createRandom(seed, name).next)
  expect(drawn(7)).toEqual(drawn(7))
  expect(drawn(7)).not.toEqual(drawn(8))
  expect(drawn(7, 'a')).not.toEqual(drawn(7, 'b'))
  const order = (seed: number) => createRandom(seed).shuffle(allFaults)
  expect(order(7)).toEqual(order(7))
  expect([...order(7)].sort((a, b) => a.name.localeCompare(b.name))).toEqual([...allFaults].sort((a, b) => a.name.localeCompare(b.name)))
})
