import { type Database, statement } from '@trunkline/engine/postgres'
import type pg from 'pg'
import { runBatchStep } from './batch-step.ts'
import { parseConnectionString } from './connection-string.ts'
import { collectNotices } from './notices.ts'
import { persist } from './persist.ts'
import { runSqlStep, type StepOutcome } from './sql-step.ts'

const steps = statement(import.meta.url, 'steps.sql')
const beginStep = statement(import.meta.url, 'begin-step.sql')
const endStep = statement(import.meta.url, 'end-step.sql')
const endRun = statement(import.meta.url, 'end-run.sql')
const freeJob = statement(import.meta.url, 'free-job.sql')
const oneStep = statement(import.meta.url, 'one-step.sql')
const freeAfterStep = statement(import.meta.url, 'free-after-step.sql')
const parkJob = statement(import.meta.url, 'park-job.sql')

/** A claimed job and its open log row. */
export interface ClaimedJob {
  job_id: number
  jobname: string
  /** What the sessions of its steps are called. */
  session: string
  log_id: number
  /** The next run it was claimed for, as PostgreSQL writes it. */
  claimed_at?: string
  /** Only this step is to run. */
  step_id?: number
}

/** What a run needs of its agent. */
export interface RunSettings {
  database: Database
  /** As whom SQL steps without a connection string of their own run; null = such steps are refused. */
  stepUser: { user: string; password?: string } | null
  allowBatch: boolean
  tempDirectory?: string | undefined
  maxOutputBytes: number
  timezone: string
  /** Of the agent's session, which may be another one by the end of a run. */
  pid: () => number
  /** Told of what does not end a run. */
  onError: (error: Error) => void
  /** Aborts when the agent will not wait any longer for a database that is away. */
  giveUp: AbortSignal
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

const refused = (output: string): StepOutcome => ({ ok: false, result: -1, output })

function localConfig({ database, stepUser }: RunSettings, dbname: string): pg.ClientConfig {
  const { urls, preferred } = database.direct.servers
  const server = new URL(urls[preferred] as string)
  const { user, password = '' } = stepUser as NonNullable<typeof stepUser>
  server.username = encodeURIComponent(user)
  server.password = encodeURIComponent(password)
  server.pathname = `/${encodeURIComponent(dbname)}`
  return { connectionString: server.href }
}

async function performSql(
  settings: RunSettings,
  job: ClaimedJob,
  step: Step,
  { logId, signal }: { logId: number; signal: AbortSignal },
): Promise<StepOutcome> {
  if (!step.connstr && !settings.stepUser)
    return refused('No user for SQL steps is configured for this agent (pgagent.step_user), and the step names none itself.')
  const tag = { application_name: job.session }
  const config = () => ({ ...tag, ...(step.connstr ? parseConnectionString(step.connstr) : localConfig(settings, step.dbname)) })
  const notices = collectNotices(settings.database, logId, settings.onError)
  const outcome = await runSqlStep(config, step.code, { timeoutMs: step.timeout_ms ?? undefined, signal, onNotice: notices.add })
  // before the row is closed: whoever sees the end sees all of it
  await notices.end()
  return outcome
}

async function perform(
  settings: RunSettings,
  job: ClaimedJob,
  step: Step,
  of: { logId: number; signal: AbortSignal },
): Promise<StepOutcome> {
  const { signal } = of
  if (signal.aborted) return refused('the run was cancelled')
  if (step.kind === 's') return await performSql(settings, job, step, of)
  if (!settings.allowBatch) return refused('Batch steps are not allowed for this agent.')
  const { tempDirectory, maxOutputBytes } = settings
  const bounds = { tempDirectory, timeoutMs: step.timeout_ms ?? undefined, maxOutputBytes, signal }
  return await runBatchStep({ jobId: job.job_id, stepId: step.id, code: step.code, ...bounds })
}

/** Runs the steps in turn. @returns the status of the run's log row */
async function runSteps(settings: RunSettings, job: ClaimedJob, signal: AbortSignal): Promise<'s' | 'f' | 'i'> {
  const { database, giveUp } = settings
  const wanted = () => (job.step_id === undefined ? database.run<Step>(steps, [job.job_id]) : database.run<Step>(oneStep, [job.step_id]))
  for (const step of await persist(wanted, giveUp)) {
    const [log] = await persist(() => database.run<{ log_id: number }>(beginStep, [job.log_id, step.id]), giveUp)
    // deleted meanwhile, or the whole job was
    if (!log) return 'i'
    const { ok, result, output } = await perform(settings, job, step, { logId: log.log_id, signal })
    const onError = signal.aborted ? 'f' : step.on_error
    const closed = await persist(() => database.run(endStep, [log.log_id, ok ? 's' : onError, result, output]), giveUp)
    if ((!ok && onError === 'f') || closed.length === 0) return 'f'
  }
  return 's'
}

async function free(settings: RunSettings, job: ClaimedJob): Promise<void> {
  await settings.database.transaction(async (tx) => {
    await tx.query(`select set_config('TimeZone', $1, true)`, [settings.timezone])
    if (job.step_id !== undefined) await tx.query(freeAfterStep.text('trunkline'), [job.job_id, settings.pid()])
    else await tx.query(freeJob.text('trunkline'), [job.job_id, job.claimed_at, settings.pid()])
  })
}

/**
 * Runs a claimed job to its end: the log rows are those of the original agent. The run is closed before the next one is computed,
 * so that an error there cannot undo it; such a job waits until its schedule is edited. While the database is away it waits and
 * writes then.
 * @param signal aborts when somebody wants the run to end: the step that runs is ended, and fails
 * @returns the status of the run's log row, and what kept the next run from being computed
 * @throws `database_unavailable` when the log could not be written before `giveUp`
 */
export async function runJob(
  settings: RunSettings,
  job: ClaimedJob,
  signal: AbortSignal,
): Promise<{ status: 's' | 'f' | 'i'; scheduleError?: Error }> {
  const { database, giveUp } = settings
  const status = await runSteps(settings, job, signal)
  await persist(() => database.run(endRun, [job.log_id, status]), giveUp)
  try {
    await persist(() => free(settings, job), giveUp)
    return { status }
  } catch (error) {
    await persist(() => database.run(parkJob, [job.job_id, settings.pid()]), giveUp)
    return { status, scheduleError: error as Error }
  }
}
