import type { Exceptions } from './calendar-grid.ts'
import type { DayRule, Grid, WeekdayRule } from './cron.ts'

const dayMs = 86_400_000
/** The Gregorian calendar, weekdays included, repeats after 400 years. */
const cycleMonths = 4800

/** The last day of the year 9999, counted from 1970. */
const lastDay = Date.UTC(9999, 11, 31) / dayMs

/** A month: its first day counted from 1970, its length, bits of the days that are meant. */
interface Month {
  readonly first: number
  readonly length: number
  readonly mask: number
}

/** The local times that a grid means, without any zone: instants as ms, read as if they were UTC. */
export interface LocalTimes {
  /** The first one at or after `local`, or null when there is none before the calendar repeats. */
  next(local: number): number | null
  /** The last one at or before it. */
  previous(local: number): number | null
}

function weekdayNear(day: number, firstWeekday: number, length: number): number {
  const target = Math.min(day, length)
  const weekday = (firstWeekday + target - 1) % 7
  if (weekday === 6) return target === 1 ? 3 : target - 1
  if (weekday === 0) return target === length ? target - 2 : target + 1
  return target
}

function maskOfDays(rule: DayRule, firstWeekday: number, length: number): number {
  let mask = 0
  const add = (day: number) => {
    if (day >= 1 && day <= length) mask |= 1 << (day - 1)
  }
  for (const day of rule.days) add(day)
  for (const back of rule.fromEnd) add(length - back)
  // the 31st of a month without one has no weekday near it
  for (const day of rule.nearest) if (day <= length) add(weekdayNear(day, firstWeekday, length))
  if (rule.lastWeekday) add(weekdayNear(length, firstWeekday, length))
  return mask
}

function maskOfWeekdays(rule: WeekdayRule, firstWeekday: number, length: number): number {
  let mask = 0
  for (let day = 1; day <= length; day++) {
    const weekday = (firstWeekday + day - 1) % 7
    const fits =
      rule.weekdays.includes(weekday) ||
      rule.nth.some((x) => x.weekday === weekday && x.n === Math.ceil(day / 7)) ||
      (rule.last.includes(weekday) && day + 7 > length)
    if (fits) mask |= 1 << (day - 1)
  }
  return mask
}

/** Bits of the days of a month that a grid means: it depends only on the month, its first weekday and its length. */
function monthMasks(grid: Grid): (month: number, firstWeekday: number, length: number) => number {
  const masks = new Map<number, number>()
  return (month, firstWeekday, length) => {
    if (!grid.months.includes(month)) return 0
    const key = firstWeekday * 4 + length - 28
    let mask = masks.get(key)
    if (mask === undefined) {
      const all = 2 ** length - 1
      const days = grid.days && maskOfDays(grid.days, firstWeekday, length)
      const weekdays = grid.weekdays && maskOfWeekdays(grid.weekdays, firstWeekday, length)
      if (days === null || weekdays === null) mask = days ?? weekdays ?? all
      else mask = grid.needsBoth ? days & weekdays : days | weekdays
      masks.set(key, mask)
    }
    return mask
  }
}

/** The first place in a sorted list whose value is at least `least`. */
function placeOf(values: readonly number[], least: number): number {
  let low = 0
  let high = values.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((values[middle] as number) < least) low = middle + 1
    else high = middle
  }
  return low
}

/** The local times of a grid without its exceptions; every question costs a few look-ups, whatever the expression. */
export function localTimes(grid: Grid, exceptions: Exceptions): LocalTimes {
  const maskOf = monthMasks(grid)
  const minutes = grid.hours.flatMap((h) => grid.minutes.map((m) => h * 60 + m)).filter((m) => !exceptions.minutes.has(m))
  const seconds = grid.seconds
  const lastSecond = seconds.at(-1) as number
  let known: Month = { first: 0, length: 0, mask: 0 }

  /** The month of a day; the last one is remembered, since questions come in order. */
  function monthOf(day: number): Month {
    if (day >= known.first && day < known.first + known.length) return known
    const date = new Date(day * dayMs)
    const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()]
    const first = Date.UTC(year, month, 1) / dayMs
    const length = Date.UTC(year, month + 1, 1) / dayMs - first
    known = { first, length, mask: maskOf(month + 1, (((first + 4) % 7) + 7) % 7, length) }
    return known
  }

  /** Months from `at` on in one direction; their days, nearest first. `visit` ends the search with a value. */
  function walk(at: number, direction: 1 | -1, visit: (day: number) => number | null): number | null {
    const startDay = Math.floor(at / dayMs)
    let month = monthOf(startDay)
    for (let n = 0; n <= cycleMonths; n++) {
      const { first, length, mask } = month
      for (let i = 0; mask !== 0 && i < length; i++) {
        const date = direction === 1 ? i : length - 1 - i
        if ((mask & (1 << date)) === 0) continue
        const day = first + date
        if ((day - startDay) * direction < 0 || exceptions.days.has(day)) continue
        const found = visit(day)
        if (found !== null) return found
      }
      month = monthOf(direction === 1 ? first + length : first - 1)
      if (month.first < 0 || month.first > lastDay) return null
    }
    return null
  }

  function nextOf(day: number, from: number): number | null {
    const minute = Math.floor(from / 60_000)
    for (let i = placeOf(minutes, minute); i < minutes.length; i++) {
      const at = minutes[i] as number
      if (exceptions.moments.has(day * 1440 + at)) continue
      const place = at === minute ? placeOf(seconds, Math.ceil((from - at * 60_000) / 1000)) : 0
      if (place < seconds.length) return day * dayMs + at * 60_000 + (seconds[place] as number) * 1000
    }
    return null
  }

  function previousOf(day: number, to: number): number | null {
    const minute = Math.floor(to / 60_000)
    for (let i = placeOf(minutes, minute + 1) - 1; i >= 0; i--) {
      const at = minutes[i] as number
      if (exceptions.moments.has(day * 1440 + at)) continue
      const most = at === minute ? Math.floor((to - at * 60_000) / 1000) : lastSecond
      const place = placeOf(seconds, most + 1) - 1
      if (place >= 0) return day * dayMs + at * 60_000 + (seconds[place] as number) * 1000
    }
    return null
  }

  return {
    next: (local) => walk(local, 1, (day) => nextOf(day, Math.max(0, local - day * dayMs))),
    previous: (local) => walk(local, -1, (day) => previousOf(day, Math.min(dayMs - 1, local - day * dayMs))),
  }
}
