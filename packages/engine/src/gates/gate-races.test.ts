import type pg from 'pg'
import { expect, test } from 'vitest'
import { testDatabase, until } from '../../../../test/support/database.ts'
import { defineTask, type Task } from '../jobs/define-task.ts'

const db = await testDatabase()
const trunkline = await db.connect()

/** A queue with a gate that one job has; two claims of it are told at the same time that it has come free. */
async function race(queue: string): Promise<number> {
  const task: Task<any, any> = defineTask(queue, { queue, run: () => {} })
  await trunkline.delete((await trunkline.enqueue(task, 0)).id)
  await trunkline.setLimits(queue, { concurrencyPerKey: 1 })
  await trunkline.enqueueMany(task, [1, 2, 3], { concurrencyKey: 'k' })
  const [{ id }] = (await db.rows('select id from trunkline.queue where name = $1', [queue])) as [{ id: number }]
  const [one, other] = [await db.client(), await db.client()] as [pg.Client, pg.Client]
  // all three are held, and nobody has the gate
  await one.query('select trunkline.enter($1, 10)', [id])
  await one.query('delete from trunkline.permit where queue_id = $1', [id])
  await one.query('delete from trunkline.ready where queue_id = $1', [id])
  const knock = 'insert into trunkline.knock(queue_id, gates) select queue_id, array[id] from trunkline.gate where queue_id = $1'
  await one.query(knock, [id])
  await one.query('begin')
  await one.query('select trunkline.enter($1, 10)', [id])
  await db.rows(knock, [id])
  const [{ pid }] = (await other.query('select pg_backend_pid() pid')).rows
  let done = false
  const second = other.query('select trunkline.enter($1, 10)', [id]).then(() => {
    done = true
  })
  // it waits for the gate; or, without a lock, it is through already
  await until(
    async () => done || (await db.rows(`select from pg_stat_activity where pid = $1 and wait_event_type = 'Lock'`, [pid])).length > 0,
    'the second claim to wait or to be through',
  )
  await one.query('commit')
  await second
  const [row] = await db.rows('select count(*)::int n from trunkline.permit where queue_id = $1', [id])
  return row.n
}

test('two claims that open one gate at the same time let in no more than its limit', async () => {
  expect(await race('locked')).toBe(1)
})

test('the judge is judged: without the lock of the gate they let in one too many', async () => {
  const [{ text }] = (await db.rows(`select pg_get_functiondef('trunkline.enter'::regproc) text`)) as [{ text: string }]
  const lock = 'perform from trunkline.gate t where t.id = any(g) order by t.id for update;'
  expect(text).toContain(lock)
  await db.rows(text.replace(lock, ''))
  try {
    expect(await race('unlocked')).toBe(2)
  } finally {
    await db.rows(text)
  }
})

test('a limit that is taken away while a claim is on its way is not closed again by what the claim knew before', async () => {
  const queue = 'changed'
  const task: Task<any, any> = defineTask(queue, { queue, run: () => {} })
  const idle = await trunkline.work([defineTask('elsewhere', { queue: 'elsewhere', run: () => {} })], { keeper: false })
  const worker = (await trunkline.workers())[0]?.id
  await trunkline.enqueue(task, 0, { delay: '1d' })
  const [{ id }] = (await db.rows('select id from trunkline.queue where name = $1', [queue])) as [{ id: number }]
  await trunkline.setLimits(queue, { ratePerKey: { limit: 1, per: '1h' }, concurrencyPerKey: 5 })
  const claim = `select * from trunkline.claim_limited(${id}, 10, 10, '{}', '{}', 10, ${worker}, false)`
  const first = await trunkline.enqueue(task, 1, { rateKey: 'k' })
  const second = await trunkline.enqueue(task, 2, { rateKey: 'k' })
  await trunkline.enqueue(task, 3, { concurrencyKey: 'c' })
  for (let i = 0; i < 3; i++) await db.rows(claim)
  expect(await trunkline.why(first.id)).toMatchObject({ state: 'running' })
  expect(await trunkline.why(second.id)).toMatchObject({ reason: 'held', cause: 'rate' })
  // the claim has read the limits and waits for a gate, while they are changed
  const [holder, claimer] = [await db.client(), await db.client()] as [pg.Client, pg.Client]
  await db.rows(
    `insert into trunkline.knock(queue_id, gates) select queue_id, array[id] from trunkline.gate where queue_id = $1 and kind = 2`,
    [id],
  )
  await holder.query('begin')
  await holder.query('select from trunkline.gate where queue_id = $1 and kind = 2 for update', [id])
  const [{ pid }] = (await claimer.query('select pg_backend_pid() pid')).rows
  const claiming = claimer.query(claim)
  const waits = `select from pg_stat_activity where pid = $1 and wait_event_type = 'Lock'`
  await until(async () => (await db.rows(waits, [pid])).length > 0, 'the claim to wait')
  await trunkline.setLimits(queue, { ratePerKey: null })
  await holder.query('commit')
  await claiming
  await db.rows(claim)
  expect(await trunkline.why(second.id)).toMatchObject({ state: 'running' })
  await idle.stop()
})
