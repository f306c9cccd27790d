import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PgAgentStatusEvent } from '@trunkline/contract'
import { installSchema, unwatch, watch } from '@trunkline/pgagent'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../../../../test/support/database.ts'
import { serverScene } from '../../../../test/support/server-scene.ts'
import { socketListeners } from '../../../../test/support/socket-listener.ts'
import { createClient } from '../../../client/src/index.ts'
import { openDatabase } from '../../../engine/src/postgres/index.ts'
import { type Embedded, startEmbedded } from '../../../trunkline/src/embedded.ts'

const scene = await serverScene()
const { db } = scene
const address = await scene.server.start()
const connect = socketListeners(address, '/pgagent')
const viewer = await scene.user('viewer')
const admin = await scene.user('admin')
const auth = { token: viewer.token }
const start = 'start_job_status_listener'
const stop = 'stop_job_status_listener'

beforeAll(async () => {
  await installSchema(db.open())
  await watch(db.open())
})

const sidUpdates = (client: Awaited<ReturnType<typeof connect>>, logId?: number) =>
  client.of('job_status_update').filter((e) => logId === undefined || e.logId === String(logId))
const states = (client: Awaited<ReturnType<typeof connect>>) => client.of('listener_state').map((e) => e.state)
const listening = (client: Awaited<ReturnType<typeof connect>>, state = 'listening') => until(() => states(client).at(-1) === state, state)

type Ask = (sql: string, values?: unknown[]) => Promise<any[]>
async function newJob(ask: Ask = db.rows): Promise<{ job: number; step: number }> {
  const [row] = await ask(
    `with j as (insert into pgagent.pga_job(jobjclid, jobname, jobdesc) values (1, 'live', 'nobody hears this') returning jobid)
    insert into pgagent.pga_jobstep(jstjobid, jstname, jstkind, jstcode) select jobid, 'one', 'b', 'echo secret' from j returning jstjobid job, jstid step`,
  )
  return row
}
const begin = async (job: number, ask: Ask = db.rows) =>
  (await ask('insert into pgagent.pga_joblog(jlgjobid) values ($1) returning jlgid', [job]))[0].jlgid
const end = (run: number, ask: Ask = db.rows) =>
  ask(`update pgagent.pga_joblog set jlgstatus = 's', jlgduration = '1 s' where jlgid = $1`, [run])

describe('live status', () => {
  test('each change reaches a client in less than 300 ms at the median, without what steps say', async () => {
    const client = await connect(auth)
    expect(await client.ask(start, { sid: 'default' })).toMatchObject({ ok: true })
    await listening(client)
    const { job, step } = await newJob()
    const took: number[] = []
    for (let i = 0; i < 41; i++) {
      const began = performance.now()
      const run = await begin(job)
      await until(() => sidUpdates(client, run).length === 1)
      took.push(performance.now() - began)
      if (i > 0) {
        await end(run)
        continue
      }
      const [{ jslid }] = await db.rows('insert into pgagent.pga_jobsteplog(jsljlgid, jsljstid) values ($1, $2) returning jslid', [
        run,
        step,
      ])
      await db.rows(`update pgagent.pga_jobsteplog set jslstatus = 'f', jslresult = 3, jsloutput = 'top secret' where jslid = $1`, [jslid])
      await end(run)
      await until(() => sidUpdates(client, run).at(-1)?.status === 's')
      const about = { sid: 'default', jobId: String(job), jobName: 'live', logId: String(run) }
      const steps = sidUpdates(client, run).filter((e) => e.stepId !== undefined)
      expect(steps.at(-1)).toMatchObject({
        ...about,
        stepId: String(step),
        stepName: 'one',
        stepLogId: String(jslid),
        status: 'f',
        result: 3,
      })
      expect(sidUpdates(client, run).at(-1)).toMatchObject({ ...about, status: 's', durationMs: 1000 })
    }
    expect(JSON.stringify(client.heard)).not.toMatch(/secret|nobody hears/)
    const median = took.toSorted((a, b) => a - b)[20] as number
    console.log(`a status change reaches a client in ${median.toFixed(1)} ms at the median, ${Math.max(...took).toFixed(1)} ms at the most`)
    expect(median).toBeLessThan(300)
  })

  test('all clients share one LISTEN; it ends with the last of them', async () => {
    const listeners = () =>
      db.rows(`select from pg_stat_activity where datname = $1 and application_name = 'trunkline pgagent api live'`, [db.name])
    const [one, two] = [await connect(auth), await connect(auth)]
    for (const client of [one, two]) await client.ask(start, { sid: 'default' })
    await Promise.all([listening(one), listening(two)])
    expect((await listeners()).length).toBe(1)
    const { job } = await newJob()
    const run = await begin(job)
    await until(() => sidUpdates(one, run).length === 1 && sidUpdates(two, run).length === 1)
    await one.ask(stop, { sid: 'default' })
    await end(run)
    await until(() => sidUpdates(two, run).length === 2)
    expect(sidUpdates(one, run).length).toBe(1)
  })

  test('a client that reconnects has what it listened to and what it missed; or asks for it by its place', async () => {
    const client = await connect({ ...auth, clientId: 'browser-0001' })
    const { seq } = await client.ask(start, { sid: 'default' })
    await listening(client)
    const { job } = await newJob()
    const run = await begin(job)
    await until(() => sidUpdates(client, run).length === 1)
    // broken, and not said goodbye
    client.socket.io.reconnection(false)
    client.socket.io.engine.close()
    await until(() => !client.socket.connected)
    await end(run)
    const other = await connect(auth)
    await other.ask(start, { sid: 'default', after: seq })
    await until(() => sidUpdates(other, run).length === 2, 'what was missed, by its place')
    client.socket.connect()
    await until(() => client.of('connected').length === 2)
    expect(client.of('connected')[1].restored).toEqual(['default'])
    await until(() => sidUpdates(client, run).at(-1)?.status === 's')
    expect(await other.ask(start, { sid: 'default', after: 'another-5' })).toMatchObject({ ok: true, gap: true })
  })

  test('where our triggers are not, it polls', async () => {
    await unwatch(db.open())
    await admin('POST', '/pgagent/servers', { sid: 'polled', name: 'Polled', connection: way(db.url) })
    const client = await connect(auth)
    await client.ask(start, { sid: 'polled' })
    await listening(client, 'polling')
    const { job } = await newJob()
    const run = await begin(job)
    await until(() => sidUpdates(client, run).length > 0)
    await watch(db.open())
  })

  test('a server that is changed is listened to anew; a scope that is taken away ends what it showed', async () => {
    const email = 'scoped@example.com'
    const scoped = await scene.user('viewer', { email, scopes: { queues: null, tasks: null, servers: ['changed', 'default'] } })
    await admin('POST', '/pgagent/servers', { sid: 'changed', name: 'Changed', connection: way(db.url) })
    const [client, other] = [await connect(auth), await connect({ token: scoped.token })]
    for (const each of [client, other]) {
      await each.ask(start, { sid: 'changed' })
      await listening(each)
    }
    await admin('PATCH', '/pgagent/servers/changed', { name: 'Another' })
    await until(() => states(client).filter((state) => state === 'listening').length === 2)
    const account = (await admin('GET', '/users')).body.data.find((user: any) => user.email === email)
    await admin('PATCH', `/users/${account.id}`, { scopes: { queues: null, tasks: null, servers: ['default'] } })
    const { job } = await newJob()
    await until(async () => {
      const run = await begin(job)
      await until(() => sidUpdates(client, run).length > 0)
      return !other.socket.connected || sidUpdates(other, run).length === 0
    }, 'the end of what it may not hear')
  })

  test('nobody hears of servers outside their scope, and bad requests are answered', async () => {
    const scoped = await scene.user('viewer', { scopes: { queues: null, tasks: null, servers: ['other'] } })
    const client = await connect({ token: scoped.token })
    expect(await client.ask(start, { sid: 'default' })).toMatchObject({ ok: false, error: { code: 'server_not_found' } })
    for (const bad of [{}, { sid: 5 }, { sid: 'default', more: 1 }, 'x', null])
      expect(await client.ask(start, bad)).toMatchObject({ ok: false, error: { code: 'invalid_request' } })
    await expect(connect({ token: 'none' })).rejects.toThrow()
    await expect(connect({})).rejects.toThrow()
  })
})

function way(url: string) {
  const { hostname, port, username, password, pathname } = new URL(url)
  return {
    ...{ host: hostname, port: Number(port), database: pathname.slice(1), user: decodeURIComponent(username) },
    password: decodeURIComponent(password) || 'none',
  }
}

describe('a server that goes away', () => {
  const folder = mkdtempSync(join(tmpdir(), 'trunkline-pgagent-live-'))
  let server: Embedded
  const boot = async (port?: number) => {
    server = await startEmbedded({ dataDir: join(folder, 'data'), ...(port ? { port } : {}) })
  }
  async function ask(sql: string, values: unknown[] = []): Promise<any[]> {
    const client = new pg.Client({ connectionString: server.connectionString() })
    client.on('error', () => {})
    await client.connect()
    try {
      return (await client.query(sql, values)).rows
    } finally {
      await client.end()
    }
  }
  beforeAll(async () => {
    await boot()
    const database = openDatabase({ connectionString: server.connectionString() })
    await installSchema(database)
    await watch(database)
    await database.close()
    expect(
      (await admin('POST', '/pgagent/servers', { sid: 'away', name: 'Away', connection: way(server.connectionString()) })).status,
    ).toBe(201)
  })
  afterAll(async () => {
    await server.stop()
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
  })

  test('is said to be lost, comes back and misses nothing; after three attempts it is said that it was given up, and it can be asked for again', async () => {
    const client = await connect(auth)
    await client.ask(start, { sid: 'away' })
    await listening(client)
    const { job } = await newJob(ask)
    const run = await begin(job, ask)
    await until(() => sidUpdates(client, run).length === 1)

    const { port } = new URL(server.connectionString())
    await server.stop()
    await until(() => states(client).includes('lost'))
    await boot(Number(port))
    // before the listener is back
    await end(run, ask)
    const whole = await begin(job, ask)
    await end(whole, ask)
    await until(
      () => sidUpdates(client, run).at(-1)?.status === 's' && sidUpdates(client, whole).at(-1)?.status === 's',
      'what happened meanwhile',
    )
    expect(states(client).at(-1)).toBe('listening')

    await server.stop()
    await until(() => states(client).at(-1) === 'failed', 'the end of three attempts', 40_000)
    const tries = client.of('listener_state').slice(states(client).lastIndexOf('lost'))
    expect(tries.map(({ state, attempt }) => [state, attempt])).toEqual([
      ...[
        ['lost', 0],
        ['connecting', 1],
        ['retrying', 1],
        ['connecting', 2],
        ['retrying', 2],
        ['connecting', 3],
        ['failed', 3],
      ],
    ])
    const times = tries.filter(({ state }) => state === 'connecting').map(({ at }) => Date.parse(at))
    for (const [i, at] of times.slice(1).entries()) expect(at - (times[i] as number)).toBeGreaterThanOrEqual(4900)
    expect(tries.at(-1).error).toBe('the pgAgent server away cannot be reached at the moment')
    expect(JSON.stringify(client.heard)).not.toMatch(/ECONN|127\.0\.0\.1/)

    await boot(Number(port))
    await client.ask(start, { sid: 'away' })
    await listening(client)
  }, 90_000)
})

test('the SDK watches a server', async () => {
  const client = createClient({ baseUrl: address, token: viewer.token })
  const updates: PgAgentStatusEvent[] = []
  const heard: string[] = []
  const stop = client.watchPgAgent('default', { onUpdate: (event) => updates.push(event), onState: ({ state }) => heard.push(state) })
  await until(() => heard.at(-1) === 'listening')
  const { job } = await newJob()
  const run = await begin(job)
  await end(run)
  await until(() => updates.some(({ logId, status }) => logId === String(run) && status === 's'))
  stop()
})
