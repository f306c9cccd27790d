import type { Effect } from './effects.ts'
import { type ChaosEvent, type ChaosJob, type Found, named, push, slackMs, type Witnesses } from './witnesses.ts'

/** A job that ran, by the clock of the effect log. */
interface Run {
  job: number
  from: number
  to: number
}

/** When each lease let go of each job, by the clock of the database: from then on others may have its place. */
function releases(events: readonly ChaosEvent[]): Map<string, number> {
  const found = new Map<string, number>()
  for (const { kind, lease, ids, at } of events)
    if (kind === 'released' && lease !== null) for (const id of ids) found.set(named(id, lease), at)
  return found
}

/**
 * From the start of each handler until its end; of one that was frozen or killed, until its job was taken from it: a handler that still
 * runs then is what no queue can prevent.
 */
function runsOf({ effects, events, clockMs }: Witnesses): Map<number, Run[]> {
  const released = releases(events)
  const ends = new Map<string, number>()
  const starts: Effect[] = []
  for (const effect of effects) {
    if (effect.what === 'S') starts.push(effect)
    else if (effect.what === 'E') ends.set(`${named(effect.job, effect.lease)} ${effect.process}`, effect.at)
  }
  const runs = new Map<number, Run[]>()
  for (const { job, lease, process, at: from } of starts) {
    const let_ = released.get(named(job, lease))
    const to = Math.min(
      ends.get(`${named(job, lease)} ${process}`) ?? Number.POSITIVE_INFINITY,
      let_ === undefined ? Number.POSITIVE_INFINITY : let_ - clockMs - slackMs,
    )
    if (to > from && Number.isFinite(to)) push(runs, job, { job, from, to })
  }
  return runs
}

/** Are there ever more at once than `most`? The first such moment is told. */
function checkOverlap(runs: readonly Run[], most: number, what: string, found: Found): void {
  const open: Run[] = []
  for (const run of [...runs].sort((a, b) => a.from - b.from)) {
    for (let i = open.length - 1; i >= 0; i--) if ((open[i] as Run).to <= run.from) open.splice(i, 1)
    open.push(run)
    if (open.length <= most) continue
    return found('I8', `${open.length} jobs of ${what} ran at once, ${most} may: ${open.map((r) => r.job).join(', ')}`, run.job)
  }
}

/** I8: jobs of a key start in the order in which they were asked for, one by one; never do more run than a limit allows. */
export function checkLimits(witnesses: Witnesses, found: Found): void {
  const { limits, jobs } = witnesses
  if (limits.length === 0) return
  const runs = runsOf(witnesses)
  for (const { queue, concurrency, perKey } of limits) {
    const own = jobs.filter((job) => job.queue === queue)
    if (concurrency !== null) {
      const all = own.flatMap((job) => runs.get(job.id) ?? [])
      checkOverlap(all, concurrency, `queue ${queue}`, found)
    }
    for (const [key, of] of grouped(own, 1)) {
      checkOverlap(
        of.flatMap((job) => runs.get(job.id) ?? []),
        perKey,
        `the concurrency key ${key}`,
        found,
      )
    }
    for (const [key, of] of grouped(own, 0)) {
      // its turn is a job's through failed tries and crashes, until it has ended
      const turns = of.flatMap((job): Run[] => {
        const all = runs.get(job.id)
        if (!all) return []
        return [{ job: job.id, from: Math.min(...all.map((r) => r.from)), to: Math.max(...all.map((r) => r.to)) }]
      })
      checkOverlap(turns, 1, `the ordering key ${key}`, found)
      checkOrder(witnesses, new Map(turns.map((turn) => [turn.job, turn.from])), key, found)
    }
  }
}

function grouped(jobs: readonly ChaosJob[], kind: 0 | 1): Map<string, ChaosJob[]> {
  const groups = new Map<string, ChaosJob[]>()
  for (const job of jobs) {
    const key = job.gateKeys?.[kind]
    if (key != null) push(groups, key, job)
  }
  return groups
}

/**
 * A caller asks for one job of an ordering key after the other. What was answered comes before all that was asked for later; of a
 * call whose answer was lost nobody knows when it was made.
 */
function checkOrder({ calls, jobs }: Witnesses, started: ReadonlyMap<number, number>, key: string, found: Found): void {
  const byKey = new Map(jobs.map((job) => [job.key, job]))
  let latest: { job: number; at: number } | null = null
  for (const call of calls) {
    const job = byKey.get(call.key)
    if (job?.gateKeys?.[0] !== key) continue
    const at = started.get(job.id)
    if (at === undefined) continue
    if (latest && at < latest.at)
      found(
        'I8',
        `job ${job.id} of the ordering key ${key} began before job ${latest.job}, which had been accepted before it was asked for`,
        job.id,
      )
    if (call.outcome === 'ok' && (!latest || at > latest.at)) latest = { job: job.id, at }
  }
}
