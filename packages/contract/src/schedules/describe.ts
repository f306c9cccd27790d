import { formatDuration } from '../words/durations.ts'
import type { DayRule, Grid, WeekdayRule } from './cron.ts'
import { type Rhythm, slotsOf } from './slots.ts'

const monthNames = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
]
const weekdayNames = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const ordinals = ['', 'first', 'second', 'third', 'fourth', 'fifth']
const two = (n: number) => String(n).padStart(2, '0')

function list(items: readonly string[]): string {
  return items.length < 2 ? (items[0] ?? '') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`
}

/** Numbers as text, runs of three and more as `from to`. */
function runs(values: readonly number[], word: (n: number) => string): string {
  const parts: string[] = []
  for (let i = 0; i < values.length; ) {
    let j = i
    while (j + 1 < values.length && values[j + 1] === (values[j] as number) + 1) j++
    if (j - i >= 2) parts.push(`${word(values[i] as number)} to ${word(values[j] as number)}`)
    else for (let k = i; k <= j; k++) parts.push(word(values[k] as number))
    i = j + 1
  }
  return list(parts)
}

/** The distance of values that fill `size` evenly from 0 on; null when they do not. */
function evenly(values: readonly number[], size: number): number | null {
  const step = size / values.length
  return Number.isInteger(step) && values.every((value, i) => value === i * step) ? step : null
}

const each = (step: number, unit: string) => (step === 1 ? `every ${unit}` : `every ${step} ${unit}s`)

function timesOf({ seconds, minutes, hours }: Grid): string {
  const second = evenly(seconds, 60)
  const minute = evenly(minutes, 60)
  const hour = evenly(hours, 24)
  const onZero = seconds.length === 1 && seconds[0] === 0
  let inHours = hours.length === 24 ? '' : ` in the hours ${runs(hours, two)}`
  if (hour !== null && hour > 1 && hours.length > 1) inHours = ` of every ${hour === 2 ? '2nd' : hour === 3 ? '3rd' : `${hour}th`} hour`
  if (!onZero) {
    const first = second === null ? `at second ${runs(seconds, String)}` : each(second, 'second')
    if (minutes.length === 60) return `${first}${inHours}`
    return `${first} of minute ${runs(minutes, String)}${inHours}`
  }
  if (minutes.length * hours.length <= 6) return `at ${list(hours.flatMap((h) => minutes.map((m) => `${two(h)}:${two(m)}`)))}`
  if (minutes.length === 1) {
    const at = minutes[0] === 0 ? '' : ` at :${two(minutes[0] as number)}`
    if (hour !== null) return `${each(hour, 'hour')}${at}`
    return `at :${two(minutes[0] as number)}${inHours}`
  }
  if (minute !== null) return `${each(minute, 'minute')}${inHours}`
  return `at minute ${runs(minutes, String)}${hours.length === 24 ? ' of every hour' : inHours}`
}

function weekdaysOf({ weekdays, nth, last }: WeekdayRule): string {
  const plain = weekdays.join()
  const parts: string[] = []
  if (plain === '1,2,3,4,5') parts.push('weekdays')
  else if (plain === '0,6') parts.push('Saturday and Sunday')
  else if (weekdays.length > 0) parts.push(runs(weekdays, (w) => weekdayNames[w] as string))
  for (const { weekday, n } of nth) parts.push(`the ${ordinals[n]} ${weekdayNames[weekday]} of the month`)
  for (const weekday of last) parts.push(`the last ${weekdayNames[weekday]} of the month`)
  return list(parts)
}

function daysOf({ days, fromEnd, nearest, lastWeekday }: DayRule): string {
  const parts: string[] = []
  if (days.length > 0) parts.push(`day ${runs(days, String)} of the month`)
  for (const back of fromEnd) parts.push(back === 0 ? 'the last day of the month' : `the day ${back} before the last of the month`)
  for (const day of nearest) parts.push(`the weekday nearest to day ${day}`)
  if (lastWeekday) parts.push('the last weekday of the month')
  return list(parts)
}

function gridWords(grid: Grid): string {
  const days = grid.days && daysOf(grid.days)
  const weekdays = grid.weekdays && weekdaysOf(grid.weekdays)
  const months = grid.months.length === 12 ? '' : ` in ${runs(grid.months, (m) => monthNames[m - 1] as string)}`
  let on = ''
  if (days && weekdays) on = grid.needsBoth ? ` on ${days} if that is ${weekdays}` : ` on ${days} and on ${weekdays}`
  else if (days ?? weekdays) on = ` on ${days ?? weekdays}`
  else if (grid.hours.length * grid.minutes.length <= 6) on = ' every day'
  return `${timesOf(grid)}${on}${months}`
}

/**
 * A rhythm in words.
 * @throws what `slotsOf` throws
 * @example describeRhythm({ cronExpression: '0 2 * * 1-5', timezone: 'America/New_York' }) // 'At 02:00 on weekdays, America/New_York'
 */
export function describeRhythm(rhythm: Rhythm): string {
  const { grid, zone } = slotsOf(rhythm)
  let words = `once at ${rhythm.runAt}`
  if (grid) words = `${gridWords(grid)}, ${zone.name}`
  else if (rhythm.intervalMs !== undefined) words = `every ${intervalWords(rhythm.intervalMs)}`
  const exceptions = rhythm.exceptions?.length ?? 0
  if (exceptions > 0) words += `, with ${exceptions} exception${exceptions === 1 ? '' : 's'}`
  return `${words[0]?.toUpperCase()}${words.slice(1)}`
}

function intervalWords(ms: number): string {
  for (const [unit, size] of [
    ['day', 86_400_000],
    ['hour', 3_600_000],
    ['minute', 60_000],
    ['second', 1000],
  ] as const) {
    if (ms % size === 0) return ms === size ? unit : `${ms / size} ${unit}s`
  }
  return formatDuration(ms)
}
