import { expect, test } from 'vitest'
import { testDatabase } from '../support/database.ts'
import { play } from './history.ts'

const histories = Number(process.env.TRUNKLINE_TEST_HISTORIES ?? 2000)
const first = Number(process.env.TRUNKLINE_TEST_SEED ?? 1)
const length = Number(process.env.TRUNKLINE_TEST_HISTORY_LENGTH ?? 14)
const db = await testDatabase()

test(`${histories} random histories end alike in the model and in the engine`, async () => {
  const task = (await db.rows(`insert into trunkline.task(name) values ('m') returning id`))[0].id
  await db.rows(`alter table trunkline.ready set (autovacuum_enabled = off)`)
  const clients = await Promise.all([db.client(), db.client(), db.client()])
  let next = first
  let done = 0
  await Promise.all(
    clients.map(async (client, i) => {
      // pauses and keys lock rows of a queue: each connection has queues of its own
      const made = await db.rows(`insert into trunkline.queue(name) values ($1), ($2) returning id`, [`a${i}`, `b${i}`])
      const queues = made.map((row) => row.id)
      await client.query(
        `set enable_sort = off; set enable_bitmapscan = off; set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off; set jit = off; set plan_cache_mode = force_generic_plan`,
      )
      while (next < first + histories) {
        await play({ client, queues, task }, next++, length)
        done++
      }
    }),
  )
  expect(done).toBe(histories)
}, 240_000)
