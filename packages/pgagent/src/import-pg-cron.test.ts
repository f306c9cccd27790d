import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { testDatabase, until } from '../../../test/support/database.ts'
import { fileSystemStorage, Trunkline } from '../../engine/src/index.ts'
import { type Database, openDatabase } from '../../engine/src/postgres/index.ts'
import { builtInTasks } from '../../tasks/src/index.ts'
import { startEmbedded } from '../../trunkline/src/embedded.ts'
import { applyCronImport, planCronImport, undoCronImport } from './import-pg-cron.ts'
import { readCronLine } from './schedule/cron-times.ts'

const tasksOf = (connectionString: string) => builtInTasks({ connectionString, storage: fileSystemStorage('/nowhere') })

describe('the table and the function of pg_cron 1.6, made by hand', async () => {
  const db = await testDatabase()
  const trunkline = await db.connect()
  const cron = db.open()

  beforeAll(async () => {
    await db.rows(`create schema cron`)
    await db.rows(`create table cron.job (jobid bigint generated always as identity primary key, schedule text not null, command text not null,
      nodename text not null default 'localhost', nodeport int not null default 5432, database text not null default current_database(),
      username text not null default current_user, active boolean not null default true, jobname text)`)
    await db.rows(`create function cron.alter_job(job_id bigint, schedule text default null, command text default null, database text default null,
      username text default null, active boolean default null) returns void language sql as $$
        update cron.job j set active = coalesce(alter_job.active, j.active) where jobid = job_id $$`)
    const worker = await trunkline.work(tasksOf(db.url), { keeper: false })
    await worker.stop()
  })
  beforeEach(() => db.rows(`truncate cron.job`))

  async function job(
    schedule: string,
    more: { command?: string; nodename?: string; active?: boolean; name?: string | null } = {},
  ): Promise<number> {
    const { command = 'select 1', nodename = 'localhost', active = true, name = 'nightly' } = more
    const [row] = await db.rows(
      `insert into cron.job(schedule, command, nodename, active, jobname) values ($1, $2, $3, $4, $5) returning jobid::int id`,
      [schedule, command, nodename, active, name],
    )
    return row.id
  }
  const planOf = async (id: number) => {
    const [plan] = await planCronImport(trunkline, cron, [id])
    if (!plan) throw new Error('no plan')
    return plan
  }

  test.each([
    ['* * * * *', 0],
    ['30 3 * * 6', 0],
    ['0 12 $ * *', 0],
    ['15 0,12 1,15,$ * *', 0],
    ['*/7 8-18/2 * JAN-jun mon-FRI', 0],
    ['0 0 1 * 5', 0],
    ['0 0 29 2 *', 0],
    ['5/15 * * * 7', 0],
    ['@weekly', 0],
    // a day field that begins with a star is no condition for Vixie's cron: a day needs both; for ours one is enough
    ['0 4 */2 * 1', null],
  ])('%s: the next runs of both sides are compared', async (schedule, expected) => {
    const { schedules, obstacles } = await planOf(await job(schedule))
    expect(obstacles).toEqual([])
    const [{ runs, differing } = { runs: [], differing: -1 }] = schedules
    expect(runs.length).toBeGreaterThan(5)
    if (expected === null) expect(differing).toBeGreaterThan(0)
    else expect(differing, JSON.stringify(runs.filter((run) => run.inOriginal !== run.inTrunkline))).toBe(expected)
  })

  test('what has no times, runs elsewhere or is not there is an obstacle; an interval is taken as it is', async () => {
    expect((await planOf(await job('@reboot'))).obstacles).toEqual([expect.stringContaining('@reboot has no times')])
    expect((await planOf(await job('1 2 3'))).obstacles).toEqual([expect.stringContaining('has no times')])
    expect((await planOf(await job('* * * * *', { nodename: 'elsewhere' }))).obstacles).toEqual([expect.stringContaining('another server')])
    expect((await planOf(999_999)).obstacles).toEqual([expect.stringContaining('no such job')])
    const [interval] = (await planOf(await job('30 seconds'))).schedules
    expect(interval).toMatchObject({ options: { intervalMs: 30_000, missed: 'skip', overlap: 'queue' }, runs: [] })
    expect(await trunkline.schedules.list()).toEqual([])
  })

  test('cut over, cut off, gone on with, taken back', async () => {
    const id = await job('0 3 * * *', { command: 'vacuum' })
    const off = await job('0 4 * * *', { active: false, name: null })
    const active = async (of: number) => (await db.rows(`select active from cron.job where jobid = $1`, [of]))[0].active
    const [made] = await applyCronImport(trunkline, cron, await planOf(id), 'test')
    const [madeOff] = await applyCronImport(trunkline, cron, await planOf(off), 'test')
    expect([await active(id), await active(off)]).toEqual([false, false])
    expect(await trunkline.schedules.get(made as string)).toMatchObject({
      ...{ name: `nightly (pg_cron ${id})`, isEnabled: true, paused: null, payload: { sql: 'vacuum', database: db.name } },
    })
    expect(await trunkline.schedules.get(madeOff as string)).toMatchObject({ name: `pg_cron ${off} (pg_cron ${off})`, isEnabled: false })
    expect((await planOf(id)).importedAs).toEqual([made])

    // as if it had been cut off before the job was switched off there
    await trunkline.schedules.pause(made as string, { reason: 'the cut-over from pg_cron' })
    await db.rows(`update cron.job set active = true where jobid = $1`, [id])
    expect(await applyCronImport(trunkline, cron, await planOf(id), 'test')).toEqual([made])
    expect([await active(id), (await trunkline.schedules.get(made as string)).paused]).toEqual([false, null])
    // a pause of the operators' own is theirs
    await trunkline.schedules.pause(made as string, { reason: 'holidays' })
    await applyCronImport(trunkline, cron, await planOf(id), 'test')
    expect((await trunkline.schedules.get(made as string)).paused?.reason).toBe('holidays')

    expect(await undoCronImport(trunkline, cron, id, 'test')).toBe(1)
    expect(await undoCronImport(trunkline, cron, id, 'test')).toBeNull()
    await undoCronImport(trunkline, cron, off, 'test')
    expect([await active(id), await active(off)]).toEqual([true, false])
    expect(await trunkline.schedules.list()).toEqual([])
  })
})

test('hostile lines are no lines', () => {
  for (const text of [
    '',
    '* * * *',
    '60 * * * *',
    '*/0 * * * *',
    '5-1 * * * *',
    '* * $ $ *',
    '1,,2 * * * *',
    '- - - - -',
    `${'*,'.repeat(9999)}* * * * *`,
  ])
    expect(readCronLine(text), text.slice(0, 20)).toSatisfy((line) => line === null || text.length > 100)
})

const debian = '/usr/lib/postgresql/15'
const isThere = existsSync(join(debian, 'lib/pg_cron.so')) && existsSync(join(debian, 'bin/postgres'))

describe.skipIf(!isThere)('pg_cron 1.4 itself (postgresql-15-cron of Debian)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'trunkline-pg-cron-'))
  let server: Awaited<ReturnType<typeof startEmbedded>>
  let trunkline: Trunkline
  let cron: Database

  beforeAll(async () => {
    server = await startEmbedded({
      dataDir: join(folder, 'data'),
      binaries: debian,
      settings: { shared_preload_libraries: 'pg_cron', 'cron.database_name': 'trunkline', 'cron.use_background_workers': 'on' },
    })
    cron = openDatabase({ connectionString: server.connectionString() })
    await cron.query(`create extension pg_cron`)
    trunkline = await Trunkline.connect({ connectionString: server.connectionString(), migrate: true })
  })
  afterAll(async () => {
    await trunkline?.close()
    await cron?.close()
    await server?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  test('a job of it is planned, switched off there, run here, and switched on there again', async () => {
    await cron.query(`create table public.ran(by_whom text)`)
    const [row] = await cron.query<{ id: number }>(
      `select cron.schedule('each minute', '* * * * *', 'insert into public.ran values (current_user)')::int id`,
    )
    const id = row?.id as number
    await cron.query(`select cron.schedule('at night', '0 3 1 * *', 'vacuum')`)
    const active = async () => (await cron.query<{ active: boolean }>(`select active from cron.job where jobid = $1`, [id]))[0]?.active
    const worker = await trunkline.work(tasksOf(server.connectionString()), { pollMs: 100 })
    const plans = await planCronImport(trunkline, cron, null)
    expect(plans.map(({ name, obstacles, schedules }) => [name, obstacles, schedules[0]?.runs.length, schedules[0]?.differing])).toEqual([
      ['each minute', [], 50, 0],
      ['at night', [], 50, 0],
    ])
    const [made] = await applyCronImport(trunkline, cron, plans[0] as (typeof plans)[0], 'test')
    expect(await active()).toBe(false)
    const { jobId } = await trunkline.schedules.run(made as string)
    await until(async () => (await trunkline.get(jobId)).state === 'completed', 'it to run')
    expect((await cron.query(`select * from public.ran limit 1`))[0]).toEqual({ by_whom: 'trunkline' })
    await undoCronImport(trunkline, cron, id, 'test')
    expect(await active()).toBe(true)
    await worker.stop()
  })
})
