import { expect, test } from 'vitest'
import { testDatabase, until } from '../../../test/support/database.ts'
import { createAgent } from './agent.ts'
import { createJob } from './definition.ts'
import { findPgAgentHealth } from './health.ts'
import { installSchema, watch } from './install.ts'
import { releaseJob } from './jobs.ts'

const db = await testDatabase({ empty: true })
const look = () => findPgAgentHealth(db.open(), 'UTC')
const of = async (what: string) => (await look()).find((finding) => finding.what === what)
const every = { weekdays: [], monthDays: [], months: [], exceptions: [] }
const daily = (name: string, hours: number[]) => ({
  ...{ name, description: '', isEnabled: true, startsAt: '2026-01-01T00:00:00Z', endsAt: null, minutes: [0], hours },
  ...every,
})
const job = (name: string, schedules: ReturnType<typeof daily>[]) =>
  createJob(
    db.open(),
    {
      name,
      description: '',
      class: 'Miscellaneous',
      hostAgent: '',
      isEnabled: true,
      timezone: null,
      timeoutMs: null,
      steps: [],
      schedules,
    },
    'UTC',
  )

test('a server without the schema, without ours and without a way to it', async () => {
  expect(await look()).toEqual([
    { what: 'schema', state: 'wrong', found: 'missing: schema pgagent', cure: 'Run: trunkline pgagent install.' },
  ])
  const away = db.open({ connectionString: 'postgres://a:b@127.0.0.1:1/c' })
  expect(await findPgAgentHealth(away, 'UTC')).toMatchObject([
    { what: 'connectivity', state: 'wrong', cure: expect.stringContaining('pgagent.db_host') },
  ])
  await installSchema(db.open())
  expect(await of('watch')).toMatchObject({ state: 'warning', cure: 'select trunkline_pgagent.watch();' })
  await watch(db.open())
  expect(await look()).toMatchObject([
    { what: 'schema', state: 'ok' },
    { what: 'agents', state: 'warning', cure: 'Start one: trunkline pgagent.' },
    { what: 'log', state: 'ok' },
  ])
})

test('agents that live, jobs that are late or held by dead ones', async () => {
  const { id } = await job('late', [])
  await db.rows(`update pgagent.pga_job set jobnextrun = now() - interval '1 hour' where jobid = $1`, [id])
  expect(await of('agents')).toMatchObject({ state: 'wrong', found: 'none is alive, 1 jobs are late' })
  await db.rows(`insert into pgagent.pga_jobagent(jagpid, jagstation) values (1, 'gone')`)
  await db.rows('update pgagent.pga_job set jobagentid = 1 where jobid = $1', [id])
  expect(await of('claims')).toMatchObject({ state: 'wrong', cure: expect.stringContaining(`pgagent release ${id}`) })
  await releaseJob(db.open(), id)
  expect(await of('claims')).toBeUndefined()
  const events: string[] = []
  await using agent = createAgent({ database: db.open(), pollMs: 60_000, onEvent: ({ type }) => events.push(type) })
  agent.start()
  await until(() => events.includes('registered'))
  expect(await of('agents')).toEqual({ what: 'agents', state: 'ok', found: '1 alive' })
})

test('schedules of one job that fire at once, runs that are longer than the time between them, a log that is too large', async () => {
  const twice = await job('twice', [daily('a', [3]), daily('b', [3, 4])])
  expect(await of(`schedules of job ${twice.id}`)).toMatchObject({
    state: 'warning',
    found: expect.stringMatching(/two of them fire at .*T03:00/),
  })
  const long = await job('long', [daily('hourly', [])])
  expect(await of(`schedules of job ${long.id}`)).toBeUndefined()
  await db.rows(`insert into pgagent.pga_joblog(jlgjobid, jlgstatus, jlgduration) values ($1, 's', '2 hours')`, [long.id])
  expect(await of(`schedules of job ${long.id}`)).toMatchObject({
    found: 'it runs for 7200 s on average and is due after 3600 s: runs are left out',
  })
  await db.rows(`insert into pgagent.pga_joblog(jlgjobid, jlgstatus) select $1, 's' from generate_series(1, 200100)`, [long.id])
  await db.rows('analyze pgagent.pga_joblog')
  expect(await of('log')).toMatchObject({ state: 'warning', cure: expect.stringContaining('VACUUM') })
})
