import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { fileSystemStorage } from '@trunkline/engine'
import { afterAll, describe, expect, test } from 'vitest'
import { testDatabase, until } from '../../../test/support/database.ts'
import { runTask } from '../../../test/support/run-task.ts'
import { isPrivateAddress } from './http-request.ts'
import { builtInTasks, type TaskEnvironment } from './index.ts'

const db = await testDatabase()
const allowed = { shell: { allowed: true, allowRoot: true } }

function run(name: string, payload: unknown, environment: Partial<TaskEnvironment> = {}) {
  const task = builtInTasks({ connectionString: db.url, storage: fileSystemStorage(tmpdir()), ...environment }).find((t) => t.name === name)
  if (!task) throw new Error(name)
  return runTask(task, payload)
}

test('every built-in task has a schema that forms can be made of', () => {
  for (const task of builtInTasks({ connectionString: db.url, storage: fileSystemStorage(tmpdir()) })) {
    expect(task.description).toBeTruthy()
    if (task.name !== 'maintenance_cleanup')
      expect(task.inputSchema, task.name).toMatchObject({ type: 'object', additionalProperties: false })
  }
})

describe('sql_run', () => {
  test('answers the rows of the last statement, with params, bounded', async () => {
    expect(await run('sql_run', { sql: 'select $1::int + 1 as n', params: [41] }).result).toMatchObject({
      rowCount: 1,
      rows: [{ n: 42 }],
      truncated: false,
    })
    expect(
      await run('sql_run', {
        sql: 'create table made(i int); insert into made select generate_series(1, 500); select * from made',
        maxRows: 3,
      }).result,
    ).toMatchObject({ rowCount: 500, rows: [{ i: 1 }, { i: 2 }, { i: 3 }], truncated: true })
  })
  test('keeps notices in the log and errors with their SQLSTATE', async () => {
    const noisy = run('sql_run', { sql: `do $$ begin raise notice 'seen %', 7; end $$` })
    await noisy.result
    expect(noisy.lines.join()).toContain('seen 7')
    await expect(run('sql_run', { sql: 'selec 1' }).result).rejects.toMatchObject({
      code: '42601',
      message: expect.stringContaining('syntax error'),
    })
  })
  test('ends at its timeout, and when it is aborted', async () => {
    await expect(run('sql_run', { sql: 'select pg_sleep(30)', timeoutMs: 50 }).result).rejects.toMatchObject({ code: '57014' })
    const long = run('sql_run', { sql: 'select pg_sleep(30)' })
    await until(
      async () =>
        (await db.rows(`select from pg_stat_activity where application_name = 'trunkline sql_run' and state = 'active'`)).length > 0,
    )
    long.abort(new Error('cancelled by me'))
    await expect(long.result).rejects.toThrow('cancelled by me')
    expect(
      await db.rows(
        `select from pg_stat_activity where application_name = 'trunkline sql_run' and query like '%pg_sleep(30)%' and state = 'active'`,
      ),
    ).toEqual([])
  })
})

describe('shell_run', () => {
  test('is refused unless it is allowed, as root once more', async () => {
    await expect(run('shell_run', { command: 'true' }).result).rejects.toThrow(/not allowed/)
    if (process.getuid?.() === 0)
      await expect(run('shell_run', { command: 'true' }, { shell: { allowed: true } }).result).rejects.toThrow(/root/)
  })
  test('runs in a clean environment, in a fresh folder that goes afterwards', async () => {
    process.env.TRUNKLINE_TEST_CANARY = 'secret'
    const { stdout } = await run(
      'shell_run',
      { command: 'env; pwd; echo "$GREETING"; cat', env: { GREETING: 'hello' }, input: 'from stdin' },
      allowed,
    ).result
    expect(stdout).toContain('hello\nfrom stdin')
    expect(stdout).not.toContain('secret')
    expect(stdout).not.toContain('DATABASE_URL')
    const folder = /^\/.*trunkline-shell-.*$/m.exec(stdout)?.[0]
    expect((await run('shell_run', { command: 'ls', args: ['-d', String(folder)] }, allowed).result.catch((e) => e)).message).toContain(
      'exit code',
    )
    const { stdout: literal } = await run('shell_run', { command: 'echo', args: ['$HOME; ls'] }, allowed).result
    expect(literal).toBe('$HOME; ls\n')
  })
  test('an exit code, a missing program: errors with the tail of its output', async () => {
    await expect(run('shell_run', { command: 'echo out; echo bad >&2; exit 3' }, allowed).result).rejects.toMatchObject({
      code: 'command_failed',
      message: expect.stringMatching(/exit code 3: bad/),
    })
    await expect(run('shell_run', { command: '/nowhere/at/all', args: [] }, allowed).result).rejects.toThrow()
  })
  test('a flood is cut, a child in the background does not hang it, one that ignores TERM is killed with its group', async () => {
    const flood = await run('shell_run', { command: 'head -c 20000000 /dev/zero | tr "\\0" x' }, allowed).result
    expect(flood.truncated).toBe(true)
    expect(flood.stdout.length).toBeLessThan(1_000_000)
    const begun = Date.now()
    await run('shell_run', { command: 'sleep 60 & echo started' }, allowed).result
    expect(Date.now() - begun).toBeLessThan(5000)
    const deaf = run('shell_run', { command: 'trap "" TERM; echo ready; while :; do sleep 1; done' }, allowed)
    await until(() => deaf.lines.includes('ready'))
    deaf.abort(new Error('enough'))
    await expect(deaf.result).rejects.toThrow('enough')
  }, 20_000)
  test('its own timeout ends it', async () => {
    await expect(run('shell_run', { command: 'sleep 60', timeoutMs: 100 }, allowed).result).rejects.toMatchObject({ code: 'timeout' })
  })
})

describe('http_request', async () => {
  const seen: string[] = []
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers.authorization ?? ''}`)
    const [, kind = '', arg = ''] = (request.url ?? '').split('/')
    if (kind === 'status') response.writeHead(Number(arg)).end('said')
    else if (kind === 'json') request.pipe(response.setHeader('content-type', 'application/json'))
    else if (kind === 'big') response.end('x'.repeat(200_000))
    else if (kind === 'loop') response.writeHead(302, { location: '/loop' }).end()
    else if (kind === 'away')
      response.writeHead(302, { location: `http://localhost:${(server.address() as AddressInfo).port}/status/200` }).end()
    else if (kind !== 'hang') response.end('ok')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })

  test('sends JSON and reads it', async () => {
    expect(await run('http_request', { method: 'POST', url: `${base}/json`, body: { a: [1] } }).result).toMatchObject({
      status: 200,
      body: { a: [1] },
      truncated: false,
    })
    expect(await run('http_request', { url: `${base}/big`, maxBytes: 10 }).result).toMatchObject({ body: 'xxxxxxxxxx', truncated: true })
  })
  test('what was not expected fails: for good where repeating cannot help', async () => {
    await expect(run('http_request', { url: `${base}/status/404` }).result).rejects.toMatchObject({
      name: 'FatalError',
      message: expect.stringContaining('404'),
    })
    for (const code of [429, 503])
      await expect(run('http_request', { url: `${base}/status/${code}` }).result).rejects.toMatchObject({ code: 'http_failed' })
    expect(await run('http_request', { url: `${base}/status/404`, expect: [404] }).result).toMatchObject({ status: 404 })
  })
  test('a timeout, an abort, endless redirects, a bad URL', async () => {
    await expect(run('http_request', { url: `${base}/hang`, timeoutMs: 100 }).result).rejects.toMatchObject({ code: 'timeout' })
    const hanging = run('http_request', { url: `${base}/hang` })
    await until(() => seen.filter((s) => s.includes('/hang')).length > 1)
    hanging.abort(new Error('enough'))
    await expect(hanging.result).rejects.toThrow('enough')
    await expect(run('http_request', { url: `${base}/loop` }).result).rejects.toThrow(/redirects/)
    for (const url of ['file:///etc/passwd', 'ftp://x', 'nonsense'])
      await expect(run('http_request', { url }).result).rejects.toThrow(/invalid/)
  })
  test('a secret does not follow to another host, nor into the log', async () => {
    const call = run('http_request', { url: `${base}/away`, headers: { authorization: 'Bearer canary' } })
    await call.result
    expect(seen.at(-1)).toBe('GET /status/200 ')
    expect(call.lines.join()).not.toContain('canary')
  })
  test('private addresses are refused where that is asked, in every disguise', async () => {
    const closed = { http: { allowPrivate: false } }
    const port = new URL(base).port
    const before = seen.length
    for (const host of [
      '127.0.0.1',
      'localhost',
      '[::1]',
      '2130706433',
      '0x7f.1',
      '[::ffff:127.0.0.1]',
      '[::ffff:7f00:1]',
      '0.0.0.0',
      '169.254.169.254',
      '10.1.2.3',
      '192.168.0.1',
      '[fd00::1]',
    ]) {
      await expect(run('http_request', { url: `http://${host}:${port}/` }, closed).result, host).rejects.toThrow(/private/)
    }
    expect(seen.length).toBe(before)
    expect(isPrivateAddress('8.8.8.8')).toBe(false)
    expect(isPrivateAddress('2606:4700::1111')).toBe(false)
  })
})

describe('maintenance', () => {
  test('vacuum and reindex work through tables one by one, and name what they do not know', async () => {
    await db.rows(`create table "Odd Name"(i int primary key)`)
    expect(await run('maintenance_vacuum', { tables: ['Odd Name'], full: true }).result).toMatchObject({ tables: 1 })
    expect((await run('maintenance_vacuum', { schema: 'public' }).result).tables).toBeGreaterThanOrEqual(1)
    expect(await run('maintenance_reindex', { indexes: ['Odd Name_pkey'] }).result).toMatchObject({ objects: 1 })
    expect(await run('maintenance_reindex', { tables: ['public.Odd Name'], concurrently: false }).result).toMatchObject({ objects: 1 })
    await expect(run('maintenance_vacuum', { tables: ['Odd Nmae'] }).result).rejects.toThrow(/did you mean "Odd Name"/)
    await expect(run('maintenance_vacuum', { tables: ['x"; drop table "Odd Name'] }).result).rejects.toThrow(/there is no table/)
  })
  test('cleanup deletes what is old in small transactions, and nothing else', async () => {
    await db.rows(`create table events(id int, at timestamptz) partition by range (id)`)
    await db.rows(`create table events_1 partition of events for values from (0) to (50)`)
    await db.rows(`create table events_2 partition of events for values from (50) to (1000)`)
    await db.rows(`insert into events select i, now() - i * interval '1 hour' from generate_series(1, 100) i`)
    const done = run('maintenance_cleanup', { table: 'events', column: 'at', olderThan: '48h', batchSize: 7 })
    expect(await done.result).toEqual({ deleted: 53 })
    expect((await db.rows('select count(*)::int n, max(id) m from events'))[0]).toEqual({ n: 47, m: 47 })
    await expect(run('maintenance_cleanup', { table: 'events', column: 'att', olderThan: '1d' }).result).rejects.toThrow(
      /did you mean "at"/,
    )
    await expect(run('maintenance_cleanup', { table: 'events', column: 'id', olderThan: '1d' }).result).rejects.toThrow(/must be a date/)
    await expect(run('maintenance_cleanup', { table: 'trunkline.job', column: 'created_at', olderThan: '1d' }).result).rejects.toThrow(
      /queue's own/,
    )
    await expect(run('maintenance_cleanup', { table: 'events', column: 'at', olderThan: 'soon' }).result).rejects.toThrow(/invalid/)
  })
})
