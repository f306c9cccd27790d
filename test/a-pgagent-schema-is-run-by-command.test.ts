import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { installation } from './support/command-line.ts'
import { onServer, testDatabase, until } from './support/database.ts'

const role = `pgagt_${randomBytes(4).toString('hex')}`
afterAll(() => onServer(`drop role if exists ${role}`))
const jobs = await testDatabase({ empty: true })
const here = installation({ TRUNKLINE_PGAGENT_URL: jobs.url, TRUNKLINE_PGAGENT__STEP_PASSWORD: 'sekret' })

beforeAll(async () => {
  await onServer(`create role ${role} login password 'sekret'`)
  writeFileSync(
    join(here.folder, 'trunkline.yaml'),
    `pgagent:\n  enabled: true\n  poll_time: 10\n  retry_on_crash: "yes"\n  log_level: 0\n  step_user: ${role}\n`,
  )
})

async function job(name: string, code: string): Promise<number> {
  const [row] = await jobs.rows(`insert into pgagent.pga_job(jobjclid, jobname) values (1, $1) returning jobid`, [name])
  await jobs.rows(`insert into pgagent.pga_jobstep(jstjobid, jstname, jstkind, jstcode, jstdbname) values ($1, 'a step', 's', $2, $3)`, [
    row?.jobid,
    code,
    jobs.name,
  ])
  return row?.jobid as number
}

test('from an empty database to a job that runs, is looked at, is cancelled; each refusal says what to do', async () => {
  const missing = await here.say(['pgagent', 'jobs'])
  expect(missing).toMatchObject({ code: 1, err: expect.stringContaining('trunkline pgagent install') })
  // a server of one's own choice gets no schema unasked
  expect(await here.run(['pgagent', '--once'])).toMatchObject({ code: 1, err: expect.stringContaining('trunkline pgagent install') })
  expect((await here.say(['pgagent', 'install'])).out).toContain('was made')
  expect((await here.say(['pgagent', 'install'])).out).toContain('stays as it is')
  expect((await here.say(['pgagent', 'jobs'])).out).toContain('no jobs')

  const good = await job('good', 'select 1')
  const bad = await job('bad', 'select 1/0')
  const long = await job('long', 'select pg_sleep(60)')
  expect((await here.run(['pgagent', '--once'])).out).toContain('no job is due')
  for (const id of [good, bad]) expect((await here.say(['pgagent', 'run', String(id)])).code).toBe(0)
  // as a version without it has left it
  await jobs.rows('drop table trunkline_pgagent.step_notice')
  expect(await here.say(['pgagent', 'jobs'])).toMatchObject({ code: 1, err: expect.stringContaining('trunkline pgagent install') })
  expect((await here.run(['pgagent', '--once'])).out).toContain('2 jobs have run')
  const list = (await here.say(['pgagent', 'jobs'])).out
  expect(list).toMatch(/good .* succeeded/)
  expect(list).toMatch(/bad .* failed/)
  expect((await here.say(['pgagent', 'history', String(bad)])).out).toContain('division by zero')

  const shown = JSON.parse((await here.say(['pgagent', 'show', String(good), '--json'])).out)
  expect((await here.say(['pgagent', 'run-step', String(good), String(shown.steps[0].id)])).code).toBe(0)
  expect((await here.run(['pgagent', '--once'])).out).toContain('1 job has run')
  expect((await here.say(['pgagent', 'run-step', String(good), '999999'])).code).toBe(1)
  expect((await here.say(['pgagent', 'sql', String(good)])).out).toContain('INSERT INTO pgagent.pga_job ')
  expect((await here.say(['pgagent', 'clear', String(good)])).code).toBe(0)
  expect((await here.say(['pgagent', 'history', String(good)])).out).toContain('no runs')
  const health = JSON.parse((await here.say(['doctor', '--json'])).out).data.filter(({ what }: { what: string }) =>
    what.startsWith('pgAgent '),
  )
  expect(health.map(({ what, state }: { what: string; state: string }) => [what, state])).toEqual([
    ['pgAgent schema', 'ok'],
    ['pgAgent agents', 'warning'],
    ['pgAgent log', 'ok'],
  ])

  const agent = here.start(['pgagent'])
  let said = ''
  agent.stdout?.on('data', (text) => {
    said += text
  })
  await until(() => said.includes('is registered'))
  await here.say(['pgagent', 'run', String(long)])
  await until(() => said.includes(`job ${long} runs`), 'the run, which needs no poll', 5000)
  const { data } = JSON.parse((await here.say(['pgagent', 'history', String(long), '--json'])).out)
  expect((await here.say(['pgagent', 'cancel', String(data[0].id)])).code).toBe(0)
  await until(() => said.includes('failed'), 'the end of the run', 10_000)
  agent.kill('SIGTERM')
  await until(() => agent.exitCode !== null, 'the end of the agent')
  expect(agent.exitCode).toBe(0)
  expect(said).not.toContain('sekret')

  expect(await here.say(['pgagent', 'cancel', String(data[0].id)])).toMatchObject({
    code: 1,
    err: expect.stringContaining('has not ended'),
  })
  expect(await here.say(['pgagent', 'run', 'x'])).toMatchObject({ code: 2, err: expect.stringContaining('number of a job') })
  expect((await here.say(['pgagent', 'disable', String(good)])).code).toBe(0)
  expect(await here.say(['pgagent', 'run', String(good)])).toMatchObject({ code: 1, err: expect.stringContaining('enabled job') })
  await jobs.rows(`insert into pgagent.pga_jobagent(jagpid, jagstation) values (999999, 'gone')`)
  await jobs.rows(`update pgagent.pga_job set jobagentid = 999999 where jobid = $1`, [bad])
  expect((await here.say(['pgagent', 'jobs'])).out).toContain('held by a dead agent')
  expect((await here.say(['pgagent', 'release', String(bad)])).code).toBe(0)
  expect((await here.say(['pgagent', 'jobs'])).out).not.toContain('dead agent')
}, 120_000)

test('a setting that there is not, or a wrong value, is named with its place', async () => {
  for (const [line, words] of [
    ['poll_tme: 3', 'poll_time'],
    ['log_level: 7', '0 to 3'],
    ['retry_on_crash: perhaps', 'true or false'],
  ]) {
    const file = join(here.folder, 'other.yaml')
    writeFileSync(file, `pgagent:\n  ${line}\n`)
    const { code, err } = await here.say(['--config', file, 'pgagent', 'jobs'])
    expect(code, err).toBe(2)
    expect(err).toContain(words)
  }
})

test('in Trunkline’s own database an agent makes the schema that is missing, with the triggers', async () => {
  const own = await testDatabase()
  const there = installation({ DATABASE_URL: own.url, TRUNKLINE_PGAGENT__ENABLED: 'true' })
  expect(await there.run(['pgagent', '--once'])).toMatchObject({ code: 0, out: expect.stringContaining('no job is due') })
  expect(
    await own.rows(`select tgname from pg_trigger where tgrelid = 'pgagent.pga_job'::regclass and tgname = 'trunkline_due'`),
  ).toHaveLength(1)
})
