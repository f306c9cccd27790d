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
  [
    'a bad retention',
    'retention: { failed: soon }',
    {},
    'invalid_setting',
    /retention.failed \(from .*trunkline.yaml\) is "soon"; allowed: .*30d, or false/,
  ],
  ['true is no retention', '', { TRUNKLINE_RETENTION__FAILED: 'true' }, 'invalid_setting', /from the environment\) is "true"/],
  [
    'a state that cannot be kept',
    'retention: { complete: 1d }',
    {},
    'unknown_setting',
    /"complete" in .*retention, did you mean "completed"/,
  ],
  [
    'a bad retention of a task',
    'retention: { tasks: { mail: { failed: -1 } } }',
    {},
    'invalid_setting',
    /retention.tasks.mail.failed .* is -1/,
  ],
  [
    'an unknown state of a task',
    'retention: { tasks: { mail: { faild: 1d } } }',
    {},
    'unknown_setting',
    /tasks, mail, did you mean "failed"/,
  ],
  [
    'a task that is no name',
    'retention: { tasks: { "a b": { failed: 1d } } }',
    {},
    'invalid_setting',
    /retention.tasks.a b .*; allowed: a task name/,
  ],
  [
    'a task without a map',
    'retention: { tasks: { mail: 1d } }',
    {},
    'invalid_setting',
    /retention.tasks.mail .* is "1d"; allowed: what is kept/,
  ],
  [
    'tasks that are no map',
    '',
    { TRUNKLINE_RETENTION__TASKS: 'mail' },
    'invalid_setting',
    /from the environment\) is "mail"; allowed: a map of task names/,
  ],
  [
    'a task in the name of a variable',
    '',
    { TRUNKLINE_RETENTION__TASKS__MAIL: '1d' },
    'unknown_setting',
    /did you mean "TRUNKLINE_RETENTION__TASKS"|Allowed/,
  ],
  ['a bad schema', 'schema: "x; drop"', {}, 'invalid_setting', /schema/],
  ['a list where a map belongs', '- a\n- b', {}, 'invalid_setting', /a map of settings/],
  ['what is not YAML', 'a: [', {}, 'invalid_setting', /YAML/],
])('%s is named with its place and what is allowed', (_, text, env, code, message) => {
  expect(() => readSettings({ file: yaml(text), env })).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }))
})

test('a file that was asked for must be there', () => {
  expect(() => readSettings({ file: '/nowhere.yaml', env: {} })).toThrow(expect.objectContaining({ code: 'invalid_setting' }))
})

test('retention: durations, for ever, and tasks of their own, from the file and the environment', () => {
  const file = yaml('retention:\n  completed: 7d\n  failed: never\n  tasks:\n    image.resize: { completed: 1h, failed: false }\n')
  const week = 7 * 86_400_000
  expect(readSettings({ file, env: {} }).retention).toEqual({
    completed: week,
    failed: false,
    tasks: { 'image.resize': { completed: 3_600_000, failed: false } },
  })
  const env = { TRUNKLINE_RETENTION__CANCELLED: '1d', TRUNKLINE_RETENTION__TASKS: '{ "mail/send": { failed: 90d } }' }
  expect(readSettings({ file, env }).retention).toMatchObject({
    completed: week,
    cancelled: 86_400_000,
    tasks: { 'image.resize': { completed: 3_600_000 }, 'mail/send': { failed: 90 * 86_400_000 } },
  })
  expect(readSettings({ env: {} }).retention).toEqual({})
})
