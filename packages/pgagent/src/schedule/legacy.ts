import { daysIn, exceptionAt, type PgAgentCalendar } from './calendar.ts'
import { fromLocal, toLocal } from './zone.ts'

const minute = 60_000
const day = 24 * 60 * minute

/** What PostgreSQL would say. */
export class LegacyScheduleError extends Error {
  readonly sqlstate: string
  constructor(sqlstate: string, message: string) {
    super(message)
    this.sqlstate = sqlstate
  }
}

/** The candidate of one turn; fields as the original keeps them. */
interface Fields {
  year: number
  month: number
  day: number
  hour: number
  minute: number
}

const first = (of: readonly number[], from: number, to = Number.POSITIVE_INFINITY) => of.find((n) => n >= from && n <= to)
const truncated = (instant: number) => Math.floor(instant / minute) * minute

/**
 * The next run as pgAgent 4.2 computes it, defects included: for comparing, and for servers that must go on exactly as before.
 * @param after stands for `now()`, an instant in ms
 * @param turns how many candidates to look at; the original would go on for ever
 * @returns an instant, or null when there is none
 * @throws LegacyScheduleError as PostgreSQL would
 */
export function legacyNextRun(calendar: PgAgentCalendar, after: number, zone: string, turns = 1_000_000): number | null {
  if (calendar.start === null) return null
  if (calendar.end !== null && calendar.end < after) return null
  const { minutes, hours, weekdays, monthDays, months } = calendar
  const end = calendar.end === null ? null : toLocal(calendar.end, zone)
  let runAfter = toLocal(Math.max(truncated(calendar.start), truncated(after + minute)), zone)
  // which retry the last turn ended in
  let nextMinute = false
  let nextDay = false
  for (let turn = 0; turn < turns; turn++) {
    const at = candidate(calendar, runAfter, nextMinute, nextDay)
    let local = localOf(at, zone)
    if (minutes.length === 0 && hours.length === 0 && monthDays.length === 0 && months.length === 0 && local === runAfter) local += minute
    if (end !== null && local > end) return null
    const date = new Date(local)
    if (!fits(calendar, date)) {
      runAfter = local + minute
      nextMinute = true
      nextDay = false
    } else if (weekdays.length > 0 && !weekdays.includes(date.getUTCDay())) {
      runAfter = local + day
      nextMinute = false
      nextDay = true
    } else {
      const exception = exceptionAt(calendar, local)
      if (!exception) return fromLocal(local, zone)
      if ((exception.id ?? 0) > 32_767) throw new LegacyScheduleError('22003', 'smallint out of range')
      runAfter = local + minute
      nextMinute = true
      nextDay = false
    }
  }
  throw new LegacyScheduleError('57014', 'endless loop')
}

function candidate(calendar: PgAgentCalendar, runAfter: number, nextMinute: boolean, nextDay: boolean): Fields {
  const { minutes, hours, monthDays, months } = calendar
  const from = new Date(runAfter)
  const at: Fields = {
    year: from.getUTCFullYear(),
    month: from.getUTCMonth() + 1,
    day: from.getUTCDate(),
    hour: from.getUTCHours(),
    minute: from.getUTCMinutes(),
  }
  let moved = nextMonth(at, months)
  moved = nextDayOf(at, monthDays, moved)
  // hours
  if (moved || nextDay) at.hour = hours[0] ?? 0
  else if (hours.length > 0) {
    const found = first(hours, at.hour)
    if (found === undefined) {
      at.hour = hours[0] as number
      addDay(at)
      moved = true
    } else {
      moved ||= found !== at.hour
      at.hour = found
    }
  }
  // minutes
  if (moved || nextDay) at.minute = first(minutes, nextMinute ? 0 : from.getUTCMinutes() - 1) ?? 0
  else if (minutes.length > 0) {
    const found = first(minutes, at.minute)
    if (found === undefined) {
      at.minute = minutes[0] as number
      if (at.hour === 23) {
        at.hour = 0
        addDay(at)
      } else at.hour++
    } else at.minute = found
  }
  return at
}

function nextMonth(at: Fields, months: readonly number[]): boolean {
  if (months.length === 0) return false
  const found = first(months, at.month)
  if (found === at.month) return false
  if (found === undefined) at.year++
  at.month = found ?? (months[0] as number)
  return true
}

function nextDayOf(at: Fields, monthDays: readonly number[], moved: boolean): boolean {
  const was = at.day
  let month = moved
  if (moved) at.day = monthDays[0] ?? 1
  else if (monthDays.length > 0) {
    const found = first(monthDays, at.day)
    at.day = found ?? (monthDays[0] as number)
    if (found === undefined) {
      addMonth(at)
      month = true
    }
  }
  if (at.day === 32) at.day = daysIn(at.year, at.month)
  return month || at.day !== was
}

function addMonth(at: Fields): void {
  if (at.month === 12) {
    at.month = 1
    at.year++
  } else at.month++
}

function addDay(at: Fields): void {
  if (at.day < daysIn(at.year, at.month)) at.day++
  else {
    at.day = 1
    addMonth(at)
  }
}

/** The candidate as PostgreSQL reads it: by way of an instant, so that a gap moves it. */
function localOf(at: Fields, zone: string): number {
  if (at.day > daysIn(at.year, at.month)) {
    const text = `${at.year}-${at.month}-${at.day} ${at.hour}:${at.minute}`
    throw new LegacyScheduleError('22008', `date/time field value out of range: "${text}"`)
  }
  return toLocal(fromLocal(Date.UTC(at.year, at.month - 1, at.day, at.hour, at.minute), zone), zone)
}

function fits({ minutes, hours, monthDays, months }: PgAgentCalendar, date: Date): boolean {
  const among = (of: readonly number[], n: number) => of.length === 0 || of.includes(n)
  return (
    among(minutes, date.getUTCMinutes()) &&
    among(hours, date.getUTCHours()) &&
    among(months, date.getUTCMonth() + 1) &&
    (among(monthDays, date.getUTCDate()) || isOnlyLast(monthDays, date))
  )
}

/** The last day counts only where nothing else is selected. */
function isOnlyLast(monthDays: readonly number[], date: Date): boolean {
  if (monthDays.length !== 1 || monthDays[0] !== 32) return false
  const year = date.getUTCFullYear()
  const month = date.getUTCMonth() + 1
  return date.getUTCDate() === daysIn(year, month) || (month === 2 && date.getUTCDate() === 28)
}
