import { type ErrorCode, TrunklineError } from '@trunkline/contract'
import { type Database, type Statement, statement } from '@trunkline/engine/postgres'

const listStatement = statement(import.meta.url, 'list-jobs.sql')
const historyStatement = statement(import.meta.url, 'history.sql')
const runNowStatement = statement(import.meta.url, 'run-now.sql')
const enableStatement = statement(import.meta.url, 'set-enabled.sql')
const cancelStatement = statement(import.meta.url, 'want-cancel.sql')
const releaseStatement = statement(import.meta.url, 'release.sql')
const wantStepStatement = statement(import.meta.url, 'want-step.sql')
const listRunsStatement = statement(import.meta.url, 'list-runs.sql')
const clearStatement = statement(import.meta.url, 'clear-history.sql')

/** What the letter in a log row means: running, succeeded, failed, ignored (or no steps to execute), aborted. */
export type PgAgentStatus = 'r' | 's' | 'f' | 'i' | 'd'

/** A job of a schema `pgagent`. */
export interface PgAgentJob {
  id: number
  name: string
  class: string
  isEnabled: boolean
  /** The host whose agent alone runs it; empty = any. */
  hostAgent: string
  /** Its agent's session, while it runs. */
  agent: number | null
  /** It is held by an agent whose session is gone. */
  claimedByDead: boolean
  /** Its next run could not be computed; it waits until its schedule is edited. */
  isParked: boolean
  lastRun: Date | null
  nextRun: Date | null
  last: { run: number; status: PgAgentStatus; ms: number | null; failure: string | null } | null
}

/** A run with its steps. */
export interface PgAgentRun {
  id: number
  jobId: number
  job: string
  status: PgAgentStatus
  startedAt: Date
  ms: number | null
  steps: {
    id: number
    stepId: number
    step: string
    status: PgAgentStatus
    result: number | null
    startedAt: string
    ms: number | null
    output: string | null
    /** What the server said while it ran, such as by `raise notice`, line by line. */
    notices: string | null
  }[]
}

/** A run as its log has it; output and notices of steps only where a single run is read. */
export interface PgAgentLoggedRun extends Omit<PgAgentRun, 'steps'> {
  /** Of a run of one step alone. */
  onlyStep: number | null
  steps: (PgAgentRun['steps'][number] & { outputLength: number })[]
}

/** The jobs of a schema, by name. */
export async function listJobs(database: Database): Promise<PgAgentJob[]> {
  const rows = await database.run(listStatement, [])
  return rows.map((row) => ({
    ...{ id: row.id, name: row.name, class: row.class, isEnabled: row.is_enabled, hostAgent: row.host_agent, agent: row.agent },
    ...{ claimedByDead: row.claimed_by_dead, isParked: row.is_parked === true, lastRun: row.last_run, nextRun: row.next_run },
    last:
      row.last_log === null
        ? null
        : { run: row.last_log, status: row.last_status, ms: row.last_ms === null ? null : Number(row.last_ms), failure: row.last_failure },
  }))
}

/** The latest runs of a job, or of all with null; newest first. @param limit default 50 */
export async function history(database: Database, jobId: number | null, limit = 50): Promise<PgAgentRun[]> {
  const rows = await database.run(historyStatement, [jobId, limit])
  return rows.map(({ job_id: jobId, started_at: startedAt, ms, ...row }) => ({
    ...row,
    jobId,
    startedAt,
    ms: ms === null ? null : Number(ms),
  }))
}

async function act(database: Database, verb: Statement, values: unknown[], code: ErrorCode, field: string, problem: string): Promise<void> {
  if ((await database.run(verb, values)).length > 0) return
  throw new TrunklineError(code, { field, received: String(values[0]), allowed: problem })
}

/** Has a job run now, without disturbing its schedule. @throws `pgagent_refused` unless it is enabled and does not run */
export const runNow = (database: Database, jobId: number) =>
  act(database, runNowStatement, [jobId], 'pgagent_refused', 'job', 'an enabled job that does not run now')

/** @throws `pgagent_refused` when there is no such job */
export const setEnabled = (database: Database, jobId: number, enabled: boolean) =>
  act(database, enableStatement, [jobId, enabled], 'pgagent_refused', 'job', 'a job of this schema')

/** Asks the agent of ours that runs it to end a run; the original one does not listen. @throws `pgagent_refused` unless it runs */
export const cancelRun = (database: Database, runId: number, by: string) =>
  act(database, cancelStatement, [runId, by], 'pgagent_refused', 'run', 'a run that has not ended')

/** Frees a job whose agent is gone, and closes its run as aborted. @throws `pgagent_refused` unless it is held by such a one */
export const releaseJob = (database: Database, jobId: number) =>
  act(database, releaseStatement, [jobId], 'pgagent_refused', 'job', 'a job that is held by an agent whose session is gone')

/**
 * Asks an agent of ours to run one step alone, enabled or not; the next run of its job stays as it is. The original does not listen. What no agent
 * has run after an hour is forgotten.
 * @throws `pgagent_refused` unless the job has such a step, and does not run
 */
export async function runStep(database: Database, jobId: number, stepId: number, by: string): Promise<void> {
  await act(database, wantStepStatement, [jobId, stepId, by], 'pgagent_refused', 'job', 'a job with this step that does not run now')
}

async function loggedRuns(database: Database, values: unknown[]): Promise<PgAgentLoggedRun[]> {
  const rows = await database.run(listRunsStatement, values)
  return rows.map(({ job_id: jobId, started_at: startedAt, only_step: onlyStep, ...row }) => ({ ...row, jobId, startedAt, onlyStep }))
}

/** Runs of a job, or of all with null, newest first, without the output of steps. @param below only runs with a smaller number */
export async function listRuns(
  database: Database,
  { jobId, below, limit }: { jobId: number | null; below: number | null; limit: number },
): Promise<PgAgentLoggedRun[]> {
  return await loggedRuns(database, [jobId, below, limit, null])
}

/** A run with the output of each step. @throws `pgagent_not_found` */
export async function readRun(database: Database, runId: number): Promise<PgAgentLoggedRun> {
  const [run] = await loggedRuns(database, [null, null, 1, runId])
  if (run) return run
  throw new TrunklineError('pgagent_not_found', { field: 'run', received: runId })
}

/** Deletes the log of the runs of a job that have ended. @param before only of those that began before; null = all @returns how many */
export async function clearHistory(database: Database, jobId: number, before: string | null): Promise<number> {
  const [row] = await database.run<{ runs: number }>(clearStatement, [jobId, before])
  return row?.runs ?? 0
}
