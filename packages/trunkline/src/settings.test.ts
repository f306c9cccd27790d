import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { readSettings } from './settings.ts'

const folder = mkdtempSync(join(tmpdir(), 'trunkline-settings-'))
afterAll(() => rmSync(folder, { recursive: true }))

function yaml(text: string): string {
  const file = join(folder, 'trunkline.yaml')
  writeFileSync(file, text)
  return file
}

test('flags go before the environment, the environment before the file, the file before defaults', () => {
  const file = yaml('worker:\n  concurrency: 2\n  grace: 3s\n  queues: [a, b]\nkeeper:\n  stale: 1m\n')
  const env = {
    TRUNKLINE_WORKER__CONCURRENCY: '7',
    TRUNKLINE_KEEPER__CRASH_LIMIT: '4',
    DATABASE_URL: 'postgres://x',
    DATABASE_DIRECT_URL: 'postgres://y',
    TRUNKLINE_POOLER: 'transaction',
    TRUNKLINE_SHELL__ALLOWED: 'yes',
  }
  const settings = readSettings({ file, env, flags: { worker: { concurrency: 9 } } })
  expect(settings).toMatchObject({
    databaseUrl: 'postgres://x',
    databaseDirectUrl: 'postgres://y',
    pooler: 'transaction',
    schema: 'trunkline',
    worker: { concurrency: 9, grace: 3000, queues: ['a', 'b'], drain: 60_000 },
    keeper: { stale: 60_000, crashLimit: 4, sweep: 5000 },
    shell: { allowed: true, allowRoot: false },
  })
  expect(readSettings({ file, env })).toMatchObject({ worker: { concurrency: 7 } })
  expect(readSettings({ file, env: {} })).toMatchObject({ worker: { concurrency: 2 } })
})

test.each<[string, string, NodeJS.ProcessEnv, string, RegExp]>([
  ['an unknown key in the file', 'worker:\n  concurency: 2', {}, 'unknown_setting', /"concurency" in .*worker, did you mean "concurrency"/],
  ['an unknown variable', '', { TRUNKLINE_WORKER__CONCURENCY: '2' }, 'unknown_setting', /did you mean "TRUNKLINE_WORKER__CONCURRENCY"/],
  ['a bad number', 'worker:\n  concurrency: many', {}, 'invalid_setting', /worker.concurrency \(from .*trunkline.yaml\) is "many"/],
  [
    'a number out of range',
    '',
    { TRUNKLINE_WORKER__CONCURRENCY: '0' },
    'invalid_setting',
    /from the environment\) is "0"; allowed: a whole number from 1 to 1000/,
  ],
  ['a bad duration', 'keeper: { stale: soon }', {}, 'invalid_setting', /"soon"; allowed: a duration/],
  ['a bad schema', 'schema: "x; drop"', {}, 'invalid_setting', /schema/],
  ['a list where a map belongs', '- a\n- b', {}, 'invalid_setting', /a map of settings/],
  ['what is not YAML', 'a: [', {}, 'invalid_setting', /YAML/],
])('%s is named with its place and what is allowed', (_, text, env, code, message) => {
  expect(() => readSettings({ file: yaml(text), env })).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }))
})

test('a file that was asked for must be there', () => {
  expect(() => readSettings({ file: '/nowhere.yaml', env: {} })).toThrow(expect.objectContaining({ code: 'invalid_setting' }))
})
