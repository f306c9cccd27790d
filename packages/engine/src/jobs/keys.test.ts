import { beforeEach, describe, expect, test } from 'vitest'
import { testDatabase, until } from '../../../../test/support/database.ts'
import { createKeeper } from '../keeper/keeper.ts'
import { defineTask } from './define-task.ts'

const db = await testDatabase()
const trunkline = await db.connect({ poolSize: 16 })
const database = db.open()
const keeper = createKeeper(database)
const noop = defineTask('noop', { run: (context) => context.input })
let queue = ''
let round = 0
beforeEach(() => {
  queue = `keys${++round}`
})

const add = (payload: unknown, options: object) => trunkline.enqueue(noop, payload, { queue, uniqueKey: 'k', ...options })

/** Runs everything that is due in the queue. */
async function drain(): Promise<void> {
  const worker = await trunkline.work([noop], { queues: [queue], keeper: false, pollMs: 10 })
  await until(
    async () => (await db.rows(`select 1 from trunkline.jobs where queue = $1 and state <> 'pending' limit 1`, [queue])).length > 0,
  )
  await until(
    async () =>
      (await db.rows(`select 1 from trunkline.jobs where queue = $1 and (state = 'running' or reason = 'due')`, [queue])).length === 0,
  )
  await worker.stop()
}

describe('ignore', () => {
  test('answers the unfinished job of the key, and makes a new one after its end', async () => {
    const first = await add(1, {})
    const second = await add(2, {})
    expect([first.made, second.made, second.id]).toEqual(['new', 'existing', first.id])
    expect((await first.get()).key).toBe('k')
    await drain()
    expect(await first.result()).toBe(1)
    expect(await add(3, {})).toMatchObject({ made: 'new' })
  })

  test('holds its key for a window after its end', async () => {
    const first = await add(1, { uniqueWindow: '1h' })
    await drain()
    expect(await add(2, { uniqueWindow: '1h' })).toMatchObject({ made: 'existing', id: first.id })
    await db.rows(`update trunkline.outcome set finished_at = finished_at - interval '61 min' where id = $1`, [first.id])
    expect(await add(3, { uniqueWindow: '1h' })).toMatchObject({ made: 'new' })
  })

  test('is of one queue, and free again when its transaction rolls back', async () => {
    const client = await db.client()
    await client.query('begin')
    const lost = await add(1, { tx: client })
    await client.query('rollback')
    expect(await add(2, {})).toMatchObject({ made: 'new' })
    expect(await add(3, { queue: `${queue}b` })).toMatchObject({ made: 'new' })
    await expect(lost.get()).rejects.toMatchObject({ code: 'job_not_found' })
  })
})

describe('replace', () => {
  test('puts the new payload in the place of the one that waits, which ends as replaced', async () => {
    const [before, old, after] = [
      await trunkline.enqueue(noop, 'a', { queue }),
      await add('old', { uniqueMode: 'replace' }),
      await trunkline.enqueue(noop, 'c', { queue }),
    ]
    const made = await add('new', { uniqueMode: 'replace' })
    expect(made.made).toBe('replaced')
    expect(await old.get()).toMatchObject({ state: 'cancelled', reason: 'replaced' })
    const line = await trunkline.list({ queue, state: 'pending' })
    expect(line.map((j) => j.id)).toEqual([before.id, made.id, after.id])
    expect(await trunkline.why(old.id)).toMatchObject({ reason: 'replaced', replacedBy: made.id })
    await expect(old.result()).rejects.toMatchObject({ code: 'cancelled' })
  })

  test('inside a chunk, and at its time when it is scheduled', async () => {
    const jobs = await trunkline.enqueueMany(noop, [1, 2, 3], { queue, uniqueKey: (n) => `k${n}`, uniqueMode: 'replace' })
    expect(jobs.map((j) => j.made)).toEqual(['new', 'new', 'new'])
    const again = await trunkline.enqueue(noop, 22, { queue, uniqueKey: 'k2', uniqueMode: 'replace' })
    expect((await trunkline.list({ queue, state: 'pending' })).map((j) => j.payload)).toEqual([1, 22, 3])
    expect(again.made).toBe('replaced')
    const later = await add('x', { uniqueMode: 'replace', delay: '1h' })
    const { runAt } = await later.get()
    const swapped = await add('y', { uniqueMode: 'replace' })
    expect(await swapped.get()).toMatchObject({ reason: 'scheduled', runAt, payload: 'y' })
  })

  test('while it runs it is too late: the running job is answered', async () => {
    const old = await add('old', { uniqueMode: 'replace' })
    await db.rows(
      `with r as (delete from trunkline.ready where $1::int8 = any(ids)) insert into trunkline.lease(worker_id, ids, attempts) values (1, array[$1::int8], '{0}')`,
      [old.id],
    )
    expect(await add('new', { uniqueMode: 'replace' })).toMatchObject({ made: 'existing', id: old.id })
  })
})

describe('debounce', () => {
  test('one job with the last payload, so long after the last call', async () => {
    const calls = []
    for (const n of [1, 2, 3]) calls.push(await add(n, { uniqueMode: 'debounce', uniqueWindow: '1h' }))
    expect(calls.map((c) => c.made)).toEqual(['new', 'debounced', 'debounced'])
    expect(new Set(calls.map((c) => c.id)).size).toBe(1)
    const [job] = calls as [(typeof calls)[number]]
    expect(await job.get()).toMatchObject({ state: 'pending', reason: 'scheduled', payload: 3 })
    expect(await trunkline.why(job.id)).toMatchObject({ cause: 'debounced', calls: 3 })
    await db.rows(`update trunkline.debounce set run_at = now() where id = $1`, [job.id])
    await keeper.runOnce()
    await drain()
    expect(await job.result()).toBe(3)
  })

  test('fires after its longest wait whatever comes, can be promoted, cancelled, deleted', async () => {
    const options = { uniqueMode: 'debounce', uniqueWindow: '1h', uniqueMaxWait: '90m' }
    const job = await add(1, options)
    await db.rows(`update trunkline.debounce set last_at = now() + interval '1 min' where id = $1`, [job.id])
    await add(2, options)
    expect((await job.get()).runAt.getTime()).toBeLessThan(Date.now() + 61_000)
    await trunkline.promote(job.id)
    expect(await job.get()).toMatchObject({ reason: 'due', payload: 2 })
    const next = await add(3, options)
    expect(next.made).toBe('new')
    expect(await trunkline.cancel(next.id)).toBe('cancelled')
    expect(await next.get()).toMatchObject({ state: 'cancelled', payload: 3 })
    const last = await add(4, options)
    await trunkline.delete(last.id)
    await expect(last.get()).rejects.toMatchObject({ code: 'job_not_found' })
  })
})

test('throttle: one call is accepted in each window, counted from the accepted one', async () => {
  const options = { uniqueMode: 'throttle', uniqueWindow: '1h' }
  const first = await add(1, options)
  await drain()
  expect(await add(2, options)).toMatchObject({ made: 'existing', id: first.id })
  await db.rows(`update trunkline.key set at = at - interval '61 min' where id = $1`, [first.id])
  expect(await add(3, options)).toMatchObject({ made: 'new' })
})

describe('idempotency', () => {
  test('the same request makes one job whatever happened to its answer; another request is refused', async () => {
    const once = (payload: unknown, more: object = {}) => trunkline.enqueue(noop, payload, { queue, idempotencyKey: 'order-7', ...more })
    const first = await once({ b: 1, a: 2 })
    expect(await once({ a: 2, b: 1 })).toMatchObject({ id: first.id, made: 'existing' })
    await expect(once({ a: 3 })).rejects.toMatchObject({ code: 'idempotency_conflict', status: 409, field: 'idempotencyKey' })
    await expect(once({ b: 1, a: 2 }, { priority: 3 })).rejects.toMatchObject({ code: 'idempotency_conflict' })
    await db.rows(`update trunkline.key set at = at - interval '25 h' where id = $1`, [first.id])
    expect(await once({ a: 3 })).toMatchObject({ made: 'new' })
  })

  test('16 callers at once make one job', async () => {
    const made = await Promise.all(
      Array.from({ length: 16 }, () => trunkline.enqueue(noop, 1, { queue, idempotencyKey: 'x', uniqueKey: 'y' })),
    )
    expect(new Set(made.map((j) => j.id)).size).toBe(1)
    expect(made.filter((j) => j.made === 'new')).toHaveLength(1)
  })
})

describe.each(['ignore', 'replace', 'debounce', 'throttle'] as const)('16 callers on three keys while a worker runs: %s', (mode) => {
  test('never two unfinished jobs of one key, every payload accounted for', async () => {
    const running = new Map<string, number>()
    let overlaps = 0
    const busy = defineTask(`busy.${mode}`, {
      async run({ input }) {
        const { key } = input as { key: string }
        running.set(key, (running.get(key) ?? 0) + 1)
        if ((running.get(key) ?? 0) > 1 && mode !== 'throttle' && mode !== 'debounce') overlaps++
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 5))
        running.set(key, (running.get(key) ?? 0) - 1)
      },
    })
    const worker = await trunkline.work([busy], { queues: [queue], pollMs: 5, keeper: { sweepMs: 200 }, concurrency: 8 })
    const options = mode === 'debounce' || mode === 'throttle' ? { uniqueWindow: 20 } : {}
    const answers = { new: 0, existing: 0, replaced: 0, debounced: 0 }
    const callers = Array.from({ length: 16 }, async (_, c) => {
      for (let i = 0; i < 40; i++) {
        const key = `k${(c + i) % 3}`
        const { made } = await trunkline.enqueue(busy, { key, i }, { queue, uniqueKey: key, uniqueMode: mode, ...options })
        answers[made ?? 'new']++
      }
    })
    // what the database holds at any moment: no key with two unfinished jobs
    let double = 0
    let looking = true
    const watcher = (async () => {
      while (looking) {
        const rows = await db.rows(
          `select j.key from trunkline.job j left join trunkline.outcome o on o.id = j.id where j.queue_id = (select id from trunkline.queue where name = $1) and o.id is null group by 1 having count(*) > 1`,
          [queue],
        )
        if (mode === 'ignore' || mode === 'replace') double += rows.length
      }
    })()
    await Promise.all(callers)
    looking = false
    await watcher
    await until(
      async () => (await trunkline.queues()).find((q) => q.queue === queue && q.due + q.running + q.scheduled === 0),
      'the queue to be empty',
    )
    await worker.stop()
    expect(overlaps).toBe(0)
    expect(double).toBe(0)
    expect(answers.new + answers.existing + answers.replaced + answers.debounced).toBe(16 * 40)
    const [counted] = await db.rows(
      `select count(*) filter (where state = 'completed')::int completed, count(*) filter (where reason = 'replaced')::int replaced, count(*)::int n from trunkline.jobs where queue = $1`,
      [queue],
    )
    expect(counted).toEqual({ completed: answers.new, replaced: answers.replaced, n: answers.new + answers.replaced })
  })
})

test('two bulk callers with the same keys in other orders do not wait for each other for ever', async () => {
  const forth = Array.from({ length: 300 }, (_, i) => i)
  const made = await Promise.all(
    [forth, forth.toReversed(), forth, forth.toReversed()].map((payloads) =>
      trunkline.enqueueMany(noop, payloads, { queue, uniqueKey: (n) => `b${n}` }),
    ),
  )
  expect(made.flat().filter((j) => j.made === 'new')).toHaveLength(300)
  expect(new Set(made.flat().map((j) => j.id)).size).toBe(300)
  for (const jobs of made) expect(await Promise.all(jobs.slice(0, 3).map(async (j) => (await j.get()).key))).toHaveLength(3)
})

test('a retried job gets its key back only while nobody else holds it', async () => {
  const fails = defineTask('fails', { retry: { attempts: 1 }, run: () => Promise.reject(new Error('no')) })
  const first = await trunkline.enqueue(fails, 1, { queue, uniqueKey: 'k' })
  const worker = await trunkline.work([fails], { queues: [queue], keeper: false, pollMs: 10 })
  await expect(first.result()).rejects.toMatchObject({ code: 'job_failed' })
  await worker.stop()
  const second = await trunkline.enqueue(fails, 2, { queue, uniqueKey: 'k' })
  await expect(trunkline.retry(first.id)).rejects.toMatchObject({ code: 'key_taken' })
  await trunkline.cancel(second.id)
  await trunkline.retry(first.id)
  expect(await trunkline.enqueue(fails, 3, { queue, uniqueKey: 'k' })).toMatchObject({ made: 'existing', id: first.id })
})

test('the sweep forgets keys that hold nothing, and only those', async () => {
  const [held, free] = [await add(1, { uniqueKey: 'held' }), await add(2, { uniqueKey: 'free' })]
  await trunkline.cancel(free.id)
  await db.rows(
    `update trunkline.key set at = at - interval '1 h'; update trunkline.outcome set finished_at = finished_at - interval '1 h'`,
  )
  await keeper.runOnce()
  const keys = await db.rows(`select key from trunkline.key where id = any($1)`, [[held.id, free.id]])
  expect(keys).toEqual([{ key: 'held' }])
})

describe('from SQL, as a producer', () => {
  test('keys work in any transaction under the narrow role', async () => {
    await trunkline.enqueue(noop, 0, { queue })
    const client = await db.client()
    try {
      await client.query('set role trunkline_producer')
      const call = async (payload: string) =>
        (
          await client.query(
            `select trunkline.enqueue('noop', $1::jsonb, queue => $2, unique_key => 'sql', unique_mode => 'replace', tags => '{nightly}') id`,
            [payload, queue],
          )
        ).rows[0].id
      const first = await call('1')
      const second = await call('2')
      expect(await trunkline.get(first)).toMatchObject({ reason: 'replaced', tags: ['nightly'] })
      expect(await trunkline.get(second)).toMatchObject({ payload: 2, createdBy: expect.stringMatching(/^sql:/) })
      for (const sql of [
        'select * from trunkline.job',
        `select trunkline.take_out('{1}')`,
        `select trunkline.why(1)`,
        `select * from trunkline.key`,
      ])
        await expect(client.query(sql)).rejects.toMatchObject({ code: '42501' })
    } finally {
      await client.query('reset role')
    }
  })

  test.each([
    [`unique_mode => 'first'`, 'unique_mode'],
    [`unique_mode => 'replace'`, 'unique_key'],
    [`unique_key => ''`, 'unique_key'],
    [`unique_key => 'k', unique_mode => 'debounce'`, 'unique_window'],
    [`unique_key => 'k', unique_window => interval '-1 s'`, 'unique_window'],
    [`unique_key => repeat('k', 501)`, 'unique_key'],
    [`idempotency_key => repeat('k', 501)`, 'idempotency_key'],
    [`tags => array_fill('x'::text, array[21])`, 'tags'],
    [`tags => array['']`, 'tags'],
  ])('%s is refused with its field', async (argument, column) => {
    await trunkline.enqueue(noop, 0, { queue })
    await expect(db.rows(`select trunkline.enqueue('noop', '1', ${argument})`)).rejects.toMatchObject({ code: 'TL400', column })
  })
})

test.each([
  [{ uniqueKey: '' }, 'uniqueKey'],
  [{ uniqueKey: 5 }, 'uniqueKey'],
  [{ uniqueKey: 'x'.repeat(501) }, 'uniqueKey'],
  [{ uniqueKey: 'a\0' }, 'uniqueKey'],
  [{ uniqueMode: 'replace' }, 'uniqueMode'],
  [{ uniqueKey: 'k', uniqueMode: 'latest' }, 'uniqueMode'],
  [{ uniqueKey: 'k', uniqueMode: 'debounce' }, 'uniqueWindow'],
  [{ uniqueKey: 'k', uniqueMode: 'throttle', uniqueWindow: 0 }, 'uniqueWindow'],
  [{ uniqueKey: 'k', uniqueWindow: '-1s' }, 'uniqueWindow'],
  [{ uniqueKey: 'k', uniqueMaxWait: '1s' }, 'uniqueMaxWait'],
  [{ idempotencyKey: {} }, 'idempotencyKey'],
  [{ idempotencyWindow: '1h' }, 'idempotencyWindow'],
  [{ tags: 'nightly' }, 'tags'],
  [{ tags: [''] }, 'tags'],
  [{ tags: Array.from({ length: 21 }, (_, i) => String(i)) }, 'tags'],
  [{ uniqeKey: 'k' }, 'uniqeKey'],
])('bad options %j are refused with their field, and nothing is stored', async (options, field) => {
  const [before] = await db.rows('select count(*) n from trunkline.job')
  await expect(trunkline.enqueue(noop, 1, options as never)).rejects.toMatchObject({ name: 'TrunklineError', field })
  expect(await db.rows('select count(*) n from trunkline.job')).toEqual([before])
})
