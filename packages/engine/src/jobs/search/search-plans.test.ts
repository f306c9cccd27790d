import { parseQuery } from '@trunkline/contract'
import type pg from 'pg'
import { beforeAll, describe, expect, test } from 'vitest'
import { testDatabase } from '../../../../../test/support/database.ts'
import { createSearchIndexes } from '../../keeper/search-indexes.ts'
import { defineTask } from '../define-task.ts'
import { compile, type SortValue } from './compile.ts'
import { findNames, runOn } from './names.ts'
import { readSettings } from './read.ts'

const db = await testDatabase()
const database = db.open()
const trunkline = await db.connect()
let client: pg.Client

interface Node {
  'Node Type': string
  'Relation Name'?: string
  'Index Name'?: string
  'Actual Rows'?: number
  'Actual Loops'?: number
  'Rows Removed by Filter'?: number
  Plans?: Node[]
}
const nodes = (plan: Node): Node[] => [plan, ...(plan.Plans ?? []).flatMap(nodes)]

const rows = 60_000
/** Ids lie this far apart, so that few rows fill two ranges and begin a third. */
const step = 20
const top = rows * step

beforeAll(async () => {
  for (const name of ['common', 'rare', 'mail']) await trunkline.enqueue(defineTask(name, { run: () => {} }), {})
  await db.rows(`insert into trunkline.queue(name) values ('other')`)
  await db.rows(
    `insert into trunkline.worker(name, host, pid, version, concurrency, queues, tasks) values ('w1', 'host7', 1, '1', 1, '{}', '{}')`,
  )
  await db.rows(`select setval('trunkline.id', ${top + 1})`)
  await db.rows(
    `insert into trunkline.job(id, queue_id, task_id, created_at, created_by, payload, key, tags, rerun_of)
    select g * ${step}, 1 + (g % 500 = 3)::int, case when g % 2000 = 7 then 2 when g % 3 = 0 then 3 else 1 end, now() - (${rows} - g) * interval '30 s',
      case when g % 400 = 9 then 'anna' end, '{}', case when g % 50 = 1 then 'k' || g end, case when g % 1000 = 5 then '{vip}'::text[] end, case when g % 3000 = 8 then 20 end
    from generate_series(1, ${rows}) g`,
  )
  await db.rows(
    `insert into trunkline.outcome(id, status, attempt, worker_id, queue_id, task_id, started_at, finished_at, error)
    select id, case when id % 1000 = 140 then 3 else 2 end, 0, case when id % 10000 = 60 then 1 else 7 end, queue_id, task_id, created_at, created_at + id % 6000 * interval '1 s',
      case when id % 1000 = 140 then jsonb_build_object('message', 'deadlock', 'fingerprint', substr(md5((id % 7)::text), 1, 16)) end
    from trunkline.job where id % ${step} = 0 and id < ${top * 0.98}`,
  )
  await createSearchIndexes(database).runOnce()
  await db.rows('analyze')
  client = await db.client()
}, 120_000)

/** Explains the statement of a slice as search sends it. */
async function planOf(q: string, from: number, below: number, sort?: SortValue): Promise<Node[]> {
  await client.query('begin')
  try {
    await client.query(readSettings(10_000))
    const query = parseQuery(q)
    const asked = { query, within: null, now: new Date(), names: await findNames(runOn(client, 'trunkline'), query) }
    const { text, values } = compile(asked, { from, below, limit: 50, ...(sort ? { sort } : {}) }, 'trunkline')
    const explained = await client.query(`explain (analyze, format json) ${text}`, values)
    return nodes(explained.rows[0]['QUERY PLAN'][0].Plan)
  } finally {
    await client.query('rollback')
  }
}

/** Rows of jobs and outcomes that a plan reads. */
function readBy(plan: Node[]): number {
  let read = 0
  for (const node of plan) {
    if (!/^(job|outcome)(_\d+)?$/.test(node['Relation Name'] ?? '')) continue
    expect(`${node['Node Type']} on ${node['Relation Name']}`).not.toMatch(/^(Parallel )?Seq/)
    read += ((node['Actual Rows'] ?? 0) + (node['Rows Removed by Filter'] ?? 0)) * (node['Actual Loops'] ?? 1)
  }
  return read
}

/** Each predicate that an index carries, with what is read of 50,000 jobs of two full ranges for a page of 50. */
const carried: [string, number][] = [
  ['', 200],
  ['state:failed', 300],
  ['task:rare', 200],
  ['task:rare state:completed', 300],
  ['task:mail state:failed', 400],
  ['queue:other', 400],
  ['tag:vip', 300],
  ['by:anna', 300],
  ['key:k501,k551', 100],
  ['rerun:20', 200],
  ['worker:w1 state:completed', 400],
  ['duration:>5990s state:completed', 400],
  ['id:2000,4000', 20],
  ['"2000"', 20],
]

describe('no statement of search reads a table from end to end', () => {
  test.each(carried)('%j reads at most %d rows of full ranges', async (q, most) => {
    expect(readBy(await planOf(q, 0, 1_000_000))).toBeLessThanOrEqual(most)
  })

  test.each<[string, SortValue]>([
    ['state:completed', 'duration'],
    ['state:completed', 'finishedAt'],
  ])('%s in the order of %s reads what it answers', async (q, sort) => {
    expect(readBy(await planOf(q, 500_000, 1_000_000, sort))).toBeLessThanOrEqual(400)
  })

  test('a cause of failure is found by its own index', async () => {
    const [{ f }] = await db.rows(`select error ->> 'fingerprint' f from trunkline.outcome where status = 3 and id < 500000 limit 1`)
    const plan = await planOf(`fingerprint:${f}`, 0, 1_000_000)
    readBy(plan)
    expect(plan.map((node) => node['Index Name'])).toContain('outcome_0_search_cause')
  })

  test.each([
    'state:pending',
    'state:failed,retrying',
    '-state:completed',
    'state:running',
    'wait:>5m',
    'attempt:>=2',
    'priority:>2',
    'tag:v*',
    'key:k5*',
    'age:<24h error:lock',
    'age:<24h args.a:1',
    '(state:failed OR tag:vip) -queue:other',
    '-(task:rare OR by:anna)',
    'task:nothing',
  ])('nor does %s, in full ranges or in the newest', async (q) => {
    readBy(await planOf(q, 0, 500_000))
    readBy(await planOf(q, 1_000_000, top + 10))
  })

  test('what an index carries stays so in the newest range for primary key and tags', async () => {
    for (const [q] of carried) readBy(await planOf(q, 1_000_000, top + 10))
    expect(readBy(await planOf('tag:vip', 1_000_000, top + 10))).toBeLessThanOrEqual(300)
  })
})

test('indexes are built once, and those left half built anew', async () => {
  const indexes = createSearchIndexes(database)
  expect(await indexes.runOnce()).toBe(0)
  await db.rows(`update pg_index set indisvalid = false where indexrelid = 'trunkline.job_1_search_task'::regclass`)
  await db.rows(`drop index trunkline.outcome_0_search_status`)
  expect(await indexes.runOnce()).toBe(2)
  const [{ n }] = await db.rows(
    `select count(*)::int n from pg_index x join pg_class c on c.oid = x.indexrelid where c.relname ~ '_search_' and x.indisvalid`,
  )
  expect(n).toBe(22)
  // the range that is still filled has none
  expect(await db.rows(`select relname from pg_class where relname ~ '^(job|outcome)_2_search'`)).toEqual([])
})
