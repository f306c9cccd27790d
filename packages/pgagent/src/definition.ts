import { createHash } from 'node:crypto'
import { TrunklineError } from '@trunkline/contract'
import { type Database, type Queryable, type Statement, statement } from '@trunkline/engine/postgres'
import { maskSecrets } from './connection-string.ts'

const at = (file: string) => statement(import.meta.url, file)
const showJob = at('show-job.sql')
const lockJob = at('lock-job.sql')
const insertJob = at('insert-job.sql')
const updateJob = at('update-job.sql')
const putJobSetting = at('put-job-setting.sql')
const putStepSetting = at('put-step-setting.sql')
const insertStep = at('insert-step.sql')
const updateStep = at('update-step.sql')
const dropSteps = at('drop-steps.sql')
const insertSchedule = at('insert-schedule.sql')
const updateSchedule = at('update-schedule.sql')
const dropSchedules = at('drop-schedules.sql')
const insertExceptions = at('insert-exceptions.sql')
const dropExceptions = at('drop-exceptions.sql')
const planJob = at('plan-job.sql')
const deleteStatement = at('delete-job.sql')
const classesStatement = at('list-classes.sql')

/** A step of a job. They run in the order of their names. */
export interface PgAgentStep {
  id: number
  name: string
  description: string
  isEnabled: boolean
  kind: 'sql' | 'batch'
  code: string
  /** Of an SQL step without a connection string. */
  database: string
  /** As it is stored, with its password. Empty = none. */
  connectionString: string
  onError: 'fail' | 'succeed' | 'ignore'
  timeoutMs: number | null
}

/** A schedule of a job: index lists as in {@link PgAgentCalendar}; an empty one means every. */
export interface PgAgentSchedule {
  id: number
  name: string
  description: string
  isEnabled: boolean
  startsAt: string
  endsAt: string | null
  minutes: number[]
  hours: number[]
  weekdays: number[]
  /** 32 = the last of the month. */
  monthDays: number[]
  months: number[]
  exceptions: { id: number; date: string | null; time: string | null }[]
}

/** All of a job that people write. */
export interface PgAgentDefinition {
  id: number
  name: string
  description: string
  class: string
  hostAgent: string
  isEnabled: boolean
  createdAt: Date
  /** Null = that of the server. */
  timezone: string | null
  timeoutMs: number | null
  steps: PgAgentStep[]
  schedules: PgAgentSchedule[]
  /** Another one after any change, whoever made it. */
  version: string
}

/** A job to be written. Steps and schedules with an id are changed, those without are new, those that are missing are deleted. */
export interface PgAgentDraft {
  name: string
  description: string
  class: string
  hostAgent: string
  isEnabled: boolean
  timezone: string | null
  timeoutMs: number | null
  /** `connectionString`: left out, or as it is shown masked = as it is. */
  steps: (Omit<PgAgentStep, 'id' | 'connectionString'> & { id?: number | undefined; connectionString?: string | undefined })[]
  schedules: (Omit<PgAgentSchedule, 'id' | 'startsAt' | 'exceptions'> & {
    id?: number | undefined
    startsAt: string | null
    exceptions: { date: string | null; time: string | null }[]
  })[]
}

const notFound = (field: string, id: unknown) => new TrunklineError('pgagent_not_found', { field, received: id })
const flags = (indexes: readonly number[], first: number, n: number) => Array.from({ length: n }, (_, i) => indexes.includes(i + first))

function versionOf(row: object): string {
  return createHash('sha256').update(JSON.stringify(row)).digest('hex').slice(0, 16)
}

/** A job with all that people write. @throws `pgagent_not_found` */
export async function readJob(database: Database, jobId: number, tx?: Queryable): Promise<PgAgentDefinition> {
  const [row] = await database.run(showJob, [jobId], tx)
  if (!row) throw notFound('job', jobId)
  const { host_agent: hostAgent, is_enabled: isEnabled, created_at: createdAt, timeout_ms: timeoutMs, ...rest } = row
  return { ...rest, hostAgent, isEnabled, createdAt, timeoutMs, version: versionOf(row) }
}

/** Triggers compute next runs in the zone of the session. */
async function inZone<T>(database: Database, zone: string, work: (tx: Queryable) => Promise<T>): Promise<T> {
  return await database.transaction(async (tx) => {
    await tx.query(`select set_config('TimeZone', $1, true)`, [zone])
    return await work(tx)
  })
}

async function idOf(database: Database, tx: Queryable, verb: Statement, values: unknown[], missing: () => Error): Promise<number> {
  const [row] = await database.run<{ id: number }>(verb, values, tx)
  if (!row) throw missing()
  return row.id
}

const unknownClass = (name: string) =>
  new TrunklineError('invalid_request', { field: 'class', problem: `is refused: there is no class ${name}; list them with GET …/classes` })

type Written = { database: Database; tx: Queryable; jobId: number; before: PgAgentDefinition | null }

async function writeStep({ database, tx, jobId, before }: Written, step: PgAgentDraft['steps'][number]): Promise<number> {
  const there = before?.steps.find(({ id }) => id === step.id)
  const { connectionString: given } = step
  const stored = there?.connectionString ?? ''
  const connection = given === undefined || (there && given === maskSecrets(stored)) ? stored : given
  const { name, description, isEnabled, kind, code, database: of, onError } = step
  const values = [
    jobId,
    name,
    description,
    isEnabled,
    kind[0],
    code,
    kind === 'sql' ? of : '',
    kind === 'sql' ? connection : '',
    onError[0],
  ]
  const id =
    step.id === undefined
      ? await idOf(database, tx, insertStep, values, () => notFound('job', jobId))
      : await idOf(database, tx, updateStep, [...values, step.id], () => notFound('step', step.id))
  if (step.timeoutMs !== (there?.timeoutMs ?? null)) await database.run(putStepSetting, [id, step.timeoutMs], tx)
  return id
}

async function writeSchedule({ database, tx, jobId }: Written, schedule: PgAgentDraft['schedules'][number]): Promise<number> {
  const { name, description, isEnabled, startsAt, endsAt, minutes, hours, weekdays, monthDays, months } = schedule
  const grid = [flags(minutes, 0, 60), flags(hours, 0, 24), flags(weekdays, 0, 7), flags(monthDays, 1, 32), flags(months, 1, 12)]
  const values = [jobId, name, description, isEnabled, startsAt, endsAt, ...grid]
  const id =
    schedule.id === undefined
      ? await idOf(database, tx, insertSchedule, values, () => notFound('job', jobId))
      : await idOf(database, tx, updateSchedule, [...values, schedule.id], () => notFound('schedule', schedule.id))
  const exceptions = JSON.stringify(schedule.exceptions)
  await database.run(dropExceptions, [id, exceptions], tx)
  await database.run(insertExceptions, [id, exceptions], tx)
  return id
}

async function writeParts(written: Written, { steps, schedules, timezone, timeoutMs }: PgAgentDraft): Promise<void> {
  const { database, tx, jobId, before } = written
  if (timezone !== (before?.timezone ?? null) || timeoutMs !== (before?.timeoutMs ?? null))
    await database.run(putJobSetting, [jobId, timezone, timeoutMs], tx)
  const kept: number[] = []
  for (const step of steps) kept.push(await writeStep(written, step))
  await database.run(dropSteps, [jobId, kept], tx)
  const planned: number[] = []
  for (const schedule of schedules) planned.push(await writeSchedule(written, schedule))
  await database.run(dropSchedules, [jobId, planned], tx)
  await database.run(planJob, [jobId], tx)
}

/**
 * A new job with its steps and schedules, by the statements that pgAdmin uses; the triggers of the schema plan it.
 * @param zone whose clock its schedules show, unless the job has its own
 * @throws `invalid_request` for an unknown class, and what the tables refuse
 */
export async function createJob(database: Database, draft: PgAgentDraft, zone: string): Promise<PgAgentDefinition> {
  return await inZone(database, zone, async (tx) => {
    const { class: of, name, description, hostAgent, isEnabled } = draft
    const jobId = await idOf(database, tx, insertJob, [of, name, description, hostAgent, isEnabled], () => unknownClass(of))
    await writeParts({ database, tx, jobId, before: null }, draft)
    return await readJob(database, jobId, tx)
  })
}

/**
 * Changes a job to what the draft says. A run that goes on keeps the steps it began with.
 * @param check what is looked at under the lock, before anything is written
 * @throws `pgagent_not_found`, `server_changed` when it has another version by now, `invalid_request`
 */
export async function changeJob(
  database: Database,
  jobId: number,
  draft: PgAgentDraft,
  zone: string,
  { version, check }: { version?: string | undefined; check?: (before: PgAgentDefinition) => void } = {},
): Promise<{ before: PgAgentDefinition; after: PgAgentDefinition }> {
  return await inZone(database, zone, async (tx) => {
    await database.run(lockJob, [jobId], tx)
    const before = await readJob(database, jobId, tx)
    if (version !== undefined && version !== before.version)
      throw new TrunklineError('server_changed', { field: 'version', received: version, found: before.version })
    check?.(before)
    const { class: of, name, description, hostAgent, isEnabled } = draft
    await idOf(database, tx, updateJob, [jobId, of, name, description, hostAgent, isEnabled], () => unknownClass(of))
    await writeParts({ database, tx, jobId, before }, draft)
    return { before, after: await readJob(database, jobId, tx) }
  })
}

/** Deletes a job with all that belongs to it. @throws `pgagent_not_found` */
export async function deleteJob(database: Database, jobId: number): Promise<void> {
  const rows = await database.run(deleteStatement, [jobId])
  if (rows.length === 0) throw notFound('job', jobId)
}

/** Classes of jobs. */
export async function listClasses(database: Database): Promise<{ id: number; name: string }[]> {
  return await database.run(classesStatement, [])
}
