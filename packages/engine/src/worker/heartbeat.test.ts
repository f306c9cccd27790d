import type { Worker as Thread } from 'node:worker_threads'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type FaultyProxy, startProxy } from '../../../../test/chaos/proxy.ts'
import { testDatabase, until } from '../../../../test/support/database.ts'
import { defineTask } from '../jobs/define-task.ts'
import { Trunkline } from '../trunkline.ts'
import type { Worker } from './worker.ts'

const db = await testDatabase()
let proxy: FaultyProxy
let trunkline: Trunkline
let worker: Worker
let thread: Thread | undefined

beforeAll(async () => {
  proxy = await startProxy(db.url)
  trunkline = await Trunkline.connect({ connectionString: proxy.through(db.url) })
  process.once('worker', (made) => {
    thread = made as unknown as Thread
  })
  worker = await trunkline.work([defineTask('beat', { run: () => 'here' })], { heartbeatMs: 100, keeper: false })
})

afterAll(async () => {
  await worker.stop()
  await trunkline.close()
  await proxy.stop()
})

/** Waits for a sign of life that is younger than this call. */
async function beats(): Promise<void> {
  const [{ now }] = await db.rows('select clock_timestamp() now')
  await until(
    async () => (await db.rows('select from trunkline.worker where id = $1 and beat > $2', [worker.id, now])).length > 0,
    'a beat',
  )
}

test('a connection that breaks while it is looked at does not end the heart', async () => {
  await beats()
  proxy.loseAnswerTo('pg_is_in_recovery')
  await db.rows(
    `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'trunkline heartbeat%' and datname = current_database()`,
  )
  await until(() => proxy.lost() === 1, 'an answer to be lost')
  await beats()
})

test('a thread that ends, whatever ended it, is begun anew, and reports the state that it had', async () => {
  await beats()
  await thread?.terminate()
  await beats()
  expect(await db.rows('select state from trunkline.worker where id = $1', [worker.id])).toEqual([{ state: 'running' }])
  expect(await (await trunkline.enqueue('beat', {})).result()).toBe('here')
})

test('a worker claims nothing before its first sign of life has arrived', async () => {
  await db.rows(
    `create function trunkline.late() returns trigger language plpgsql as $$ begin perform pg_advisory_xact_lock(7); return new; end $$`,
  )
  await db.rows(
    `create trigger late before update of beat on trunkline.worker for each row when (new.name = 'late') execute function trunkline.late()`,
  )
  const holder = await db.client()
  await holder.query('select pg_advisory_lock(7)')
  let begun = 0
  const task = defineTask('late.task', { queue: 'late', run: () => ++begun })
  const job = await trunkline.enqueue(task, {})
  const starting = trunkline.work([task], { name: 'late', heartbeatMs: 100, keeper: false })
  await until(
    async () => (await db.rows(`select from pg_locks where locktype = 'advisory' and not granted`)).length > 0,
    'the first beat to be on its way',
  )
  // long enough to have claimed what waits
  await beats()
  await beats()
  expect(begun).toBe(0)
  await holder.query('select pg_advisory_unlock(7)')
  const late = await starting
  expect(await job.result()).toBe(1)
  await late.stop()
  await db.rows('drop function trunkline.late cascade')
})
