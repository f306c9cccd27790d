import { type SQL, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { CompiledQuery, Kysely, PostgresDialect, type Transaction } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { defineTask, type TaskContext } from '../packages/engine/src/index.ts'
import type { Queryable } from '../packages/engine/src/postgres/index.ts'
import { testDatabase, until } from './support/database.ts'

const db = await testDatabase()
const trunkline = await db.connect()
const pool = new pg.Pool({ connectionString: db.url, max: 3 })
const kysely = new Kysely<{ paid: { job: string } }>({ dialect: new PostgresDialect({ pool }) })
const orm = drizzle(pool)
beforeAll(() => db.rows('create table paid (job text primary key)'))
afterAll(() => pool.end())

// the adapters of docs/guides/transactions-and-the-outbox.md, with types
const viaKysely = (trx: Transaction<any>): Queryable => ({
  query: (text, values = []) => trx.executeQuery(CompiledQuery.raw(text, values)),
})
const viaDrizzle = (tx: { execute(query: SQL): Promise<{ rows: any[] }> }): Queryable => ({
  query(text, values = []) {
    const parts = text.split(/\$(\d+)/)
    return tx.execute(sql.join(parts.map((part, i) => (i % 2 === 0 ? sql.raw(part) : sql.param(values[Number(part) - 1])))))
  },
})

const rollback = new Error('rolled back on purpose')
const inTransaction = {
  kysely: (work: (tx: Queryable) => Promise<unknown>) => kysely.transaction().execute((trx) => work(viaKysely(trx))),
  drizzle: (work: (tx: Queryable) => Promise<unknown>) => orm.transaction((tx) => work(viaDrizzle(tx))),
}

describe.each(Object.entries(inTransaction))('%s', (name, transaction) => {
  const noop = defineTask(`${name}.noop`, { queue: `${name}-waits`, searchable: ['n'], run: () => {} })
  const jobs = () =>
    db.rows('select j.id::text from trunkline.job j join trunkline.task t on t.id = j.task_id where t.name = $1', [noop.name])

  const ways: Record<string, (tx: Queryable) => Promise<unknown>> = {
    'one job': (tx) => trunkline.enqueue(noop, { n: 'a $1 in a text' }, { tx, priority: 5, tags: ['a', 'b'], delay: '1h', timeout: '1m' }),
    'many jobs': (tx) => trunkline.enqueueMany(noop, [{ n: 1 }, { n: null }], { tx, runAt: new Date() }),
    'jobs with keys': (tx) =>
      trunkline.enqueueMany(noop, [{ n: 1 }, { n: 2 }], { tx, uniqueKey: (p) => `${name}-${p.n}`, uniqueWindow: '1h' }),
    'one with an idempotency key': (tx) => trunkline.enqueue(noop, { n: 3 }, { tx, idempotencyKey: name }),
  }
  test.each(Object.entries(ways))('%s: there exactly when the transaction commits', async (_way, enqueue) => {
    await trunkline.enqueue(noop, null)
    const before = (await jobs()).length
    await expect(
      transaction(async (tx) => {
        await enqueue(tx)
        throw rollback
      }),
    ).rejects.toThrow(rollback)
    expect(await jobs()).toHaveLength(before)
    await transaction(enqueue)
    const made = (await jobs()).slice(before)
    expect(made.length).toBeGreaterThan(0)
    for (const { id } of made) expect((await trunkline.get(id)).state).toBe('pending')
  })

  test('a handler completes its job in such a transaction, behind the fence', async () => {
    let tries = 0
    const pay = defineTask(`${name}.pay`, {
      queue: name,
      retry: { attempts: 2, backoff: { curve: 'fixed', delay: 5 } },
      run: ({ job, complete, assertLease }: TaskContext<unknown>) =>
        transaction(async (tx) => {
          await assertLease(tx)
          await tx.query('insert into paid values ($1)', [job.id])
          await complete(tx, { paid: job.id })
          if (++tries === 1) throw rollback
        }),
    })
    const worker = await trunkline.work([pay])
    const job = await trunkline.enqueue(pay, null)
    expect(await job.result()).toEqual({ paid: job.id })
    expect(tries).toBe(2)
    expect(await until(() => db.rows('select job from paid where job = $1', [job.id]))).toHaveLength(1)
    await worker.stop()
  })
})
