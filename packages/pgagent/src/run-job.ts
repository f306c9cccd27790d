import { type Database, statement } from '@trunkline/engine/postgres'
import type pg from 'pg'
import { runBatchStep } from './batch-step.ts'
import { parseConnectionString } from './connection-string.ts'
import { runSqlStep, type StepOutcome } from './sql-step.ts'

const steps = statement(import.meta.url, 'steps.sql')
const beginStep = statement(import.meta.url, 'begin-step.sql')
const endStep = statement(import.meta.url, 'end-step.sql')
const endRun = statement(import.meta.url, 'end-run.sql')
const freeJob = statement(import.meta.url, 'free-job.sql')
const parkJob = statement(import.meta.url, 'park-job.sql')

/** A claimed job and its open log row. */
export interface ClaimedJob {
  job_id: number
  log_id: number
  /** The next run it was claimed for, as PostgreSQL writes it. */
  claimed_at: string
}

/** What a run needs of its agent. */
export interface RunSettings {
  database: Database
  /** As whom SQL steps without a connection string of their own run. */
  stepUser: { user: string; password?: string }
  allowBatch: boolean
  tempDirectory?: string | undefined
  maxOutputBytes: number
  timezone: string
  /** Of the agent's session, which may be another one by the end of a run. */
  pid: () => number
}

interface Step {
  id: number
  kind: 's' | 'b'
  code: string
  dbname: string
  connstr: string
  on_error: 'f' | 's' | 'i'
  timeout_ms: number | null
}

function localConfig(settings: RunSettings, dbname: string): pg.ClientConfig {
  const { urls, preferred } = settings.database.direct.servers
  const server = new URL(urls[preferred] as string)
  const { user, password = '' } = settings.stepUser
  server.username = encodeURIComponent(user)
  server.password = encodeURIComponent(password)
  server.pathname = `/${encodeURIComponent(dbname)}`
  return { connectionString: server.href }
}

function perform(settings: RunSettings, job: ClaimedJob, step: Step): Promise<StepOutcome> {
  const timeoutMs = step.timeout_ms ?? undefined
  if (step.kind === 's') {
    const limits = timeoutMs === undefined ? {} : { statement_timeout: timeoutMs }
    const tag = { application_name: `pgagent step ${job.log_id}` }
    const config = () => ({
      ...tag,
      ...(step.connstr ? parseConnectionString(step.connstr) : localConfig(settings, step.dbname)),
      ...limits,
    })
    return runSqlStep(config, step.code)
  }
  if (!settings.allowBatch) return Promise.resolve({ ok: false, result: -1, output: 'Batch steps are not allowed for this agent.' })
  const { tempDirectory, maxOutputBytes } = settings
  return runBatchStep({ jobId: job.job_id, stepId: step.id, code: step.code, tempDirectory, timeoutMs, maxOutputBytes })
}

/** Runs the steps in turn. @returns the status of the run's log row */
async function runSteps(settings: RunSettings, job: ClaimedJob): Promise<'s' | 'f' | 'i'> {
  const { database } = settings
  for (const step of await database.run<Step>(steps, [job.job_id])) {
    const [log] = await database.run<{ log_id: number }>(beginStep, [job.log_id, step.id])
    // deleted meanwhile, or the whole job was
    if (!log) return 'i'
    const { ok, result, output } = await perform(settings, job, step)
    const closed = await database.run(endStep, [log.log_id, ok ? 's' : step.on_error, result, output])
    if ((!ok && step.on_error === 'f') || closed.length === 0) return 'f'
  }
  return 's'
}

async function free(settings: RunSettings, job: ClaimedJob): Promise<void> {
  await settings.database.transaction(async (tx) => {
    await tx.query(`select set_config('TimeZone', $1, true)`, [settings.timezone])
    await tx.query(freeJob.text('trunkline'), [job.job_id, job.claimed_at, settings.pid()])
  })
}

/**
 * Runs a claimed job to its end: the log rows are those of the original agent. The run is closed before the next one is computed,
 * so that an error there cannot undo it; such a job waits until its schedule is edited.
 * @returns the status of the run's log row, and what kept the next run from being computed
 * @throws `database_unavailable` when the log cannot be written
 */
export async function runJob(settings: RunSettings, job: ClaimedJob): Promise<{ status: 's' | 'f' | 'i'; scheduleError?: Error }> {
  const status = await runSteps(settings, job)
  await settings.database.run(endRun, [job.log_id, status])
  try {
    await free(settings, job)
    return { status }
  } catch (error) {
    await settings.database.run(parkJob, [job.job_id, settings.pid()])
    return { status, scheduleError: error as Error }
  }
}
