import { execFileSync, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAgent, installSchema } from '@trunkline/pgagent'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { onServer, until, urlOf } from './support/database.ts'
import { serverScene } from './support/server-scene.ts'

/** Sections of the page that have SQL or JSON in them, with their blocks. */
const page = readFileSync(new URL('../docs/pgagent-examples.md', import.meta.url), 'utf8')
const sections = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((text) => [
      text.slice(0, text.indexOf('\n')),
      [...text.matchAll(/^```(?:sql|json)\n(.*?)^```$/gms)].map(([, block = '']) => block),
    ]),
)

const [app, backup] = ['app', 'backup'].map((name) => `${name}_${randomBytes(4).toString('hex')}`) as [string, string]
// hooks run in reverse: the roles go after the database in which they own tables
afterAll(async () => {
  for (const role of [app, backup]) await onServer(`drop role if exists ${role}`)
})
const scene = await serverScene()
const { db } = scene
const home = mkdtempSync(join(tmpdir(), 'trunkline-examples-'))
afterAll(() => rmSync(home, { recursive: true, force: true }))
const { hostname, port } = new URL(db.url)
const agent = createAgent({ database: db.open(), stepUser: { user: app, password: 'sekret' }, allowBatch: true, pollMs: 60_000 })

/** The page's roles, server, database and folder are those of this test. */
const staged = (sql: string) =>
  sql
    .replaceAll('host=postgres-service port=5432', `host=${hostname} port=${port}`)
    .replaceAll('user=backup', `user=${backup}`)
    .replaceAll('dbname=openjourney', `dbname=${db.name}`)
    .replaceAll('/var/backups/openjourney', join(home, 'backups'))
    .replace(/\bapp\b/g, app)
const run = (title: string, block = 0) => db.rows(staged(sections.get(title)?.[block] ?? ''))

const serverMajor = Number.parseInt((await db.rows('show server_version'))[0].server_version, 10)
const { stdout } = spawnSync('pg_dump', ['--version'])
const dumps = Number(/\d+/.exec(stdout?.toString() ?? '')?.[0] ?? 0) >= serverMajor
const homeBefore = process.env.HOME

beforeAll(async () => {
  await onServer(`create role ${app} login password 'sekret'`)
  await onServer(`create role ${backup} login password 'geheim' in role pg_read_all_data`)
  await onServer(`alter database ${db.name} set timezone to 'UTC'`)
  await db.rows(`set timezone to 'UTC'`)
  await installSchema(db.open())
  writeFileSync(join(home, '.pgpass'), `${hostname}:${port}:*:${backup}:geheim\n`)
  chmodSync(join(home, '.pgpass'), 0o600)
  process.env.HOME = home
  await run('The tables of the examples')
  // of today as well, for a run that begins before midnight
  await db.rows(`insert into shop.orders(total, placed_at) select n, day + interval '1 minute' * n
    from generate_series(1, 100) n, (values (current_date - 1), (current_date)) days(day)`)
  await db.rows(`insert into shop.session(seen_at) select now() - interval '1 day' * n from generate_series(1, 60) n`)
})
afterAll(async () => {
  process.env.HOME = homeBefore
  await agent.stop()
})

const jobNamed = async (name: string) => (await db.rows('select * from pgagent.pga_job where jobname = $1', [name]))[0]
const nextRun = async (name: string) => (await jobNamed(name)).jobnextrun as Date
const stepsOf = (name: string) =>
  db.rows(
    `select t.jstname name, s.jslstatus status, s.jslresult result, s.jsloutput output, l.jlgstatus run, l.jlgduration is not null and s.jslduration is not null timed
    from pgagent.pga_joblog l join pgagent.pga_job j on j.jobid = l.jlgjobid join pgagent.pga_jobsteplog s on s.jsljlgid = l.jlgid
      join pgagent.pga_jobstep t on t.jstid = s.jsljstid where j.jobname = $1 order by s.jslid`,
    [name],
  )
/** Makes a job due, as the page does, and runs it. */
async function runNow(name: string) {
  await db.rows('update pgagent.pga_job set jobnextrun = now() where jobname = $1', [name])
  expect(await agent.runOnce()).toBe(1)
  return await stepsOf(name)
}
const good = (...steps: [string, number][]) =>
  steps.map(([name, result]) => ({ name, status: 's', result, output: '', run: 's', timed: true }))

test('each section of the page with a statement in it is run below', () => {
  expect([...sections].filter(([, blocks]) => blocks.length > 0).map(([title, blocks]) => [title, blocks.length])).toEqual([
    ['The tables of the examples', 1],
    ['Daily backup', 1],
    ['Vacuum', 1],
    ['Reindex', 1],
    ['ETL procedure', 1],
    ['Clean-up', 1],
    ['Schedules', 1],
    ['Monitoring', 5],
    ['Looking after a job', 5],
    ['The same by the API', 1],
  ])
})

describe('the examples of docs/pgagent-examples.md', () => {
  test('daily backup: it is planned for two in the morning', async () => {
    await run('Daily backup')
    const next = await nextRun('Daily backup')
    expect([next.getUTCHours(), next.getUTCMinutes()]).toEqual([2, 0])
  })

  test.skipIf(!dumps)('daily backup: its dump can be restored (needs a pg_dump as new as the server)', async () => {
    const [step] = await runNow('Daily backup')
    expect(step).toMatchObject({ name: 'dump', status: 's', result: 0, run: 's', timed: true })
    const folder = join(home, 'backups')
    const [file, ...others] = readdirSync(folder)
    expect(others).toEqual([])
    expect(step.output.trim()).toBe(join(folder, file ?? ''))
    const copy = `copy_${randomBytes(4).toString('hex')}`
    await onServer(`create database ${copy}`)
    try {
      execFileSync('pg_restore', ['--exit-on-error', '--no-owner', `--dbname=${urlOf(copy)}`, step.output.trim()])
      const client = new pg.Client({ connectionString: urlOf(copy) })
      await client.connect()
      const { rows } = await client.query('select count(*)::int n, sum(total)::int total from shop.orders')
      await client.end()
      expect(rows).toEqual([{ n: 200, total: 10100 }])
    } finally {
      await onServer(`drop database ${copy} with (force)`)
    }
  })

  test('vacuum: both tables were vacuumed and analysed', async () => {
    await run('Vacuum')
    const next = await nextRun('Weekly vacuum')
    expect([next.getUTCDay(), next.getUTCHours(), next.getUTCMinutes()]).toEqual([0, 3, 0])
    const pages = () =>
      db.rows(`select relname from pg_class where relname in ('orders', 'session') and reltuples >= 60 and relallvisible > 0`)
    expect(await pages()).toEqual([])
    expect(await runNow('Weekly vacuum')).toEqual(good(['1 orders', 0], ['2 sessions', 0]))
    expect(await pages()).toHaveLength(2)
  })

  test('reindex: all indexes are new files, under their names', async () => {
    await run('Reindex')
    const next = await nextRun('Monthly reindex')
    expect([next.getUTCDay(), next.getUTCHours(), next.getUTCMinutes(), next.getUTCDate() <= 7]).toEqual([0, 4, 30, true])
    const files = async () =>
      new Map(
        (
          await db.rows(
            `select c.relname name, c.relfilenode file from pg_index i join pg_class c on c.oid = i.indexrelid
            where i.indrelid in ('shop.orders'::regclass, 'shop.session'::regclass) and i.indisvalid order by 1`,
          )
        ).map(({ name, file }) => [name, file]),
      )
    const before = await files()
    expect(await runNow('Monthly reindex')).toEqual(good(['1 orders', 0], ['2 sessions', 0]))
    const after = await files()
    expect([...after.keys()]).toEqual([...before.keys()])
    for (const [name, file] of before) expect(after.get(name), name).not.toBe(file)
  })

  test('the procedure loads; when it fails, its line and the failed step both stay', async () => {
    await run('ETL procedure')
    expect(await runNow('Daily sales')).toEqual(good(['load', 0]))
    expect(await db.rows('select orders::int, total::int, day < current_date as past from shop.daily_sales')).toEqual([
      { orders: 100, total: 5050, past: true },
    ])
    await db.rows('alter table shop.daily_sales add constraint few check (orders < 100) not valid')
    const [, failed] = await runNow('Daily sales')
    expect(failed).toMatchObject({
      status: 'f',
      result: -1,
      run: 'f',
      output: expect.stringContaining('were not loaded: new row for relation'),
    })
    expect(await db.rows('select status, message is null as fine from shop.etl_log order by at')).toEqual([
      { status: 'done', fine: true },
      { status: 'failed', fine: false },
    ])
    await db.rows('alter table shop.daily_sales drop constraint few')
  })

  test('clean-up deletes what is old, and says how much', async () => {
    await run('Clean-up')
    expect((await nextRun('Clean-up')).getUTCMinutes()).toBe(5)
    const [{ old }] = await db.rows(`select count(*)::int old from shop.session where seen_at < now() - interval '30 days'`)
    expect(old).toBeGreaterThan(0)
    expect(await runNow('Clean-up')).toEqual(good(['old sessions', old]))
    expect(await db.rows('select count(*)::int n from shop.session')).toEqual([{ n: 60 - old }])
  })

  test('schedules start at what they are called', async () => {
    await run('Schedules')
    const rows = await db.rows(
      `select jscname name, pgagent.pga_next_schedule(jscid, jscstart, jscend, jscminutes, jschours, jscweekdays, jscmonthdays, jscmonths) next
      from pgagent.pga_schedule join pgagent.pga_job on jobid = jscjobid where jobname = 'Patterns' order by jscid`,
    )
    const next = rows.map(({ next }) => next as Date)
    const [quarter, office, month, year] = next as [Date, Date, Date, Date]
    expect(rows).toHaveLength(4)
    expect([0, 15, 30, 45]).toContain(quarter.getUTCMinutes())
    expect(quarter.getTime() - Date.now()).toBeLessThan(16 * 60_000)
    expect([office.getUTCMinutes(), office.getUTCHours() >= 9 && office.getUTCHours() <= 17, [0, 6].includes(office.getUTCDay())]).toEqual([
      0,
      true,
      false,
    ])
    expect([month.getUTCHours(), month.getUTCMinutes()]).toEqual([6, 0])
    expect(month.getUTCDate() === 2 || new Date(month.getTime() + 86_400_000).getUTCDate() === 1).toBe(true)
    expect([year.getUTCDate(), year.getUTCHours(), year.getUTCMinutes()]).toEqual([1, 1, 0])
    expect([3, 6, 9, 0]).toContain(year.getUTCMonth())
    const newYear = Date.UTC(new Date().getUTCFullYear() + 1, 0, 1, 1)
    expect(year.getTime()).not.toBe(newYear)
    expect((await nextRun('Patterns')).getTime()).toBe(Math.min(...next.map((at) => at.getTime())))
  })

  test('monitoring finds what was planned, failed and took its time, what runs, and who is alive', async () => {
    const planned = await run('Monitoring', 0)
    expect(planned.map(({ jobname }) => jobname).sort()).toEqual(
      ['Clean-up', 'Daily backup', 'Daily sales', 'Monthly reindex', 'Patterns', 'Weekly vacuum'].sort(),
    )
    expect(planned.find(({ jobname }) => jobname === 'Daily sales')).toMatchObject({ jlgstatus: 'f', jobenabled: true })
    expect(await run('Monitoring', 1)).toEqual([
      expect.objectContaining({
        jobname: 'Daily sales',
        jstname: 'load',
        jslresult: -1,
        jsloutput: expect.stringContaining('were not loaded'),
      }),
    ])
    expect(await run('Monitoring', 2)).toEqual([])
    expect((await run('Monitoring', 3)).find(({ jobname }) => jobname === 'Daily sales')).toMatchObject({ runs: '2', failures: '1' })
    const [mine] = await run('Monitoring', 4)
    expect(mine).toMatchObject({ lives: true, jobs: '0' })

    // what runs is shown while it does: the procedure waits for a lock
    const holder = await db.client()
    await holder.query('begin; lock table shop.etl_log')
    await db.rows(`update pgagent.pga_job set jobnextrun = now() where jobname = 'Daily sales'`)
    const running = agent.runOnce()
    try {
      const seen = await until(async () => {
        const found = await run('Monitoring', 2)
        return found.length > 0 && found
      }, 'a run')
      expect(seen).toEqual([expect.objectContaining({ jobname: 'Daily sales', jagstation: mine.jagstation })])
      expect(await run('Monitoring', 1)).toHaveLength(1)
    } finally {
      await holder.query('commit')
      await running
    }
  })

  test('a job is disabled, enabled, run, its history cleared, and deleted', async () => {
    const logs = (table: string) => db.rows(`select from pgagent.${table}`)
    await run('Looking after a job', 0)
    expect(await jobNamed('Clean-up')).toMatchObject({ jobenabled: false, jobnextrun: null })
    await run('Looking after a job', 1)
    expect((await nextRun('Clean-up')).getUTCMinutes()).toBe(5)
    await run('Looking after a job', 2)
    expect(await agent.runOnce()).toBe(1)
    expect(await stepsOf('Clean-up')).toHaveLength(2)
    const [runs, steps] = [await logs('pga_joblog'), await logs('pga_jobsteplog')]
    await run('Looking after a job', 3)
    expect(await stepsOf('Clean-up')).toEqual([])
    expect([await logs('pga_joblog'), await logs('pga_jobsteplog')].map((rows) => rows.length)).toEqual([runs.length - 2, steps.length - 2])
    await runNow('Clean-up')
    await run('Looking after a job', 4)
    expect(await jobNamed('Clean-up')).toBeUndefined()
    expect((await logs('pga_jobsteplog')).length).toBe(steps.length - 2)
    expect(await db.rows(`select from pgagent.pga_schedule where jscname = 'hourly'`)).toEqual([])
  })

  test('the API takes what is meant, and the tables stay strict', async () => {
    const admin = await scene.user('admin', { rights: ['steps.sql'] })
    const { status, body } = await admin('POST', '/pgagent/servers/default/jobs', sections.get('The same by the API')?.[0])
    expect(status, JSON.stringify(body)).toBe(201)
    expect(body).toMatchObject({
      steps: [{ database: db.name }, { database: db.name }],
      warnings: expect.arrayContaining([expect.objectContaining({ code: 'looks_like_shell', where: '2 dump' })]),
    })
    const next = new Date(body.next[0])
    expect([next.getUTCHours(), next.getUTCMinutes(), new Date(next.getTime() + 86_400_000).getUTCDate()]).toEqual([23, 30, 1])
    expect((await nextRun('Month end')).toISOString()).toBe(body.next[0])
    expect(await runNow('Month end')).toEqual(good(['1 load', 0]))
    for (const [columns, values] of [
      ['jstjobid, jstname, jstkind, jstcode', `'no database', 's', 'select 1'`],
      ['jstjobid, jstname, jstkind, jstdbname, jstcode', `'a database', 'b', current_database(), 'true'`],
    ])
      await expect(db.rows(`insert into pgagent.pga_jobstep (${columns}) values (${body.id}, ${values})`)).rejects.toThrow(
        /pga_jobstep_check/,
      )
    await expect(
      db.rows(`insert into pgagent.pga_schedule (jscjobid, jscname, jscminutes) values (${body.id}, 'a list', '{t}')`),
    ).rejects.toThrow(/pga_schedule_jscminutes_size/)
  })
})
