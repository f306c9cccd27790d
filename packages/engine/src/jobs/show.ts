import { type JobState, TrunklineError } from '@trunkline/contract'
import type { Progress } from '../log/job-logger.ts'
import type { Database } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'
import type { JobError } from './error-json.ts'
import { type JobFilter, readFilter, readPage, selectIds } from './filter.ts'
import { checkJobId, type Names } from './names.ts'
import type { QueueHealth } from './queue-health.ts'
import { type Within, withinJson } from './within.ts'

const getStatement = statement(import.meta.url, 'get.sql')
const visibleStatement = statement(import.meta.url, 'visible.sql')
const tasksOfStatement = statement(import.meta.url, 'tasks-of.sql')
const dataTextsStatement = statement(import.meta.url, 'data-texts.sql')
const countsStatement = statement(import.meta.url, 'counts.sql')

/** A job as people see it (CONTRACT section 3). Ids are decimal text, durations ms. */
export interface JobView {
  id: string
  task: string
  queue: string
  state: JobState
  /** Why it is pending, or ended so; null otherwise. */
  reason: string | null
  priority: number
  /** Executions so far, the running one included. */
  attempt: number
  maxAttempts: number
  progress: Progress | null
  tags: string[]
  /** Its unique key. */
  key: string | null
  /** Keys of the limits that it is under. */
  orderingKey: string | null
  concurrencyKey: string | null
  rateKey: string | null
  /** The job that this one repeats. */
  rerunOf: string | null
  /** The flow that it belongs to. */
  flowId: string | null
  /** Ids of the jobs that it depends on. */
  dependsOn: string[]
  /** What made it, where that was a schedule or a template. */
  scheduleId: string | null
  templateId: string | null
  createdAt: Date
  createdBy: string | null
  runAt: Date
  startedAt: Date | null
  finishedAt: Date | null
  waitMs: number | null
  durationMs: number | null
  workerId: string | null
  error: JobError | null
  /** What the job counted: inserts, updates, … */
  outcome: Record<string, number> | null
  payload: unknown
  result: unknown
}

/** A row of `trunkline.jobs` as a {@link JobView}. */
export function jobView(row: any): JobView {
  const known = row.progress_stage !== null || row.progress_current !== null
  return {
    id: row.id,
    task: row.task,
    queue: row.queue,
    state: row.state,
    reason: row.reason,
    priority: row.priority,
    attempt: row.attempt,
    maxAttempts: row.max_attempts,
    progress: known
      ? {
          current: row.progress_current ?? 0,
          total: row.progress_total,
          unit: row.progress_unit,
          stage: row.progress_stage,
          percent: row.progress_percent,
        }
      : null,
    tags: row.tags,
    key: row.key,
    orderingKey: row.ordering_key,
    concurrencyKey: row.concurrency_key,
    rateKey: row.rate_key,
    rerunOf: row.rerun_of,
    flowId: row.flow_id,
    dependsOn: row.depends_on.map(String),
    scheduleId: row.schedule_id,
    templateId: row.template_id,
    createdAt: row.created_at,
    createdBy: row.created_by,
    runAt: row.run_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    waitMs: row.wait_ms === null ? null : Number(row.wait_ms),
    durationMs: row.duration_ms === null ? null : Number(row.duration_ms),
    workerId: row.worker_id === null ? null : String(row.worker_id),
    error: row.error,
    outcome: row.outcome,
    payload: row.payload,
    result: row.result,
  }
}

/** @throws `job_not_found`, `invalid_job_id` */
export async function getJob(database: Database, id: string, within?: Within | null): Promise<JobView> {
  const [found] = await getJobs(database, [checkJobId(id)], within)
  if (!found) throw new TrunklineError('job_not_found', { field: 'jobId', received: id })
  return found
}

/** Payload and result of a job as JSON text. */
export interface DataTexts {
  payload: string
  /** Null = there is none, or none yet. */
  result: string | null
}

/** @throws `job_not_found`, `invalid_job_id` */
export async function getDataTexts(database: Database, id: string): Promise<DataTexts> {
  const [found] = await database.run<DataTexts>(dataTextsStatement, [`{${checkJobId(id)}}`], 'walk')
  if (!found) throw new TrunklineError('job_not_found', { field: 'jobId', received: id })
  return found
}

/** Jobs by id, in the order of the ids; those that are gone are left out. */
export async function getJobs(database: Database, ids: readonly string[], within?: Within | null): Promise<JobView[]> {
  const rows = await database.run(getStatement, [`{${ids.join(',')}}`, withinJson(within)], 'walk')
  const found = new Map(rows.map((row) => [row.id as string, jobView(row)]))
  return ids.flatMap((id) => found.get(id) ?? [])
}

/** Those of these jobs that are there and may be seen; all of them where `within` is null. */
export async function visibleIds(database: Database, ids: readonly string[], within: Within | null | undefined): Promise<Set<string>> {
  if (!within) return new Set(ids)
  const rows = await database.run<{ id: string }>(visibleStatement, [`{${ids.join(',')}}`, withinJson(within)], 'walk')
  return new Set(rows.map((row) => row.id))
}

/** The tasks of these jobs, each once. */
export async function tasksOf(database: Database, ids: readonly string[], within: Within | null | undefined): Promise<string[]> {
  const rows = await database.run<{ task: string }>(tasksOfStatement, [`{${ids.join(',')}}`, withinJson(within)], 'walk')
  return rows.map((row) => row.task)
}

/** A page of jobs. */
export interface JobListOptions extends JobFilter {
  /** Default 50, at most 500. */
  limit?: number
  /** Only jobs with an id below this one: the last id of the page before. Not for `pending`. */
  before?: string
  /** Only jobs that somebody may see. Default: all. */
  within?: Within | null
}

/**
 * Jobs, newest first; pending ones in the order in which they will run.
 * @throws what `readFilter` throws, `invalid_job_id`
 */
export async function listJobs(database: Database, names: Names, options: JobListOptions = {}): Promise<JobView[]> {
  const { limit, before, within, ...filter } = options
  const page = readPage({ ...(limit === undefined ? {} : { limit }), ...(before === undefined ? {} : { before }) })
  const ids = await selectIds(database, await readFilter(names, filter, { within }), page.limit, page.before)
  return ids.length === 0 ? [] : await getJobs(database, ids)
}

/** A queue with its jobs by place. */
export interface QueueView {
  queue: string
  /** May run now, unless the queue is paused or at its limit. */
  due: number
  /** Wait for a limit of their key. */
  held: number
  /** Wait for their time: scheduled, retrying, snoozed, debounced. */
  scheduled: number
  /** Wait for other jobs. */
  blocked: number
  running: number
  completed: number
  failed: number
  cancelled: number
  /** Live workers that serve it. */
  workers: number
  /** Null = it gives out jobs. */
  paused: { since: Date; until: Date | null; reason: string | null; by: string | null } | null
  /** How it stands by its thresholds; null = it has none. */
  health: QueueHealth | null
}

/** Queues with their counts, from the counters: no history is counted. */
export async function listQueues(database: Database): Promise<QueueView[]> {
  const rows = await database.run(countsStatement, [])
  return rows.map((row) => ({
    ...row,
    paused: row.paused && { ...row.paused, since: new Date(row.paused.since), until: row.paused.until && new Date(row.paused.until) },
    health: row.health && { ...row.health, since: new Date(row.health.since) },
  }))
}
