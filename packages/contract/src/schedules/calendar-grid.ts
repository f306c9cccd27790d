import { show, TrunklineError } from '../words/errors.ts'
import type { Grid } from './cron.ts'

/** A calendar: five rows of what is ticked. A row that is empty or left out means every one; a day has to fit all rows. */
export interface CalendarGrid {
  /** 0 to 59. */
  readonly minutes?: readonly number[] | undefined
  /** 0 to 23. */
  readonly hours?: readonly number[] | undefined
  /** 0 (Sunday) to 6. */
  readonly weekdays?: readonly number[] | undefined
  /** 1 to 31, and `last` for the last day of a month. */
  readonly monthDays?: readonly (number | 'last')[] | undefined
  /** 1 to 12. */
  readonly months?: readonly number[] | undefined
}

/** A day or a time that is left out: a date (of that day all), a time (of every day), or both (that one). */
export interface SlotException {
  /** Such as `2030-12-24`, in the zone of the schedule. */
  readonly date?: string | undefined
  /** Such as `12:30`. */
  readonly time?: string | undefined
}

const rows = ['minutes', 'hours', 'weekdays', 'monthDays', 'months'] as const

function row(calendar: CalendarGrid, name: (typeof rows)[number], least: number, most: number): number[] {
  const given: unknown = calendar[name] ?? []
  const field = `calendar.${name}`
  if (!Array.isArray(given) || given.length > 100) {
    throw new TrunklineError('invalid_schedule', { field, problem: `it is ${show(given)}; allowed: a list of numbers` })
  }
  const numbers = given.filter((value) => !(name === 'monthDays' && value === 'last'))
  for (const value of numbers) {
    if (!Number.isInteger(value) || value < least || value > most) {
      const also = name === 'monthDays' ? ', or "last"' : ''
      throw new TrunklineError('invalid_schedule', { field, problem: `it has ${show(value)}; allowed: ${least} to ${most}${also}` })
    }
  }
  return [...new Set(numbers as number[])].sort((a, b) => a - b)
}

const every = (n: number, from = 0) => Array.from({ length: n }, (_, i) => i + from)
const orEvery = (values: number[], n: number, from = 0) => (values.length === 0 ? every(n, from) : values)

/** @throws `invalid_schedule` with the row and what is allowed in it */
export function readCalendar(calendar: CalendarGrid): Grid {
  if (typeof calendar !== 'object' || calendar === null || Array.isArray(calendar)) {
    throw new TrunklineError('invalid_schedule', {
      field: 'calendar',
      problem: `it is ${show(calendar)}; allowed: rows ${rows.join(', ')}`,
    })
  }
  for (const name of Object.keys(calendar)) {
    if ((rows as readonly string[]).includes(name)) continue
    throw new TrunklineError('invalid_schedule', { field: 'calendar', problem: `it has a row ${show(name)}; allowed: ${rows.join(', ')}` })
  }
  const hours = orEvery(row(calendar, 'hours', 0, 23), 24)
  const days = row(calendar, 'monthDays', 1, 31)
  const last = (calendar.monthDays ?? []).includes('last')
  const weekdays = row(calendar, 'weekdays', 0, 6)
  return {
    seconds: [0],
    minutes: orEvery(row(calendar, 'minutes', 0, 59), 60),
    hours,
    months: orEvery(row(calendar, 'months', 1, 12), 12, 1),
    days: (days.length === 0 && !last) || days.length === 31 ? null : { days, fromEnd: last ? [0] : [], nearest: [], lastWeekday: false },
    weekdays: weekdays.length === 0 || weekdays.length === 7 ? null : { weekdays, nth: [], last: [] },
    needsBoth: true,
    hasChosenHour: hours.length < 24,
  }
}

const isDate = (text: string) => {
  const time = new Date(`${text}T00:00:00Z`)
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(time.getTime()) && time.toISOString().startsWith(text)
}

/** Exceptions, looked up by day, by time and by both. */
export interface Exceptions {
  /** Days since 1970. */
  readonly days: ReadonlySet<number>
  /** Minutes of the day. */
  readonly minutes: ReadonlySet<number>
  /** Minutes since 1970, local. */
  readonly moments: ReadonlySet<number>
}

/** @throws `invalid_schedule` */
export function readExceptions(given: readonly SlotException[] = []): Exceptions {
  const refuse = (problem: string): never => {
    throw new TrunklineError('invalid_schedule', { field: 'exceptions', problem })
  }
  if (!Array.isArray(given) || given.length > 1000) refuse(`it is ${show(given)}; allowed: a list of at most 1000`)
  const days = new Set<number>()
  const minutes = new Set<number>()
  const moments = new Set<number>()
  for (const exception of given as readonly SlotException[]) {
    const { date, time, ...more } = exception ?? {}
    if (Object.keys(more).length > 0 || (date === undefined && time === undefined)) refuse('each one has a date, a time, or both')
    if (date !== undefined && !(typeof date === 'string' && isDate(date)))
      refuse(`the date ${show(date)} is none; allowed: such as 2030-12-24`)
    if (time !== undefined && !(typeof time === 'string' && /^([01]\d|2[0-3]):[0-5]\d$/.test(time))) {
      refuse(`the time ${show(time)} is none; allowed: 00:00 to 23:59`)
    }
    const day = date === undefined ? 0 : Date.parse(`${date}T00:00:00Z`) / 86_400_000
    const minute = time === undefined ? 0 : Number(time.slice(0, 2)) * 60 + Number(time.slice(3))
    if (time === undefined) days.add(day)
    else if (date === undefined) minutes.add(minute)
    else moments.add(day * 1440 + minute)
  }
  return { days, minutes, moments }
}
