import { hostname } from 'node:os'
import { type Database, statement } from '@trunkline/engine/postgres'
import type pg from 'pg'
import { type ClaimedJob, type RunSettings, runJob } from './run-job.ts'

const claim = statement(import.meta.url, 'claim.sql')
const register = statement(import.meta.url, 'register.sql')
const closeDead = statement(import.meta.url, 'close-dead.sql')
const dropDead = statement(import.meta.url, 'drop-dead.sql')

/** What an agent tells of itself. */
export type AgentEvent =
  | { type: 'registered'; pid: number }
  | { type: 'dead_closed'; runs: number; steps: number; sessions: number }
  | { type: 'run_started'; jobId: number; runId: number }
  | { type: 'run_ended'; jobId: number; runId: number; status: string; scheduleError?: Error }
  | { type: 'error'; error: Error }

/** How an agent runs. */
export interface AgentOptions {
  /** Where the schema `pgagent` is. Its session is held on the direct way, past a pooler. */
  database: Database
  /** As whom SQL steps without a connection string of their own run; never as the agent's own role. */
  stepUser: { user: string; password?: string }
  /** How often due jobs are looked for. Default 10,000 ms. */
  pollMs?: number
  /** Jobs with another host agent are left alone. Default: the name of this machine. */
  hostName?: string
  /** Runs at a time. Default 8. */
  maxParallel?: number
  /** May batch steps run? They do so as the user of this process. Default no. */
  allowBatch?: boolean
  /** Where scripts of batch steps lie. Default: the operating system's temporary directory. */
  tempDirectory?: string
  /** Of either output of a batch step. Default 1,000,000. */
  maxOutputBytes?: number
  /** Run a job again whose agent died in the middle? Default no, as the original. */
  retryOnCrash?: boolean
  /** Whose clock schedules show. Default `UTC`. */
  timezone?: string
  onEvent?: (event: AgentEvent) => void
}

/** An agent: `start` polls until `stop`, which waits for what runs; `runOnce` runs what is due and returns when it has ended. */
export interface Agent {
  start(): void
  stop(): Promise<void>
  /** @returns how many jobs were run @throws `database_unavailable` */
  runOnce(): Promise<number>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * An agent that runs the due jobs of a schema `pgagent`. Others, the original among them, may work on the same schema: a job is
 * claimed by one.
 */
export function createAgent(options: AgentOptions): Agent {
  const { database, maxParallel = 8, pollMs = 10_000, hostName = hostname(), onEvent = () => {} } = options
  let session: pg.Client | undefined
  let pid: number | undefined
  let polling: NodeJS.Timeout | undefined
  let beat: Promise<unknown> = Promise.resolve()
  let stopping = false
  const settings: RunSettings = {
    database,
    stepUser: options.stepUser,
    allowBatch: options.allowBatch ?? false,
    tempDirectory: options.tempDirectory,
    maxOutputBytes: options.maxOutputBytes ?? 1_000_000,
    timezone: options.timezone ?? 'UTC',
    pid: () => pid as number,
  }

  async function enter(): Promise<void> {
    const client = await database.direct.connect('general', 'pgagent', () => {
      session = undefined
    })
    const { rows } = await client.query('select pg_backend_pid() pid')
    const mine = rows[0].pid as number
    await database.run(register, [mine, hostName, pid ?? null])
    session = client
    pid = mine
    onEvent({ type: 'registered', pid: mine })
    const [dead] = await database.run<{ runs: number; steps: number; sessions: number }>(closeDead, [options.retryOnCrash ?? false])
    if (dead && dead.runs > 0) onEvent({ type: 'dead_closed', ...dead })
    await database.run(dropDead, [])
  }

  async function runDue(until: Date): Promise<number> {
    let count = 0
    while (!stopping) {
      if (!session) await enter()
      const [job] = await database.run<ClaimedJob>(claim, [pid, hostName, until])
      if (!job) break
      count++
      const of = { jobId: job.job_id, runId: job.log_id }
      onEvent({ type: 'run_started', ...of })
      onEvent({ type: 'run_ended', ...of, ...(await runJob(settings, job)) })
    }
    return count
  }

  async function runOnce(): Promise<number> {
    if (!session) await enter()
    const [row] = await database.query<{ now: Date }>(`select now()`)
    const lanes = Array.from({ length: maxParallel }, () => runDue(row?.now as Date))
    // every lane ends before an error of one is told
    const ended = await Promise.allSettled(lanes)
    const broken = ended.find((lane) => lane.status === 'rejected')
    if (broken) throw broken.reason
    return ended.reduce((sum, lane) => sum + (lane.status === 'fulfilled' ? lane.value : 0), 0)
  }

  function poll(): void {
    beat = runOnce()
      .catch((error) => onEvent({ type: 'error', error }))
      .finally(() => {
        if (!stopping) polling = setTimeout(poll, pollMs)
      })
  }

  async function stop(): Promise<void> {
    stopping = true
    clearTimeout(polling)
    await beat
    await session?.end().catch(() => {})
    session = undefined
    await database.run(dropDead, []).catch((error) => onEvent({ type: 'error', error }))
  }

  return { start: poll, stop, runOnce, [Symbol.asyncDispose]: stop }
}
