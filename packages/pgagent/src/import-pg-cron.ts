import { isTrunklineError } from '@trunkline/contract'
import type { ScheduleOptions, ScheduleView, Trunkline } from '@trunkline/engine'
import { type Database, statement } from '@trunkline/engine/postgres'
import { compareRuns, shownRuns } from './compare-runs.ts'
import type { ImportPlan } from './import.ts'
import { cronTimes, readCronLine } from './schedule/cron-times.ts'

const listStatement = statement(import.meta.url, 'list-cron-jobs.sql')
const setActive = statement(import.meta.url, 'set-cron-active.sql')

/** While a cut-over is under way its schedule is paused for this reason: a second call goes on from there. */
const underWay = 'the cut-over from pg_cron'
const tagOf = (jobId: number) => `pg_cron:${jobId}`

interface CronJob {
  id: number
  name: string
  schedule: string
  command: string
  database: string
  username: string
  active: boolean
  zone: string
  isHere: boolean
}

async function imported(trunkline: Trunkline): Promise<Map<string, ScheduleView>> {
  const all = await trunkline.schedules.list({ limit: 10_000 })
  return new Map(
    all.flatMap((view) => (view.options.tags ?? []).filter((tag) => tag.startsWith('pg_cron:')).map((tag) => [tag, view] as const)),
  )
}

/** pg_cron says `30 seconds`, or a line of a crontab with `$` for the last day of the month. */
function rhythmOf({ schedule, zone }: CronJob): Pick<ScheduleOptions, 'cronExpression' | 'intervalMs' | 'timezone'> | null {
  const seconds = /^\s*(\d{1,2})\s+seconds?\s*$/i.exec(schedule)?.[1]
  if (seconds !== undefined) return { intervalMs: Number(seconds) * 1000 }
  const parts = schedule.trim().split(/\s+/)
  if (parts.length === 5) parts[2] = (parts[2] as string).replaceAll('$', 'L')
  return readCronLine(schedule) === null ? null : { cronExpression: parts.join(' ').toLowerCase().replace('l', 'L'), timezone: zone }
}

async function planJob(trunkline: Trunkline, job: CronJob, before: ScheduleView | undefined): Promise<ImportPlan> {
  const plan: ImportPlan = {
    jobId: job.id,
    name: job.name,
    schedules: [],
    notes: [
      `it runs as ${job.username} by the task sql_run, in a session of the worker’s role: that role must be a member of ${job.username}`,
    ],
    obstacles: [],
    importedAs: before ? [before.id] : null,
  }
  if (!job.isHere) plan.obstacles.push('it runs on another server; sql_run reaches Trunkline’s own alone')
  const rhythm = rhythmOf(job)
  if (rhythm === null) plan.obstacles.push(`its schedule ${job.schedule} has no times`)
  if (rhythm === null || plan.obstacles.length > 0) return plan
  const options: ScheduleOptions = {
    ...rhythm,
    name: `${job.name} (pg_cron ${job.id})`.slice(0, 200),
    task: 'sql_run',
    payload: { sql: job.command, database: job.database, role: job.username },
    options: { maxAttempts: 1, tags: ['pg_cron', tagOf(job.id)] },
    // as pg_cron does: what was missed is lost, and one run of a job waits for the one before
    missed: 'skip',
    overlap: 'queue',
    failureLimit: 0,
    isEnabled: before?.isEnabled ?? job.active,
  }
  try {
    plan.schedules.push({ options, ...(await compared(trunkline, job, rhythm)) })
  } catch (error) {
    plan.obstacles.push(`schedule ${job.schedule}: ${(error as Error).message}`)
  }
  if (rhythm.intervalMs !== undefined) plan.notes.push('an interval has no times to compare: it is counted from its first run on')
  return plan
}

async function compared(trunkline: Trunkline, job: CronJob, rhythm: ReturnType<typeof rhythmOf> & object) {
  const line = readCronLine(job.schedule)
  if (rhythm.intervalMs !== undefined || line === null) {
    // what our side refuses is told all the same
    await trunkline.schedules.preview({ ...rhythm, count: 1 })
    return { runs: [], differing: 0 }
  }
  const from = Date.now()
  return await compareRuns(trunkline, cronTimes(line, job.zone, from, shownRuns), from, rhythm)
}

/**
 * What would become of jobs of pg_cron as native schedules: a rehearsal, nothing is changed.
 * @param cron the database that has the extension, on Trunkline's own server
 * @param jobIds null = all that its role sees; one that is not there is answered with an obstacle
 */
export async function planCronImport(trunkline: Trunkline, cron: Database, jobIds: readonly number[] | null): Promise<ImportPlan[]> {
  const jobs = await cron.run<CronJob>(listStatement, [])
  const known = await imported(trunkline)
  const plans: ImportPlan[] = []
  for (const id of jobIds ?? jobs.map((job) => job.id)) {
    const job = jobs.find((one) => one.id === id)
    if (job) plans.push(await planJob(trunkline, job, known.get(tagOf(id))))
    else
      plans.push({
        jobId: id,
        name: '',
        schedules: [],
        notes: [],
        obstacles: ['there is no such job, or this role does not see it'],
        importedAs: null,
      })
  }
  return plans
}

/**
 * Cuts a job over: its native schedule is made and paused, the job in pg_cron is switched off, then the pause ends. Whatever ends it in
 * between, a second call goes on, and {@link undoCronImport} takes it back.
 * @returns ids of the native schedules
 * @throws what `schedules.create` throws
 */
export async function applyCronImport(trunkline: Trunkline, cron: Database, plan: ImportPlan, by: string): Promise<string[]> {
  const [planned] = plan.schedules
  if (!planned) return []
  const id =
    plan.importedAs?.[0] ??
    (await trunkline.transaction(async ({ schedules }) => {
      const made = await schedules.create(planned.options, by)
      await schedules.pause(made.id, { reason: underWay, by })
      return made.id
    }))
  await cron.run(setActive, [plan.jobId, false])
  const { paused } = await trunkline.schedules.get(id)
  if (paused?.reason === underWay) await trunkline.schedules.resume(id, { by })
  return [id]
}

/**
 * Takes a cut-over back: the native schedule is deleted (its jobs stay), the job in pg_cron is switched on again if the schedule was.
 * @returns how many schedules were deleted; null = it was not cut over
 */
export async function undoCronImport(trunkline: Trunkline, cron: Database, jobId: number, by: string): Promise<number | null> {
  const view = (await imported(trunkline)).get(tagOf(jobId))
  if (!view) return null
  await trunkline.schedules.pause(view.id, { reason: underWay, by })
  if (view.isEnabled) await cron.run(setActive, [jobId, true])
  await trunkline.schedules.delete(view.id, { by }).catch((error) => {
    if (!isTrunklineError(error, 'schedule_not_found')) throw error
  })
  return 1
}
