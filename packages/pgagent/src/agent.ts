import { hostname } from 'node:os'
import { type Database, isTransient, statement } from '@trunkline/engine/postgres'
import type pg from 'pg'
import { type ClaimedJob, type RunSettings, runJob } from './run-job.ts'

const claim = statement(import.meta.url, 'claim.sql')
const claimStep = statement(import.meta.url, 'claim-step.sql')
const register = statement(import.meta.url, 'register.sql')
const closeDead = statement(import.meta.url, 'close-dead.sql')
const dropDead = statement(import.meta.url, 'drop-dead.sql')
const wantedCancels = statement(import.meta.url, 'wanted-cancels.sql')
const nextDue = statement(import.meta.url, 'next-due.sql')
const trimLog = statement(import.meta.url, 'trim-log.sql')

/** What our triggers send: {@link installSchema} has them. */
export const pgAgentChannel = 'trunkline_pgagent'

/** How often the runs of agents that are gone are looked for. */
const sweepMs = 30_000
/** How often old runs are deleted from the log. */
const trimMs = 3_600_000

/** What an agent tells of itself. */
export type AgentEvent =
  | { type: 'registered'; pid: number }
  | { type: 'dead_closed'; runs: number; steps: number; sessions: number }
  | { type: 'log_trimmed'; runs: number }
  | { type: 'run_started'; jobId: number; job: string; runId: number }
  | { type: 'run_ended'; jobId: number; runId: number; status: string; scheduleError?: Error }
  | { type: 'run_cancelled'; jobId: number; runId: number }
  | { type: 'error'; error: Error }

/** How an agent runs. */
export interface AgentOptions {
  /** Where the schema `pgagent` is. Its session is held on the direct way, past a pooler. */
  database: Database
  /** As whom SQL steps without a connection string of their own run, never as the agent's own role. Without one such steps are refused. */
  stepUser?: { user: string; password?: string } | undefined
  /** How often due jobs are looked for; what our triggers tell, and what is known to be due, is looked for at once. Default 10,000 ms. */
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
  /** How much of pgAgent's log is kept: days, ended runs of each job. Default: all of it, as the original. */
  keepLog?: { days?: number | undefined; runs?: number | undefined } | undefined
  /** Whose clock schedules show. Default `UTC`. */
  timezone?: string
  onEvent?: (event: AgentEvent) => void
}

/** An agent: `start` polls until `stop`, which waits for what runs; `runOnce` runs what is due and returns when it has ended. */
export interface Agent {
  start(): void
  /** Claims no more and waits for what runs; after `kill` aborts it ends the steps, and gives up a database that is away. */
  stop(kill?: AbortSignal): Promise<void>
  /** @returns how many jobs were run @throws `database_unavailable` */
  runOnce(): Promise<number>
  [Symbol.asyncDispose](): Promise<void>
}

interface Run {
  jobId: number
  end: AbortController
  over: Promise<void>
}

/**
 * An agent that runs the due jobs of a schema `pgagent`. Others, the original among them, may work on the same schema: a job is
 * claimed by one. A lost session is opened and registered again; runs go on meanwhile and write their logs when the database is back.
 */
export function createAgent(options: AgentOptions): Agent {
  const { database, maxParallel = 8, pollMs = 10_000, hostName = hostname(), onEvent = () => {} } = options
  const runs = new Map<number, Run>()
  const giveUp = new AbortController()
  let session: Promise<pg.Client> | undefined
  let pid: number | undefined
  let timer: NodeJS.Timeout | undefined
  let turn: Promise<void> = Promise.resolve()
  let wanted = false
  let started = false
  let stopping = false
  let sweptAt = Number.NEGATIVE_INFINITY
  let trimmedAt = Number.NEGATIVE_INFINITY
  const settings: RunSettings = {
    database,
    stepUser: options.stepUser ?? null,
    allowBatch: options.allowBatch ?? false,
    tempDirectory: options.tempDirectory,
    maxOutputBytes: options.maxOutputBytes ?? 1_000_000,
    timezone: options.timezone ?? 'UTC',
    pid: () => pid as number,
    onError: (error) => tell(error),
    giveUp: giveUp.signal,
  }
  const tell = (error: unknown) => onEvent({ type: 'error', error: error as Error })

  /** The session by which others know that this agent lives; made and entered again when it was lost. */
  function enter(): Promise<pg.Client> {
    if (session) return session
    const lost = () => {
      if (session === mine) session = undefined
      if (started && !stopping) wake()
    }
    const mine: Promise<pg.Client> = open(lost)
    session = mine
    mine.catch(lost)
    return mine
  }

  async function open(lost: () => void): Promise<pg.Client> {
    const client = await database.direct.connect('general', 'pgagent', lost)
    client.on('end', lost)
    client.on('notification', ({ payload }) => hear(payload))
    const { rows } = await client.query('select pg_backend_pid() pid')
    const mine = rows[0].pid as number
    // what the former session held goes over to this one, before anybody can take it for a dead one's
    await database.run(register, [mine, hostName, pid ?? null])
    await client.query(`listen ${pgAgentChannel}`)
    pid = mine
    onEvent({ type: 'registered', pid: mine })
    sweptAt = Number.NEGATIVE_INFINITY
    return client
  }

  /** Anybody may notify: what is heard only makes us look. */
  function hear(payload: string | undefined): void {
    if (!started || stopping) return
    if (payload?.includes('"cancel"')) void lookForCancels().catch(tell)
    else if (payload?.includes('"due"')) wake()
  }

  async function sweep(): Promise<void> {
    if (performance.now() - sweptAt < sweepMs) return
    const [dead] = await database.run<{ runs: number; steps: number; sessions: number }>(closeDead, [options.retryOnCrash ?? false])
    if (dead && dead.runs > 0) onEvent({ type: 'dead_closed', ...dead })
    await database.run(dropDead, [])
    sweptAt = performance.now()
  }

  /** A log that grows for ever is slow to look at, and full one day. */
  async function trim(): Promise<void> {
    const { days = null, runs: kept = null } = options.keepLog ?? {}
    if ((days === null && kept === null) || performance.now() - trimmedAt < trimMs) return
    let total = 0
    for (;;) {
      const [row] = await database.run<{ n: number }>(trimLog, [days, kept])
      total += row?.n ?? 0
      if (row?.n !== 1000 || stopping) break
    }
    if (total > 0) onEvent({ type: 'log_trimmed', runs: total })
    trimmedAt = performance.now()
  }

  async function lookForCancels(): Promise<void> {
    if (runs.size === 0) return
    const rows = await database.run<{ run_id: number }>(wantedCancels, [`{${[...runs.keys()].join(',')}}`])
    for (const { run_id: runId } of rows) {
      const run = runs.get(runId)
      if (!run || run.end.signal.aborted) continue
      onEvent({ type: 'run_cancelled', jobId: run.jobId, runId })
      run.end.abort()
    }
  }

  function begin(job: ClaimedJob): void {
    const of = { jobId: job.job_id, runId: job.log_id }
    const end = new AbortController()
    onEvent({ type: 'run_started', ...of, job: job.jobname })
    const over = runJob(settings, job, end.signal)
      .then((ended) => onEvent({ type: 'run_ended', ...of, ...ended }), tell)
      .finally(() => {
        runs.delete(job.log_id)
        if (started && !stopping) wake()
      })
    runs.set(job.log_id, { jobId: job.job_id, end, over })
  }

  /** Claims what is due, as far as there is room. */
  async function claimDue(until: string | null): Promise<number> {
    let count = 0
    while (!stopping && runs.size < maxParallel) {
      await enter()
      const [due] = await database.run<ClaimedJob>(claim, [pid, hostName, until])
      const job = due ?? (await database.run<ClaimedJob>(claimStep, [pid, hostName]))[0]
      if (!job) break
      count++
      begin(job)
    }
    return count
  }

  async function pause(): Promise<number> {
    if (runs.size >= maxParallel) return pollMs
    const [next] = await database.run<{ ms: number | null }>(nextDue, [hostName])
    return Math.max(50, Math.min(pollMs, next?.ms ?? pollMs))
  }

  async function poll(): Promise<void> {
    let ms = pollMs
    try {
      await enter()
      await sweep()
      await trim()
      await lookForCancels()
      await claimDue(null)
      ms = await pause()
    } catch (error) {
      tell(error)
      if (isTransient(error)) ms = Math.min(ms, 1000)
    }
    if (stopping) return
    clearTimeout(timer)
    timer = setTimeout(wake, ms)
  }

  /** One look at a time; who wakes us during one gets another. */
  function wake(): void {
    clearTimeout(timer)
    if (wanted) return
    wanted = true
    turn = turn.then(() => {
      wanted = false
      return stopping ? undefined : poll()
    })
  }

  async function runOnce(): Promise<number> {
    await enter()
    await sweep()
    await trim()
    // as text: a Date has no microseconds, and what became due in this one would be left out
    const [row] = await database.query<{ now: string }>(`select now()::text now`)
    let count = 0
    for (;;) {
      const claimed = await claimDue(row?.now as string)
      count += claimed
      const going = [...runs.values()].map(({ over }) => over)
      if (going.length === 0) return count
      await Promise.race(going)
    }
  }

  async function stop(kill?: AbortSignal): Promise<void> {
    stopping = true
    clearTimeout(timer)
    const end = () => {
      giveUp.abort()
      for (const run of runs.values()) run.end.abort()
    }
    if (kill?.aborted) end()
    kill?.addEventListener('abort', end)
    await turn
    await Promise.all([...runs.values()].map(({ over }) => over))
    kill?.removeEventListener('abort', end)
    giveUp.abort()
    const last = session
    session = undefined
    await last?.then((client) => client.end()).catch(() => {})
    if (last) await database.run(dropDead, []).catch(tell)
  }

  return {
    start() {
      started = true
      wake()
    },
    stop,
    runOnce,
    [Symbol.asyncDispose]: () => stop(),
  }
}
