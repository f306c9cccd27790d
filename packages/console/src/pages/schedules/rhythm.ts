import { parseCron } from '@trunkline/client/contract'

/** Rows of a calendar: an empty one means every one. */
export interface Calendar {
  minutes: number[]
  hours: number[]
  weekdays: number[]
  monthDays: (number | 'last')[]
  months: number[]
}

/** When a schedule fires. */
export type Rhythm =
  | { kind: 'cron'; cron: string }
  | { kind: 'calendar'; calendar: Calendar }
  | { kind: 'interval'; ms: number }
  | { kind: 'once'; at: string }

export const emptyCalendar: Calendar = { minutes: [], hours: [], weekdays: [], monthDays: [], months: [] }

/** As the API takes it. */
export function rhythmBody(rhythm: Rhythm) {
  switch (rhythm.kind) {
    case 'cron':
      return { cronExpression: rhythm.cron }
    case 'interval':
      return { intervalMs: rhythm.ms }
    case 'once':
      return { runAt: rhythm.at }
    case 'calendar':
      return { calendar: Object.fromEntries(Object.entries(rhythm.calendar).filter(([, row]) => row.length > 0)) }
  }
}

/** As a schedule of the API has it. */
export function rhythmOf({
  cronExpression,
  intervalMs,
  calendar,
  runAt,
}: {
  cronExpression: string | null
  intervalMs: number | null
  calendar: unknown
  runAt: string | null
}): Rhythm {
  if (cronExpression !== null) return { kind: 'cron', cron: cronExpression }
  if (intervalMs !== null) return { kind: 'interval', ms: intervalMs }
  if (runAt !== null) return { kind: 'once', at: runAt }
  return { kind: 'calendar', calendar: { ...emptyCalendar, ...(calendar as Partial<Calendar>) } }
}

/** Either what was converted, or why it could not be without a change of meaning. */
export type Converted<T> = { value: T } | { reason: string }

/** Numbers as a field of cron: 1-5, 0,30, or * for none. */
function fieldOf(values: number[]): string {
  const sorted = [...new Set(values)].sort((a, b) => a - b)
  if (sorted.length === 0) return '*'
  const parts: string[] = []
  for (let i = 0; i < sorted.length; ) {
    let end = i
    while (end + 1 < sorted.length && sorted[end + 1] === (sorted[end] as number) + 1) end++
    parts.push(end - i >= 2 ? `${sorted[i]}-${sorted[end]}` : sorted.slice(i, end + 1).join(','))
    i = end + 1
  }
  return parts.join(',')
}

/** A calendar as cron, where cron can say the same. */
export function toCron({ minutes, hours, weekdays, monthDays, months }: Calendar): Converted<string> {
  if (weekdays.length > 0 && monthDays.length > 0)
    return {
      reason:
        'Days of the month and weekdays are both ticked: a calendar means days that fit both, cron would mean days that fit one of them.',
    }
  const days = monthDays.filter((day): day is number => day !== 'last')
  const last = monthDays.includes('last')
  const dayField = last ? [days.length > 0 ? fieldOf(days) : '', 'L'].filter(Boolean).join(',') : fieldOf(days)
  return { value: [fieldOf(minutes), fieldOf(hours), dayField, fieldOf(months), fieldOf(weekdays)].join(' ') }
}

const isEvery = (values: readonly number[], n: number) => values.length === n

/** A cron expression as a calendar, where a calendar can say the same. */
export function toCalendar(cron: string): Converted<Calendar> {
  let grid: ReturnType<typeof parseCron>
  try {
    grid = parseCron(cron)
  } catch (error) {
    return { reason: (error as Error).message }
  }
  const { seconds, minutes, hours, months, days, weekdays } = grid
  if (seconds.length !== 1 || seconds[0] !== 0) return { reason: 'It has seconds; a calendar has minutes.' }
  if (days && weekdays)
    return {
      reason: 'It has days of the month and weekdays: cron means days that fit one of them, a calendar would mean days that fit both.',
    }
  if (days && (days.nearest.length > 0 || days.lastWeekday || days.fromEnd.some((back) => back !== 0)))
    return { reason: 'A calendar has no nearest weekday (W) and no days before the last.' }
  if (weekdays && (weekdays.nth.length > 0 || weekdays.last.length > 0))
    return { reason: 'A calendar has no nth weekday of a month (#, L).' }
  return {
    value: {
      minutes: isEvery(minutes, 60) ? [] : [...minutes],
      hours: isEvery(hours, 24) ? [] : [...hours],
      months: isEvery(months, 12) ? [] : [...months],
      weekdays: weekdays === null || isEvery(weekdays.weekdays, 7) ? [] : [...weekdays.weekdays],
      monthDays: days === null ? [] : [...days.days, ...(days.fromEnd.length > 0 ? ['last' as const] : [])],
    },
  }
}

/** What each field of a cron expression is, for the one in which the caret stands. */
export const cronFields = [
  'minute, 0 to 59',
  'hour, 0 to 23',
  'day of the month, 1 to 31; L = the last, 15W = the weekday nearest to the 15th',
  'month, 1 to 12 or JAN to DEC',
  'day of the week, 0 (Sunday) to 6 or SUN to SAT; 5#3 = the third Friday, 5L = the last',
]

/** The number of the field in which a place of the text lies. */
export function fieldAt(cron: string, caret: number): number {
  const fields = cron.trim().split(/\s+/).length
  const at = cron.slice(0, caret).trimStart().split(/\s+/).length - 1
  return Math.min(4, Math.max(0, fields >= 6 ? at - 1 : at))
}
