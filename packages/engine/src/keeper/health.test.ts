import { describe, expect, test } from 'vitest'
import { testDatabase, until } from '../../../../test/support/database.ts'
import { defineTask } from '../jobs/define-task.ts'
import { warningsOf } from './health.ts'
import { createKeeper, type KeeperEvent } from './keeper.ts'

const db = await testDatabase()
const trunkline = await db.connect()
const noop = defineTask('noop', { run: () => {} })

const well = {
  pinned: null,
  prepared: null,
  slot: null,
  notify: 0,
  autovacuum: true,
  bloated: [],
  unvacuumed: [],
  keeper: true,
  unserved: [],
  silent: 0,
  deltas: 0,
}

describe('warnings', () => {
  test('nothing, where nothing is wrong', () => expect(warningsOf(well)).toEqual([]))

  test.each([
    [
      { pinned: { pid: 7, application: 'psql', state: 'idle in transaction', seconds: 99 } },
      'pinned_snapshot',
      /psql \(pid 7, idle in transaction\) has been open for 99 s/,
    ],
    [{ prepared: { name: 'x', seconds: 9 } }, 'prepared_transaction', /prepared transaction x/],
    [{ slot: { name: 's', age: 2_000_000 } }, 'replication_slot', /slot s/],
    [{ notify: 0.4 }, 'notify_queue', /40 % full/],
    [{ autovacuum: false }, 'autovacuum_off', /autovacuum is off/],
    [{ unvacuumed: [{ table: 'ready', option: 'autovacuum_enabled=false' }] }, 'autovacuum_off', /table ready/],
    [{ bloated: [{ table: 'ready', dead: 9e5, live: 3, bytes: 5e8 }] }, 'bloat', /ready has 900000 dead rows/],
    [{ keeper: false }, 'no_keeper', /no keeper leads/],
    [{ unserved: [{ queue: 'q', due: 5 }] }, 'unserved_queue', /5 jobs are due in queue q/],
    [{ silent: 2 }, 'silent_workers', /2 workers/],
    [{ deltas: 600_000 }, 'counters_behind', /600000 counter rows/],
  ])('%j', (facts, code, sentence) => {
    expect(warningsOf({ ...well, ...facts })).toMatchObject([
      { code, sentence: expect.stringMatching(sentence), hint: expect.stringMatching(/.{10}/) },
    ])
  })
})

test('the facts are asked of a real server: a queue without a worker, a table without autovacuum, no keeper', async () => {
  await trunkline.enqueue(noop, 1, { queue: 'lonely' })
  await db.rows('alter table trunkline.ready set (autovacuum_enabled = false)')
  const codes = async () => (await trunkline.health()).map((w) => w.code)
  expect(await codes()).toEqual(expect.arrayContaining(['no_keeper', 'unserved_queue', 'autovacuum_off']))
  const events: KeeperEvent[] = []
  const keeper = createKeeper(db.open(), { onEvent: (event) => events.push(event) })
  keeper.start()
  await until(() => events.some((e) => e.type === 'health'))
  await db.rows('alter table trunkline.ready reset (autovacuum_enabled)')
  expect(await codes()).not.toContain('no_keeper')
  await keeper.stop()
  expect(events.find((e) => e.type === 'health')).toMatchObject({
    warnings: expect.arrayContaining([expect.objectContaining({ code: 'unserved_queue' })]),
  })
})

test('counters become coarser with age and lose nothing', async () => {
  await db.rows(
    `insert into trunkline.stat select date_trunc('minute', now()) - i * interval '7 h 13 min', 1, 1, 2, 1, 5 from generate_series(1, 500) i`,
  )
  const sum = async () => (await db.rows('select sum(n)::int n, sum(sum_us)::int us from trunkline.stat'))[0]
  const before = await sum()
  const keeper = createKeeper(db.open())
  await keeper.runOnce()
  expect(await sum()).toEqual(before)
  const [{ fine }] = await db.rows(
    `select count(*)::int fine from trunkline.stat where (minute < now() - interval '9 days' and minute <> date_trunc('hour', minute, 'UTC')) or (minute < now() - interval '61 days' and minute <> date_trunc('day', minute, 'UTC'))`,
  )
  expect(fine).toBe(0)
})
