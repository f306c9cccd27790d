import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { testDatabase } from '../../../../test/support/database.ts'
import type { Profile } from '../postgres/send.ts'
import { type Statement, statement } from '../postgres/statement.ts'
import { defineTask } from './define-task.ts'

const backlog = 1_000_000
const batch = 100
const db = await testDatabase()
const database = db.open({ queryTimeoutMs: 120_000 })
const trunkline = await db.connect()
const clients = new Map<Profile, pg.Client>()
const load = (file: string) => statement(import.meta.url, file)
let queueId = 0
let taskId = 0

interface Node {
  'Node Type': string
  'Relation Name'?: string
  'Actual Rows'?: number
  'Actual Loops'?: number
  'Rows Removed by Filter'?: number
  'Rows Removed by Index Recheck'?: number
  Plans?: Node[]
}

function nodes(plan: Node): Node[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodes)]
}
const rowsOf = (node: Node) => (node['Actual Rows'] ?? 0) * (node['Actual Loops'] ?? 1)

/** Runs the statement as a worker does, in a transaction that is rolled back, and answers its plan. */
async function planOf(profile: Profile, of: Statement, values: unknown[]): Promise<Node[]> {
  const client = clients.get(profile) as pg.Client
  await client.query('begin')
  try {
    const { rows } = await client.query(`explain (analyze, format json) ${of.text('trunkline')}`, values)
    return nodes(rows[0]['QUERY PLAN'][0].Plan)
  } finally {
    await client.query('rollback')
  }
}

const watched = /^(ready|scheduled|lease|job(_\d+)?|outcome(_\d+)?)$/

/** Neither reads a table from end to end, nor sorts or throws away more than the batch asks for. */
function expectLean(plan: Node[]): void {
  for (const node of plan) {
    const relation = node['Relation Name'] ?? ''
    const type = node['Node Type']
    // a lease is one row per claimed batch: the table is small by nature
    if (watched.test(relation) && relation !== 'lease') expect(`${type} on ${relation}`).not.toMatch(/^(Seq|Bitmap|Parallel)/)
    if (/Sort/.test(type)) for (const child of node.Plans ?? []) expect(rowsOf(child), `rows fed to ${type}`).toBeLessThanOrEqual(batch + 1)
    // a nested loop over two batches would show batch²
    expect(rowsOf(node), `rows of ${type} on ${relation}`).toBeLessThanOrEqual(20 * batch)
    const removed = (node['Rows Removed by Filter'] ?? 0) * (node['Actual Loops'] ?? 1)
    expect(removed, `rows removed by filter at ${type} on ${relation}`).toBeLessThanOrEqual(10 * batch)
  }
}

async function claimSome(): Promise<{ lease: string; ids: number[]; worker: number }> {
  const [w] = await db.rows(
    `insert into trunkline.worker(name, host, pid, version, concurrency, queues, tasks) values ('w', 'h', 1, 'v', 1, '{}', '{}') returning id`,
  )
  const { rows } = await (clients.get('walk') as pg.Client).query(load('claim.sql').text('trunkline'), [
    queueId,
    batch,
    '{0}',
    '{0}',
    2,
    w.id,
    false,
  ])
  return { lease: rows[0].id, ids: JSON.parse(rows[0].payload).i, worker: w.id }
}

/** Rows of the large tables that a statement reads, whatever functions it calls; none of them may be read from end to end. */
async function readBy(of: Statement, values: unknown[], profile: Profile = 'walk'): Promise<number> {
  const client = clients.get(profile) as pg.Client
  const counters = `select coalesce(sum(pg_stat_get_xact_tuples_returned(c.oid)) filter (where c.relkind = 'r'), 0)::int scanned,
      coalesce(sum(pg_stat_get_xact_tuples_fetched(c.oid)) filter (where c.relkind = 'r'), 0)::int fetched
    from pg_class c where c.relnamespace = 'trunkline'::regnamespace and c.relname ~ '^(ready|scheduled|job_[0-9]+|outcome_[0-9]+)$'`
  await client.query('begin')
  try {
    const [before] = (await client.query(counters)).rows
    await client.query(of.text('trunkline'), values)
    const [after] = (await client.query(counters)).rows
    expect(after.scanned - before.scanned, 'rows read by scans').toBe(0)
    return after.fetched - before.fetched
  } finally {
    await client.query('rollback')
  }
}

const same = (n: number, value: number | string) => `{${new Array(n).fill(value).join(',')}}`

beforeAll(async () => {
  for (const profile of ['walk', 'join', 'general'] as const) clients.set(profile, await database.connect(profile, 'plans'))
  await trunkline.enqueue(defineTask('noop', { run: () => {} }), {})
  ;[{ queueId, taskId }] = (await db.rows('select queue_id "queueId", task_id "taskId" from trunkline.job limit 1')) as [
    { queueId: number; taskId: number },
  ]
  // made inside the server, in the form that enqueue leaves: chunks of 100, a twentieth of it scheduled
  await db.rows(`alter table trunkline.ready set (autovacuum_enabled = off)`)
  await db.rows(`alter table trunkline.scheduled set (autovacuum_enabled = off)`)
  await db.rows(
    `insert into trunkline.job(id, queue_id, task_id, payload) select nextval('trunkline.id'), $1, $2, '{}' from generate_series(1, ${backlog})`,
    [queueId, taskId],
  )
  await db.rows(
    `insert into trunkline.ready(queue_id, priority, seq, n, ids)
    select $1, 0, min(id), count(*), array_agg(id order by id) from trunkline.job where id % 20 <> 0 and id > 1 group by id / 105`,
    [queueId],
  )
  await db.rows(
    `insert into trunkline.scheduled(id, run_at, queue_id, priority, attempt)
    select id, now() + (id - ${backlog / 2}) * interval '1 s', $1, 0, 0 from trunkline.job where id % 20 = 0`,
    [queueId],
  )
}, 120_000)

afterAll(() => Promise.all([...clients.values()].map((c) => c.end())))

describe.each(['never analysed', 'analysed'])(`a backlog of 1 M jobs, %s`, (statistics) => {
  beforeAll(async () => {
    if (statistics === 'analysed') await db.rows('analyze')
  })

  test('claim', async () => {
    const [w] = await db.rows(
      `insert into trunkline.worker(name, host, pid, version, concurrency, queues, tasks) values ('w', 'h', 1, 'v', 1, '{}', '{}') returning id`,
    )
    expectLean(await planOf('walk', load('claim.sql'), [queueId, batch, '{0}', '{0}', 2, w.id, false]))
  })

  test('lanes', async () => {
    expectLean(await planOf('walk', load('lanes.sql'), [queueId]))
  })

  test('complete', async () => {
    const { lease, ids, worker } = await claimSome()
    const n = ids.length
    expectLean(
      await planOf('join', load('complete.sql'), [
        worker,
        same(n, lease),
        `{${ids}}`,
        same(n, 2),
        same(n, 10),
        same(n, 5),
        same(n, queueId),
        same(n, taskId),
        null,
        null,
      ]),
    )
  })

  test('give up', async () => {
    const { lease, ids, worker } = await claimSome()
    const n = ids.length
    const kinds = ids.map((_, i) => 1 + (i % 3))
    expectLean(
      await planOf('join', load('give-up.sql'), [
        worker,
        same(n, lease),
        `{${ids}}`,
        `{${kinds}}`,
        same(n, 1000),
        same(n, 10),
        same(n, 5),
        new Array(n).fill('{"message":"x"}'),
        same(n, 'NULL'),
      ]),
    )
  })

  test('promote', async () => {
    expectLean(await planOf('walk', load('promote.sql'), [batch]))
  })

  test('recover', async () => {
    const { worker } = await claimSome()
    await db.rows(`update trunkline.worker set beat = '-infinity' where id = $1`, [worker])
    expectLean(await planOf('walk', load('recover.sql'), ['30 s', 3, null, 1_700_000_000_000]))
    await db.rows(`update trunkline.worker set beat = now() where id = $1`, [worker])
  })

  // verbs that look inside a function: what they read is counted instead, since a plan does not show it
  const spread = (n: number) => Array.from({ length: n }, (_, i) => 1001 + i * 7000 + (i % 2 === 0 ? 0 : 3))
  const far = backlog / 2 + 1

  test('cancel one, and a hundred all over the backlog', async () => {
    expect(await readBy(load('cancel.sql'), [`{${far}}`, 'ada', false])).toBeLessThanOrEqual(100)
    expect(await readBy(load('cancel.sql'), [`{${spread(batch)}}`, 'ada', false])).toBeLessThanOrEqual(40 * batch)
  })

  test('take out for an update, a hundred all over the backlog', async () => {
    expect(await readBy(load('take-out.sql'), [`{${spread(batch)}}`])).toBeLessThanOrEqual(40 * batch)
  })

  test('promote a hundred that wait for their time', async () => {
    const timed = Array.from({ length: batch }, (_, i) => 20 * (5000 + i * 300))
    expect(await readBy(load('promote-now.sql'), [`{${timed}}`])).toBeLessThanOrEqual(40 * batch)
  })

  test('why, for one in the middle of the line', async () => {
    // it looks at 1,000 chunks before the job at the most
    expect(await readBy(load('why.sql'), [far])).toBeLessThanOrEqual(1100)
  })

  test('a page of jobs as people see them, and their states', async () => {
    expect(await readBy(load('get.sql'), [`{${spread(batch)}}`, null])).toBeLessThanOrEqual(5 * batch)
    expect(await readBy(load('states.sql'), [`{${spread(batch)}}`])).toBeLessThanOrEqual(5 * batch)
  })

  test('the pages of lists and bulk filters', async () => {
    const none = [null, null, null, null, null, null]
    const top = Number.MAX_SAFE_INTEGER
    expect(await readBy(load('select-all.sql'), [top, backlog / 2, batch, ...none, null], 'general')).toBeLessThanOrEqual(5 * batch)
    expect(await readBy(load('select-due.sql'), [0, -32768, 0, ...none, 3, null, null])).toBeLessThanOrEqual(5 * batch)
    expect(await readBy(load('select-timed.sql'), ['-infinity', 0, batch, ...none, null, null], 'general')).toBeLessThanOrEqual(5 * batch)
  })
})
