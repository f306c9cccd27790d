import { daysIn, exceptionAt, type PgAgentCalendar, wallClock } from './calendar.ts'
import { fromLocal, toLocal } from './zone.ts'

const minute = 60_000
const day = 24 * 60 * minute
/** The Gregorian calendar repeats itself after 400 years: what has not come by then never comes. */
const horizon = 146_097

/**
 * The next run of a pgAgent schedule: the first minute after `after` that all fields select and no exception takes away. Time
 * zones as pgAgent's users know them from PostgreSQL: with chosen hours, a time that does not exist is shifted by the gap, and one
 * that occurs twice means the second; with an empty or full hour field the schedule runs in every real hour.
 * The same as `pgagent.pga_next_schedule` of ours; a test compares both on recorded cases.
 * @param after an instant in ms; the minute it lies in is over
 * @param zone an IANA name
 * @returns an instant in ms, or null when there is none
 * @throws `invalid_option` for an unknown zone
 * @example nextRun({ ...everyDay, hours: [2], minutes: [30] }, Date.now(), 'Europe/Berlin')
 */
export function nextRun(calendar: PgAgentCalendar, after: number, zone: string): number | null {
  if (calendar.start === null || (calendar.end !== null && calendar.end < after)) return null
  const from = Math.max(truncated(calendar.start), truncated(after + minute))
  const times = timesOfDay(calendar)
  if (times.length === 0) return null
  const everyHour = new Set(calendar.hours).size % 24 === 0
  let date = Math.floor(toLocal(from, zone) / day) * day
  for (let i = 0; i < horizon; i++, date += day) {
    if (calendar.end !== null && date - day > calendar.end) return null
    if (!onDate(calendar, date)) continue
    const found = everyHour ? firstReal(calendar, date, from, zone) : firstChosen(calendar, times, date, from, zone)
    if (found !== null) return calendar.end !== null && found > calendar.end ? null : found
  }
  return null
}

const truncated = (instant: number) => Math.floor(instant / minute) * minute
const among = (of: readonly number[], n: number) => of.length === 0 || of.includes(n)

/** The times of any day, in ms since midnight, without those that an exception takes from every day. */
function timesOfDay({ minutes, hours, exceptions }: PgAgentCalendar): number[] {
  const never = new Set(exceptions.filter((e) => e.date === null).map((e) => e.time))
  const times: number[] = []
  for (let at = 0; at < day; at += minute) {
    if (!among(hours, Math.floor(at / (60 * minute))) || !among(minutes, (at / minute) % 60)) continue
    if (!never.has(wallClock(at).time)) times.push(at)
  }
  return times
}

function onDate({ months, monthDays, weekdays, exceptions }: PgAgentCalendar, date: number): boolean {
  const at = new Date(date)
  const month = at.getUTCMonth() + 1
  const last = at.getUTCDate() === daysIn(at.getUTCFullYear(), month)
  if (!among(months, month) || !among(weekdays, at.getUTCDay())) return false
  if (!among(monthDays, at.getUTCDate()) && !(last && monthDays.includes(32))) return false
  return !exceptions.some((e) => e.time === null && e.date === wallClock(date).date)
}

/** The earliest of the chosen times of a date that is not before `from`. */
function firstChosen(calendar: PgAgentCalendar, times: readonly number[], date: number, from: number, zone: string): number | null {
  // by the clock on the wall, as the original compares: what occurs twice is over when its first occurrence is
  const earliest = toLocal(from, zone)
  let best: number | null = null
  for (const time of times) {
    if (date + time < earliest || exceptionAt(calendar, date + time)) continue
    const instant = fromLocal(date + time, zone)
    if (best === null || instant < best) best = instant
  }
  return best
}

/** The first minute of a date, as it really passes, that is selected. */
function firstReal(calendar: PgAgentCalendar, date: number, from: number, zone: string): number | null {
  for (let instant = Math.max(from, date - day); instant < date + 2 * day; instant += minute) {
    const local = toLocal(instant, zone)
    if (local >= date + day) return null
    if (local < date || !among(calendar.minutes, Math.floor(local / minute) % 60)) continue
    if (!exceptionAt(calendar, local)) return instant
  }
  return null
}
