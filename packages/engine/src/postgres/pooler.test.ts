import pg from 'pg'
import { afterAll, describe, expect, inject, test } from 'vitest'
import { testDatabase, until } from '../../../../test/support/database.ts'
import { findPgBouncer, type PgBouncer, type PgBouncerOptions, startPgBouncer } from '../../../../test/support/pgbouncer.ts'
import { defineTask } from '../jobs/define-task.ts'
import type { WorkerEvent } from '../worker/events.ts'
import { statement } from './statement.ts'

const missing = findPgBouncer() === null
const why = missing ? ' (pgbouncer missing)' : ''
const db = await testDatabase()

const running: PgBouncer[] = []
afterAll(async () => {
  await Promise.all(running.map((bouncer) => bouncer.stop()))
})

async function pooler(options: Partial<PgBouncerOptions> = {}): Promise<string> {
  const bouncer = await startPgBouncer({ server: inject('server'), ...options })
  running.push(bouncer)
  return bouncer.through(db.url)
}

async function client(connectionString: string): Promise<pg.Client> {
  const made = new pg.Client({ connectionString })
  made.on('error', () => {})
  await made.connect()
  return made
}

/** What connections of the server that clients will get next are set to. */
async function leftBehind(url: string): Promise<Record<string, string>> {
  const c = await client(url)
  const { rows } = await c.query(
    `select current_setting('enable_sort') sort, current_setting('enable_nestloop') nestloop, current_setting('synchronous_commit') commit,
      current_setting('idle_in_transaction_session_timeout') idle, (select count(*)::int from pg_prepared_statements where name <> '') prepared`,
  )
  await c.end()
  return rows[0]
}

describe('what stands before the server', () => {
  test('the server itself is told by one question, and nothing is sent where it is said', async () => {
    expect(await db.open().pooled()).toBe(false)
    expect(await db.open({ connectionString: 'postgres://nowhere:1/x', pooler: 'transaction' }).pooled()).toBe(true)
    expect(await db.open({ connectionString: 'postgres://nowhere:1/x', pooler: 'none' }).pooled()).toBe(false)
    expect(() => db.open({ pooler: 'session' as never })).toThrow(/pooler is "session"; allowed: auto, transaction, none/)
    await expect(db.connect({ pooler: 'pgbouncer' as never })).rejects.toMatchObject({ code: 'invalid_option', field: 'pooler' })
  })

  test('a server that is away is asked again with the next call', async () => {
    const database = db.open({ connectionString: 'postgres://127.0.0.1:1/x' })
    await expect(database.pooled()).rejects.toMatchObject({ code: 'database_unavailable' })
    await expect(database.run(statement(import.meta.url, '../jobs/counts.sql'), [])).rejects.toMatchObject({ code: 'database_unavailable' })
  })

  test.skipIf(missing).each([
    { name: 'that always gives out the connection it used last', poolSize: 10, more: '' },
    { name: 'that gives out its connections in turn', poolSize: 10, more: 'server_round_robin = 1' },
    { name: 'with one connection', poolSize: 1, more: '' },
  ])(`a pooler in transaction mode $name${why}`, async ({ poolSize, more }) => {
    const url = await pooler({ poolSize, more })
    for (let turn = 0; turn < 5; turn++) expect(await db.open({ connectionString: url }).pooled()).toBe(true)
    // and while others keep it busy
    const others = await Promise.all(Array.from({ length: 4 }, () => client(url)))
    let busy = true
    const load = others.map(async (c) => {
      while (busy) await c.query('begin; select pg_sleep(0.002); commit')
    })
    for (let turn = 0; turn < 5; turn++) expect(await db.open({ connectionString: url }).pooled()).toBe(true)
    busy = false
    await Promise.all(load)
    await Promise.all(others.map((c) => c.end()))
  })

  test.skipIf(missing).each([{ poolSize: 10 }, { poolSize: 1 }])(
    `a pooler that keeps sessions is none, with $poolSize connections as well${why}`,
    async ({ poolSize }) => {
      const url = await pooler({ mode: 'session', poolSize })
      expect(await db.open({ connectionString: url }).pooled()).toBe(false)
    },
  )
})

describe('behind a pooler in transaction mode', () => {
  test.skipIf(missing)(
    `a whole life of jobs leaves nothing on the connections of others; a job starts within the poll interval${why}`,
    async () => {
      const url = await pooler({ poolSize: 4 })
      const events: WorkerEvent[] = []
      const trunkline = await db.connect({ connectionString: url })
      let tries = 0
      const task = defineTask('pooled', {
        retry: { attempts: 2, backoff: { curve: 'fixed', delay: 10 } },
        run({ input, log, attempt }) {
          log.info('seen')
          if (input === 'flaky' && attempt === 1) throw new Error(`no luck ${tries++}`)
          return 'done'
        },
      })
      const worker = await trunkline.work([task], { onEvent: (e) => events.push(e), concurrency: 20 })
      expect(events.find((e) => e.type === 'pooler')).toEqual({ type: 'pooler', direct: false })
      const many = await trunkline.enqueueMany(task, new Array(500).fill('quick'))
      const flaky = await trunkline.enqueue(task, 'flaky')
      await Promise.all([...many, flaky].map((job) => job.result()))
      const later = await trunkline.enqueue(task, {}, { delay: '1h' })
      expect(await trunkline.cancel(later.id)).toBe('cancelled')
      await trunkline.retry(later.id)
      await later.result()
      // asleep by now, and nobody can wake it
      await new Promise((resolve) => setTimeout(resolve, 1500))
      const asked = performance.now()
      await (await trunkline.enqueue(task, {})).result()
      expect(performance.now() - asked).toBeLessThan(1700)
      const [direct] = [await leftBehind(db.url)]
      for (let i = 0; i < 8; i++) expect(await leftBehind(url)).toEqual(direct)
      await worker.stop()
      expect(events.filter((e) => e.type === 'database_error')).toEqual([])
      // nobody listens, so nobody is told
      expect(
        await db.rows(`select from pg_stat_activity where application_name = 'trunkline listen' and datname = current_database()`),
      ).toEqual([])
    },
  )

  test.skipIf(missing)(`what is acknowledged is on disk although the role's default is not to wait${why}`, async () => {
    const admin = await db.client()
    await admin.query(`alter database ${db.name} set synchronous_commit = off`)
    const url = await pooler({ poolSize: 2 })
    await db.rows(`create table committed(how text)`)
    // a deferred trigger sees the setting that the commit will have
    await db.rows(`create function note_commit() returns trigger language plpgsql as $$ begin
      insert into public.committed values (tg_table_name || ' ' || current_setting('synchronous_commit')); return null; end $$`)
    for (const table of ['job', 'lease', 'outcome'])
      await db.rows(
        `create constraint trigger note after insert on trunkline.${table} deferrable initially deferred for each row execute function note_commit()`,
      )
    const trunkline = await db.connect({ connectionString: url })
    const task = defineTask('durable', { run: () => 1 })
    const worker = await trunkline.work([task])
    await (await trunkline.enqueue(task, {})).result()
    await worker.stop()
    const rows = await db.rows('select distinct regexp_replace(how, $1, $2) how from public.committed order by 1', ['_\\d+', ''])
    expect(rows.map((r) => r.how)).toEqual(['job on', 'lease on', 'outcome on'])
    await admin.query(`alter database ${db.name} reset synchronous_commit`)
    for (const table of ['job', 'lease', 'outcome']) await db.rows(`drop trigger note on trunkline.${table}`)
  })

  test.skipIf(missing)(`with a direct URL it listens, beats and migrates past it, and jobs start at once${why}`, async () => {
    const url = await pooler({ poolSize: 4 })
    const events: WorkerEvent[] = []
    const trunkline = await db.connect({
      connectionString: url,
      directConnectionString: db.url,
      migrate: true,
      applicationName: 'past',
    })
    const task = defineTask('direct', { run: () => 'done' })
    const worker = await trunkline.work([task], { onEvent: (e) => events.push(e), pollMs: 30_000 })
    expect(events.find((e) => e.type === 'pooler')).toEqual({ type: 'pooler', direct: true })
    await until(async () => (await db.rows('select from trunkline.idle where waiting')).length > 0, 'the worker to say that it sleeps')
    // a poll would come after half a minute
    await (await trunkline.enqueue(task, {})).result()
    const [listening] = await db.rows(`select count(*)::int n from pg_stat_activity where application_name = 'past listen'`)
    expect(listening.n).toBe(1)
    await worker.stop()
  })

  test.skipIf(missing)(`an error of SQL is told as it is, and the connection serves the next${why}`, async () => {
    const url = await pooler({ poolSize: 1 })
    const database = db.open({ connectionString: url, poolSize: 1 })
    const enqueueMany = statement(import.meta.url, '../jobs/enqueue-many.sql')
    for (let turn = 0; turn < 3; turn++) {
      await expect(database.run(enqueueMany, [1, 4711, 0, 1, null, null, null, ['{'], null, null, null])).rejects.toMatchObject({
        code: '22P02',
      })
    }
    await expect(
      database.transaction(async (tx) => {
        await tx.query('select 1/0')
      }),
    ).rejects.toMatchObject({ code: '22012' })
    expect(await database.query('select 1 one')).toEqual([{ one: 1 }])
  })
})

describe('the functions for poolers', () => {
  test.each(['claim', 'lanes'])('trunkline.%s holds the text of its statement, and nothing else', async (name) => {
    const [row] = await db.rows(`select prosrc from pg_proc where oid = $1::regproc`, [`trunkline.${name}`])
    const normal = (text: string) => text.replace(/\s+/g, ' ').trim()
    const inFile = normal(statement(import.meta.url, `../jobs/${name}.sql`).text('trunkline'))
    const inFunction = normal(row.prosrc).replace("select set_config('synchronous_commit', 'on', true); ", '')
    expect(inFunction.replace(/;$/, '')).toBe(inFile)
  })
})
