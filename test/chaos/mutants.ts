import { setTimeout as pause } from 'node:timers/promises'
import { check } from './checker.ts'
import { type Cluster, makeCluster } from './cluster.ts'
import type { Fault } from './fault.ts'
import { networkFaults } from './faults/network.ts'
import { processFaults } from './faults/processes.ts'
import { serverFaults } from './faults/server.ts'
import { injectFault } from './nemesis.ts'
import { createRandom } from './random.ts'
import { openScene, type SceneOptions, staleMs } from './scene.ts'
import { copySources, type Edit } from './source-copy.ts'
import type { Violation } from './witnesses.ts'

/** The engine, broken in one place, and what brings it to light. */
interface Mutant {
  name: string
  edits: Edit[]
  /** What happens, in this order. */
  faults: Fault[]
  /** Invariants of which at least one has to be found broken. */
  breaks: string[]
  /** Default: 50 jobs a second, without schedules, flows and limits. */
  load?: Partial<Pick<SceneOptions, 'perSecond' | 'lanes' | 'scheduledFor'>>
}

const jobs = 'packages/engine/src/jobs'
const schedules = 'packages/engine/src/schedules'
const migrations = 'packages/engine/migrations'
const numbered = (n: number) => Array.from({ length: n }, (_, i) => ({ n: i }))

function known(id: string, of: readonly Fault[]): Fault {
  const fault = of.find((f) => f.id === id)
  if (!fault) throw new Error(`no fault ${id}`)
  return fault
}

const stopped = known('F07', serverFaults)
const restart: Fault = {
  ...stopped,
  async inject(scene, undo) {
    await pause(1200)
    return await stopped.inject(scene, undo)
  },
}
const frozenTalking = known('F04', processFaults)
const lostAnswer = known('F05', networkFaults)

const frozenWithSlowJobs = (ms: number): Fault => ({
  id: 'F03',
  name: 'a worker freezes with slow jobs in its slots',
  async inject(scene, undo) {
    const victim = scene.random.pick(scene.workers)
    undo(() => victim.signal('SIGCONT'))
    scene.make(
      'slow',
      Array.from({ length: 14 }, () => ({ n: scene.random.between(700, 1199) })),
    )
    await pause(400)
    victim.signal('SIGSTOP')
    await pause(ms)
    victim.signal('SIGCONT')
    await pause(1000)
    return `${victim.name} stood still for ${ms} ms`
  },
})

/** Stands still until one of its slow jobs runs elsewhere, however long a busy machine takes for that. */
const frozenUntilTaken: Fault = {
  id: 'F03',
  name: 'a worker freezes until others run its jobs',
  async inject(scene, undo) {
    const victim = scene.random.pick(scene.workers)
    undo(() => victim.signal('SIGCONT'))
    scene.make(
      'slow',
      Array.from({ length: 14 }, () => ({ n: scene.random.between(1000, 1199) })),
    )
    await pause(400)
    victim.signal('SIGSTOP')
    const taken = `select count(*)::int n from chaos.event g join chaos.event r on r.tx = g.tx and r.kind = 'released' and r.worker = g.worker
      join chaos.event c on c.kind = 'claimed' and c.no > g.no and c.ids && r.ids
      join trunkline.job j on j.id = any(c.ids) and j.id = any(r.ids) join trunkline.task t on t.id = j.task_id and t.name = 'chaos.slow'
      where g.kind = 'gone' and g.words[1] = 'lost' and g.at > now() - interval '1 second'`
    const found = await scene.until(() => scene.ask(taken).then(([row]) => row.n > 0), 8000)
    victim.signal('SIGCONT')
    await pause(1000)
    return `${victim.name} stood still until ${found ? 'one of its jobs ran elsewhere' : 'nothing of it was taken for 8 s'}`
  },
}

const rush: Fault = {
  id: 'F02',
  name: 'many jobs at once',
  async inject(scene) {
    for (let i = 0; i < 3; i++) {
      scene.make('quick', numbered(600))
      await pause(700)
    }
    return '1,800 jobs'
  },
}

const killedWithBacklog: Fault = {
  id: 'F01',
  name: 'workers are killed with jobs that they have prefetched',
  async inject(scene) {
    let prefetched = 0
    for (let i = 0; i < 3; i++) {
      scene.make('quick', numbered(500))
      const look = () => scene.ask('select count(*)::int n from trunkline.lease where cardinality(ids) > 8').then(([row]) => row.n > 0)
      if (await scene.until(look, 4000)) prefetched++
      for (const worker of scene.workers) worker.signal('SIGKILL')
      await scene.allReady(8000)
    }
    return `all workers, three times, ${prefetched} times with jobs that waited in them`
  },
}

const skewed: Fault = {
  id: 'F33',
  name: 'the clock of a worker is wrong',
  async inject(scene, undo) {
    const [victim] = scene.workers
    if (!victim) return 'no worker'
    undo(() => {
      scene.configure(victim, null)
      victim.signal('SIGTERM')
    })
    scene.configure(victim, { env: { CHAOS_SKEW_MS: String(-2 * staleMs) } })
    const before = victim.started
    victim.signal('SIGTERM')
    await scene.until(() => victim.started > before && victim.ready, 8000)
    await pause(2500)
    return `${victim.name} is ${2 * staleMs} ms behind`
  },
}

/** Many jobs of few keys of limits, so that claims open the same gates at the same time. */
const rushOfKeys: Fault = {
  id: 'none',
  name: 'many jobs of few keys',
  async inject(scene) {
    for (let i = 0; i < 3; i++) {
      scene.make('keyed', numbered(150), { concurrencyKey: `hot ${i % 2}` })
      await pause(1500)
    }
    return '450 jobs of 2 keys'
  },
}

const calm: Fault = {
  id: 'none',
  name: 'nothing goes wrong',
  async inject() {
    await pause(3000)
    return 'for 3 s'
  },
}

/** The answers to four keyed enqueues are lost, so that they are asked for again. */
const lostKeyedAnswers: Fault = {
  ...lostAnswer,
  inject: (scene, undo) => lostAnswer.inject({ ...scene, random: { ...scene.random, pick: (of) => of[1] as (typeof of)[number] } }, undo),
}

/** Every mutant there is. */
export const mutants: readonly Mutant[] = [
  {
    name: 'complete without the fence',
    edits: [
      {
        file: `${jobs}/complete.sql`,
        from: 'where id = any(array(select distinct unnest($2::bigint[]))) and worker_id = $1 for update)',
        to: 'where ids && $3::bigint[] for update)',
      },
      { file: `${jobs}/complete.sql`, from: 'from o join x on x.id = o.id and x.lease = o.lease)', to: 'from o join x on x.id = o.id)' },
    ],
    faults: [frozenUntilTaken, frozenUntilTaken, frozenUntilTaken],
    breaks: ['I4'],
    load: { perSecond: 15 },
  },
  {
    name: 'claim by ctid',
    edits: [
      {
        file: `${jobs}/claim.sql`,
        from: 'select priority, seq, n, ids, attempt from trunkline.ready',
        to: 'select priority, seq, n, ids, attempt, ctid tid from trunkline.ready',
      },
      { file: `${jobs}/claim.sql`, from: 'limit $5 for update skip locked) r', to: 'limit $5) r' },
      { file: `${jobs}/claim.sql`, from: 'select priority, seq, attempt, o,', to: 'select priority, seq, attempt, o, tid,' },
      {
        file: `${jobs}/claim.sql`,
        from: 'and r.priority = c.priority and r.seq = c.seq),\n  u as',
        to: 'and r.ctid = c.tid),\n  u as',
      },
      { file: `${jobs}/claim.sql`, from: 'and r.priority = c.priority and r.seq = c.seq),\n  q as', to: 'and r.ctid = c.tid),\n  q as' },
    ],
    faults: [rush],
    breaks: ['I5'],
  },
  {
    name: 'acknowledge before commit',
    edits: [
      {
        file: `${jobs}/enqueue.ts`,
        from: `        storeMixed(
          database,
          batch.map((w) => w.job),
        ),`,
        to: `        database.transaction(async (tx) => {
          const early = await storeMixed(database, batch.map((w) => w.job), tx)
          for (const [i, w] of batch.entries()) w.resolve(early[i] as string)
          await new Promise((resolve) => setTimeout(resolve, 200))
          return early
        }),`,
      },
    ],
    faults: [restart, restart],
    breaks: ['I1'],
    load: { perSecond: 400, lanes: 8 },
  },
  {
    name: 'recover from a stale snapshot',
    edits: [
      {
        file: `${jobs}/recover.sql`,
        from: 'and ($3::int[] is null or id = any($3::int[])) for update of w skip locked)',
        to: 'and ($3::int[] is null or id = any($3::int[])) and pg_sleep(0.6)::text is not null)',
      },
      { file: `${jobs}/recover.sql`, from: 'w.id = e.worker_id) for update skip locked)', to: 'w.id = e.worker_id))' },
      {
        file: `${jobs}/recover.sql`,
        from: 'dl as (delete from trunkline.lease where id = any(array(select id from ll)) returning *)',
        to: 'dl as materialized (select * from trunkline.lease where id = any(array(select id from ll))),\n  dx as (delete from trunkline.lease where id = any(array(select id from ll)))',
      },
    ],
    // which of them wakes within the look of the keeper is a matter of chance
    faults: [frozenWithSlowJobs(2050), frozenWithSlowJobs(2300), frozenWithSlowJobs(2100), frozenWithSlowJobs(2500)],
    breaks: ['I3', 'I5', 'I7'],
  },
  {
    name: 'notify-only wake-up',
    edits: [
      {
        file: 'packages/engine/src/worker/claim-loop.ts',
        from: `  if (idleMs < 100) return Math.max(20, idleMs)
  return listening ? Math.min(300_000, Math.max(1000, idleMs / 10)) : 1000`,
        to: '  return idleMs >= 0 || listening ? 2_000_000_000 : 0',
      },
    ],
    faults: [calm],
    breaks: ['I2'],
  },
  {
    name: 'the clock of the worker for leases',
    edits: [
      {
        file: 'packages/engine/src/worker/heartbeat-thread.js',
        from: 'await c.query(data.beatSql, [',
        to: "await c.query(data.beatSql.replace('beat = now()', `beat = '${new Date(Date.now() + Number(process.env.CHAOS_SKEW_MS ?? 0)).toISOString()}'`), [",
      },
    ],
    faults: [skewed],
    breaks: ['I5'],
  },
  {
    name: 'prefetched jobs counted as crashed',
    edits: [
      {
        file: `${jobs}/recover.sql`,
        from: 'cardinality(dl.ids) = 1 or coalesce(u.id = any(coalesce(dead.running, past.running)), false) started',
        to: 'true started',
      },
    ],
    faults: [killedWithBacklog],
    breaks: ['I6'],
  },
  {
    name: 'the idempotency key is forgotten',
    edits: [
      {
        file: `${jobs}/enqueue-keyed.sql`,
        from: 'origin, k, mode, win, wait, ik, ikwin,\n',
        to: 'origin, k, mode, win, wait, null, ikwin,\n',
      },
    ],
    faults: [lostKeyedAnswers],
    breaks: ['I1'],
  },
  {
    name: 'log lines of a lost execution are kept',
    edits: [
      {
        file: 'packages/engine/src/log/write-feedback.sql',
        from: 'select a.id from asked a join l on l.id = a.lease where a.id = any(l.ids))',
        to: 'select a.id from asked a)',
      },
    ],
    // whether a frozen worker has lines in its hands is chance: four times one is enough
    faults: [frozenTalking, frozenTalking, frozenTalking, frozenTalking],
    breaks: ['I4'],
  },
  {
    name: 'single ends are not counted',
    edits: [
      {
        file: `${jobs}/complete.sql`,
        from: "select date_trunc('minute', now()), * from g)",
        to: "select date_trunc('minute', now()), * from g where n > 1)",
      },
    ],
    faults: [calm],
    breaks: ['I14'],
  },
  {
    name: 'slot without uniqueness',
    edits: [
      {
        file: `${migrations}/0400_schedules.sql`,
        from: '  by_whom text,\n  primary key (schedule_id, slot_at, manual)\n',
        to: '  by_whom text\n',
      },
      {
        file: `${schedules}/record-slots.sql`,
        from: `on conflict (schedule_id, slot_at, manual) do update set state = excluded.state, reason = excluded.reason, fired_at = now(), by_whom = excluded.by_whom
  where l.state = any($7::text[])`,
        to: 'where $7::text[] is not null',
      },
      // schedulers give way to each other: without that one sees what the key is for
      { file: `${schedules}/due.sql`, from: ' for update skip locked', to: '' },
    ],
    faults: [calm],
    breaks: ['I9'],
    load: { scheduledFor: 6 },
  },
  {
    name: 'gate without lock',
    edits: [
      {
        file: `${migrations}/0460_limits.sql`,
        from: '  perform from trunkline.gate t where t.id = any(g) order by t.id for update;\n',
        to: '',
      },
      { file: `${migrations}/0460_limits.sql`, from: '  return n + admitted;', to: '  perform pg_sleep(0.02);\n  return n + admitted;' },
    ],
    faults: [rushOfKeys],
    breaks: ['I8'],
    load: { scheduledFor: 6 },
  },
  {
    name: 'a child is freed before its parents have ended',
    edits: [
      {
        file: `${migrations}/0530_settle_in_bulk.sql`,
        from: 'set parents_left = b.parents_left - k.n from k',
        to: 'set parents_left = b.parents_left - k.n - 1 from k',
      },
    ],
    faults: [calm, calm],
    breaks: ['I15'],
    load: { scheduledFor: 6 },
  },
]

const drainMs = 6000

async function found(
  cluster: Cluster,
  seed: number,
  order: { edits: Edit[]; faults: readonly Fault[]; load?: Mutant['load'] },
  patience: number,
): Promise<Violation[]> {
  const sources = copySources(order.edits)
  const random = createRandom(seed, 'mutants')
  const scene = await openScene({ cluster, random, seed, root: sources.root, ...order.load })
  try {
    await scene.allReady(15_000)
    for (const fault of order.faults) await injectFault(scene, fault)
    const unfinished = await scene.drain(patience)
    return [...unfinished, ...check(await scene.witnesses())]
  } finally {
    await scene.close()
    sources.remove()
  }
}

function summary(violations: readonly Violation[]): string {
  const counts = new Map<string, number>()
  for (const { invariant } of violations) counts.set(invariant, (counts.get(invariant) ?? 0) + 1)
  return [...counts].map(([invariant, n]) => `${invariant} ${n} times`).join(', ')
}

/**
 * Checks the checker: the engine as it is must be found faultless under the faults of all mutants, and each mutant must not.
 * @param only words in the names of those that are meant; empty: all
 * @returns the exit code: 1 when a mutant survived
 */
export async function runMutants(
  { seed, only }: { seed: number; only: string },
  say: (line: string) => void,
  onInterrupt: (stop: () => Promise<unknown>) => void,
): Promise<number> {
  const meant = mutants.filter((m) => m.name.includes(only))
  say(`seed ${seed}; the checker is checked with ${meant.length} mutants`)
  const cluster = await makeCluster()
  onInterrupt(() => cluster.stop())
  let survived = 0
  try {
    const faults = [...new Set(meant.flatMap((m) => m.faults))]
    const control = await found(cluster, seed, { edits: [], faults, load: { scheduledFor: 6 } }, 30_000)
    say(`the engine as it is: ${control.length === 0 ? '0 violations' : `${summary(control)}: ${control[0]?.sentence}`}`)
    if (control.length > 0) survived++
    for (const mutant of meant) {
      const begun = Date.now()
      const violations = await found(cluster, seed, mutant, drainMs)
      const telling = violations.find((v) => mutant.breaks.includes(v.invariant))
      const seconds = ((Date.now() - begun) / 1000).toFixed(1)
      if (!telling) survived++
      say(
        telling
          ? `caught    ${mutant.name} (${seconds} s): ${summary(violations)}; ${telling.sentence}`
          : `SURVIVED  ${mutant.name} (${seconds} s): ${summary(violations) || '0 violations'}`,
      )
    }
    say(survived === 0 ? `${meant.length} of ${meant.length} mutants caught` : `${survived} not as it should be`)
    if (survived > 0) say(`again: npm run chaos -- --mutants --seed ${seed}`)
    return survived === 0 ? 0 : 1
  } finally {
    await cluster.stop()
  }
}
