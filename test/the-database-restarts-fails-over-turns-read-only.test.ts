import { chmodSync, mkdirSync, mkdtempSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { defineTask, fileSystemStorage, type KeeperEvent, type Task, Trunkline, type WorkerEvent } from '../packages/engine/src/index.ts'
import { builtInTasks } from '../packages/tasks/src/index.ts'
import { type Embedded, startEmbedded } from '../packages/trunkline/src/embedded.ts'
import { startProxy } from './chaos/proxy.ts'
import { until } from './support/database.ts'
import { findFaketime } from './support/faketime.ts'
import { runTask } from './support/run-task.ts'
import { makeStandby } from './support/standby.ts'

const folder = mkdtempSync(join(tmpdir(), 'trunkline-places-'))
const primaryDir = join(folder, 'primary')
// one flush of the disk at the start of a copied or crashed cluster, not one for each of its files
const settings = { max_connections: '40', shared_buffers: '64MB', recovery_init_sync_method: 'syncfs' }
let server: Embedded
const start = async (port?: number, more: Record<string, string> = {}, binaries?: string) => {
  const where = { ...(port ? { port } : {}), ...(binaries ? { binaries } : {}) }
  server = await startEmbedded({ dataDir: primaryDir, settings: { ...settings, ...more }, ...where })
}

beforeAll(() => start())
afterAll(async () => {
  await server.stop()
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
})

/** What a test started; stopped after it, also when it failed. */
const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** Runs statements one after the other, on a connection that no fault is aimed at; rows of the last. */
async function ask(sql: string | string[], url = server.connectionString()): Promise<any[]> {
  const client = new pg.Client({ connectionString: url, application_name: 'bystander' })
  client.on('error', () => {})
  await client.connect()
  try {
    let rows: any[] = []
    for (const each of [sql].flat()) rows = (await client.query(each)).rows
    return rows
  } finally {
    await client.end()
  }
}

let round = 0
/** Two workers, a producer and a keeper, each with connections of its own, on a fresh database. */
async function life(url: (database: string) => string = (database) => server.connectionString(database)) {
  const database = `life_${++round}`
  await ask(`create database ${database}`)
  const connectionString = url(database)
  const events: (WorkerEvent | KeeperEvent)[] = []
  const onEvent = (event: WorkerEvent | KeeperEvent) => void events.push(event)
  /** How often the handler of each job ran: an effect outside the database. */
  const runs = new Map<string, number>()
  const acknowledged: string[] = []
  const refused: string[] = []
  const task = defineTask('life', {
    retry: { attempts: 3 },
    async run({ job, input }) {
      runs.set(job.id, (runs.get(job.id) ?? 0) + 1)
      await pause(input as number)
    },
  })
  const open = async () => {
    const made = await Trunkline.connect({ connectionString, migrate: true, queryTimeoutMs: 3000 })
    closers.push(() => made.close())
    return made
  }
  const producer = await open()
  for (let i = 0; i < 2; i++) {
    const at = await open()
    await at.work([task], { keeper: false, concurrency: 4, heartbeatMs: 300, drainMs: 5000, onEvent })
  }
  const keeping = await open()
  keeping.keeper({ staleMs: 3000, sweepMs: 200, leaseMs: 1000, onEvent }).start()

  let producing = true
  const producers = (async () => {
    while (producing) {
      try {
        acknowledged.push((await producer.enqueue(task, acknowledged.length % 10 === 0 ? 300 : 5)).id)
      } catch (error) {
        refused.push((error as { code?: string }).code ?? String(error))
        await pause(50)
      }
      await pause(5)
    }
  })()
  closers.push(async () => {
    producing = false
    await producers
  })
  await until(() => runs.size > 30, 'life to begin')

  return {
    events,
    refused,
    connectionString,
    /** Since the database is back: a new job is made and runs to its end. @returns ms */
    async goesOn(): Promise<number> {
      const back = performance.now()
      const job = await until(() => producer.enqueue(task, 0).catch(() => null), 'a job to be accepted', 15_000)
      acknowledged.push(job.id)
      await job.result({ signal: AbortSignal.timeout(15_000) })
      return performance.now() - back
    },
    /** Ends the producer and waits for all work; then nothing acknowledged may be missing, and nothing may have run again. */
    async settles(): Promise<void> {
      producing = false
      await producers
      const open = () => producer.queues().then(([q]) => q && q.due + q.running + q.scheduled)
      await until(async () => (await open().catch(() => 1)) === 0, 'all work to be done', 20_000)
      const left = await ask('select id::text, status from trunkline.outcome', connectionString.replace(/@[^/]*,/, '@'))
      const completed = new Set(left.filter((row) => row.status === 2).map((row) => row.id))
      expect(acknowledged.filter((id) => !completed.has(id))).toEqual([])
      expect([...runs].filter(([, n]) => n > 1)).toEqual([])
      expect(events.filter((e) => e.type === 'lease_lost' || e.type === 'worker_lost' || e.type === 'recovered')).toEqual([])
      // what was refused was refused for a reason that heals
      expect(refused.filter((code) => code !== 'database_unavailable')).toEqual([])
    },
  }
}

describe('workers, a producer and a keeper go on by themselves, lose nothing and repeat nothing', () => {
  test.each([
    { how: 'fast', signal: 'SIGINT' },
    { how: 'at once', signal: 'SIGQUIT' },
    { how: 'by the crash of one backend', signal: null },
  ] as const)('when the server is stopped $how and started again', async ({ signal: how }) => {
    const { goesOn, settles, refused } = await life()
    const { pid, port } = server
    if (how) {
      process.kill(pid, how)
      await until(() => refused.length > 3, 'producers to notice')
      await start(port)
    } else {
      const [victim] = await ask(`select pid from pg_stat_activity where application_name like 'trunkline complete%' limit 1`)
      process.kill(victim.pid, 'SIGKILL')
      await until(() => refused.length > 0, 'producers to notice')
      await until(() => ask('select 1').catch(() => null), 'the server to come back')
    }
    expect(await goesOn()).toBeLessThan(10_000)
    await settles()
  })

  test('when the database turns read-only and back', async () => {
    const { goesOn, settles, refused, events } = await life()
    closers.push(() =>
      ask(['set default_transaction_read_only = off', 'alter system reset default_transaction_read_only', 'select pg_reload_conf()']),
    )
    await ask(['alter system set default_transaction_read_only = on', 'select pg_reload_conf()'])
    await until(() => refused.length > 10, 'producers to notice')
    await pause(1000)
    expect(events.some((e) => e.type === 'database_error' && /read-only/.test(e.error.message))).toBe(true)
    await closers.pop()?.()
    expect(await goesOn()).toBeLessThan(10_000)
    await settles()
  })

  test('in a storm of terminated connections', async () => {
    const { goesOn, settles } = await life()
    for (let gust = 0; gust < 15; gust++) {
      await ask(
        `select pg_terminate_backend(pid) from (select pid from pg_stat_activity
          where application_name like 'trunkline%' and pid <> pg_backend_pid() order by random() limit 5) victims`,
      )
      await pause(200)
    }
    expect(await goesOn()).toBeLessThan(10_000)
    await settles()
  })

  test('when all connections of the server are taken', async () => {
    const { goesOn, settles, events } = await life()
    const greedy: pg.Client[] = []
    closers.push(async () => {
      await Promise.all(greedy.splice(0).map((client) => client.end()))
    })
    const grab = async () => {
      const client = new pg.Client({ connectionString: server.connectionString(), application_name: 'greedy' })
      client.on('error', () => {})
      await client.connect()
      greedy.push(client)
    }
    while (
      await grab().then(
        () => true,
        () => false,
      )
    );
    // each connection that is ended now is taken by somebody else before its owner is back
    await greedy[0]?.query(`select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'trunkline%'`)
    const refused = () =>
      events.some((e) => e.type === 'database_error' && /too many clients|remaining connection slots/.test(e.error.message))
    const begun = Date.now()
    while (Date.now() < begun + 2500 || (!refused() && Date.now() < begun + 15_000)) await grab().catch(() => pause(5))
    expect(refused()).toBe(true)
    await Promise.all(greedy.splice(0).map((client) => client.end()))
    expect(await goesOn()).toBeLessThan(10_000)
    await settles()
  })

  test('when the answer to a completion gets lost: it was stored, and its worker finds that out', async () => {
    const proxy = await startProxy(server.connectionString())
    closers.push(() => proxy.stop())
    const { settles } = await life((database) => proxy.through(server.connectionString(database)))
    for (let turn = 1; turn <= 5; turn++) {
      proxy.loseAnswerTo('trunkline_complete')
      await until(() => proxy.lost() === turn, 'an answer to be lost')
    }
    await settles()
  })

  const faketime = findFaketime()
  test.skipIf(!faketime)('when the clock of its machine is set an hour ahead, and back again (needs faketime)', async () => {
    // the same server, whose clock says what a file says
    const clocked = join(folder, 'clocked')
    const clock = join(clocked, 'clock')
    mkdirSync(join(clocked, 'bin'), { recursive: true })
    for (const open of [folder, clocked, join(clocked, 'bin')]) chmodSync(open, 0o755)
    writeFileSync(clock, '+0')
    const real = readlinkSync(`/proc/${server.pid}/exe`)
    symlinkSync(join(dirname(real), 'initdb'), join(clocked, 'bin', 'initdb'))
    const told = `LD_PRELOAD=${faketime} FAKETIME_TIMESTAMP_FILE=${clock} FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1`
    writeFileSync(join(clocked, 'bin', 'postgres'), `#!/bin/sh\n${told} exec ${real} "$@"\n`, { mode: 0o755 })
    await server.stop()
    await start(undefined, {}, clocked)
    closers.push(async () => {
      await server.stop()
      await start()
    })
    const aheadMs = async () => (await ask('select extract(epoch from now())::float8 * 1000 ms'))[0].ms - Date.now()

    const { goesOn, settles, connectionString } = await life()
    for (const hours of [1, 0]) {
      writeFileSync(clock, `+${hours}h`)
      expect(Math.abs((await aheadMs()) - hours * 3_600_000)).toBeLessThan(60_000)
      // longer than the stale time
      await pause(3500)
      expect(await goesOn()).toBeLessThan(10_000)
    }
    await settles()
    // whoever died in that hour that was taken back is found all the same
    const silent = await ask(
      `insert into trunkline.worker(name, host, pid, version, concurrency, queues, tasks, beat)
       values ('silent', 'h', 1, 'v', 1, '{}', '{}', now() + interval '50 minutes') returning id`,
      connectionString,
    )
    await until(
      async () => (await ask(`select from trunkline.worker where id = ${silent[0].id}`, connectionString)).length === 0,
      'a dead worker to be given up',
      10_000,
    )
  })

  test('when a standby takes over; and an old primary that comes back is refused', async () => {
    const standby = await makeStandby(server, primaryDir, join(folder, 'standby'), settings)
    closers.push(() => standby.stop())
    await ask([`alter system set synchronous_standby_names = 'standby'`, 'select pg_reload_conf()'])
    await until(async () => (await ask(`select from pg_stat_replication where sync_state = 'sync'`)).length > 0, 'the standby to follow')
    const both = (database: string) => server.connectionString(database).replace(/@([^/]*)/, `@$1,127.0.0.1:${standby.port}`)
    const { goesOn, settles, connectionString, refused } = await life(both)
    const oldPort = server.port
    process.kill(server.pid, 'SIGQUIT')
    await until(() => refused.length > 3, 'producers to notice')
    await standby.promote()
    expect(await goesOn()).toBeLessThan(10_000)
    await settles()

    // the new one is away for a moment, and the old one, which nobody has told, is back
    await standby.stop()
    await start(oldPort, { synchronous_standby_names: '' })
    await expect(Trunkline.connect({ connectionString })).rejects.toMatchObject({
      code: 'database_stale',
      message: expect.stringContaining('timeline 1, behind timeline 2'),
    })
    await standby.start()
    const again = await Trunkline.connect({ connectionString })
    closers.push(() => again.close())
    expect((await again.queues())[0]?.completed).toBeGreaterThan(0)
    // built-in tasks take one server: the one that is the primary when they run
    const sql = builtInTasks({ connectionString, storage: fileSystemStorage(join(folder, 'backups')) }).find((t) => t.name === 'sql_run')
    expect((await runTask(sql as Task, { sql: 'show port' }).result).rows).toEqual([{ port: String(standby.port) }])
  })
})
