import { nextRuns } from '../plans.ts'

const words = {
  month: ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'],
  weekday: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'],
}
const fields = [
  { least: 0, most: 59, words: [] },
  { least: 0, most: 23, words: [] },
  { least: 1, most: 31, words: [] },
  { least: 1, most: 12, words: words.month },
  { least: 0, most: 7, words: words.weekday },
] as const
const macros: Record<string, string> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
}

/** The last day of a month, as pgAgent's grid has it. */
const lastDay = 32

function valuesOf(text: string, { least, most, words: names }: (typeof fields)[number]): number[] | null {
  const number = (part: string) => {
    const at = (names as readonly string[]).indexOf(part.toLowerCase())
    if (at >= 0) return at + least
    return /^\d{1,2}$/.test(part) && Number(part) >= least && Number(part) <= most ? Number(part) : Number.NaN
  }
  const found = new Set<number>()
  for (const part of text.split(',')) {
    if (part === '$' && most === 31) {
      found.add(lastDay)
      continue
    }
    const [, range, step = '1'] = /^([^/]+)(?:\/(\d{1,2}))?$/.exec(part) ?? []
    if (range === undefined || Number(step) < 1) return null
    const [low, high = step === '1' ? low : undefined] = range === '*' ? [String(least), String(most)] : range.split('-')
    const [from, to] = [number(low ?? ''), high === undefined ? most : number(high)]
    if (Number.isNaN(from) || Number.isNaN(to) || from > to) return null
    for (let n = from; n <= to; n += Number(step)) found.add(n)
  }
  return [...found].toSorted((a, b) => a - b)
}

/** A line of a crontab as pg_cron reads it. */
export interface CronLine {
  readonly minutes: number[]
  readonly hours: number[]
  readonly monthDays: number[]
  readonly months: number[]
  readonly weekdays: number[]
  /** A day needs to be of both lists; otherwise one is enough. It is so where one of the two begins with `*`. */
  readonly needsBoth: boolean
}

/** @returns null = it is none that pg_cron would take */
export function readCronLine(expression: string): CronLine | null {
  const parts = (macros[expression.trim().toLowerCase()] ?? expression).trim().split(/\s+/)
  if (parts.length !== fields.length) return null
  const lists = parts.map((part, i) => valuesOf(part, fields[i] as (typeof fields)[number]))
  if (lists.some((list) => list === null)) return null
  const [minutes = [], hours = [], monthDays = [], months = [], weekdays = []] = lists as number[][]
  const needsBoth = parts[2]?.startsWith('*') === true || parts[4]?.startsWith('*') === true
  return { minutes, hours, monthDays, months, weekdays: [...new Set(weekdays.map((day) => day % 7))], needsBoth }
}

/**
 * When a line of a crontab is due: the rule of Vixie's cron, by the grid of pgAgent, which knows nothing of our own reading of cron.
 * @param most so many
 * @returns instants in ms, ascending
 */
export function cronTimes({ needsBoth, monthDays, weekdays, ...line }: CronLine, zone: string, after: number, most: number): number[] {
  const common = { name: '', description: '', isEnabled: true, startsAt: null, endsAt: null, exceptions: [], ...line }
  const either = [
    { ...common, monthDays, weekdays: [] },
    { ...common, monthDays: [], weekdays },
  ]
  return nextRuns(needsBoth ? [{ ...common, monthDays, weekdays }] : either, zone, after, most)
}
