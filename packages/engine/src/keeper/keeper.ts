import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { cancel } from '../jobs/cancel.ts'
import { createNames } from '../jobs/names.ts'
import { addPartitions } from '../jobs/partitions.ts'
import { endPauses } from '../jobs/pause.ts'
import { promote, releaseDebounced } from '../jobs/promote.ts'
import { judgeQueues, type QueueHealthChange } from '../jobs/queue-health.ts'
import { recover } from '../jobs/recover.ts'
import type { Database } from '../postgres/database.ts'
import { createLink, type Link } from '../postgres/link.ts'
import { statement } from '../postgres/statement.ts'
import { createScheduler, type SchedulerEvent } from '../schedules/scheduler.ts'
import { forgetWorkers } from './forget-workers.ts'
import { checkHealth, type HealthWarning } from './health.ts'
import { createRetention, type Removed } from './retention.ts'
import type { RetentionOptions } from './retention-rules.ts'
import { createSearchIndexes } from './search-indexes.ts'

const chainAuditStatement = statement(import.meta.url, 'chain-audit.sql')
const notifyEndedStatement = statement(import.meta.url, 'notify-ended.sql')
const sweepWatchesStatement = statement(import.meta.url, 'sweep-watches.sql')
const compactStatement = statement(import.meta.url, 'compact-stat.sql')
const leaderStatement = statement(import.meta.url, 'leader.sql')
const settleLateStatement = statement(import.meta.url, 'settle-late.sql')
const resignStatement = statement(import.meta.url, 'resign.sql')
const rollUpStatement = statement(import.meta.url, 'roll-up.sql')
const sweepKeysStatement = statement(import.meta.url, 'sweep-keys.sql')
const sweepCancelsStatement = statement(import.meta.url, 'sweep-cancels.sql')
const sweepGatesStatement = statement(import.meta.url, '../gates/sweep-gates.sql')
const sweepSlotsStatement = statement(import.meta.url, 'sweep-slots.sql')
const trimFeedStatement = statement(import.meta.url, 'trim-feed.sql')

/** What a keeper tells of itself. */
export type KeeperEvent =
  | { type: 'leader'; leading: boolean }
  | { type: 'recovered'; jobs: number; poisoned: number; workers: number[] }
  | ({ type: 'retention' } & Removed)
  /** A queue stands otherwise by its thresholds than before. */
  | ({ type: 'queue_health' } & QueueHealthChange)
  /** What endangers the queue now; told when it changes, an empty list when it is over. */
  | { type: 'health'; warnings: HealthWarning[] }
  /** Where the chain of the audit stands, once a day: kept elsewhere, it proves later that nothing was cut off at the end. */
  | { type: 'audit_anchor'; link: string; hash: string }
  | SchedulerEvent

/** Options of {@link createKeeper}. */
export interface KeeperOptions {
  /** A worker that was not heard of for so long is dead. Default 30,000 ms. */
  staleMs?: number
  /** How often dead workers are looked for. Default 5,000 ms. */
  sweepMs?: number
  /** Crashes that end a job. Default 3. */
  crashLimit?: number
  /** How long leadership lasts without renewal. Default 10,000 ms. */
  leaseMs?: number
  /** How long the change feed is kept. Default 24 h. */
  feedMs?: number
  /** How long ended jobs are kept, by state and task, unless rules are stored. Default 30 days; `false` in place of a duration = for ever. */
  retention?: RetentionOptions
  onEvent?: (event: KeeperEvent) => void
}

/** Does the chores of a schema: fires the slots of schedules (every keeper), promotes due jobs, recovers from dead workers, rolls up counters, makes partitions. One of all keepers leads. */
export interface Keeper {
  start(): void
  /** Runs every chore once, leader or not. */
  runOnce(): Promise<void>
  leading(): boolean
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

interface Chore {
  name: string
  /** Runs once; answers in how many ms to run again, when that differs from `everyMs`. */
  run(): Promise<number | undefined>
  everyMs: number
  dueAt: number
}

/** Makes a keeper; it does nothing before `start`. */
export function createKeeper(database: Database, options: KeeperOptions = {}): Keeper {
  const { staleMs = 30_000, sweepMs = 5000, crashLimit = 3, leaseMs = 10_000, feedMs = 86_400_000, onEvent } = options
  const holder = `${hostname()}:${process.pid}:${randomUUID()}`
  const link: Link = createLink(database, 'walk', 'keeper')
  let leading = false
  let timer: NodeJS.Timeout | undefined
  let stopped = true
  let beating: Promise<void> = Promise.resolve()
  let renewAt = 0
  const retention = createRetention(database, options.retention)
  const searchIndexes = createSearchIndexes(database)
  // beside the chores: every keeper fires slots, leader or not, so that none is late while leadership changes
  const scheduler = createScheduler(database, createNames(database), onEvent ? { onEvent } : {})
  let keysLookedTo = '-infinity'
  let told = ''
  let anchorAt = 0
  let heardAt = performance.now()
  let trustBeatsAt = 0
  /** What the clock of the database said, and when that was by ours, which nobody sets. */
  let clock: { databaseMs: number; at: number } | undefined

  const chores: Chore[] = [
    { name: 'promote', everyMs: 500, dueAt: 0, run: promoteDue },
    { name: 'dependencies', everyMs: 500, dueAt: 0, run: () => link.run(settleLateStatement, []).then(() => undefined) },
    { name: 'recover', everyMs: sweepMs, dueAt: 0, run: recoverDead },
    { name: 'partitions', everyMs: 1000, dueAt: 0, run: () => addPartitions(database).then(() => undefined) },
    { name: 'counters', everyMs: 1000, dueAt: 0, run: rollUp },
    { name: 'cancellations', everyMs: 1000, dueAt: 0, run: sweepCancels },
    { name: 'pauses', everyMs: 500, dueAt: 0, run: () => endPauses(database).then(() => undefined) },
    { name: 'thresholds', everyMs: 5000, dueAt: 0, run: judge },
    { name: 'audit', everyMs: 1000, dueAt: 0, run: chainAudit },
    { name: 'notifications', everyMs: 1000, dueAt: 0, run: notifyEnded },
    { name: 'watches', everyMs: 3_600_000, dueAt: 0, run: () => database.run(sweepWatchesStatement, []).then(() => undefined) },
    { name: 'keys', everyMs: 10_000, dueAt: 0, run: sweepKeys },
    { name: 'gates', everyMs: 60_000, dueAt: 0, run: sweepGates },
    { name: 'slots', everyMs: 600_000, dueAt: 0, run: sweepSlots },
    { name: 'feed', everyMs: 60_000, dueAt: 0, run: trimFeed },
    { name: 'health', everyMs: 60_000, dueAt: 0, run: lookAtHealth },
    { name: 'retention', everyMs: 600_000, dueAt: 0, run: removeHistory },
    { name: 'compaction', everyMs: 3_600_000, dueAt: 0, run: compact },
    { name: 'search indexes', everyMs: 60_000, dueAt: 0, run: buildSearchIndexes },
    { name: 'past workers', everyMs: 600_000, dueAt: 0, run: () => forgetWorkers(link).then(() => undefined) },
  ]

  async function promoteDue(): Promise<number> {
    const due = await promote(link)
    const fired = await releaseDebounced(link)
    if (due.moved >= 10_000 || fired.moved >= 1000) return 0
    return Math.max(5, Math.min(500, due.nextMs ?? 500, fired.nextMs ?? 500))
  }

  async function recoverDead(): Promise<undefined> {
    const found = await recover(link, staleMs, crashLimit, null, expectedMs())
    if (found.workers.length > 0) onEvent?.({ type: 'recovered', ...found })
  }

  async function rollUp(): Promise<number | undefined> {
    const [row] = await link.run(rollUpStatement, [20_000])
    const n = row?.[0] ?? 0
    // whoever reads counters adds the deltas himself; a few of them are not worth a commit each second, which every other would wait for
    return n >= 20_000 ? 0 : n >= 500 ? undefined : 5000
  }

  async function sweepCancels(): Promise<undefined> {
    for (const [id, by] of await link.run(sweepCancelsStatement, [])) await cancel(database, id, by)
  }

  async function chainAudit(): Promise<number | undefined> {
    const [row] = await database.run<{ n: number; link: string; hash: string }>(chainAuditStatement, [1000])
    if (!row) return undefined
    if (performance.now() >= anchorAt) {
      onEvent?.({ type: 'audit_anchor', link: row.link, hash: row.hash })
      anchorAt = performance.now() + 86_400_000
    }
    return row.n >= 1000 ? 0 : undefined
  }

  async function judge(): Promise<undefined> {
    for (const change of await judgeQueues(database)) onEvent?.({ type: 'queue_health', ...change })
  }

  async function notifyEnded(): Promise<number | undefined> {
    const [row] = await database.run<{ n: number }>(notifyEndedStatement, [1000], 'walk')
    return row && row.n >= 1000 ? 0 : undefined
  }

  async function trimFeed(): Promise<number | undefined> {
    const [row] = await link.run(trimFeedStatement, [`${feedMs} milliseconds`, 20_000])
    return row?.[0] >= 20_000 ? 100 : undefined
  }

  async function sweepGates(): Promise<number | undefined> {
    const [row] = await link.run(sweepGatesStatement, [5000])
    return row?.[2] >= 5000 ? 1000 : undefined
  }

  async function sweepSlots(): Promise<number | undefined> {
    const [row] = await link.run(sweepSlotsStatement, ['90 days', 5000])
    return row?.[0] >= 5000 ? 1000 : undefined
  }

  async function sweepKeys(): Promise<number | undefined> {
    const [row] = await link.run(sweepKeysStatement, [keysLookedTo, 5000])
    const looked = row?.[1] ?? 0
    // at the end it begins anew with the next turn
    keysLookedTo = looked === 5000 ? row?.[2] : '-infinity'
    return looked === 5000 ? 50 : undefined
  }

  async function lookAtHealth(): Promise<undefined> {
    const warnings = await checkHealth(database)
    const now = warnings.map((w) => w.code).join()
    if (now !== told) onEvent?.({ type: 'health', warnings })
    told = now
  }

  async function removeHistory(): Promise<undefined> {
    const removed = await retention.runOnce()
    if (removed.ranges + removed.jobs > 0) onEvent?.({ type: 'retention', ...removed })
  }

  /** Not waited for: a build can wait for an old snapshot for as long as that is held. */
  async function buildSearchIndexes(): Promise<undefined> {
    searchIndexes.runOnce().catch((error) => {
      if (!stopped) onEvent?.({ type: 'database_error', where: 'search indexes', error: error as Error })
    })
  }

  async function compact(): Promise<undefined> {
    await database.run(compactStatement, ['8 days', '60 days'])
  }

  async function renew(): Promise<void> {
    const [row] = await link.run(leaderStatement, ['keeper', holder, `${leaseMs} milliseconds`])
    const [fence, databaseMs] = row as [string | null, number]
    answered()
    compareClock(databaseMs)
    renewAt = performance.now() + leaseMs / 3
    if (leading === (fence !== null)) return
    leading = fence !== null
    onEvent?.({ type: 'leader', leading })
  }

  /**
   * The database has answered. After an outage (a failover, a frozen machine) every sign of life is old, because nobody could
   * give one: workers get as long as they have otherwise before one of them is taken for dead.
   */
  function answered(): void {
    const now = performance.now()
    if (now - heardAt > staleMs / 3) trustBeatsAt = now + staleMs
    heardAt = now
  }

  /** What the clock of the database should say now. */
  function expectedMs(): number | null {
    return clock ? clock.databaseMs + performance.now() - clock.at : null
  }

  /** A clock that was set (by hand, by a correction, after a machine stood still) makes signs of life look old, or younger than they can be. */
  function compareClock(databaseMs: number): void {
    if (Math.abs(databaseMs - (expectedMs() ?? databaseMs)) > staleMs / 3) trustBeatsAt = performance.now() + staleMs
    clock = { databaseMs, at: performance.now() }
  }

  async function tend(chore: Chore): Promise<void> {
    if (chore.run === recoverDead && performance.now() < trustBeatsAt) {
      chore.dueAt = trustBeatsAt
      return
    }
    try {
      const again = await chore.run()
      answered()
      chore.dueAt = performance.now() + (again ?? chore.everyMs)
    } catch (error) {
      chore.dueAt = performance.now() + chore.everyMs
      onEvent?.({ type: 'database_error', where: chore.name, error: error as Error })
    }
  }

  async function beat(): Promise<void> {
    try {
      if (performance.now() >= renewAt) await renew()
    } catch (error) {
      // without an answer the lease may end any moment: somebody else's turn
      leading = false
      renewAt = performance.now() + 1000
      onEvent?.({ type: 'database_error', where: 'leader', error: error as Error })
    }
    for (const chore of chores) {
      if (stopped || !leading || performance.now() > renewAt + leaseMs / 2) break
      if (performance.now() >= chore.dueAt) await tend(chore)
    }
    if (stopped) return
    const next = leading ? Math.min(renewAt, ...chores.map((c) => c.dueAt)) : renewAt
    timer = setTimeout(
      () => {
        beating = beat()
      },
      Math.max(1, next - performance.now()),
    )
  }

  async function stop(): Promise<void> {
    await scheduler.stop()
    // chores that ran without a start have made the connection as well
    if (stopped) {
      await searchIndexes.stop()
      return await link.stop()
    }
    stopped = true
    await searchIndexes.stop()
    clearTimeout(timer)
    await beating
    if (leading) await link.run(resignStatement, ['keeper', holder]).catch(() => {})
    leading = false
    await link.stop()
  }

  return {
    start() {
      if (!stopped) return
      stopped = false
      scheduler.start()
      beating = beat()
    },
    async runOnce() {
      for (const chore of chores) await chore.run()
      await scheduler.runOnce()
      await searchIndexes.runOnce()
    },
    leading: () => leading,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
