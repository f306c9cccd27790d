import { beforeAll, expect, test } from 'vitest'
import { testDatabase } from '../../../../test/support/database.ts'
import { defineTask, type Task } from '../jobs/define-task.ts'
import type { Statement } from '../postgres/statement.ts'
import { statement } from '../postgres/statement.ts'

const db = await testDatabase()
const database = db.open({ queryTimeoutMs: 120_000 })
const trunkline = await db.connect()
const task: Task<any, any> = defineTask('noop', { queue: 'gated', run: () => {} })
const load = (file: string) => statement(import.meta.url, file)
let queueId = 0
let taskId = 0
let worker = 0

/** Rows that a statement fetches by index, and reads by scans, of all tables whose size grows with the backlog. */
async function readBy(of: Statement, values: unknown[]): Promise<{ fetched: number; scanned: number }> {
  const client = await database.connect('walk', 'plans')
  const counters = `select coalesce(sum(pg_stat_get_xact_tuples_returned(c.oid)) filter (where c.relkind = 'r'), 0)::int scanned,
      coalesce(sum(pg_stat_get_xact_tuples_fetched(c.oid)) filter (where c.relkind = 'r'), 0)::int fetched
    from pg_class c where c.relnamespace = 'trunkline'::regnamespace and c.relname ~ '^(ready|held|permit|gate|knock|scheduled|job_[0-9]+|outcome_[0-9]+)$'`
  await client.query('begin')
  try {
    const [before] = (await client.query(counters)).rows
    await client.query(of.text('trunkline'), values)
    const [after] = (await client.query(counters)).rows
    return { fetched: after.fetched - before.fetched, scanned: after.scanned - before.scanned }
  } finally {
    await client.query('rollback')
    await client.end()
  }
}

beforeAll(async () => {
  await trunkline.delete((await trunkline.enqueue(task, {})).id)
  await trunkline.setLimits('gated', { concurrencyPerKey: 1, ratePerKey: { limit: 1, per: '1h' } })
  ;[{ queueId, taskId }] = (await db.rows('select queue_id "queueId", task_id "taskId" from trunkline.job limit 1')) as [any]
  ;[{ id: worker }] = (await db.rows(
    `insert into trunkline.worker(name, host, pid, version, concurrency, queues, tasks) values ('w', 'h', 1, 'v', 1, '{}', '{}') returning id`,
  )) as [any]
  // 100,000 jobs before the gates, and as many held at 1,000 of them, a hundred at each
  await db.rows(
    `insert into trunkline.job(id, queue_id, task_id, priority, payload, gate_keys)
    select nextval('trunkline.id'), $1, $2, 1000, '{}', array[null, 'k' || i % 1000, case when i % 10 = 0 then 'r' || i % 100 end] from generate_series(1, 200000) i`,
    [queueId, taskId],
  )
  await db.rows(
    `insert into trunkline.ready(queue_id, priority, seq, n, ids)
    select $1, 1000, min(id), count(*), array_agg(id order by id) from trunkline.job where id > 100001 group by id / 100`,
    [queueId],
  )
  await db.rows(`insert into trunkline.gate(queue_id, kind, key, head) select $1, 2, 'k' || i, 0 from generate_series(0, 999) i`, [queueId])
  await db.rows(
    `insert into trunkline.held(queue_id, gate_id, rank, id, priority, attempt, more)
    select $1, g.id, j.id, j.id, 1000, 0, j.gate_keys[3] is not null from trunkline.job j join trunkline.gate g on g.key = j.gate_keys[2] and g.kind = 2 where j.id between 2 and 100001`,
    [queueId],
  )
  await db.rows(`insert into trunkline.permit(job_id, kind, queue_id, gate_id) select 1000000 + id, 2, $1, id from trunkline.gate`, [
    queueId,
  ])
}, 120_000)

const claimed = () => [queueId, 100, 100, '{}', '{}', 5, worker, false]

test.each(['never analysed', 'analysed'])('a claim reads what it lets in and takes, not the backlog: %s', async (how) => {
  if (how === 'analysed') await db.rows('analyze')
  const { fetched, scanned } = await readBy(load('../jobs/claim-limited.sql'), claimed())
  // ten chunks of a hundred jobs: each one's job, gate and place
  expect(scanned).toBe(0)
  expect(fetched).toBeLessThan(20_000)
})

test('a place that comes free costs its gate and one job, however many wait', async () => {
  await db.rows(`delete from trunkline.ready where queue_id = $1`, [queueId])
  await db.rows(`delete from trunkline.permit where job_id = 1000001`)
  await db.rows(`insert into trunkline.knock(queue_id, gates) values ($1, array[1])`, [queueId])
  const { fetched, scanned } = await readBy(load('../jobs/claim-limited.sql'), claimed())
  expect(scanned).toBe(0)
  expect(fetched).toBeLessThan(40)
})

test('what an ended job had at gates is found by its number, and one without costs nothing', async () => {
  const complete = load('../jobs/complete.sql')
  const lease = async (id: number) =>
    (
      await db.rows(
        `insert into trunkline.lease(worker_id, queue_id, ids, attempts) values ($1, $2, array[$3::int8], '{0}') returning id`,
        [worker, queueId, id],
      )
    )[0].id
  const ends = (lease: string, id: number) => [
    worker,
    `{${lease}}`,
    `{${id}}`,
    '{2}',
    '{1}',
    '{1}',
    `{${queueId}}`,
    `{${taskId}}`,
    null,
    null,
  ]
  await db.rows(`insert into trunkline.permit(job_id, kind, queue_id, gate_id) values (5, 2, $1, 5)`, [queueId])
  const gated = await readBy(complete, ends(await lease(5), 5))
  const plain = await readBy(complete, ends(await lease(6), 6))
  expect([gated.scanned, plain.scanned]).toEqual([0, 0])
  expect(gated.fetched).toBeLessThan(10)
  expect(plain.fetched).toBeLessThanOrEqual(1)
})

test('setting limits, showing them and the sweep read gates, not jobs', async () => {
  const set = await readBy(load('set-limits.sql'), ['gated', '{"key_concurrency": 2}', null])
  expect(set.fetched).toBeLessThan(5000)
  const shown = await readBy(load('gates-of.sql'), ['gated', 10])
  expect(shown.fetched).toBeLessThan(1000 * 110)
  const swept = await readBy(load('sweep-gates.sql'), [1000])
  expect(swept.scanned).toBe(0)
  expect(swept.fetched).toBeLessThan(12_000)
})
