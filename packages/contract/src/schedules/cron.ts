import { show, TrunklineError } from '../words/errors.ts'

/** Which days of a month a grid means. */
export interface DayRule {
  /** Days counted from the first, 1 to 31. */
  readonly days: readonly number[]
  /** Days before the last: 0 is the last day (`L`), 3 the day three before it (`L-3`). */
  readonly fromEnd: readonly number[]
  /** The weekday nearest to this day, within the month (`15W`). */
  readonly nearest: readonly number[]
  /** The last weekday, Monday to Friday, of the month (`LW`). */
  readonly lastWeekday: boolean
}

/** Which days of the week a grid means. */
export interface WeekdayRule {
  /** 0 is Sunday. */
  readonly weekdays: readonly number[]
  /** The nth one of the month (`5#3`: the third Friday). */
  readonly nth: readonly { readonly weekday: number; readonly n: number }[]
  /** The last one of the month (`5L`). */
  readonly last: readonly number[]
}

/** What a cron expression and a calendar have in common: sets of numbers, sorted, and rules of days (null: every day). */
export interface Grid {
  readonly seconds: readonly number[]
  readonly minutes: readonly number[]
  readonly hours: readonly number[]
  readonly months: readonly number[]
  readonly days: DayRule | null
  readonly weekdays: WeekdayRule | null
  /** With both rules: does a day need both of them (calendar), or one (cron)? */
  readonly needsBoth: boolean
  /** Was an hour chosen? Otherwise it runs on elapsed time: every real slot once. */
  readonly hasChosenHour: boolean
}

interface Field {
  readonly name: string
  readonly least: number
  readonly most: number
  readonly words?: readonly string[]
}

const monthWords = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const weekdayWords = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const second: Field = { name: 'second', least: 0, most: 59 }
const minute: Field = { name: 'minute', least: 0, most: 59 }
const hour: Field = { name: 'hour', least: 0, most: 23 }
const dayOfMonth: Field = { name: 'day of month', least: 1, most: 31 }
const month: Field = { name: 'month', least: 1, most: 12, words: monthWords }
const dayOfWeek: Field = { name: 'day of week', least: 0, most: 7, words: weekdayWords }

/** What `@daily` and its like stand for. */
export const cronMacros: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
}

/** Nothing longer is looked at, so no expression takes long. */
const longest = 200

function refuse(problem: string): never {
  throw new TrunklineError('invalid_schedule', { field: 'cronExpression', problem })
}

function numberOf(text: string, field: Field): number {
  const word = field.words?.indexOf(text.toLowerCase()) ?? -1
  const value = word >= 0 ? word + (field === month ? 1 : 0) : /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN
  if (value >= field.least && value <= field.most) return value
  refuse(
    `the ${field.name} is ${show(text)}; allowed: ${field.least} to ${field.most}${field.words ? `, ${field.words[0]?.toUpperCase()} …` : ''}`,
  )
}

/** The numbers of one item of a list: `*`, `5`, `1-5`, `every 15th`, `10-20/5`, `5/15`. */
function numbersOf(item: string, field: Field): number[] {
  const [range = '', stepText, ...more] = item.split('/')
  if (more.length > 0) refuse(`the ${field.name} ${show(item)} has more than one /`)
  const step = stepText === undefined ? 1 : /^\d{1,2}$/.test(stepText) ? Number(stepText) : 0
  if (step < 1 || step > field.most) refuse(`the step of the ${field.name} ${show(item)} is not from 1 to ${field.most}`)
  const top = field === dayOfWeek ? 6 : field.most
  let from = field.least
  let to = top
  if (range !== '*' && range !== '?') {
    const [first = '', last, ...others] = range.split('-')
    if (others.length > 0) refuse(`the ${field.name} ${show(item)} has more than one -`)
    from = numberOf(first, field)
    to = last === undefined ? (stepText === undefined ? from : top) : numberOf(last, field)
    // SAT-SUN: Sunday is 7 as well
    if (field === dayOfWeek && last !== undefined && to === 0 && from > 0) to = 7
    if (from > to) refuse(`the ${field.name} ${show(item)} runs backwards; write it as two ranges`)
  }
  const found: number[] = []
  for (let value = from; value <= to; value += step) found.push(field === dayOfWeek ? value % 7 : value)
  return found
}

const sorted = (values: Iterable<number>): number[] => [...new Set(values)].sort((a, b) => a - b)

function setOf(text: string, field: Field): number[] {
  return sorted(text.split(',').flatMap((item) => numbersOf(item, field)))
}

const isEvery = (text: string): boolean => text === '*' || text === '?'

function daysOf(text: string): DayRule | null {
  if (isEvery(text)) return null
  const days: number[] = []
  const fromEnd: number[] = []
  const nearest: number[] = []
  let lastWeekday = false
  for (const item of text.toUpperCase().split(',')) {
    const back = /^L(?:-(\d{1,2}))?$/.exec(item)
    const near = /^(\d{1,2})W$/.exec(item)
    if (item === 'LW' || item === 'WL') lastWeekday = true
    else if (back) {
      const by = Number(back[1] ?? 0)
      if (by > 30) refuse(`the day of month ${show(item)} is before the first day of every month`)
      fromEnd.push(by)
    } else if (near) nearest.push(numberOf(near[1] as string, dayOfMonth))
    else days.push(...numbersOf(item, dayOfMonth))
  }
  if (new Set(days).size === 31) return null
  return { days: sorted(days), fromEnd: sorted(fromEnd), nearest: sorted(nearest), lastWeekday }
}

function weekdaysOf(text: string): WeekdayRule | null {
  if (isEvery(text)) return null
  const weekdays: number[] = []
  const nth: { weekday: number; n: number }[] = []
  const last: number[] = []
  for (const item of text.split(',')) {
    const hash = /^(\w+)#(\d)$/.exec(item)
    const end = /^(\w+)L$/i.exec(item)
    if (hash) {
      const n = Number(hash[2])
      if (n < 1 || n > 5) refuse(`the day of week ${show(item)} asks for number ${n}; a month has 1 to 5 of them`)
      nth.push({ weekday: numberOf(hash[1] as string, dayOfWeek) % 7, n })
    } else if (end) last.push(numberOf(end[1] as string, dayOfWeek) % 7)
    else weekdays.push(...numbersOf(item, dayOfWeek))
  }
  if (new Set(weekdays).size === 7) return null
  return { weekdays: sorted(weekdays), nth, last: sorted(last) }
}

/**
 * Reads a cron expression of 5 fields (minute hour day-of-month month day-of-week) or 6 (a second before them), or a macro such
 * as `@daily`. Names, lists, ranges and steps; days `L`, `L-3`, `15W`, `LW`; weekdays `5L`, `5#3`, 7 = Sunday. Where both
 * days are restricted, one of them is enough.
 * @throws `invalid_schedule` with the field and what is allowed there
 */
export function parseCron(expression: string): Grid {
  if (typeof expression !== 'string') refuse(`it is ${show(expression)}; allowed: text of 5 or 6 fields`)
  if (expression.length > longest) refuse(`it has ${expression.length} characters; at most ${longest}`)
  const text = expression.trim()
  if (text.startsWith('@')) {
    const macro = Object.hasOwn(cronMacros, text.toLowerCase()) ? cronMacros[text.toLowerCase()] : undefined
    if (macro === undefined) refuse(`${show(text)} is not known; allowed: ${Object.keys(cronMacros).join(', ')}`)
    return parseCron(macro)
  }
  const fields = text.split(/\s+/)
  if (fields.length !== 5 && fields.length !== 6) {
    refuse(
      `${show(text)} has ${text === '' ? 0 : fields.length} fields; allowed: 5 (minute hour day month weekday), or 6 with a second before them`,
    )
  }
  const [s, m, h, d, mo, w] = (fields.length === 5 ? ['0', ...fields] : fields) as [string, string, string, string, string, string]
  const hours = setOf(h, hour)
  return {
    seconds: setOf(s, second),
    minutes: setOf(m, minute),
    hours,
    months: setOf(mo, month),
    days: daysOf(d),
    weekdays: weekdaysOf(w),
    needsBoth: false,
    hasChosenHour: hours.length < 24 && !/^[*?](\/\d+)?$/.test(h),
  }
}
