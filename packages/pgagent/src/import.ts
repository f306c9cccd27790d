import type { ScheduleOptions, Trunkline } from '@trunkline/engine'
import { type Database, statement } from '@trunkline/engine/postgres'
import { type ComparedRun, compareRuns, shownRuns } from './compare-runs.ts'
import type { PgAgentDefinition, PgAgentSchedule, PgAgentStep } from './definition.ts'
import { readJob } from './definition.ts'
import { listJobs, setEnabled } from './jobs.ts'
import { nextRuns, warningsOf } from './plans.ts'

const noteImport = statement(import.meta.url, 'note-import.sql')
const readImport = statement(import.meta.url, 'read-import.sql')
const dropImport = statement(import.meta.url, 'drop-import.sql')

/** A schedule of a job of pgAgent as a native one, before it is made. */
export interface PlannedSchedule {
  /** As `trunkline.schedules.create` takes it. */
  options: ScheduleOptions
  /** The next 50 runs of both sides, together. */
  runs: ComparedRun[]
  /** Of them: those that only one side has. */
  differing: number
}

/** What would become of one job. */
export interface ImportPlan {
  jobId: number
  name: string
  schedules: PlannedSchedule[]
  /** What will be otherwise. */
  notes: string[]
  /** Why it cannot be; empty = it can. */
  obstacles: string[]
  /** It was cut over: these native schedules have taken its place. */
  importedAs: string[] | null
}

/** Are these databases of one server? SQL steps of native jobs reach the server of the queue alone. */
export async function isSameServer(one: Database, other: Database): Promise<boolean> {
  const identity = 'select system_identifier::text id from pg_control_system()'
  const [here, there] = await Promise.all([one.query<{ id: string }>(identity), other.query<{ id: string }>(identity)])
  return here[0]?.id === there[0]?.id
}

/** Options of {@link planImport}. */
export interface ImportOptions {
  /** Whose clock schedules show that have none of their own. Default `UTC`. */
  timezone?: string
  /** As whom SQL steps run. Default: as the worker's own role. */
  stepUser?: string | undefined
  /** Is the schema `pgagent` on Trunkline's own server? SQL steps reach no other. */
  onOwnServer: boolean
}

const minutes = Array.from({ length: 60 }, (_, i) => i)

/** Names of steps are unique there as well as here: others get their number. */
function stepNames(steps: readonly PgAgentStep[]): string[] {
  const seen = new Set<string>()
  return steps.map(({ id, name }) => {
    const short = name.slice(0, 80) || `step ${id}`
    const unique = seen.has(short) ? `${short} (${id})` : short
    seen.add(unique)
    return unique
  })
}

function stepOf(
  step: PgAgentStep,
  name: string,
  job: PgAgentDefinition,
  { stepUser, onOwnServer }: ImportOptions,
  plan: ImportPlan,
): object {
  const refuse = (why: string) => plan.obstacles.push(`step ${step.name}: ${why}`)
  const note = (what: string) => plan.notes.push(`step ${step.name}: ${what}`)
  const timeoutMs = step.timeoutMs ?? job.timeoutMs
  if (step.onError === 'succeed') note('where it fails it is shown as failed; the steps after it run all the same')
  const common = {
    name,
    onError: step.onError === 'fail' ? 'fail' : 'ignore',
    ...(timeoutMs === null ? {} : { timeoutMs: Number(timeoutMs) }),
  }
  if (step.kind === 'batch') {
    if (/^#!(?!\s*\/bin\/sh\b)/.test(step.code)) refuse('it is a script of another interpreter than /bin/sh; call that in one line')
    note('it runs by the task shell_run, which the settings of the worker must allow (shell.allowed)')
    return { ...common, task: 'shell_run', payload: { command: step.code.replaceAll('\r\n', '\n') } }
  }
  if (step.connectionString) refuse('it has a connection string; sql_run reaches Trunkline’s own server alone')
  else if (!onOwnServer) refuse('it runs on another server than Trunkline’s own, which sql_run does not reach')
  return { ...common, task: 'sql_run', payload: { sql: step.code, database: step.database, ...(stepUser ? { role: stepUser } : {}) } }
}

/** An exception with seconds matches no minute, on either side. */
function exceptionsOf({ exceptions }: PgAgentSchedule) {
  return exceptions
    .filter(({ date, time }) => (date !== null || time !== null) && (time === null || !/:\d\d:(?!00)/.test(time)))
    .map(({ date, time }) => ({ ...(date === null ? {} : { date }), ...(time === null ? {} : { time: time.slice(0, 5) }) }))
}

function rhythmOf(schedule: PgAgentSchedule, timezone: string) {
  const { hours, weekdays, months } = schedule
  const monthDays = schedule.monthDays.map((n) => (n === 32 ? ('last' as const) : n))
  const isPast = Date.parse(schedule.startsAt) <= Date.now()
  const someMinutes = schedule.minutes.length > 0 ? schedule.minutes : minutes
  return {
    calendar: { minutes: someMinutes, hours, weekdays, monthDays, months },
    timezone,
    startsAt: isPast ? null : schedule.startsAt,
    endsAt: schedule.endsAt,
    // what PostgreSQL reads, so that a job keeps its times
    dst: { gap: 'shift', fold: 'second' } as const,
    exceptions: exceptionsOf(schedule),
  }
}

async function planJob(trunkline: Trunkline, database: Database, job: PgAgentDefinition, options: ImportOptions): Promise<ImportPlan> {
  const [imported] = await database.run<{ schedules: string[]; was_enabled: boolean }>(readImport, [job.id])
  const plan: ImportPlan = {
    jobId: job.id,
    name: job.name,
    schedules: [],
    notes: [],
    obstacles: [],
    importedAs: imported?.schedules ?? null,
  }
  const timezone = job.timezone ?? options.timezone ?? 'UTC'
  const steps = job.steps.filter(({ isEnabled }) => isEnabled)
  const left = job.steps.length - steps.length
  if (left > 0) plan.notes.push(`${left} disabled ${left === 1 ? 'step is' : 'steps are'} left out`)
  if (steps.length === 0) plan.obstacles.push('it has no enabled step')
  if (job.schedules.length === 0) plan.obstacles.push('it has no schedule')
  if (job.hostAgent) plan.notes.push(`it ran on ${job.hostAgent} alone; here any worker may run it`)
  for (const { where, message } of warningsOf(job, timezone)) plan.notes.push(where ? `${where}: ${message}` : message)
  const names = stepNames(steps)
  const payload = { steps: steps.map((step, i) => stepOf(step, names[i] as string, job, options, plan)) }
  for (const schedule of job.schedules) {
    const name = `${job.name} (pgAgent ${job.id}${job.schedules.length > 1 ? `, ${schedule.name}` : ''})`.slice(0, 200)
    const rhythm = rhythmOf(schedule, timezone)
    const said = {
      name,
      task: 'steps_run',
      payload,
      description: job.description || null,
      options: { maxAttempts: 1, tags: ['pgagent'] },
      missed: 'last',
      overlap: 'skip',
      failureLimit: 0,
      // one whose cut-over was cut off is disabled by it
      isEnabled: (imported?.was_enabled ?? job.isEnabled) && schedule.isEnabled,
    } as const
    try {
      const from = Date.now()
      const theirs = nextRuns([{ ...schedule, isEnabled: true }], timezone, from, shownRuns)
      plan.schedules.push({ options: { ...said, ...rhythm }, ...(await compareRuns(trunkline, theirs, from, rhythm)) })
    } catch (error) {
      plan.obstacles.push(`schedule ${schedule.name}: ${(error as Error).message}`)
    }
  }
  return plan
}

/**
 * What would become of jobs of pgAgent as native schedules with steps: a rehearsal, nothing is changed.
 * @param jobIds null = all
 * @throws `pgagent_not_found`
 */
export async function planImport(
  trunkline: Trunkline,
  database: Database,
  jobIds: readonly number[] | null,
  options: ImportOptions,
): Promise<ImportPlan[]> {
  const plans: ImportPlan[] = []
  for (const id of jobIds ?? (await listJobs(database)).map((job) => job.id))
    plans.push(await planJob(trunkline, database, await readJob(database, id), options))
  return plans
}

/**
 * Cuts a job over: its native schedules are made switched off, the job in pgAgent is disabled, then they are switched on. Whatever
 * ends it in between, a second call goes on, and {@link undoImport} takes it back.
 * @returns ids of the native schedules
 * @throws what `schedules.create` throws
 */
export async function applyImport(trunkline: Trunkline, database: Database, plan: ImportPlan, by: string): Promise<string[]> {
  const made: string[] = [...(plan.importedAs ?? [])]
  const known = new Map((await Promise.all(made.map((id) => trunkline.schedules.get(id)))).map((view) => [view.name, view.id]))
  const ids: string[] = []
  for (const { options } of plan.schedules) {
    const id = known.get(options.name) ?? (await trunkline.schedules.create({ ...options, isEnabled: false }, by)).id
    ids.push(id)
    await database.run(noteImport, [plan.jobId, ids, by])
  }
  await setEnabled(database, plan.jobId, false)
  for (const [i, { options }] of plan.schedules.entries())
    if (options.isEnabled) await trunkline.schedules.edit(ids[i] as string, { isEnabled: true }, { by })
  return ids
}

/**
 * Takes a cut-over back: the native schedules are deleted (their jobs stay), the job in pgAgent is enabled again.
 * @returns how many schedules were deleted; null = it was not cut over
 */
export async function undoImport(trunkline: Trunkline, database: Database, jobId: number, by: string): Promise<number | null> {
  const [imported] = await database.run<{ schedules: string[]; was_enabled: boolean }>(readImport, [jobId])
  if (!imported) return null
  for (const id of imported.schedules) {
    await trunkline.schedules.delete(id, { by }).catch((error) => {
      if (error.code !== 'schedule_not_found') throw error
    })
  }
  await setEnabled(database, jobId, imported.was_enabled)
  await database.run(dropImport, [jobId])
  return imported.schedules.length
}
