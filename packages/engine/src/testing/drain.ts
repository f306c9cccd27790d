import { formatDuration, show, TrunklineError } from '@trunkline/contract'
import { checkKeys } from '../jobs/check-options.ts'
import type { Task } from '../jobs/define-task.ts'
import { getJobs } from '../jobs/show.ts'
import type { Keeper } from '../keeper/keeper.ts'
import type { Database } from '../postgres/database.ts'
import type { Link } from '../postgres/link.ts'
import { statement } from '../postgres/statement.ts'
import type { Trunkline } from '../trunkline.ts'
import type { WorkerEvent } from '../worker/events.ts'
import type { WorkerOptions } from '../worker/worker-options.ts'
import { putInLine, type TestClock } from './clock.ts'

const dueStatement = statement(import.meta.url, 'due.sql')

/** Options of `drain`. */
export interface DrainOptions {
  /** Asked between the runs (where the last allowed try still counts as `retrying`); true ends the drain although more is due. What runs is waited for. */
  until?: (runs: readonly DrainedRun[]) => boolean | Promise<boolean>
  /** Also run what waits for a time (schedules, retries, snoozes, debounces): the clock is advanced to each. Default false. */
  scheduled?: boolean
  /** Runs at the most, so that a job that always comes back ends in an error. Default 10,000. */
  limit?: number
  /** How long it may take in real time. Default 30,000 ms. */
  timeoutMs?: number
}

/** One execution of a drain. */
export interface DrainedRun {
  readonly jobId: string
  readonly task: string
  /** 1 for the first execution of the job. */
  readonly attempt: number
  readonly how: Extract<WorkerEvent, { type: 'job_ended' }>['how']
  /** Message of the error of a failed try. */
  readonly error?: string
}

/** What a drain needs of its kit. */
export interface DrainParts {
  trunkline: Trunkline
  database: Database
  link: Link
  keeper: Keeper
  clock: TestClock
  tasks: readonly Task[]
  worker: Omit<WorkerOptions, 'onEvent'>
}

function readOptions(options: DrainOptions): Required<Omit<DrainOptions, 'until'>> & Pick<DrainOptions, 'until'> {
  checkKeys(options, ['until', 'scheduled', 'limit', 'timeoutMs'], 'drain')
  const { until, scheduled = false, limit = 10_000, timeoutMs = 30_000 } = options
  if (until !== undefined && typeof until !== 'function') {
    throw new TrunklineError('invalid_option', { field: 'until', received: show(until), allowed: 'a function of the runs so far' })
  }
  for (const [field, value] of Object.entries({ limit, timeoutMs })) {
    if (Number.isInteger(value) && value > 0) continue
    throw new TrunklineError('invalid_option', { field, received: show(value), allowed: 'a whole number above 0' })
  }
  return { scheduled, limit, timeoutMs, ...(until ? { until } : {}) }
}

/**
 * Runs everything that is due with a worker of its own, until nothing is left; answers each execution in the order of their ends.
 * @throws `not_reached` when the limit or the time is over; `invalid_option`, `unknown_option`
 */
export async function drain(parts: DrainParts, options: DrainOptions = {}): Promise<DrainedRun[]> {
  const { until, scheduled, limit, timeoutMs } = readOptions(options)
  const { trunkline, database, link, keeper, clock, tasks } = parts
  const runs: DrainedRun[] = []
  let givenBack = 0
  const onEvent = (event: WorkerEvent) => {
    if (event.type === 'unknown_task') givenBack++
    if (event.type !== 'job_ended') return
    const { jobId, task, attempt, how, error } = event
    runs.push({ jobId, task, attempt, how, ...(error === undefined ? {} : { error }) })
  }
  const queues = parts.worker.queues ?? [...new Set(tasks.map((task) => task.queue))]
  const end = performance.now() + timeoutMs
  const worker = await trunkline.work(tasks, { ...parts.worker, keeper: false, onEvent })
  try {
    await keeper.runOnce()
    for (;;) {
      if (await until?.(runs)) break
      const [left] = await database.run<{ running: string[]; due: boolean }>(dueStatement, [worker.id, queues])
      const { moved, nextMs } = await putInLine(database, link)
      const idle = left?.running.length === 0 && !left.due && moved === 0
      if (idle && (!scheduled || nextMs === null)) break
      if (runs.length + givenBack > limit) throw notDrained(`after ${runs.length} runs`, left?.running ?? [])
      if (performance.now() > end) throw notDrained(formatDuration(timeoutMs), left?.running ?? [])
      if (idle) await clock.advance(Math.ceil(nextMs as number) + 1)
      else await new Promise((resolve) => setTimeout(resolve, 10))
    }
  } finally {
    await worker.stop()
  }
  return await withEnds(database, runs)
}

/** A worker does not know which failed try was the last one that is allowed: that is decided in the database. */
async function withEnds(database: Database, runs: readonly DrainedRun[]): Promise<DrainedRun[]> {
  const last = new Map(runs.map((run) => [run.jobId, run]))
  const ids = [...last.values()].filter((run) => run.how === 'retrying').map((run) => run.jobId)
  const failed = new Set((await getJobs(database, ids)).filter((job) => job.state === 'failed').map((job) => job.id))
  return runs.map((run) => (failed.has(run.jobId) && last.get(run.jobId) === run ? { ...run, how: 'failed' } : run))
}

function notDrained(allowed: string, running: readonly string[]): TrunklineError {
  const found = running.length > 0 ? `these are still running: ${running.join(', ')}` : 'there was always more that is due'
  return new TrunklineError('not_reached', { allowed, wanted: 'nothing to be due any more', found })
}
