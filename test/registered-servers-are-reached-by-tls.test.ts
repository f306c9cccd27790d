import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Embedded, startEmbedded } from '../packages/trunkline/src/embedded.ts'
import { authority, hasOpenssl } from './support/certificates.ts'
import { installation } from './support/command-line.ts'
import { testDatabase, until } from './support/database.ts'

describe.skipIf(!hasOpenssl())('registered servers and TLS (needs openssl)', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'trunkline-tls-'))
  chmodSync(folder, 0o755)
  const trusted = authority(folder, 'trusted')
  const stranger = authority(folder, 'stranger')
  const queue = await testDatabase()
  const owner = { email: 'owner@example.com', password: 'correct-horse-battery-9' }
  const here = installation({
    DATABASE_URL: queue.url,
    TRUNKLINE_ADMIN_EMAIL: owner.email,
    TRUNKLINE_ADMIN_PASSWORD: owner.password,
    NODE_EXTRA_CA_CERTS: trusted.file,
  })
  let database: Embedded
  let admin: pg.Client
  let address = ''
  let token = ''

  async function call(method: string, path: string, body?: unknown): Promise<{ status: number; body: any }> {
    const headers = { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) }
    const answer = await fetch(`${address}/api/v1${path}`, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) })
    return { status: answer.status, body: await answer.json() }
  }

  /** The server shows this certificate from now on. */
  async function show({ cert, key }: { cert: string; key: string }): Promise<void> {
    const { uid, gid } = statSync(join(folder, 'data', 'postgres', 'postgresql.conf'))
    chmodSync(key, 0o600)
    if (process.getuid?.() === 0) chownSync(key, uid, gid)
    for (const [name, value] of Object.entries({ ssl_cert_file: cert, ssl_key_file: key, ssl: 'on' }))
      await admin.query(`alter system set ${name} = '${value}'`)
    await reload(cert)
  }

  /** New sessions are what the settings say: signals are heard some time after they were sent. */
  async function reload(cert: string): Promise<void> {
    await admin.query('select pg_reload_conf()')
    await until(async () => (await admin.query(`select current_setting('ssl_cert_file') f`)).rows[0].f === cert, 'the settings')
  }

  /** Registers a way and tests it. */
  async function look(sid: string, tls: string, host = 'localhost') {
    const connection = { host, port: database.port, database: 'jobs', user: 'looks', password: 'looks-sekret', tls }
    expect((await call('POST', '/pgagent/servers', { sid, name: sid, connection })).status).toBe(201)
    return await again(sid)
  }
  async function again(sid: string) {
    const { body } = await call('POST', `/pgagent/servers/${sid}/test`)
    expect(JSON.stringify(body)).not.toContain('sekret')
    return body.parts[0] as { part: string; ok: boolean; found: string }
  }

  beforeAll(async () => {
    database = await startEmbedded({ dataDir: join(folder, 'data') })
    admin = new pg.Client({ connectionString: database.connectionString('postgres') })
    await admin.connect()
    for (const sql of [
      `create role looks login password 'looks-sekret'`,
      `create role works login password 'works-sekret'`,
      'create database jobs owner looks',
    ])
      await admin.query(sql)
    const server = here.start(['server'])
    let said = ''
    for (const stream of [server.stdout, server.stderr])
      stream?.on('data', (text) => {
        said += text
      })
    await until(() => said.includes('API at ') || server.exitCode !== null, 'the API', 60_000)
    address = /API at (http:\S+)\/api\/v1/.exec(said)?.[1] ?? said
    token = (await call('POST', '/auth/login', owner)).body.token
  }, 120_000)
  afterAll(async () => {
    await admin?.end()
    await database?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const refused = (found: RegExp) => ({ part: 'connectivity', ok: false, found: expect.stringMatching(found) })

  test('a server without TLS: only disable reaches it', async () => {
    expect(await look('plain', 'disable')).toMatchObject({ ok: true })
    expect(await look('plain-require', 'require')).toMatchObject(refused(/does not support SSL/))
    expect(await look('plain-full', 'verify-full')).toMatchObject(refused(/does not support SSL/))
  })

  test('require is encrypted, whoever answers; verify-full wants a certificate of a known authority, for this very host', async () => {
    await show(stranger.issue('stranger', 'DNS:localhost'))
    expect(await look('require', 'require')).toMatchObject({ ok: true })
    const { rows } = await admin.query(
      `select distinct ssl from pg_stat_ssl join pg_stat_activity using (pid) where application_name like 'trunkline pgagent api%' and usename = 'looks'`,
    )
    expect(rows).toContainEqual({ ssl: true })
    expect(await look('full', 'verify-full')).toMatchObject(refused(/certificate/))
    expect(await call('GET', '/pgagent/servers/full/jobs')).toMatchObject({ status: 503, body: { code: 'pgagent_unavailable' } })

    await show(trusted.issue('other', 'DNS:other.example'))
    expect(await again('full')).toMatchObject(refused(/localhost.*other\.example/s))
    await show(trusted.issue('named', 'DNS:localhost'))
    expect(await again('full')).toMatchObject({ ok: true })
    expect(await look('address', 'verify-full', '127.0.0.1')).toMatchObject(refused(/127\.0\.0\.1/))
    await show(trusted.issue('numbered', 'IP:127.0.0.1'))
    expect(await again('address')).toMatchObject({ ok: true })
  })

  test('where only TLS is let in, disable is refused; an agent and its SQL steps come by the registered mode', async () => {
    await show(trusted.issue('last', 'DNS:localhost'))
    const { rows } = await admin.query('show hba_file')
    const rules = readFileSync(rows[0].hba_file, 'utf8')
    writeFileSync(rows[0].hba_file, `hostnossl jobs all all reject\n${rules}`)
    await admin.query('select pg_reload_conf()')
    // sessions that are open stay so: the API has some
    await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity where usename = 'looks'`)
    const word = await until(async () => {
      const { ok, found } = await again('plain')
      return !ok && /pg_hba/.test(found) ? found : undefined
    }, 'the rule')
    expect(word).toContain('no encryption')

    expect((await call('POST', '/pgagent/servers/full/install', {})).status).toBe(200)
    const there = new pg.Client({
      host: 'localhost',
      port: database.port,
      database: 'jobs',
      user: 'looks',
      password: 'looks-sekret',
      ssl: { ca: readFileSync(trusted.file) },
    })
    await there.connect()
    await there.query('create table seen (role text, ssl bool)')
    await there.query('grant insert on seen to works')
    await there.query(`insert into pgagent.pga_job(jobjclid, jobname) values (1, 'a job')`)
    await there.query(
      `insert into pgagent.pga_jobstep(jstjobid, jstname, jstkind, jstdbname, jstcode) values (1, 'a step', 's', 'jobs',
       'insert into seen select current_user, ssl from pg_stat_ssl where pid = pg_backend_pid()')`,
    )
    await there.query('update pgagent.pga_job set jobnextrun = now()')
    writeFileSync(
      join(here.folder, 'trunkline.yaml'),
      `pgagent:\n  serve:\n    full: { step_user: works, step_password: works-sekret, host: localhost, port: ${database.port} }\n`,
    )
    expect(await here.run(['pgagent', '--once'])).toMatchObject({ code: 0, out: expect.stringContaining('1 job has run') })
    const log = await there.query('select jlgstatus, jsloutput from pgagent.pga_joblog join pgagent.pga_jobsteplog on jsljlgid = jlgid')
    expect(log.rows).toEqual([{ jlgstatus: 's', jsloutput: '' }])
    expect((await there.query('select * from seen')).rows).toEqual([{ role: 'works', ssl: true }])
    await there.end()
  }, 60_000)
})
