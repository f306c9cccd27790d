import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { findPgBouncer, startPgBouncer } from '../../support/pgbouncer.ts'
import type { Fault } from '../fault.ts'
import type { Scene } from '../scene.ts'

const terminated: Fault = {
  id: 'F10',
  name: 'random backends are terminated, three a second',
  async inject({ ask }) {
    let n = 0
    for (let gust = 0; gust < 9; gust++) {
      const ended = await ask(
        `select pg_terminate_backend(pid) from (select pid from pg_stat_activity
          where application_name like 'trunkline%' and pid <> pg_backend_pid() order by random() limit 1) victims`,
      )
      n += ended.length
      await pause(333)
    }
    return `${n} backends`
  },
}

const codes = ['40P01', '40001', '55P03', '57014', '53300', '25006', '08006']
let turn = 0

const failing: Fault = {
  id: 'F30',
  name: 'the n-th statement of a worker fails',
  async inject({ workers, random }) {
    const told: string[] = []
    for (const worker of workers) {
      // one more each time, so that in the end every statement was the one that failed
      const code = random.pick(codes)
      const after = (turn++ % 12) + 1
      const times = random.between(1, 6)
      const hit = await worker.order({ do: 'fail', code, after, every: random.between(1, 5), times }, 3000)
      told.push(`${worker.name}: ${hit ? `${code} from the ${after}th on` : 'nothing came'}`)
    }
    await pause(500)
    return told.join('; ')
  },
}

async function session(scene: Scene, undo: (work: () => unknown) => void): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: scene.cluster.url(scene.database), application_name: 'bystander' })
  client.on('error', () => {})
  undo(() => client.end().catch(() => {}))
  await client.connect()
  return client
}

const pinned: Fault = {
  id: 'F39',
  name: 'an open snapshot pins dead rows',
  async inject(scene, undo) {
    const client = await session(scene, undo)
    await client.query('begin isolation level repeatable read')
    await client.query('select count(*) from trunkline.queue')
    const ms = scene.random.between(4000, 7000)
    await pause(ms)
    return `for ${ms} ms`
  },
}

const garbage: Fault = {
  id: 'F50',
  name: 'garbage on our channel',
  async inject({ ask, random }) {
    const before = Date.now()
    await ask(`select pg_notify('trunkline', repeat(chr(${random.between(33, 126)}), 7999) || i) from generate_series(1, 1000) i`).catch(
      () => {},
    )
    await ask(`select pg_notify('trunkline', w || i) from generate_series(1, 300) i, unnest(array['w', 'c', 's', 'e:', '{"x":', '']) w`)
    return `2,800 notifications in ${Date.now() - before} ms`
  },
}

const stuckListener: Fault = {
  id: 'F51',
  name: 'a listener in a transaction keeps the queue of notifications',
  async inject(scene, undo) {
    const client = await session(scene, undo)
    await client.query('listen trunkline')
    await client.query('begin')
    await client.query('select 1')
    for (let i = 0; i < 5; i++) {
      await scene.ask(`select pg_notify('trunkline', 'x' || n || repeat('x', 7000)) from generate_series(1, 1000) n`)
      await pause(400)
    }
    const [row] = await scene.ask('select pg_notification_queue_usage() used')
    return `35 MB, ${(100 * row.used).toFixed(2)} % of the queue`
  },
}

const pooled: Fault = {
  id: 'F52',
  name: 'a worker behind a pooler in transaction mode',
  needs: () => (findPgBouncer() ? null : 'pgbouncer'),
  async inject(scene, undo) {
    const bouncer = await startPgBouncer({ server: scene.cluster.url(scene.database), poolSize: 6 })
    undo(() => bouncer.stop())
    const worker = scene.addWorker('pooled', { url: bouncer.through(scene.cluster.url(scene.database)) })
    undo(() => worker.close())
    const ready = await scene.until(() => worker.place.ready, 8000)
    await pause(3000)
    return ready ? 'for 3 s' : 'it did not get ready'
  },
}

const bulk: Fault = {
  id: 'F55',
  name: 'many jobs are cancelled and retried while they run',
  async inject({ admin, make, until, ask }) {
    make(
      'slow',
      Array.from({ length: 60 }, (_, n) => ({ n })),
    )
    await until(async () => (await ask(`select coalesce(sum(n), 0)::int n from trunkline.ready`))[0].n > 20, 3000)
    const cancelled = await admin.bulk('cancel', { task: 'chaos.slow', state: 'pending' }, { by: 'chaos' })
    const running = await admin.bulk('cancel', { task: 'chaos.slow', state: 'running' }, { by: 'chaos' })
    await pause(1200)
    const retried = await admin.bulk('retry', { task: 'chaos.slow', state: 'cancelled' }, { by: 'chaos' })
    return `cancelled ${cancelled.accepted} waiting and ${running.accepted} running, retried ${retried.accepted}`
  },
}

const emptied: Fault = {
  id: 'F56',
  name: 'somebody empties the table of leases and puts the jobs back, as after a restore',
  async inject({ ask }) {
    const rows = await ask([
      'begin',
      'lock table trunkline.lease in access exclusive mode',
      `insert into chaos.event(kind, lease, worker, ids) select 'released', id, worker_id, ids from trunkline.lease`,
      `insert into chaos.event(kind) values ('emptied')`,
      `with o as (select u.id, u.a from trunkline.lease l, unnest(l.ids, l.attempts) u(id, a))
        insert into trunkline.ready(queue_id, priority, seq, attempt, n, ids)
          select j.queue_id, case when (select count(*) from trunkline.attempt t where t.id = o.id and t.kind = 2) >= 2 then 32767 else j.priority end,
            nextval('trunkline.id'), o.a, 1, array[o.id] from o join trunkline.job j on j.id = o.id`,
      'truncate trunkline.lease',
      'commit',
      `select coalesce(sum(cardinality(ids)), 0)::int n from chaos.event where kind = 'released' and tx = (select tx from chaos.event where kind = 'emptied' order by no desc limit 1)`,
    ])
    return `${rows[0]?.n ?? 0} running jobs were put back`
  },
}

/** What happens in the database. */
export const databaseFaults: readonly Fault[] = [terminated, failing, pinned, garbage, stuckListener, pooled, bulk, emptied]
