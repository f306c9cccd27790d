import { describe, expect, test } from 'vitest'
import { testDatabase, until } from '../../../../test/support/database.ts'
import { defineTask } from '../jobs/define-task.ts'
import { createKeeper, type KeeperEvent } from './keeper.ts'

const db = await testDatabase()
const trunkline = await db.connect()
const noop = defineTask('noop', { run: () => {} })
await trunkline.enqueue(noop, {})

describe('the keeper', () => {
  test('of three, one leads; when it stops the next takes over at once, when it dies after its lease', async () => {
    const keepers = [1, 2, 3].map(() => createKeeper(db.open(), { leaseMs: 600 }))
    for (const keeper of keepers) keeper.start()
    const leader = await until(() => keepers.find((k) => k.leading()))
    expect(keepers.filter((k) => k.leading())).toHaveLength(1)
    await leader.stop()
    await leader.stop()
    const next = await until(() => keepers.find((k) => k.leading()))
    expect(next).not.toBe(leader)
    // a dead leader renews no more: somebody else's row in the table stands for it, long enough to be seen on a busy machine
    await db.rows(`update trunkline.leader set holder = 'somebody dead', until = now() + interval '2 s'`)
    await until(() => keepers.every((k) => !k.leading()))
    await until(() => keepers.some((k) => k.leading()))
    const [row] = await db.rows(`select fence::int from trunkline.leader where name = 'keeper'`)
    expect(row.fence).toBeGreaterThanOrEqual(3)
    await Promise.all(keepers.map((k) => k.stop()))
  })

  test('promotes a job when its time has come', async () => {
    const job = await trunkline.enqueue(noop, {}, { delay: 1000 })
    // nothing promotes it before the keeper starts, however late it is by now
    expect((await job.get()).reason).toBe('scheduled')
    const keeper = createKeeper(db.open())
    keeper.start()
    await until(async () => (await job.get()).reason === 'due')
    const [row] = await db.rows('select extract(epoch from now() - run_at)::float8 late from trunkline.job where id = $1', [job.id])
    expect(row.late).toBeLessThan(2)
    await keeper.stop()
  })

  test('adds up the counters without changing their sum', async () => {
    await trunkline.enqueueMany(noop, new Array(50).fill(0))
    const sum = async () =>
      (await db.rows(`select sum(n)::int n from (select n from trunkline.stat union all select n from trunkline.stat_delta) s`))[0].n
    const before = await sum()
    const keeper = createKeeper(db.open())
    await keeper.runOnce()
    expect(await sum()).toBe(before)
    expect(await db.rows('select from trunkline.stat_delta')).toEqual([])
    await trunkline.enqueue(noop, {})
    await keeper.runOnce()
    expect(await sum()).toBe(before + 1)
    await keeper.stop()
  })

  test('keeps partitions ahead of the ids', async () => {
    await db.rows(`select setval('trunkline.id', 1900000)`)
    const keeper = createKeeper(db.open())
    await keeper.runOnce()
    await db.rows(`select setval('trunkline.id', 3900000)`)
    expect(Number((await trunkline.enqueue(noop, {})).id)).toBeGreaterThan(3_900_000)
    await keeper.runOnce()
    const [row] = await db.rows(`select count(*)::int n from pg_inherits where inhparent = 'trunkline.outcome'::regclass`)
    expect(row.n).toBe(12)
    await keeper.stop()
  })

  test('asks again where a cancellation went to a worker that no longer has the job, and clears what is over', async () => {
    const job = await trunkline.enqueue(noop, {})
    await db.rows(`insert into trunkline.cancel_wanted(id, worker_id, at) values ($1, 4711, now() - interval '5 s')`, [job.id])
    const keeper = createKeeper(db.open())
    await keeper.runOnce()
    expect((await job.get()).state).toBe('cancelled')
    await keeper.runOnce()
    expect(await db.rows('select from trunkline.cancel_wanted')).toEqual([])
    await keeper.stop()
  })

  test('takes nobody for dead until workers had the time to be heard again after an outage that it saw itself', async () => {
    const worker = async (age: string) => {
      const [row] = await db.rows(
        `insert into trunkline.worker(name, host, pid, version, concurrency, queues, tasks, beat)
         values ('silent', 'h', 1, 'v', 1, '{}', '{}', now() - $1::interval) returning id`,
        [age],
      )
      return row.id as number
    }
    const there = async (id: number) => (await db.rows('select from trunkline.worker where id = $1', [id])).length > 0
    const events: KeeperEvent[] = []
    const database = db.open()
    const keeper = createKeeper(database, { staleMs: 3000, sweepMs: 50, leaseMs: 600, onEvent: (e) => events.push(e) })
    const before = await worker('1 minute')
    keeper.start()
    await until(async () => !(await there(before)), 'a dead worker to be given up')
    // away for longer than a third of the stale time: its own row is locked, so that not even leadership gets an answer
    const blocker = await db.client()
    // never waiting for one table with another in hand: that and a statement of the keeper would be a deadlock
    await until(async () => {
      try {
        await blocker.query('begin')
        await blocker.query(
          'lock table trunkline.leader, trunkline.scheduled, trunkline.worker, trunkline.stat_delta, trunkline.cancel_wanted nowait',
        )
        return true
      } catch (error) {
        expect(error).toMatchObject({ code: '55P03' })
        await blocker.query('rollback')
        return false
      }
    }, 'the tables to be free at once')
    await new Promise((resolve) => setTimeout(resolve, 1500))
    await blocker.query('rollback')
    const back = performance.now()
    const after = await worker('1 minute')
    await until(async () => !(await there(after)), 'it to be given up in the end')
    expect(performance.now() - back).toBeGreaterThan(2500)
    await keeper.stop()
  })

  test('reports a database that is away, and goes on when it is back', async () => {
    const events: KeeperEvent[] = []
    const keeper = createKeeper(db.open(), { leaseMs: 300, onEvent: (e) => events.push(e) })
    keeper.start()
    await until(() => keeper.leading())
    await db.rows(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'trunkline keeper' and datname = current_database()`,
    )
    const job = await trunkline.enqueue(noop, {}, { delay: 200 })
    await until(async () => (await job.get()).reason === 'due')
    await keeper.stop()
  })
})
