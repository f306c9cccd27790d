import { describe, expect, test } from 'vitest'
import { defineTask } from '../../packages/engine/src/index.ts'
import type { Link } from '../../packages/engine/src/postgres/link.ts'
import { createRandom } from '../chaos/random.ts'
import { testDatabase } from '../support/database.ts'
import { failNth, failSome, failures } from './failpoints.ts'
import { judge, play, type Stage } from './play.ts'

const db = await testDatabase()
const trunkline = await db.connect()
const client = await db.client()
await client.query(`set synchronous_commit = off; set enable_seqscan = off; set jit = off`)
const plain: Link = {
  async run(statement, values) {
    return (await client.query({ name: statement.name, text: statement.text('trunkline'), values, rowMode: 'array' })).rows
  },
  connections: () => 1,
  stop: async () => {},
}
const firstSeed = Number(process.env.TRUNKLINE_TEST_SEED ?? 1)
const plays = Number(process.env.TRUNKLINE_TEST_PLAYS ?? 150)

let made = 0
/** A queue of its own for each play. */
async function stage(link: Link = plain): Promise<Stage> {
  const queue = `play${++made}`
  const task = defineTask('play', { retry: { attempts: 3 }, run: () => {} })
  const job = await trunkline.enqueue(task, {}, { queue })
  await trunkline.delete(job.id)
  const [row] = await db.rows(
    'select q.id "queueId", t.id "taskId" from trunkline.queue q, trunkline.task t where q.name = $1 and t.name = $2',
    [queue, 'play'],
  )
  return { link, queue, ...row, rows: db.rows }
}

test(`${plays} seeds: workers, keepers and producers take turns, statements fail in every way; nothing is lost, no fence is passed`, async () => {
  for (let seed = firstSeed; seed < firstSeed + plays; seed++) {
    const at = await stage()
    const failpoints = failSome(createRandom(seed, 'failures'), 0.04)
    const effects = await play(at, { seed, failpoints })
    expect(
      await judge(at, effects),
      `TRUNKLINE_TEST_SEED=${seed} TRUNKLINE_TEST_PLAYS=1; failed: ${JSON.stringify(failpoints.hit)}`,
    ).toEqual([])
  }
  expect(await trunkline.reconcile()).toEqual([])
}, 300_000)

test('one seed plays one history', async () => {
  const effectsOf = async () => {
    const at = await stage()
    const effects = await play(at, { seed: 4711, failpoints: failSome(createRandom(4711, 'failures'), 0.04) })
    const ids = [...new Set(effects.map((e) => String(e.id)))]
    return effects.map((e) => `${e.kind} ${ids.indexOf(String(e.id))}`)
  }
  expect(await effectsOf()).toEqual(await effectsOf())
})

describe.each(failures.map((failure, i) => ({ failure, first: i + 1 })))('the n-th statement fails: $failure', ({ failure, first }) => {
  // every eighth, each kind of failure beginning one later: together each statement fails once
  test(`for n = ${first} and on until a play passes without`, async () => {
    let n = first
    for (; ; n += failures.length) {
      const at = await stage()
      const failpoints = failNth(n, failure)
      const effects = await play(at, { seed: 99, failpoints, producers: 1, workers: 2 })
      expect(await judge(at, effects), `n = ${n}: ${JSON.stringify(failpoints.hit)}`).toEqual([])
      if (failpoints.hit.length === 0) break
    }
    expect(n).toBeGreaterThan(3 * failures.length)
  }, 120_000)
})

test.each([
  [
    'complete without the fence',
    'trunkline_complete',
    [
      [
        'where id = any(array(select distinct unnest($2::bigint[]))) and worker_id = $1 for update)',
        'where ids && $3::bigint[] for update)',
      ],
      ['from o join x on x.id = o.id and x.lease = o.lease)', 'from o join x on x.id = o.id)'],
    ],
  ],
  [
    'a claim that leaves what it took',
    'trunkline_claim',
    [['d as (delete from trunkline.ready r using c', 'd as (delete from trunkline.ready r using (select * from c where false) c']],
  ],
])(
  'the judge is judged: %s is found',
  async (_, name, edits) => {
    const broken: Link = {
      ...plain,
      async run(statement, values) {
        let text = statement.text('trunkline')
        if (statement.name === name) for (const [from, to] of edits as [string, string][]) text = text.replace(from, to)
        if (statement.name === name) expect(text).not.toBe(statement.text('trunkline'))
        return (await client.query({ text, values, rowMode: 'array' })).rows
      },
    }
    let found: string[] = []
    for (let seed = 1; seed <= 150 && found.length === 0; seed++) {
      const at = await stage(broken)
      const outcome = await play(at, { seed, failpoints: failSome(createRandom(seed, 'failures'), 0) }).then(
        (effects) => judge(at, effects),
        // a row that is there twice is refused by its key: found as well
        (error) => [String(error)],
      )
      found = outcome
    }
    expect(found.length).toBeGreaterThan(0)
  },
  120_000,
)
