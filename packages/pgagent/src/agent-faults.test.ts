import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDatabase } from '@trunkline/engine/postgres'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { onServer, testDatabase, until } from '../../../test/support/database.ts'
import { startProgram } from '../../../test/support/programs.ts'
import { startEmbedded } from '../../trunkline/src/embedded.ts'
import { type AgentEvent, createAgent } from './agent.ts'
import { installSchema } from './install.ts'

const role = `pgagf_${randomBytes(4).toString('hex')}`
const folder = mkdtempSync(join(tmpdir(), 'trunkline-pgagent-'))
const database = await testDatabase({ empty: true })
const stepUser = { user: role, password: 'sekret' }

beforeAll(async () => {
  await onServer(`create role ${role} login password 'sekret'`)
  await installSchema(database.open())
  await database.rows(`create table public.seen(job int)`)
  await database.rows(`grant all on public.seen to ${role}`)
})
afterAll(async () => {
  await database.rows(`drop owned by ${role}`)
  await onServer(`drop role if exists ${role}`)
  rmSync(folder, { recursive: true, force: true })
})
beforeEach(() => database.rows(`delete from pgagent.pga_job`))

type Ask = (sql: string, values?: unknown[]) => Promise<any[]>

async function due(steps: { kind: 's' | 'b'; code: string }[], ask: Ask = database.rows, dbname = database.name): Promise<number> {
  const [row] = await ask(`insert into pgagent.pga_job(jobjclid, jobname) values (1, 'job') returning jobid`)
  for (const [i, { kind, code }] of steps.entries())
    await ask(`insert into pgagent.pga_jobstep(jstjobid, jstname, jstkind, jstcode, jstdbname) values ($1, $2, $3, $4, $5)`, [
      ...[row.jobid, `step ${i}`, kind, code, kind === 's' ? dbname : ''],
    ])
  await ask(`update pgagent.pga_job set jobnextrun = now() where jobid = $1`, [row.jobid])
  return row.jobid
}
const runsOf = (id: number, ask: Ask = database.rows) =>
  ask(
    `select jlgstatus status, (select json_agg(json_build_object('status', jslstatus, 'result', jslresult, 'output', jsloutput) order by jslid)
      from pgagent.pga_jobsteplog where jsljlgid = jlgid) steps from pgagent.pga_joblog where jlgjobid = $1 order by jlgid`,
    [id],
  )
const stuck = () =>
  database.rows(`select 'claimed' what from pgagent.pga_job where jobagentid is not null
    union all select 'run' from pgagent.pga_joblog where jlgstatus = 'r' union all select 'step' from pgagent.pga_jobsteplog where jslstatus = 'r'`)

describe('an agent that is killed before any of its statements', () => {
  const program = new URL('./agent-process.test-support.mts', import.meta.url)
  async function doomed(n: number): Promise<string> {
    const env = { DATABASE_URL: database.url, KILL_AT: String(n), STEP_USER: role }
    const child = startProgram(program, env, ['ignore', 'pipe', 'inherit'])
    let said = ''
    child.stdout?.on('data', (text) => {
      said += text
    })
    await new Promise((resolve) => child.once('close', resolve))
    return said
  }

  test('leaves nothing claimed or running, and the job runs again', async () => {
    let n = 1
    for (; n < 40; n++) {
      const id = await due([
        { kind: 's', code: `insert into public.seen values (1)` },
        { kind: 's', code: 'select 1' },
      ])
      const said = await doomed(n)
      if (said.includes('survived')) break
      await until(async () => {
        const [row] = await database.rows(`select count(*)::int n from pg_stat_activity where application_name = 'doomed agent'`)
        return row.n === 0
      })
      const agent = createAgent({ database: database.open(), stepUser, pollMs: 60_000, retryOnCrash: true })
      await agent.runOnce()
      await agent.stop()
      expect(await stuck(), `killed before statement ${n}`).toEqual([])
      const runs = await runsOf(id)
      expect(runs.at(-1)?.status, `the last run, killed before statement ${n}`).toBe('s')
      // what was cut off is closed as aborted, once
      expect(runs.length, `runs, killed before statement ${n}`).toBeLessThanOrEqual(2)
      for (const run of runs.slice(0, -1)) expect(run.status).toBe('d')
    }
    // from the register to the leave, with two steps
    expect(n).toBeGreaterThan(9)
    expect(n).toBeLessThan(40)
  }, 120_000)
})

test('a temporary directory that is missing fails the script alone', async () => {
  const agent = createAgent({ database: database.open(), stepUser, allowBatch: true, tempDirectory: join(folder, 'gone') })
  const [script, sql] = [await due([{ kind: 'b', code: 'echo here' }]), await due([{ kind: 's', code: 'select 1' }])]
  await agent.runOnce()
  expect(await runsOf(script)).toMatchObject([
    { status: 'f', steps: [{ status: 'f', result: -1, output: expect.stringMatching(/could not be started: ENOENT/) }] },
  ])
  expect(await runsOf(sql)).toMatchObject([{ status: 's' }])
  expect(await stuck()).toEqual([])
  await agent.stop()
})

const small = join(folder, 'small')
const hasDisk =
  process.getuid?.() === 0 && spawnSync('sh', ['-c', `mkdir ${small} && mount -t tmpfs -o size=64k tmpfs ${small}`]).status === 0
afterAll(() => hasDisk && spawnSync('umount', [small]))

test.skipIf(!hasDisk)('a disk that is full fails the script alone, and it runs when there is room', async () => {
  try {
    writeFileSync(join(small, 'filler'), Buffer.alloc(1 << 20))
  } catch {
    // as much as there is room for
  }
  const agent = createAgent({ database: database.open(), stepUser, allowBatch: true, tempDirectory: small })
  const script = await due([{ kind: 'b', code: `echo here # ${'x'.repeat(5000)}` }])
  await agent.runOnce()
  expect(await runsOf(script)).toMatchObject([{ status: 'f', steps: [{ result: -1, output: expect.stringMatching(/ENOSPC/) }] }])
  rmSync(join(small, 'filler'))
  await database.rows(`update pgagent.pga_job set jobnextrun = now() where jobid = $1`, [script])
  await agent.runOnce()
  expect((await runsOf(script))[1]).toMatchObject({ status: 's', steps: [{ result: 0, output: 'here\n' }] })
  await agent.stop()
})

test('a database that is restarted: what ran ends as failed with the reason, the agent enters again, the next job runs', async () => {
  const dataDir = join(folder, 'own')
  let server = await startEmbedded({ dataDir })
  const port = Number(new URL(server.connectionString()).port)
  const url = server.connectionString('postgres')
  const ask: Ask = async (sql, values) => {
    const client = new pg.Client({ connectionString: url })
    client.on('error', () => {})
    await client.connect()
    try {
      return (await client.query(sql, values)).rows
    } finally {
      await client.end()
    }
  }
  const own = openDatabase({ connectionString: url, onError: () => {} })
  await installSchema(own)
  await ask(`create role steps login password 'sekret'`)
  const events: AgentEvent[] = []
  const agent = createAgent({
    database: own,
    stepUser: { user: 'steps', password: 'sekret' },
    pollMs: 500,
    onEvent: (event) => events.push(event),
  })
  agent.start()
  try {
    const long = await due([{ kind: 's', code: 'select pg_sleep(600)' }], ask, 'postgres')
    await until(async () => (await runsOf(long, ask))[0]?.steps)
    await server.stop()
    server = await startEmbedded({ dataDir, port })
    const ended = await until(async () => {
      const [run] = await runsOf(long, ask)
      return run.status === 'r' ? undefined : run
    }, 'the end of the run')
    expect(ended).toMatchObject({
      status: 'f',
      steps: [{ status: 'f', result: -1, output: expect.stringMatching(/terminat|connection/i) }],
    })
    const next = await due([{ kind: 's', code: 'select 1' }], ask, 'postgres')
    await until(async () => (await runsOf(next, ask))[0]?.status === 's', 'the next job')
    expect(events.filter(({ type }) => type === 'registered')).toHaveLength(2)
    await until(async () => (await ask(`select from pgagent.pga_job where jobagentid is not null`)).length === 0, 'its job to be free')
  } finally {
    await agent.stop()
    await own.close()
    await server.stop()
  }
}, 90_000)
