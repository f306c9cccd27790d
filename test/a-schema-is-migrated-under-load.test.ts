import { expect, test } from 'vitest'
import { numbers } from '../packages/engine/src/postgres/arrays.ts'
import { migrate, readMigrations } from '../packages/engine/src/postgres/index.ts'
import { statement } from '../packages/engine/src/postgres/statement.ts'
import { testDatabase, until } from './support/database.ts'

const claimStatement = statement(import.meta.url, 'support/first-version/claim.sql')
const completeStatement = statement(import.meta.url, 'support/first-version/complete.sql')

test('from the first schema to the newest while workers of the first version go on: no claim and no producer waits for 3 s, and nothing is lost', async () => {
  const db = await testDatabase({ empty: true })
  const [first] = readMigrations()
  await db.rows(`create schema trunkline;
    create table trunkline.migration (no int primary key, name text not null, breaking boolean not null, applied_at timestamptz not null default now());
    insert into trunkline.migration(no, name, breaking) values (1, '${first?.name}', false);`)
  await db.rows(first?.text ?? '')
  await db.rows(`insert into trunkline.queue(name) values ('old') returning id`)
  await db.rows(`insert into trunkline.task(name, queue, priority, max_attempts) values ('old', 'old', 0, 1)`)

  let running = true
  let isProduced = false
  let slowest = 0
  let slowestEnqueue = 0
  const asked: string[] = []
  const ended: number[] = []

  async function produce(): Promise<void> {
    const client = await db.client()
    while (running) {
      const begun = performance.now()
      const { rows } = await client.query(`select trunkline.enqueue('old') id from generate_series(1, 20)`)
      slowestEnqueue = Math.max(slowestEnqueue, performance.now() - begun)
      asked.push(...rows.map((r) => r.id))
    }
  }

  async function work(): Promise<void> {
    const client = await db.client()
    const { rows } = await client.query(
      `insert into trunkline.worker(name, host, pid, version, concurrency, queues, tasks) values ('old', 'h', 1, '1', 1, '{old}', '{old}') returning id`,
    )
    const worker = rows[0].id
    const same = (n: number, value: number) => numbers(new Array(n).fill(value))
    for (;;) {
      const begun = performance.now()
      const claimed = await client.query(claimStatement.text('trunkline'), [1, 50, '{0}', '{0}', 50, worker])
      slowest = Math.max(slowest, performance.now() - begun)
      const lease = claimed.rows[0]?.id
      if (!lease) {
        if (isProduced && ended.length === asked.length) return
        await new Promise((resolve) => setTimeout(resolve, 5))
        continue
      }
      const ids: number[] = JSON.parse(claimed.rows[0].payload).i
      const n = ids.length
      const values = [worker, same(n, lease), numbers(ids), same(n, 2), same(n, 1), same(n, 1), same(n, 1), same(n, 1), null, null]
      const closed = await client.query(completeStatement.text('trunkline'), values)
      expect(closed.rows[0].n).toBe(n)
      ended.push(...ids)
    }
  }

  const produced = Promise.all([produce(), produce()]).then(() => {
    isProduced = true
  })
  const load = [produced, work(), work(), work()]
  await until(() => ended.length > 500)
  // a long reading transaction, such as a dump, stands in the way of every ALTER TABLE for a while
  const reader = await db.client()
  await reader.query('begin; select count(*) from trunkline.queue; select count(*) from trunkline.job')
  const released = new Promise((resolve) => setTimeout(resolve, 3500)).then(() => reader.query('commit'))
  const before = ended.length
  const applied = await migrate(db.open())
  await released
  expect(applied).toEqual(
    readMigrations()
      .slice(1)
      .map((m) => m.name),
  )
  const during = ended.length
  await until(() => ended.length > during + 500)
  running = false
  await Promise.all(load)
  console.log(
    `${asked.length} jobs; ${during - before} ended during the migrations; slowest claim ${Math.round(slowest)} ms, enqueue ${Math.round(slowestEnqueue)} ms`,
  )
  expect(slowest).toBeLessThan(3000)
  expect(slowestEnqueue).toBeLessThan(3000)
  expect(new Set(ended).size).toBe(asked.length)
  const [row] =
    await db.rows(`select (select count(*) from trunkline.job)::int jobs, (select count(*) from trunkline.outcome where status = 2)::int completed,
    (select count(*) from trunkline.ready)::int ready, (select count(*) from trunkline.lease)::int lease`)
  expect(row).toEqual({ jobs: asked.length, completed: asked.length, ready: 0, lease: 0 })
})
