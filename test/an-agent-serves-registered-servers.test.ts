import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { installation } from './support/command-line.ts'
import { onServer, type TestDatabase, testDatabase, until, urlOf } from './support/database.ts'
import { serverScene } from './support/server-scene.ts'

const word = randomBytes(4).toString('hex')
const [looks, works] = [`pgals_${word}`, `pgalw_${word}`]
// before the databases, so that it runs after they are gone
afterAll(async () => {
  for (const role of [looks, works]) await onServer(`drop role if exists ${role}`)
})
const secret = randomBytes(32).toString('hex')
const scene = await serverScene({ secret })
const admin = await scene.user('admin')
const [shop, moved, later] = await Promise.all([1, 2, 3].map(() => testDatabase({ empty: true })))
const here = installation({ DATABASE_URL: scene.db.url, TRUNKLINE_SERVER__SECRET: secret, PGPASSWORD: 'of-another' })

function connectionOf(name: string) {
  const { hostname, port } = new URL(urlOf(name))
  return { host: hostname, port: Number(port), database: name, user: looks, password: 'looks-sekret' }
}

const register = async (sid: string, { name }: TestDatabase) =>
  expect((await admin('POST', '/pgagent/servers', { sid, name: sid, connection: connectionOf(name) })).status).toBe(201)

/** A job of one step that is due now. @returns its number */
async function due({ rows, name }: TestDatabase, code: string, kind: 's' | 'b' = 's'): Promise<number> {
  const [row] = await rows(`insert into pgagent.pga_job(jobjclid, jobname) values (1, 'a job') returning jobid`)
  await rows(`insert into pgagent.pga_jobstep(jstjobid, jstname, jstkind, jstcode, jstdbname) values ($1, 'a step', $2, $3, $4)`, [
    ...[row.jobid, kind, code],
    kind === 's' ? name : '',
  ])
  await rows('update pgagent.pga_job set jobnextrun = now() where jobid = $1', [row.jobid])
  return row.jobid
}

const endOf = async ({ rows }: TestDatabase, job: number) =>
  await until(async () => {
    const [row] = await rows(
      `select jlgstatus status, jsloutput output from pgagent.pga_joblog left join pgagent.pga_jobsteplog on jsljlgid = jlgid
       where jlgjobid = $1 and jlgstatus <> 'r'`,
      [job],
    )
    return row
  }, `the end of job ${job}`)
const agentsOf = async ({ rows }: TestDatabase) => (await rows('select count(*)::int n from pgagent.pga_jobagent'))[0].n
const who = 'insert into seen select current_user, session_user'

beforeAll(async () => {
  await onServer(`create role ${looks} login password 'looks-sekret'`)
  await onServer(`create role ${works} login password 'works-sekret'`)
  for (const database of [shop, moved, later] as TestDatabase[]) {
    await onServer(`alter database ${database.name} owner to ${looks}`)
    await database.rows('create table seen (current text, session text)')
    await database.rows(`grant insert on seen to ${works}`)
  }
  const { host, port } = connectionOf('any')
  const steps = `{ step_user: ${works}, step_password: works-sekret, host: ${host}, port: ${port} }`
  writeFileSync(
    join(here.folder, 'trunkline.yaml'),
    `pgagent:\n  poll_time: 1\n  log_level: 0\n  serve:\n    shop: ${steps}\n    later: ${steps}\n`,
  )
})

test('one agent runs the jobs of registered servers, by the step user of each; it follows what is registered, moved, removed', async () => {
  const [first, second, third] = [shop, moved, later] as [TestDatabase, TestDatabase, TestDatabase]
  await register('shop', first)
  for (const database of [first, second, third]) {
    await register('setup', database)
    expect((await admin('POST', '/pgagent/servers/setup/install', {})).status).toBe(200)
    await admin('DELETE', '/pgagent/servers/setup')
  }
  const agent = here.start(['pgagent'])
  let said = ''
  for (const stream of [agent.stdout, agent.stderr])
    stream?.on('data', (text) => {
      said += text
    })
  await until(() => said.includes('pgagent shop LOG: the agent is registered'), 'the agent of shop')
  await until(() => said.includes('pgagent later ERROR'), 'a word about a server that is not registered')

  const job = await due(first, who)
  expect(await endOf(first, job)).toEqual({ status: 's', output: '' })
  expect(await first.rows('select * from seen')).toEqual([{ current: works, session: works }])
  const refused = await endOf(first, await due(first, 'touch /tmp/never', 'b'))
  expect(refused).toEqual({ status: 'f', output: 'Batch steps are not allowed for this agent.' })

  const trunkline = await scene.db.connect()
  const found = await until(async () => {
    const [one] = await trunkline.list({ task: 'pgagent_run', args: { jobId: String(job) } })
    return one?.state === 'completed' ? await trunkline.get(one.id) : undefined
  }, 'the run as a job')
  expect(found).toMatchObject({ queue: 'pgagent/shop', payload: { server: 'shop', jobId: String(job) } })

  await register('later', third)
  expect(await endOf(third, await due(third, who))).toMatchObject({ status: 's' })

  const connection = connectionOf(second.name)
  expect((await admin('PATCH', '/pgagent/servers/shop', { connection })).status).toBe(200)
  expect(await endOf(second, await due(second, who))).toMatchObject({ status: 's' })
  await until(async () => (await agentsOf(first)) === 0, 'the end of the agent where shop was')
  await admin('DELETE', '/pgagent/servers/later')
  await until(async () => (await agentsOf(third)) === 0, 'the end of the agent of later')

  agent.kill('SIGTERM')
  await until(() => agent.exitCode !== null, 'the end of the process')
  expect(agent.exitCode, said).toBe(0)
  expect(said).not.toMatch(/sekret/)
  expect(said.match(/pgagent later ERROR/g)).toHaveLength(2)
}, 120_000)

test('a step user does not follow a registration that is led to another server', async () => {
  let callers = 0
  const stranger = createServer((socket) => {
    callers++
    socket.destroy()
  })
  await new Promise<void>((ready) => stranger.listen(0, '127.0.0.1', ready))
  const agent = here.start(['pgagent'])
  let said = ''
  agent.stdout?.on('data', (text) => {
    said += text
  })
  await until(() => said.includes('pgagent shop LOG: the agent is registered'), 'the agent of shop')
  const connection = connectionOf((moved as TestDatabase).name)
  const elsewhere = { ...connection, host: '127.0.0.1', port: (stranger.address() as AddressInfo).port }
  expect((await admin('PATCH', '/pgagent/servers/shop', { connection: elsewhere })).status).toBe(200)
  await until(() => /pgagent shop ERROR: .*step user/.test(said), 'the refusal')
  await until(async () => (await agentsOf(moved as TestDatabase)) === 0, 'the end of the agent')
  expect((await here.run(['pgagent', '--once'])).err).toContain('pgagent.serve.shop')
  expect(callers).toBe(0)
  expect((await admin('PATCH', '/pgagent/servers/shop', { connection })).status).toBe(200)
  await until(async () => (await agentsOf(moved as TestDatabase)) === 1, 'the agent, where it may be again')
  agent.kill('SIGTERM')
  await until(() => agent.exitCode !== null, 'the end of the process')
  stranger.close()
}, 60_000)

test('--once runs what is due on each server that can be reached, and fails when one cannot; doctor looks at each', async () => {
  const job = await due(moved as TestDatabase, who)
  const ran = await here.run(['pgagent', '--once'])
  expect(await endOf(moved as TestDatabase, job)).toMatchObject({ status: 's' })
  expect(ran).toMatchObject({ code: 1, out: expect.stringContaining('1 job has run'), err: expect.stringContaining('later') })
  const { data } = JSON.parse((await here.say(['doctor', '--json'])).out)
  const pgagent = data.filter(({ what }: { what: string }) => what.startsWith('pgAgent '))
  expect(pgagent.map(({ what, state }: { what: string; state: string }) => [what, state])).toEqual([
    ['pgAgent shop schema', 'ok'],
    // the one that ran once is gone
    ['pgAgent shop agents', 'warning'],
    ['pgAgent shop log', 'ok'],
    ['pgAgent later', 'wrong'],
  ])
})

test('a step user without a password or a place, and a name that no server can have, are refused', async () => {
  for (const [line, words] of [
    ['shop: { step_user: somebody }', 'all three or none'],
    ['shop: { step_user: somebody, step_password: x }', 'all three or none'],
    ['default: {}', 'not default'],
    ['shop: { stepuser: x }', 'step_user'],
  ] as const) {
    const file = join(here.folder, 'other.yaml')
    writeFileSync(file, `pgagent:\n  serve:\n    ${line}\n`)
    const { code, err } = await here.say(['--config', file, 'pgagent', 'jobs'])
    expect(code, err).toBe(2)
    expect(err).toContain(words)
  }
})
