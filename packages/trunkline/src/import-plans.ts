import { isTrunklineError, TrunklineError } from '@trunkline/contract'
import type { ComparedRun, ImportPlan } from '@trunkline/pgagent'
import { plain, printJson } from './print.ts'

/** What an import is asked for. */
export interface ImportFlags {
  apply?: boolean
  undo?: boolean
  all?: boolean
}

/** What an import does, wherever the jobs come from. */
export interface ImportActs {
  /** Where they come from, such as `pgAgent`. */
  original: string
  plan(ids: readonly number[] | null): Promise<ImportPlan[]>
  apply(plan: ImportPlan): Promise<string[]>
  undo(id: number): Promise<number | null>
}

/** Cuts one job over; says what to do where no worker has made its tasks known yet. */
async function cutOver(apply: () => Promise<string[]>): Promise<string[]> {
  try {
    return await apply()
  } catch (error) {
    if (isTrunklineError(error, 'unknown_task')) error.message += '. Start a worker once, which makes its tasks known: npm start'
    throw error
  }
}

const when = (at: Date) => at.toISOString().slice(0, 16).replace('T', ' ')

function line({ at, inOriginal, inTrunkline, mark }: ComparedRun): string {
  const why = mark === 'gap' ? '   the clocks go forward' : mark === 'fold' ? '   the clocks go back' : ''
  return `    ${inOriginal ? when(at) : '-'.padEnd(16)}   ${inTrunkline ? when(at) : '-'.padEnd(16)}${inOriginal === inTrunkline ? '' : '   differs'}${why}`
}

/**
 * Prints a rehearsal, job by job.
 * @param original where the jobs come from, such as `pgAgent`
 */
function showPlans(plans: readonly ImportPlan[], original: string): void {
  if (plans.length === 0) return console.log('no jobs')
  for (const { jobId, name, schedules, notes, obstacles, importedAs } of plans) {
    const state = importedAs ? 'is cut over' : obstacles.length > 0 ? 'cannot be cut over' : 'can be cut over'
    console.log(plain(`job ${jobId} ${name}: ${state}`))
    for (const text of obstacles) console.log(plain(`  obstacle: ${text}`))
    for (const text of notes) console.log(plain(`  note: ${text}`))
    for (const { options, runs, differing } of schedules) {
      console.log(plain(`  ${options.name}, ${options.timezone ?? 'UTC'}: ${runs.length} runs compared, ${differing} differ`))
      if (runs.length > 0) console.log(`    ${`${original} (UTC)`.padEnd(16)}   native (UTC)`)
      // all that differ, and the first ones
      for (const [i, run] of runs.entries()) if (i < 5 || run.inOriginal !== run.inTrunkline) console.log(line(run))
    }
  }
}

/** The numbers of jobs that are named; null where all are meant. @throws `usage` for flags that do not go together */
export function chosenJobs(
  jobs: readonly string[],
  { apply, undo, all }: ImportFlags,
  refuse: (problem: string) => Error,
  idOf: (text: string) => number,
): number[] | null {
  if (apply && undo) throw refuse('--apply and --undo exclude each other')
  if ((apply || undo) && jobs.length === 0 && !(apply && all)) throw refuse('name the jobs, or say --apply --all')
  return jobs.length === 0 ? null : jobs.map(idOf)
}

/** Shows the rehearsal, or does what the flags ask for, and tells it. */
export async function runImport(
  acts: ImportActs,
  ids: readonly number[] | null,
  { apply, undo }: ImportFlags,
  json: boolean,
): Promise<void> {
  if (undo) return await undoAll(acts, ids ?? [], json)
  const plans = await acts.plan(ids)
  if (!apply) return json ? printJson({ data: plans }) : showPlans(plans, acts.original)
  const refused = ids === null ? [] : plans.filter(({ obstacles }) => obstacles.length > 0)
  if (refused.length > 0) {
    showPlans(refused, acts.original)
    throw new TrunklineError('pgagent_refused', {
      field: 'jobs',
      received: refused.map((plan) => plan.jobId).join(', '),
      allowed: 'jobs without an obstacle',
    })
  }
  const done = []
  for (const plan of plans.filter(({ obstacles }) => obstacles.length === 0))
    done.push({ jobId: plan.jobId, name: plan.name, schedules: await cutOver(() => acts.apply(plan)) })
  if (json) return printJson({ data: done })
  for (const { jobId, name, schedules } of done)
    console.log(plain(`job ${jobId} ${name}: runs by ${schedules.length} native schedules now; take it back with --undo ${jobId}`))
  if (done.length === 0) console.log('no job can be cut over; look at the rehearsal: the same command without --apply')
}

async function undoAll({ original, undo }: ImportActs, ids: readonly number[], json: boolean): Promise<void> {
  const done = []
  for (const jobId of ids) done.push({ jobId, schedules: await undo(jobId) })
  if (json) return printJson({ data: done })
  for (const { jobId, schedules } of done)
    console.log(
      schedules === null
        ? `job ${jobId} was not cut over`
        : `job ${jobId} runs in ${original} again; ${schedules} native schedules are deleted`,
    )
}
