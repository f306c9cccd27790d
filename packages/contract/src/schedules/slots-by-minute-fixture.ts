import type { CalendarGrid, Rhythm } from '../index.ts'

// The second implementation, for tests only: it looks at every minute, knows zones only as the runtime prints them, and reads no
// expression but the few forms that the tests use.

const minute = 60_000
const day = 1440 * minute

const formats = new Map<string, Intl.DateTimeFormat>()
const offsets = new Map<string, number>()

/** Local time minus UTC, as printed: GMT, GMT+2, GMT-03:30. */
function offset(timezone: string, at: number): number {
  const key = `${timezone} ${at}`
  const known = offsets.get(key)
  if (known !== undefined) return known
  let format = formats.get(timezone)
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', { timeZone: timezone, timeZoneName: 'longOffset' })
    formats.set(timezone, format)
  }
  const [, sign, hours, minutes] = /GMT(?:([+-])(\d\d):(\d\d))?/.exec(format.format(at)) ?? []
  const found = sign ? (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * minute : 0
  if (offsets.size > 200_000) offsets.clear()
  offsets.set(key, found)
  return found
}

function fits(text: string, value: number, least: number): boolean {
  return text.split(',').some((item) => {
    const [range = '', step = '1'] = item.split('/')
    const [from, to] = range === '*' ? [least, 99] : (range.split('-').map(Number) as [number, number?])
    return value >= from && value <= (to ?? from) && (value - from) % Number(step) === 0
  })
}

const lastDay = (date: Date) => new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate()

type Meaning = (date: Date) => boolean

function cronMeaning(expression: string): Meaning {
  const [m, h, d, mo, w] = expression.split(' ') as [string, string, string, string, string]
  const table = (text: string, least: number) => Array.from({ length: 60 }, (_, value) => fits(text, value, least))
  const [minutes, hours, months, weekdays] = [table(m, 0), table(h, 0), table(mo, 1), table(w, 0)]
  const days = d === 'L' ? [] : table(d, 1)
  return (date) => {
    if (!minutes[date.getUTCMinutes()] || !hours[date.getUTCHours()] || !months[date.getUTCMonth() + 1]) return false
    const isDay = d === 'L' ? date.getUTCDate() === lastDay(date) : Boolean(days[date.getUTCDate()])
    const isWeekday = Boolean(weekdays[date.getUTCDay()])
    return d === '*' ? isWeekday : w === '*' ? isDay : isDay || isWeekday
  }
}

function calendarMeaning(calendar: CalendarGrid): Meaning {
  const within = (row: readonly unknown[] | undefined, value: unknown) => !row || row.length === 0 || row.includes(value)
  return (date) => {
    if (!within(calendar.minutes, date.getUTCMinutes()) || !within(calendar.hours, date.getUTCHours())) return false
    const isLast = calendar.monthDays?.includes('last') && date.getUTCDate() === lastDay(date)
    const isDay = within(calendar.monthDays, date.getUTCDate()) || Boolean(isLast)
    return isDay && within(calendar.weekdays, date.getUTCDay()) && within(calendar.months, date.getUTCMonth() + 1)
  }
}

function isLeftOut(rhythm: Rhythm, date: Date): boolean {
  const text = date.toISOString()
  return (rhythm.exceptions ?? []).some(
    (exception) =>
      (exception.date === undefined || text.startsWith(exception.date)) &&
      (exception.time === undefined || text.slice(11, 16) === exception.time),
  )
}

const meant = new Map<string, number[]>()

/** The local minutes that a rhythm means, each asked for itself. */
function meantMinutes(rhythm: Rhythm, from: number, to: number): number[] {
  const { timezone: _, dst: __, ...rest } = rhythm
  const key = JSON.stringify([rest, from, to])
  let found = meant.get(key)
  if (!found) {
    found = []
    const means = rhythm.cronExpression ? cronMeaning(rhythm.cronExpression) : calendarMeaning(rhythm.calendar as CalendarGrid)
    for (let local = from; local < to; local += minute) {
      const date = new Date(local)
      if (means(date) && !isLeftOut(rhythm, date)) found.push(local)
    }
    if (meant.size > 2000) meant.clear()
    meant.set(key, found)
  }
  return found
}

/** Slots at or after `from` and before `to`: every local minute of the days around is asked, and looked for among all instants. */
export function slotsByMinute(rhythm: Rhythm, from: number, to: number): number[] {
  const timezone = rhythm.timezone ?? 'UTC'
  const hours = rhythm.cronExpression?.split(' ')[1] ?? (rhythm.calendar?.hours?.length ? 'chosen' : '*')
  const isElapsed = /^\*(\/\d+)?$/.test(hours)
  const { gap = 'first', fold = 'first' } = isElapsed ? { gap: 'skip', fold: 'both' } : (rhythm.dst ?? {})
  const found = new Set<number>()
  for (const local of meantMinutes(rhythm, from - 2 * day, to + 2 * day)) {
    // every offset that is in force within two days may be the one of this local time
    const tried = new Set([-2, -1, 0, 1, 2].map((n) => offset(timezone, local + n * day)))
    const instants = [...tried].map((o) => local - o).filter((at) => at + offset(timezone, at) === local)
    instants.sort((a, b) => a - b)
    if (instants.length === 0) {
      if (gap === 'skip') continue
      // the offset before the gap is the smaller one
      const shifted = local - Math.min(...tried)
      let at = shifted
      if (gap === 'first') while (offset(timezone, at - minute) === offset(timezone, shifted)) at -= minute
      found.add(at)
    } else if (fold === 'both') for (const at of instants) found.add(at)
    else found.add((fold === 'first' ? instants[0] : instants.at(-1)) as number)
  }
  return [...found].filter((at) => at >= from && at < to).sort((a, b) => a - b)
}
