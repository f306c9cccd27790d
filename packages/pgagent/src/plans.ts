import type { PgAgentDefinition, PgAgentDraft } from './definition.ts'
import { daysIn, type PgAgentCalendar } from './schedule/calendar.ts'
import { legacyNextRun } from './schedule/legacy.ts'
import { nextRun } from './schedule/next-run.ts'

type Schedule = PgAgentDraft['schedules'][number] | PgAgentDefinition['schedules'][number]

/** The calendar of a schedule as it is written. */
export function calendarOf(schedule: Schedule, now = Date.now()): PgAgentCalendar {
  const { startsAt, endsAt, minutes, hours, weekdays, monthDays, months, exceptions } = schedule
  const time = (text: string | null) => (text === null ? null : Date.parse(text))
  return {
    ...{ start: time(startsAt) ?? now, end: time(endsAt), minutes, hours, weekdays, monthDays, months },
    exceptions: wholeTimes(exceptions),
  }
}

const wholeTimes = (exceptions: Schedule['exceptions']) =>
  exceptions.map((e) => ({ ...e, time: e.time === null ? null : e.time.length === 5 ? `${e.time}:00` : e.time }))

/** As `nextRun`; dates that no month has, such as 30 February, are not looked for through four hundred years. */
function soonest(plan: PgAgentCalendar, after: number, zone: string): number | null {
  const { months, monthDays } = plan
  const inLeapYear = (month: number) => monthDays.some((day) => day === 32 || day <= daysIn(2028, month))
  if (months.length > 0 && monthDays.length > 0 && !months.some(inLeapYear)) return null
  return nextRun(plan, after, zone)
}

/**
 * When the enabled schedules start a job, as our functions in the database plan it.
 * @param most so many
 * @returns instants in ms, ascending, each once
 */
export function nextRuns(schedules: readonly Schedule[], zone: string, after: number, most: number): number[] {
  const plans = schedules.filter(({ isEnabled }) => isEnabled).map((schedule) => calendarOf(schedule, after))
  const next = plans.map((plan) => soonest(plan, after, zone))
  const found: number[] = []
  while (found.length < most) {
    const first = Math.min(...next.map((at) => at ?? Number.POSITIVE_INFINITY))
    if (!Number.isFinite(first)) break
    found.push(first)
    for (const [i, plan] of plans.entries()) if (next[i] === first) next[i] = soonest(plan, first, zone)
  }
  return found
}

/** Something about a job that will not be as its author expects. */
export interface PgAgentWarning {
  code:
    | 'never_runs'
    | 'nothing_to_run'
    | 'no_further_run'
    | 'original_differs'
    | 'original_fails'
    | 'looks_like_shell'
    | 'vacuum_with_others'
    | 'two_connections'
  /** Which step or schedule, by its name. */
  where: string | null
  message: string
}

const shown = (at: number | null) => (at === null ? 'never' : new Date(at).toISOString().slice(0, 16).replace('T', ' '))

function ofSchedule(schedule: Schedule, zone: string, now: number): PgAgentWarning[] {
  const plan = calendarOf(schedule, now)
  const { name: where } = schedule
  const ours = soonest(plan, now, zone)
  const none: PgAgentWarning[] =
    ours === null
      ? [
          {
            code: 'no_further_run',
            where,
            message: 'it has no further run: its end is over, no such date exists, or its exceptions take all times away',
          },
        ]
      : []
  try {
    // enough for every schedule that has an answer
    const theirs = legacyNextRun(plan, now, zone, 3000)
    if (theirs === ours) return none
    const message = `the original agent would start it at ${shown(theirs)} UTC, this one does at ${shown(ours)}`
    return [...none, { code: 'original_differs', where, message }]
  } catch (error) {
    const message = `the original agent cannot compute its next run and would hold the job for ever: ${(error as Error).message}`
    return [...none, { code: 'original_fails', where, message }]
  }
}

const shell =
  /^\s*(?:#!|(?:sudo\s+)?(?:pg_dump|pg_dumpall|pg_restore|psql|vacuumdb|reindexdb|bash|sh|python\d?|tar|gzip|cp|rm|find|curl)\s)/

function ofStep({ name: where, kind, code, database, connectionString = '' }: PgAgentDraft['steps'][number]): PgAgentWarning[] {
  if (kind !== 'sql') return []
  const found: PgAgentWarning[] = []
  if (shell.test(code))
    found.push({ code: 'looks_like_shell', where, message: 'it is an SQL step and looks like a command; should it be a batch step?' })
  if (/^\s*vacuum\b|;\s*vacuum\b/i.test(code) && /;\s*\S/.test(code))
    found.push({
      code: 'vacuum_with_others',
      where,
      message: 'VACUUM cannot run with other statements in one step: give it a step of its own',
    })
  if (database && connectionString)
    found.push({ code: 'two_connections', where, message: 'it has a database and a connection string: the connection string counts' })
  return found
}

/** What will not be as the author of a job expects, here or with the original agent. */
export function warningsOf(job: Pick<PgAgentDraft, 'isEnabled' | 'steps' | 'schedules'>, zone: string, now = Date.now()): PgAgentWarning[] {
  const found: PgAgentWarning[] = []
  const enabled = job.schedules.filter(({ isEnabled }) => isEnabled)
  if (enabled.length === 0)
    found.push({ code: 'never_runs', where: null, message: 'it has no enabled schedule: it runs when somebody starts it' })
  if (!job.steps.some(({ isEnabled }) => isEnabled))
    found.push({ code: 'nothing_to_run', where: null, message: 'it has no enabled step: its runs succeed without doing anything' })
  return [...found, ...job.steps.flatMap(ofStep), ...enabled.flatMap((schedule) => ofSchedule(schedule, zone, now))]
}
