import { randomBytes } from 'node:crypto'
import { fileSystemStorage } from '@trunkline/engine'
import { createAgent, installSchema, watch } from '@trunkline/pgagent'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { onServer, until } from '../../../../test/support/database.ts'
import { serverScene } from '../../../../test/support/server-scene.ts'
import { builtInTasks } from '../../../tasks/src/index.ts'

const role = `pgjobs_${randomBytes(4).toString('hex')}`
afterAll(() => onServer(`drop role if exists ${role}`))
const scene = await serverScene()
const { db } = scene
const admin = await scene.user('admin', { rights: ['steps.sql', 'steps.shell'] })
const operator = await scene.user('operator')
const at = '/pgagent/servers/default'
const events: string[] = []
const agent = createAgent({
  database: db.open({ applicationName: 'agent' }),
  stepUser: { user: role, password: 'x' },
  allowBatch: true,
  pollMs: 60_000,
  onEvent: ({ type }) => events.push(type),
})

beforeAll(async () => {
  await onServer(`create role ${role} login password 'x'`)
  await installSchema(db.open())
  await watch(db.open())
  agent.start()
  await until(() => events.includes('registered'))
})
afterAll(() => agent.stop())

const nightly = {
  name: 'nightly',
  class: 'Routine Maintenance',
  timezone: 'Europe/Berlin',
  steps: [
    { name: '1 count', kind: 'sql', code: 'select 1 union select 2' },
    { name: '2 say', kind: 'batch', code: 'echo said', onError: 'ignore' },
  ],
  schedules: [
    { name: 'at three', startsAt: '2026-01-01T00:00:00Z', calendar: { hours: [3], minutes: [0] }, exceptions: [{ date: '2030-01-01' }] },
  ],
}
const make = async (job: object = {}) => {
  const { status, body } = await admin('POST', `${at}/jobs`, { ...nightly, ...job })
  expect(status, JSON.stringify(body)).toBe(201)
  return body
}
const ended = (jobId: string, n = 1) =>
  until(async () => {
    const { body } = await admin('GET', `${at}/jobs/${jobId}/runs`)
    return body.data.filter((run: any) => run.status !== 'r').length >= n && body.data
  }, 'the end of a run')

describe('a job by the API', () => {
  test('is made, read, changed, cloned, exported and deleted; the triggers plan it by its own clock', async () => {
    const made = await make()
    expect(made).toMatchObject({
      ...{ class: 'Routine Maintenance', timezone: 'Europe/Berlin', warnings: [] },
      steps: [
        { kind: 'sql', database: db.name, onError: 'fail' },
        { kind: 'batch', database: '', onError: 'ignore' },
      ],
      schedules: [
        {
          calendar: { hours: [3], minutes: [0], weekdays: [], monthDays: [], months: [] },
          exceptions: [{ date: '2030-01-01', time: null }],
        },
      ],
    })
    const [row] = await db.rows(
      `select jobnextrun, jobnextrun at time zone 'Europe/Berlin' as local from pgagent.pga_job where jobid = $1`,
      [made.id],
    )
    expect(made.next[0]).toBe(row.jobnextrun.toISOString())
    expect(row.local.getHours()).toBe(3)

    const [first, second] = made.steps
    const flags = (n: number, ...on: number[]) => Array.from({ length: n }, (_, i) => on.includes(i))
    const change = {
      ...{
        name: 'weekly',
        version: made.version,
        steps: [
          { ...nightly.steps[0], id: first.id, code: 'select 3', timeoutMs: 5000 },
          { ...nightly.steps[1], name: '0 new' },
        ],
      },
      schedules: [{ name: 'by flags', calendar: { weekdays: flags(7, 1), hours: flags(24, 5), minutes: [30], monthDays: ['last', 31] } }],
    }
    const changed = await admin('PUT', `${at}/jobs/${made.id}`, change)
    expect(changed.body).toMatchObject({
      ...{ name: 'weekly', timezone: null },
      steps: [{ name: '0 new' }, { id: first.id, code: 'select 3', timeoutMs: 5000 }],
      schedules: [{ calendar: { weekdays: [1], hours: [5], minutes: [30], monthDays: [31, 'last'] }, exceptions: [] }],
    })
    expect(changed.body.steps.map((s: any) => s.id)).not.toContain(second.id)
    expect((await admin('PUT', `${at}/jobs/${made.id}`, change)).body.code).toBe('server_changed')

    const clone = await admin('POST', `${at}/jobs/${made.id}/clone`, {})
    expect(clone.body).toMatchObject({ name: 'weekly (copy)', isEnabled: false, next: [], steps: [{ name: '0 new' }, { name: '1 count' }] })
    const { sql } = (await admin('GET', `${at}/jobs/${made.id}/sql`)).body
    expect((await admin('DELETE', `${at}/jobs/${made.id}`)).status).toBe(200)
    expect((await admin('GET', `${at}/jobs/${made.id}`)).body.code).toBe('pgagent_not_found')
    await db.rows(sql)
    const list = (await admin('GET', `${at}/jobs`)).body.data
    expect(list.map((j: any) => [j.name, j.isEnabled])).toEqual([
      ['weekly', true],
      ['weekly (copy)', false],
    ])
    const again = (await admin('GET', `${at}/jobs/${list[0].id}`)).body
    expect(again.schedules[0].calendar).toEqual(changed.body.schedules[0].calendar)
    for (const { id } of list) await admin('DELETE', `${at}/jobs/${id}`)
  })

  test('is made once for an idempotency key, and the audit says who made it', async () => {
    const key = { 'idempotency-key': 'nightly-1' }
    const [first, again] = [await admin('POST', `${at}/jobs`, nightly, key), await admin('POST', `${at}/jobs`, nightly, key)]
    expect([first.status, again.status, again.body.id]).toEqual([201, 201, first.body.id])
    expect((await admin('GET', `${at}/jobs`)).body.data.length).toBe(1)
    const audit = await db.rows(`select actor, after from trunkline.audit where target = $1`, [`pgagent:default:job:${first.body.id}`])
    expect(audit).toMatchObject([{ actor: `user:${admin.email}`, after: { name: 'nightly' } }])
    expect(JSON.stringify(audit)).not.toContain('echo said')
    await admin('DELETE', `${at}/jobs/${first.body.id}`)
  })

  test('warns of what will not be as expected, and of what the original does otherwise', async () => {
    const made = await make({
      steps: [
        { name: 'a', kind: 'sql', code: 'pg_dump shop > /tmp/x' },
        { name: 'b', kind: 'sql', code: 'vacuum t; select 1', connectionString: "host=h user=u password='se cret'", database: 'x' },
      ],
      schedules: [
        { name: 'never', startsAt: '2026-01-01T00:00:00Z', calendar: { months: [2], monthDays: [30], hours: [1], minutes: [0] } },
        {
          name: 'fifteenth and last',
          startsAt: '2026-01-01T00:00:00Z',
          calendar: { monthDays: ['last'], hours: [9], minutes: [0, 30], weekdays: [] },
        },
      ],
      timezone: 'UTC',
    })
    const codes = made.warnings.map((w: any) => [w.where, w.code])
    expect(codes).toEqual(
      expect.arrayContaining([
        ['a', 'looks_like_shell'],
        ['b', 'vacuum_with_others'],
        ['b', 'two_connections'],
        ['never', 'no_further_run'],
      ]),
    )
    expect(codes.filter(([where]: string[]) => where === 'never').map(([, code]: string[]) => code)).toContain('original_fails')
    expect(JSON.stringify(made)).not.toContain('se cret')
    expect(made.steps[1].connectionString).toBe('host=h user=u password=********')
    const { steps } = made
    const same = {
      name: 'kept',
      steps: steps.map(({ id, name, kind, code, database, connectionString }: any) => ({
        id,
        name,
        kind,
        code,
        database,
        connectionString,
      })),
    }
    expect((await admin('PUT', `${at}/jobs/${made.id}`, same)).status).toBe(200)
    expect((await db.rows(`select jstconnstr from pgagent.pga_jobstep where jstid = $1`, [steps[1].id]))[0].jstconnstr).toContain('se cret')
    expect((await admin('GET', `${at}/jobs/${made.id}/sql`)).body.sql).not.toContain('se cret')
    await admin('DELETE', `${at}/jobs/${made.id}`)
  })

  test('to write a step, or change what it does, needs the right for it', async () => {
    const bare = await scene.user('admin', { rights: ['steps.sql'] })
    expect((await bare('POST', `${at}/jobs`, nightly)).body.code).toBe('forbidden')
    const made = await make()
    const [sql, batch] = made.steps.map(({ id, name, kind, code, database }: any) => ({ id, name, kind, code, database }))
    expect((await bare('PUT', `${at}/jobs/${made.id}`, { name: 'x', steps: [{ ...sql, code: 'select 4' }, batch] })).status).toBe(200)
    expect((await bare('PUT', `${at}/jobs/${made.id}`, { name: 'x', steps: [sql, { ...batch, code: 'echo other' }] })).body.code).toBe(
      'forbidden',
    )
    expect((await bare('POST', `${at}/jobs/${made.id}/clone`, {})).body.code).toBe('forbidden')
    expect((await operator('GET', `${at}/jobs/${made.id}`)).body.steps[0].code).toBeNull()
    await admin('DELETE', `${at}/jobs/${made.id}`)
  })

  test('the SQL of a step is read by its server and not run; a mistake is told with its place', async () => {
    await db.rows('create table checked(n int)')
    const check = (sql: unknown, who = admin) => who('POST', `${at}/check-sql`, { sql })
    expect(await check('insert into checked values (1); vacuum checked')).toMatchObject({ status: 200, body: { ok: true, problem: null } })
    expect((await check('insert into checked values (1);\nselect from where')).body).toEqual({
      ok: false,
      problem: {
        line: 2,
        message: 'syntax error at or near "where"',
        text: 'ERROR:  syntax error at or near "where"\nLINE 2: select from where\n                    ^',
      },
    })
    expect(await db.rows('select from checked')).toEqual([])
    for (const sql of ['', 1, undefined, 'x'.repeat(500_001), 'select \u0000'])
      expect(await check(sql)).toMatchObject({ status: 400, body: { code: 'invalid_request' } })
    expect(await check('select 1', operator)).toMatchObject({ status: 403, body: { code: 'forbidden' } })
  })

  test('bad input is refused with a reason, never a fault', async () => {
    const bad: [string, string, unknown][] = [
      ['POST', `${at}/jobs`, { ...nightly, class: 'No such class' }],
      ['POST', `${at}/jobs`, { ...nightly, steps: [{ name: 'x', kind: 'batch', code: 'true', database: 'x' }] }],
      ['POST', `${at}/jobs`, { ...nightly, schedules: [{ name: 'x', calendar: { minutes: [60] } }] }],
      ['POST', `${at}/jobs`, { ...nightly, schedules: [{ name: 'x', calendar: { minutes: [true] } }] }],
      ['POST', `${at}/jobs`, { ...nightly, schedules: [{ name: 'x', exceptions: [{}] }] }],
      ['POST', `${at}/jobs`, { ...nightly, steps: [{ name: 'x', kind: 'sql', code: 'x', id: '5' }] }],
      ['POST', `${at}/jobs`, { ...nightly, timezone: 'Mars/Base' }],
      ['GET', `${at}/jobs/2147483648`, undefined],
      ['GET', `${at}/jobs/2147483647`, undefined],
      ['PUT', `${at}/jobs/2147483647`, { name: 'x' }],
      ['POST', `${at}/jobs/2147483647/run`, undefined],
      ['POST', `${at}/runs/2147483647/cancel`, undefined],
      ['DELETE', `${at}/jobs/2147483647`, undefined],
    ]
    for (const [method, url, body] of bad) {
      const answer = await admin(method, url, body)
      expect([400, 404, 409], `${method} ${url} ${JSON.stringify(body)} ${answer.text}`).toContain(answer.status)
    }
    // two schedules cannot except the same date and time: the index of the original says so
    const twice = { calendar: { hours: [3], minutes: [0] }, exceptions: [{ date: '2031-01-01', time: '03:00' }] }
    const both = await admin('POST', `${at}/jobs`, {
      ...nightly,
      schedules: [
        { name: 'a', ...twice },
        { name: 'b', ...twice },
      ],
    })
    expect(both).toMatchObject({ status: 409, body: { code: 'pgagent_rejected' } })
    expect((await admin('GET', `${at}/jobs`)).body.data).toEqual([])
  })
})

describe('runs by the API', () => {
  test('now, by one step alone without touching the schedule, with history, output and a cleared log', async () => {
    const made = await make()
    expect((await operator('POST', `${at}/jobs/${made.id}/run`)).status).toBe(200)
    const [whole] = await ended(made.id)
    expect(whole).toMatchObject({
      status: 's',
      onlyStepId: null,
      steps: [
        { status: 's', result: 2, output: null },
        { status: 's', outputLength: 5 },
      ],
    })
    // a run is closed before its job is freed and planned
    const free = () =>
      until(async () => (await db.rows('select jobagentid from pgagent.pga_job where jobid = $1', [made.id]))[0].jobagentid === null)
    await free()
    const [before] = await db.rows('select jobnextrun, joblastrun from pgagent.pga_job where jobid = $1', [made.id])
    expect((await operator('POST', `${at}/jobs/${made.id}/steps/${made.steps[1].id}/run`)).status).toBe(200)
    const [single] = await ended(made.id, 2)
    expect(single).toMatchObject({ status: 's', onlyStepId: made.steps[1].id, steps: [{ stepName: '2 say', status: 's', result: 0 }] })
    expect((await admin('GET', `${at}/runs/${single.id}`)).body.steps[0].output.trim()).toBe('said')
    await free()
    expect(await db.rows('select jobnextrun, joblastrun from pgagent.pga_job where jobid = $1', [made.id])).toEqual([before])
    expect((await operator('POST', `${at}/jobs/${made.id}/steps/2147483647/run`)).body.code).toBe('pgagent_refused')

    const page = (await admin('GET', `${at}/runs?limit=1`)).body
    expect(page).toMatchObject({ data: [{ id: single.id }], nextCursor: single.id })
    expect((await admin('GET', `${at}/runs?limit=1&cursor=${page.nextCursor}`)).body.data[0].id).toBe(whole.id)
    expect((await admin('DELETE', `${at}/jobs/${made.id}/runs`)).body).toEqual({ runs: 2 })
    expect((await admin('GET', `${at}/runs`)).body.data).toEqual([])
    await admin('DELETE', `${at}/jobs/${made.id}`)
  })

  test('is cancelled while it runs', async () => {
    const made = await make({ steps: [{ name: 'long', kind: 'sql', code: 'select pg_sleep(60)' }] })
    await operator('POST', `${at}/jobs/${made.id}/run`)
    const run = await until(async () =>
      (await admin('GET', `${at}/runs`)).body.data.find((r: any) => r.status === 'r' && r.steps.length > 0),
    )
    expect((await operator('POST', `${at}/runs/${run.id}/cancel`)).status).toBe(200)
    expect((await ended(made.id))[0]).toMatchObject({ status: 'f', steps: [{ status: 'f' }] })
    await admin('DELETE', `${at}/jobs/${made.id}`)
  })

  test('a single step that died with its agent is closed, and the whole job is not run instead', async () => {
    const made = await make()
    const dead = await db.client()
    const [{ pid }] = (await dead.query('select pg_backend_pid() pid')).rows
    await db.rows(`insert into pgagent.pga_jobagent(jagpid, jagstation) values ($1, 'x')`, [pid])
    await db.rows('update pgagent.pga_job set jobagentid = $1 where jobid = $2', [pid, made.id])
    const [{ run }] = await db.rows(`insert into pgagent.pga_joblog(jlgjobid) values ($1) returning jlgid run`, [made.id])
    await db.rows('insert into trunkline_pgagent.step_run(jlgid, jstid) values ($1, $2)', [run, made.steps[0].id])
    const [before] = await db.rows('select jobnextrun from pgagent.pga_job where jobid = $1', [made.id])
    await dead.end()
    await until(async () => (await db.rows('select from pg_stat_activity where pid = $1', [pid])).length === 0)
    await using second = createAgent({ database: db.open(), stepUser: { user: role, password: 'x' }, retryOnCrash: true, pollMs: 60_000 })
    expect(await second.runOnce()).toBe(0)
    expect((await admin('GET', `${at}/runs/${run}`)).body.status).toBe('d')
    expect(await db.rows('select jobnextrun, jobagentid from pgagent.pga_job where jobid = $1', [made.id])).toEqual([
      { ...before, jobagentid: null },
    ])
  })
})

describe('the cut-over to native schedules', () => {
  const enabled = async (id: string) => (await admin('GET', `${at}/jobs/${id}`)).body.isEnabled
  const lines = async (action: string, id: string) =>
    await db.rows(`select actor, outcome, after from trunkline.audit where action = $1 and target = $2 order by no`, [
      action,
      `pgagent:default:job:${id}`,
    ])

  beforeAll(async () => {
    const environment = { connectionString: db.url, storage: fileSystemStorage('/nowhere'), shell: { allowed: true, allowRoot: true } }
    const worker = await (await db.connect()).work(builtInTasks(environment), { keeper: false })
    await worker.stop()
  })

  test('rehearsed, made, gone on with, taken back; each with its line in the audit', async () => {
    const { id } = await make({ name: 'cut' })
    const rehearsal = await admin('GET', `${at}/jobs/${id}/rehearsal`)
    expect(rehearsal.body).toMatchObject({ verdict: 'possible', schedules: [{ differing: 0, isEnabled: true }] })
    const { version, schedules } = rehearsal.body
    const { status, body } = await admin('POST', `${at}/jobs/${id}/import`, { version })
    expect(status, JSON.stringify(body)).toBe(200)
    expect(body.schedules).toHaveLength(1)
    expect(await enabled(id)).toBe(false)
    const made = await admin('GET', `/jobs/schedules/${body.schedules[0]}`)
    expect(made.body).toMatchObject({ name: schedules[0].name, task: 'steps_run', isEnabled: true, timezone: 'Europe/Berlin' })
    expect((await admin('GET', `${at}/jobs/${id}/rehearsal`)).body).toMatchObject({ verdict: 'done', importedAs: body.schedules })
    // the same once more changes nothing
    expect((await admin('POST', `${at}/jobs/${id}/import`, {})).body).toEqual(body)
    expect(await lines('pgagent_job.import', id)).toMatchObject([{ outcome: 'done', after: body }, { outcome: 'done' }])

    const back = await admin('POST', `${at}/jobs/${id}/import/undo`)
    expect(back.body).toEqual({ schedules: 1, isEnabled: true })
    expect(await enabled(id)).toBe(true)
    expect((await admin('GET', `/jobs/schedules/${body.schedules[0]}`)).status).toBe(404)
    expect((await admin('POST', `${at}/jobs/${id}/import/undo`)).body.code).toBe('pgagent_refused')
    expect(await lines('pgagent_job.undo_import', id)).toMatchObject([{ outcome: 'done', after: { isEnabled: true, schedules: 1 } }])
  })

  test('what is in the way, another version, a missing right, other servers: nothing is made', async () => {
    const { id } = await make({ name: 'kept' })
    const { version } = (await admin('GET', `${at}/jobs/${id}/rehearsal`)).body
    const refused = async (caller: typeof admin, url: string, body: unknown, code: string) =>
      expect((await caller('POST', url, body)).body.code).toBe(code)
    expect((await admin('PUT', `${at}/jobs/${id}`, { ...nightly, name: 'kept otherwise' })).status).toBe(200)
    await refused(admin, `${at}/jobs/${id}/import`, { version }, 'server_changed')
    await refused(admin, `${at}/jobs/${id}/import`, { dryRun: true }, 'invalid_request')
    await refused(await scene.user('admin', { rights: ['steps.sql'] }), `${at}/jobs/${id}/import`, {}, 'forbidden')
    await refused(await scene.user('operator', { rights: ['steps.sql', 'steps.shell'] }), `${at}/jobs/${id}/import`, {}, 'forbidden')
    await refused(admin, `${at}/jobs/2147483647/import`, {}, 'pgagent_not_found')
    const none = await make({ name: 'nothing to do', steps: [] })
    const answer = await admin('POST', `${at}/jobs/${none.id}/import`, {})
    expect(answer).toMatchObject({ status: 409, body: { code: 'pgagent_refused' } })
    expect(answer.body.detail).toContain('it has no enabled step')
    expect([await enabled(id), await enabled(none.id)]).toEqual([true, true])
    expect((await admin('GET', '/jobs/schedules')).body.data).toEqual([])
  })

  test('who may not see the schedules does not delete them by the way back', async () => {
    const { id } = await make({ name: 'of all' })
    const { schedules } = (await admin('POST', `${at}/jobs/${id}/import`, {})).body
    const scoped = await scene.user('admin', { rights: ['steps.sql', 'steps.shell'], scopes: { queues: ['mine'] } })
    expect((await scoped('POST', `${at}/jobs/${id}/import/undo`)).status).toBe(404)
    expect((await admin('GET', `/jobs/schedules/${schedules[0]}`)).status).toBe(200)
    expect((await admin('POST', `${at}/jobs/${id}/import/undo`)).status).toBe(200)
  })
})
