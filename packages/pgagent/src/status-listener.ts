import { type Database, statement } from '@trunkline/engine/postgres'
import type pg from 'pg'
import { pgAgentChannel } from './agent.ts'
import type { PgAgentStatus } from './jobs.ts'

const changedRuns = statement(import.meta.url, 'changed-runs.sql')
const watched = statement(import.meta.url, 'watched.sql')

/** How a run, or a step of it, stands now. */
export interface StatusUpdate {
  jobId: number
  jobName: string
  logId: number
  /** Of a step: which, and its own row of the log. */
  step: { id: number; name: string; logId: number; result: number | null } | null
  status: PgAgentStatus
  startedAt: Date
  ms: number | null
}

/** How the listener itself stands: it looks again (`attempt`), hears at once, polls because our triggers are not there, or has given up. */
export type ListenerState =
  | { state: 'connecting'; attempt: number }
  | { state: 'listening' | 'polling'; attempt: number }
  | { state: 'lost'; attempt: 0; error: Error }
  | { state: 'retrying' | 'failed'; attempt: number; error: Error }

/** Options of {@link createStatusListener}. */
export interface StatusListenerOptions {
  /** The way to the server; asked for again with each attempt. */
  database: () => Promise<Database>
  onUpdate: (update: StatusUpdate) => void
  onState: (state: ListenerState) => void
  /** Attempts before it gives up. Default 3. */
  attempts?: number
  /** Between two attempts. Default 5,000 ms. */
  retryMs?: number
  /** How often it asks whether the connection lives. Default 30,000 ms. */
  pingMs?: number
  /** How often it looks where no trigger tells of changes. Default 2,000 ms. */
  pollMs?: number
}

/** A listener to the log of one server. */
export interface StatusListener {
  /** Begins, also anew after it has given up. */
  start(): void
  /** Connects anew, because the way to the server has changed. */
  renew(): void
  stop(): Promise<void>
}

/** Numbers are given before rows are committed: a run may be seen after one that began later. */
const late = 100

interface Known {
  status: PgAgentStatus
  steps: Map<number, PgAgentStatus>
}

/**
 * Tells of each change of status in the log of a schema `pgagent`. Notifications only make it look; what it tells is read from the
 * log, and compared with what it told last: after a break it tells what happened meanwhile, each run and step as it stands.
 */
export function createStatusListener(options: StatusListenerOptions): StatusListener {
  const { onUpdate, onState, attempts = 3, retryMs = 5000, pingMs = 30_000, pollMs = 2000 } = options
  const known = new Map<number, Known>()
  /** The last run that was seen; null before the first look. */
  let last: number | null = null
  let client: pg.Client | null = null
  let database: Database | null = null
  let timer: NodeJS.Timeout | undefined
  let beat: NodeJS.Timeout | undefined
  let wanted = false
  let looking: Promise<void> | null = null
  let active = false
  let turn = 0

  function tell(row: any, before: Known | undefined): void {
    const about = { jobId: row.job_id, jobName: row.job_name, logId: row.run_id, startedAt: row.started_at }
    const run = () => onUpdate({ ...about, step: null, status: row.status, ms: row.ms })
    // a run begins before its steps and ends after them
    if (!before && row.status === 'r') run()
    for (const { id: logId, stepId: id, stepName: name, status, result, ms } of row.steps) {
      if (before?.steps.get(logId) === status) continue
      onUpdate({ ...about, step: { id, name, logId, result }, status, ms })
    }
    if (row.status !== 'r' && before?.status !== row.status) run()
  }

  function keep(row: any): void {
    known.set(row.run_id, { status: row.status, steps: new Map(row.steps.map((s: any) => [s.id, s.status])) })
    last = Math.max(last ?? 0, row.run_id)
  }

  async function look(): Promise<void> {
    const at = database as Database
    const open = [...known].filter(([, { status }]) => status === 'r').map(([id]) => id)
    const from = Math.max(0, (last ?? 0) - late)
    const rows = await at.run(changedRuns, [from, `{${open.join(',')}}`])
    for (const row of rows) {
      tell(row, known.get(row.run_id))
      keep(row)
    }
    const there = new Set(rows.map((row) => row.run_id))
    for (const [id] of known) if (id < (last ?? 0) - late && (!open.includes(id) || !there.has(id))) known.delete(id)
  }

  /** One look at a time; who asks during one gets another. */
  function lookSoon(): void {
    wanted = true
    looking ??= (async () => {
      while (wanted && client) {
        wanted = false
        await look()
      }
    })()
      .catch((error) => lose(error))
      .finally(() => {
        looking = null
      })
  }

  function quiet(): void {
    clearTimeout(timer)
    clearInterval(beat)
    const was = client
    client = null
    was?.end().catch(() => {})
  }

  function lose(error: Error): void {
    if (!active || client === null) return
    quiet()
    onState({ state: 'lost', attempt: 0, error })
    void connect(1)
  }

  /** What stands there already is known, not told. */
  async function begin(at: Database): Promise<boolean> {
    const [row] = await at.run<any>(watched, [])
    if (last === null) {
      last = row.last_run as number
      for (const run of await at.run(changedRuns, [Math.max(0, last - late), `{${row.open_runs.join(',')}}`])) keep(run)
    }
    return row.is_told
  }

  async function open(mine: number): Promise<boolean> {
    const at = await options.database()
    const made = await at.direct.connect('general', 'live', (error) => mine === turn && lose(error))
    try {
      made.on('end', () => made === client && lose(new Error('the connection was closed')))
      made.on('notification', () => made === client && lookSoon())
      await made.query(`listen ${pgAgentChannel}`)
      const isTold = await begin(at)
      if (mine !== turn || !active) throw new Error('stopped')
      database = at
      client = made
      return isTold
    } catch (error) {
      made.end().catch(() => {})
      throw error
    }
  }

  /** The connection itself may hang: what is not answered is lost. */
  async function ping(): Promise<void> {
    const mine = client
    try {
      await mine?.query('select 1')
      // triggers may have come or gone, and what nobody told of is found
      lookSoon()
    } catch (error) {
      if (mine === client) lose(error as Error)
    }
  }

  async function connect(attempt: number): Promise<void> {
    const mine = ++turn
    onState({ state: 'connecting', attempt })
    try {
      const isTold = await open(mine)
      onState({ state: isTold ? 'listening' : 'polling', attempt })
      lookSoon()
      beat = setInterval(isTold ? () => void ping() : lookSoon, isTold ? pingMs : pollMs)
    } catch (error) {
      if (mine !== turn || !active) return
      if (attempt >= attempts) {
        active = false
        onState({ state: 'failed', attempt, error: error as Error })
        return
      }
      onState({ state: 'retrying', attempt, error: error as Error })
      timer = setTimeout(() => void connect(attempt + 1), retryMs)
    }
  }

  return {
    start() {
      if (active) return
      active = true
      void connect(1)
    },
    renew() {
      if (!active) return
      quiet()
      void connect(1)
    },
    async stop() {
      active = false
      turn++
      quiet()
      await looking
    },
  }
}
