import type { Database } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'

const healthStatement = statement(import.meta.url, 'health.sql')

/** Something that endangers the queue or keeps jobs from running. */
export interface HealthWarning {
  /** Stable, for programs. */
  readonly code:
    | 'pinned_snapshot'
    | 'prepared_transaction'
    | 'replication_slot'
    | 'notify_queue'
    | 'autovacuum_off'
    | 'bloat'
    | 'no_keeper'
    | 'unserved_queue'
    | 'silent_workers'
    | 'counters_behind'
  readonly sentence: string
  /** The next step. */
  readonly hint: string
}

interface Facts {
  pinned: { pid: number; application: string; state: string; seconds: number } | null
  prepared: { name: string; seconds: number } | null
  slot: { name: string; age: number } | null
  notify: number
  autovacuum: boolean
  bloated: { table: string; dead: number; live: number; bytes: number }[]
  unvacuumed: { table: string; option: string }[]
  keeper: boolean
  unserved: { queue: string; due: number }[]
  silent: number
  deltas: number
}

/** The warnings that facts ask for. */
export function warningsOf(facts: Facts): HealthWarning[] {
  const { pinned, prepared, slot, notify, bloated, unvacuumed, unserved, silent, deltas } = facts
  const warnings: (HealthWarning | false)[] = [
    pinned !== null && {
      code: 'pinned_snapshot',
      sentence: `a transaction of ${pinned.application || 'an unnamed program'} (pid ${pinned.pid}, ${pinned.state}) has been open for ${pinned.seconds} s; until it ends nothing can be vacuumed`,
      hint: `End it, or: select pg_terminate_backend(${pinned.pid}); and set idle_in_transaction_session_timeout.`,
    },
    prepared !== null && {
      code: 'prepared_transaction',
      sentence: `the prepared transaction ${prepared.name} is ${prepared.seconds} s old and keeps dead rows from being vacuumed`,
      hint: 'Commit or roll it back: rollback prepared.',
    },
    slot !== null && {
      code: 'replication_slot',
      sentence: `the replication slot ${slot.name} holds back the horizon by ${slot.age} transactions`,
      hint: 'Bring its consumer back, or drop it: select pg_drop_replication_slot.',
    },
    notify > 0.25 && {
      code: 'notify_queue',
      sentence: `the NOTIFY queue of the server is ${Math.round(notify * 100)} % full: a session that listens is stuck in a transaction`,
      hint: 'Find it in pg_stat_activity (oldest xact_start) and end it; polling goes on meanwhile.',
    },
    !facts.autovacuum && {
      code: 'autovacuum_off',
      sentence: 'autovacuum is off on this server',
      hint: 'Switch it on: the queue leaves dead rows with every claim.',
    },
    ...unvacuumed.map((u) => ({
      code: 'autovacuum_off' as const,
      sentence: `autovacuum is off for the table ${u.table}`,
      hint: `alter table trunkline.${u.table} reset (autovacuum_enabled)`,
    })),
    ...bloated.map((b) => ({
      code: 'bloat' as const,
      sentence: `the table ${b.table} has ${b.dead} dead rows for ${b.live} live ones (${Math.round(b.bytes / 1e6)} MB)`,
      hint: `Look for what keeps vacuum from working (pinned snapshots above all), then: vacuum trunkline.${b.table}`,
    })),
    !facts.keeper && {
      code: 'no_keeper',
      sentence: 'no keeper leads: delayed jobs do not become due, and dead workers keep their jobs',
      hint: 'Start one: trunkline server, or a worker with --keeper.',
    },
    ...unserved.map((u) => ({
      code: 'unserved_queue' as const,
      sentence: `${u.due} jobs are due in queue ${u.queue}, which no live worker serves`,
      hint: `Start one: trunkline worker --queues ${u.queue}`,
    })),
    silent > 0 && {
      code: 'silent_workers',
      sentence: `${silent} workers have not been heard of for 30 s`,
      hint: 'Their jobs are taken over by the keeper; see: trunkline workers.',
    },
    deltas > 500_000 && {
      code: 'counters_behind',
      sentence: `${deltas} counter rows wait to be rolled up`,
      hint: 'The keeper does that; see whether one leads and keeps up.',
    },
  ]
  return warnings.filter((w) => w !== false)
}

/** What endangers the queue: pinned snapshots, bloat, NOTIFY queue, a missing keeper, queues without workers. Empty = nothing found. */
export async function checkHealth(database: Database): Promise<HealthWarning[]> {
  const [facts] = await database.run<Facts>(healthStatement, [])
  return facts ? warningsOf(facts) : []
}
