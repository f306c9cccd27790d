import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { testDatabase, until } from '../../../../test/support/database.ts'
import { defineTask } from './define-task.ts'

const db = await testDatabase()
const trunkline = await db.connect()
const noop = defineTask('noop', { run: () => {} })
const typed = defineTask('typed', {
  input: z.strictObject({ width: z.number().int(), tags: z.array(z.string()).optional() }),
  run: () => {},
})
await trunkline.enqueue(noop, {})

function deep(levels: number): unknown {
  let value: unknown = 1
  for (let i = 0; i < levels; i++) value = [value]
  return value
}

describe('one job', () => {
  test('stands in its lane when it is due, with what was asked', async () => {
    const job = await trunkline.enqueue(noop, { a: 1 }, { queue: 'media', priority: 7, maxAttempts: 3, timeout: '2m', createdBy: 'ada' })
    const view = await job.get()
    expect(view).toMatchObject({
      state: 'pending',
      reason: 'due',
      queue: 'media',
      priority: 7,
      maxAttempts: 3,
      createdBy: 'ada',
      payload: { a: 1 },
      attempt: 0,
    })
    expect(await db.rows('select queue_id, priority, n from trunkline.ready where $1::bigint = any(ids)', [job.id])).toMatchObject([
      { priority: -7, n: 1 },
    ])
  })

  test('waits in scheduled until its time', async () => {
    const at = new Date(Date.now() + 3_600_000)
    const view = await (await trunkline.enqueue(noop, {}, { runAt: at })).get()
    expect(view).toMatchObject({ state: 'pending', reason: 'scheduled', runAt: at })
    expect((await (await trunkline.enqueue(noop, {}, { delay: '10m' })).get()).reason).toBe('scheduled')
  })

  test('is there exactly when the transaction of the caller commits', async () => {
    const client = await db.client()
    await client.query('begin')
    const gone = await trunkline.enqueue(noop, {}, { tx: client })
    await client.query('rollback')
    await client.query('begin')
    const there = await trunkline.enqueue(noop, {}, { tx: client })
    await expect(trunkline.get(there.id)).rejects.toMatchObject({ code: 'job_not_found' })
    await client.query('commit')
    expect((await trunkline.get(there.id)).state).toBe('pending')
    await expect(trunkline.get(gone.id)).rejects.toMatchObject({ code: 'job_not_found' })
  })

  test('of a new task that somebody publishes at the same moment is made all the same', async () => {
    const twin = defineTask('published.by.two', { run: () => {} })
    const other = await db.client()
    await other.query('begin')
    // what the other process writes, uncommitted while ours begins
    await other.query(`insert into trunkline.task(name, queue, priority, max_attempts) values ('published.by.two', 'default', 0, 5)`)
    const job = trunkline.enqueue(twin, {})
    await until(
      async () => (await db.rows(`select from pg_locks where not granted and locktype = 'transactionid'`)).length > 0,
      'ours to wait',
    )
    await other.query('commit')
    expect(await (await job).get()).toMatchObject({ task: 'published.by.two', state: 'pending' })
  })

  test('concurrent adds get an id each', async () => {
    const jobs = await Promise.all(Array.from({ length: 500 }, (_, i) => trunkline.enqueue(noop, { i })))
    expect(new Set(jobs.map((j) => j.id)).size).toBe(500)
    expect((await jobs[321]?.get())?.payload).toEqual({ i: 321 })
  })
})

describe('many jobs', () => {
  test('two bulk producers at once get their ids in input order', async () => {
    const produce = async (who: string) => {
      const jobs = await trunkline.enqueueMany(
        noop,
        Array.from({ length: 12_000 }, (_, i) => ({ who, i })),
      )
      const ids = jobs.map((j) => Number(j.id))
      expect(ids.every((id, i) => i === 0 || id > (ids[i - 1] as number))).toBe(true)
      const rows = await db.rows("select id, (payload ->> 'i')::int i from trunkline.job where payload ->> 'who' = $1 order by id", [who])
      expect(rows.map((r) => Number(r.id))).toEqual(ids)
      expect(rows.every((r, i) => r.i === i)).toBe(true)
    }
    await Promise.all([produce('a'), produce('b')])
  })

  test('are all or none', async () => {
    const before = await db.rows('select count(*)::int n from trunkline.job')
    const payloads = [{ width: 1 }, { width: 2 }, { width: 'x' }] as never[]
    await expect(trunkline.enqueueMany(typed, payloads)).rejects.toMatchObject({ code: 'invalid_payload', field: 'payload.width' })
    expect(await db.rows('select count(*)::int n from trunkline.job')).toEqual(before)
  })

  test('no more than 100,000 in one call', async () => {
    await expect(trunkline.enqueueMany(noop, new Array(100_001).fill(null))).rejects.toMatchObject({ code: 'batch_too_large' })
  })
})

test('where no keeper has run for millions of jobs, the next partitions are made on the way', async () => {
  await db.rows(`select setval('trunkline.id', 2500000)`)
  expect(Number((await trunkline.enqueue(noop, {})).id)).toBeGreaterThan(2_500_000)
  await db.rows(`select setval('trunkline.id', 6500000)`)
  expect(await trunkline.enqueueMany(noop, new Array(12_000).fill(0))).toHaveLength(12_000)
  await db.rows(`select setval('trunkline.id', 10500000)`)
  expect(await trunkline.enqueueMany(noop, [1, 2])).toHaveLength(2)
})

describe('bad input is refused with a code and the field, and nothing is stored', () => {
  const cyclic: Record<string, unknown> = {}
  cyclic.self = cyclic
  test.each<[string, unknown, object, string, string | undefined]>([
    ['a payload that breaks its schema', { width: 1.5 }, {}, 'invalid_payload', 'payload.width'],
    ['a key the schema does not know', { width: 1, heigth: 2 }, {}, 'invalid_payload', 'payload'],
    ['a NUL byte', { width: 1, tags: ['a\0b'] }, {}, 'payload_bad_text', 'payload.tags[0]'],
    ['a lone surrogate', { width: 1, tags: ['\ud800'] }, {}, 'payload_bad_text', 'payload.tags[0]'],
    ['100,000-deep JSON', deep(100_000), {}, 'payload_too_deep', 'payload'],
    ['65 levels', deep(65), {}, 'payload_too_deep', 'payload'],
    ['50 MB', { tags: ['x'.repeat(50_000_000)] }, {}, 'payload_too_large', 'payload'],
    ['a number beyond 2^53', { width: 2 ** 53 + 2 }, {}, 'payload_number_unsafe', 'payload.width'],
    ['NaN', { width: Number.NaN }, {}, 'payload_not_json', 'payload.width'],
    ['a bigint', { width: 1n }, {}, 'payload_not_json', 'payload.width'],
    ['a circle', cyclic, {}, 'payload_too_deep', 'payload'],
    ['a Map', { tags: new Map() }, {}, 'payload_not_json', 'payload.tags'],
    ['a name of 10 kB', { width: 1 }, { queue: 'q'.repeat(10_240) }, 'invalid_name', 'queue'],
    ['a date in the year 300000', { width: 1 }, { runAt: '+300000-01-01T00:00:00Z' }, 'invalid_run_at', 'runAt'],
    ['an invalid Date', { width: 1 }, { runAt: new Date(8.64e15 + 1) }, 'invalid_run_at', 'runAt'],
    ['a priority out of range', { width: 1 }, { priority: 101 }, 'invalid_priority', 'priority'],
    ['half a priority', { width: 1 }, { priority: 0.5 }, 'invalid_priority', 'priority'],
    ['no attempts', { width: 1 }, { maxAttempts: 0 }, 'invalid_option', 'maxAttempts'],
    ['a bad duration', { width: 1 }, { timeout: '2 parsecs' }, 'invalid_duration', 'timeout'],
    ['runAt and delay', { width: 1 }, { runAt: new Date(), delay: 5 }, 'invalid_option', 'delay'],
    ['an unknown option', { width: 1 }, { priorty: 5 }, 'unknown_option', 'priorty'],
  ])('%s', async (_, payload, options, code, field) => {
    const before = await db.rows('select count(*)::int n from trunkline.job')
    const error = await trunkline.enqueue(typed, payload as never, options).catch((e) => e)
    expect(error).toMatchObject({ name: 'TrunklineError', code, field })
    expect(error.message.length).toBeLessThan(600)
    expect(await db.rows('select count(*)::int n from trunkline.job')).toEqual(before)
  })

  test('an unknown task, with the nearest known', async () => {
    await expect(trunkline.enqueue('nop', {})).rejects.toMatchObject({
      code: 'unknown_task',
      message: expect.stringContaining('did you mean "noop"'),
    })
    await expect(trunkline.enqueue('x'.repeat(10_000), {})).rejects.toMatchObject({ code: 'invalid_name' })
  })
})

describe('from SQL', () => {
  const call = (args: string, values: unknown[] = []) => db.rows(`select trunkline.enqueue(${args}) id`, values)

  test('the function makes the same job', async () => {
    const [row] = await call(`'noop', '{"a": [1, 2]}', queue => 'sql', priority => 5, max_attempts => 2`)
    expect(await trunkline.get(row.id)).toMatchObject({
      task: 'noop',
      queue: 'sql',
      priority: 5,
      maxAttempts: 2,
      state: 'pending',
      payload: { a: [1, 2] },
    })
    const [later] = await call(`'noop', run_at => now() + interval '1 hour'`)
    expect((await trunkline.get(later.id)).reason).toBe('scheduled')
  })

  test.each([
    ['an unknown task', `'nope'`, 'unknown_task'],
    ['a bad name', `repeat('x', 10000)`, 'invalid_name'],
    ['a bad queue', `'noop', queue => 'a b'`, 'invalid_name'],
    ['a priority out of range', `'noop', priority => 101`, 'invalid_priority'],
    ['a run_at beyond all years', `'noop', run_at => '20000-01-01'`, 'invalid_run_at'],
    ['infinity', `'noop', run_at => 'infinity'`, 'invalid_run_at'],
    ['no attempts', `'noop', max_attempts => 0`, 'invalid_option'],
    ['a null payload', `'noop', null`, 'payload_not_json'],
    ['a number beyond 2^53', `'noop', '{"a": {"b": [9007199254740993]}}'`, 'payload_number_unsafe'],
    ['65 levels', `'noop', (repeat('[', 65) || repeat(']', 65))::jsonb`, 'payload_too_deep'],
    ['50 MB', `'noop', to_jsonb(repeat('x', 50000000))`, 'payload_too_large'],
  ])('%s is refused with the code in the detail', async (_, args, code) => {
    await expect(call(args)).rejects.toMatchObject({ detail: code, code: expect.stringMatching(/^TL4/) })
  })

  test('the producer role may enqueue and nothing else', async () => {
    const client = await db.client()
    await client.query('set role trunkline_producer')
    const { rows } = await client.query(`select trunkline.enqueue('noop') id`)
    expect((await trunkline.get(rows[0].id)).createdBy).toMatch(/^sql:/)
    for (const sql of [
      'select * from trunkline.job',
      'delete from trunkline.ready',
      'select * from trunkline.jobs',
      'select * from trunkline.worker',
    ]) {
      await expect(client.query(sql)).rejects.toMatchObject({ code: '42501' })
    }
    await client.query('create temp table task(name text)')
    await expect(client.query(`select trunkline.enqueue('nope')`)).rejects.toMatchObject({ detail: 'unknown_task' })
  })
})
