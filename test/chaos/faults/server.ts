import { spawn, spawnSync } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import type { Fault } from '../fault.ts'
import type { Scene } from '../scene.ts'

const away = async ({ cluster, until }: Scene): Promise<boolean> => (await until(() => cluster.processes().length === 0, 10_000)) === true

function restart(id: string, name: string, how: (scene: Scene) => NodeJS.Signals[]): Fault {
  return {
    id,
    name,
    async inject(scene, undo) {
      undo(() => scene.cluster.start())
      const signals = how(scene)
      for (const [i, signal] of signals.entries()) {
        if (i > 0) await pause(2500)
        scene.cluster.signal(signal)
      }
      await away(scene)
      const ms = scene.random.between(0, 1500)
      await pause(ms)
      return `${signals.join(', ')}, and ${ms} ms away`
    },
  }
}

const atOnce = restart('F07', 'PostgreSQL is stopped at once (immediate) and started again', () => ['SIGQUIT'])
const fast = restart('F09', 'PostgreSQL is stopped fast, or smart and then fast', ({ random }) =>
  random.next() < 0.5 ? ['SIGINT'] : ['SIGTERM', 'SIGINT'],
)

const backendKilled: Fault = {
  id: 'F08',
  name: 'kill -9 of one backend: the whole server restarts',
  async inject({ ask, random, cluster, until }) {
    const found = await ask(
      `select pid, application_name who from pg_stat_activity where application_name like 'trunkline%' order by backend_start`,
    )
    if (found.length === 0) return 'no backend to be found'
    const victim = random.pick(found)
    process.kill(victim.pid, 'SIGKILL')
    await pause(200)
    const back = await until(() => cluster.answers(), 20_000)
    return `the backend of "${victim.who}"; ${back ? 'the server is back' : 'the server is still away'}`
  },
}

const slowDisk: Fault = {
  id: 'F18',
  name: 'each flush of the disk takes 300 ms',
  needs: () => (spawnSync('strace', ['-V']).status !== 0 ? 'strace' : process.getuid?.() !== 0 ? 'root' : null),
  async inject({ cluster }, undo) {
    const pids = cluster.processes().flatMap((pid) => ['-p', String(pid)])
    const slow = ['-e', 'trace=fsync,fdatasync', '-e', 'inject=fsync,fdatasync:delay_enter=300000']
    const tracer = spawn('strace', ['-f', '-qq', '-o', '/dev/null', ...slow, ...pids], { stdio: 'ignore' })
    const gone = new Promise<void>((resolve) => tracer.once('exit', () => resolve()))
    undo(async () => {
      tracer.kill('SIGINT')
      await Promise.race([gone, pause(5000)])
    })
    const early = await Promise.race([gone.then(() => true), pause(4000).then(() => false)])
    return early ? 'strace could not attach' : `300 ms for each flush, for 4 s`
  },
}

/** A disk of the server without room, as long as it takes to be noticed and some more. */
const dataFull: Fault = {
  id: 'F19',
  name: 'the disk of the data is full',
  needs: ({ cluster }) => (cluster.disks ? null : 'root and tmpfs'),
  async inject(scene, undo) {
    const disk = scene.cluster.disks?.data
    if (!disk) return 'no disk of its own'
    undo(() => disk.empty())
    disk.fill()
    // a table that grows finds out; what fits into pages that are there goes on
    const said = await scene.ask('create temp table growing as select repeat(md5(i::text), 200) t from generate_series(1, 20000) i').then(
      () => 'there was room',
      (error: { code?: string }) => error.code ?? String(error),
    )
    await pause(scene.random.between(2000, 3500))
    return `full for 2 s and more; a growing table was told ${said}`
  },
}

const walFull: Fault = {
  id: 'F20',
  name: 'the disk of the log of changes is full: PANIC and recovery',
  needs: ({ cluster }) => (cluster.disks ? null : 'root and tmpfs'),
  async inject(scene, undo) {
    const disk = scene.cluster.disks?.wal
    if (!disk) return 'no disk of its own'
    const { pid } = scene.cluster
    undo(async () => {
      disk.empty()
      await scene.cluster.start()
    })
    disk.fill()
    let down = false
    for (const end = Date.now() + 8000; Date.now() < end && !down; ) {
      // segments that were written ahead are used up first
      down = await scene.ask(['select pg_switch_wal()', `select pg_logical_emit_message(false, 'chaos', repeat('x', 100000))`]).then(
        () => false,
        () => true,
      )
    }
    await pause(1000)
    return `full, and ${down ? `the server (${pid}) went down` : 'the server did without'}`
  },
}

const locked: Fault = {
  id: 'F28',
  name: 'a migration takes its locks under load',
  async inject({ ask, random }) {
    const tables = ['lease', 'ready', 'outcome', 'job', 'scheduled', 'worker'].map((t) => `trunkline.${t}`)
    let got = 0
    for (let turn = 0; turn < 4; turn++) {
      const mine = random.shuffle(tables).slice(0, 2).sort().join(', ')
      // as the migrations do: short waits, and another try
      await ask([
        'begin',
        `set local lock_timeout = '2s'`,
        `lock table ${mine} in access exclusive mode`,
        'select pg_sleep(0.4)',
        'commit',
      ]).then(
        () => got++,
        () => {},
      )
    }
    return `${got} of 4 times two tables for 400 ms`
  },
}

const readOnly: Fault = {
  id: 'F53',
  name: 'the database turns read-only and back',
  async inject({ cluster, random }, undo) {
    undo(() =>
      cluster.ask([
        'set default_transaction_read_only = off',
        'alter system reset default_transaction_read_only',
        'select pg_reload_conf()',
      ]),
    )
    await cluster.ask(['alter system set default_transaction_read_only = on', 'select pg_reload_conf()'])
    const ms = random.between(1500, 3500)
    await pause(ms)
    return `read-only for ${ms} ms`
  },
}

const exhausted: Fault = {
  id: 'F40',
  name: 'all connections of the server are taken',
  async inject({ cluster, random }, undo) {
    const greedy: pg.Client[] = []
    undo(() => Promise.all(greedy.splice(0).map((client) => client.end().catch(() => {}))))
    const grab = async () => {
      const client = new pg.Client({ connectionString: cluster.url('postgres'), application_name: 'greedy', connectionTimeoutMillis: 3000 })
      client.on('error', () => {})
      await client.connect()
      greedy.push(client)
    }
    let refused = 0
    const fill = async () => {
      const before = refused
      for (let turn = 0; turn < 20 && refused === before; turn++) {
        const results = await Promise.allSettled(Array.from({ length: 10 }, grab))
        refused += results.filter((r) => r.status === 'rejected').length
      }
    }
    await fill()
    const held = greedy.length
    // who loses a connection now finds none
    await greedy[0]?.query(`select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'trunkline%'`)
    for (const until = Date.now() + random.between(2000, 3500); Date.now() < until; ) {
      await grab().catch(() => {
        refused++
        return pause(5)
      })
    }
    return `${held} connections held, then ${greedy.length} when theirs were ended; ${refused} more refused`
  },
}

/** What happens to the server. */
export const serverFaults: readonly Fault[] = [atOnce, fast, backendKilled, slowDisk, dataFull, walFull, locked, readOnly, exhausted]
