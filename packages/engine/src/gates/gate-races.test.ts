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
