import { toMilliseconds } from './durations.ts'
import { show, TrunklineError } from './errors.ts'
import { didYouMean } from './nearest.ts'
import { endReasons, jobStates, pendingReasons } from './states.ts'

/** How values of a field are written. */
type Kind = 'state' | 'name' | 'text' | 'number' | 'id' | 'duration' | 'time' | 'fingerprint' | 'value'

/** The fields of the query language; `args.<path>` comes besides. */
export const queryFields = {
  state: 'state',
  task: 'name',
  queue: 'name',
  tag: 'name',
  by: 'name',
  key: 'name',
  worker: 'name',
  age: 'duration',
  duration: 'duration',
  wait: 'duration',
  created: 'time',
  started: 'time',
  finished: 'time',
  attempt: 'number',
  priority: 'number',
  id: 'id',
  rerun: 'id',
  error: 'text',
  fingerprint: 'fingerprint',
} as const satisfies Record<string, Kind>

/** One of {@link queryFields}. */
export type QueryField = keyof typeof queryFields

/** What `state:` knows: states, and the reasons of pending and of ended jobs. */
export const queryStates: readonly string[] = [...new Set<string>([...jobStates, ...pendingReasons, ...endReasons])]

/** The signs of a comparison. */
export type Comparison = '<' | '<=' | '>' | '>='

/**
 * One of the values of a term. Numbers, ids, durations (ms) and times (ms since 1970, UTC) are compared as numbers; ids keep
 * their digits. A range has both its ends; one of times ends before its second.
 */
export type QueryValue =
  | { readonly match: 'is'; readonly value: string }
  | { readonly match: 'prefix'; readonly value: string }
  | { readonly match: Comparison; readonly value: number }
  | { readonly match: 'range'; readonly from: number; readonly to: number }

/** A condition on one field: one of its values must fit. */
export interface QueryTerm {
  readonly op: 'term'
  /** Null = free text: a job id, or a part of a task's name. */
  readonly field: QueryField | 'args' | null
  /** Of `args`: where in the payload. */
  readonly path?: readonly string[]
  readonly values: readonly QueryValue[]
}

/** A query as a tree. `and` without parts fits every job. */
export type Query =
  | { readonly op: 'and'; readonly parts: readonly Query[] }
  | { readonly op: 'or'; readonly parts: readonly Query[] }
  | { readonly op: 'not'; readonly part: Query }
  | QueryTerm

const mostBytes = 8192
const mostTerms = 100
const mostDepth = 20
const mostPath = 10

function refuse(at: number, problem: string): never {
  throw new TrunklineError('invalid_query', { field: 'q', at, problem })
}

const isSpace = (c: string | undefined) => c !== undefined && /\s/.test(c)
const compared = /^(<=|>=|<|>)(.*)$/s

/** A part of a text, with where it began. `quoted` = it stood in quotes, so nothing in it is a sign. */
interface Piece {
  readonly text: string
  readonly at: number
  readonly quoted: boolean
}

/**
 * Reads a query: `state:failed task:backup_* age:<24h (tag:nightly OR priority:>=5) -error:"dead lock"`. Terms beside each other
 * must all fit; `OR`, `AND`, `NOT` (or `-`) and parentheses as usual; a comma list fits where one of it does. In linear time; at
 * most 8 kB, 100 terms, 20 levels.
 * @throws `invalid_query` with `at`: the column (from 0) of the offending character
 * @example parseQuery('state:failed -task:email_*')
 */
export function parseQuery(text: string): Query {
  if (typeof text !== 'string') return refuse(0, `a query is a text; received ${show(text)}`)
  if (text.length > mostBytes || new TextEncoder().encode(text).length > mostBytes) refuse(0, `it has more than ${mostBytes} bytes`)
  const bad = text.indexOf('\0')
  if (bad >= 0) refuse(bad, 'a NUL character cannot be searched for')
  if (!text.isWellFormed()) refuse(halfCharacter(text), 'half of a surrogate pair cannot be searched for')
  let at = 0
  let terms = 0

  const skip = () => {
    while (isSpace(text[at])) at++
  }
  const word = (of: string) =>
    text.startsWith(of, at) &&
    (at + of.length >= text.length || isSpace(text[at + of.length]) || '()'.includes(text[at + of.length] as string))

  function alternatives(depth: number): Query {
    if (depth > mostDepth) refuse(at, `it is nested deeper than ${mostDepth} levels`)
    const parts = [conjunction(depth)]
    for (skip(); word('OR'); skip()) {
      at += 2
      parts.push(conjunction(depth))
    }
    return parts.length === 1 ? (parts[0] as Query) : { op: 'or', parts: parts.flatMap((p) => (p.op === 'or' ? p.parts : [p])) }
  }

  function conjunction(depth: number): Query {
    const parts: Query[] = []
    for (skip(); at < text.length && text[at] !== ')' && !word('OR'); skip()) {
      if (word('AND')) {
        if (parts.length === 0) refuse(at, 'AND needs a condition before it')
        at += 3
        skip()
        if (at >= text.length || text[at] === ')' || word('AND') || word('OR')) refuse(at, 'AND needs a condition behind it')
      }
      parts.push(unary(depth))
    }
    if (parts.length === 0) refuse(at, found(at, 'a condition, such as state:failed'))
    return parts.length === 1 ? (parts[0] as Query) : { op: 'and', parts: parts.flatMap((p) => (p.op === 'and' ? p.parts : [p])) }
  }

  function unary(depth: number): Query {
    if (text[at] === '-' || word('NOT')) {
      at += text[at] === '-' ? 1 : 3
      skip()
      if (depth >= mostDepth) refuse(at, `it is nested deeper than ${mostDepth} levels`)
      if (at >= text.length || text[at] === ')' || word('OR') || word('AND')) refuse(at, found(at, 'a condition to exclude'))
      return { op: 'not', part: unary(depth + 1) }
    }
    if (text[at] !== '(') return term()
    const open = at++
    const inside = alternatives(depth + 1)
    skip()
    if (text[at] !== ')') refuse(open, 'this parenthesis is not closed')
    at++
    return inside
  }

  function found(where: number, wanted: string): string {
    return `${where >= text.length ? 'the query ends' : `found ${show(text.slice(where, where + 20))}`} where it needs ${wanted}`
  }

  function term(): QueryTerm {
    if (++terms > mostTerms) refuse(at, `it has more than ${mostTerms} conditions`)
    if (text[at] === '"') {
      const { text: value, at: where } = quoted()
      if (value === '') refuse(where, 'nothing is between the quotes')
      return { op: 'term', field: null, values: [{ match: 'is', value }] }
    }
    const begun = at
    while (at < text.length && !isSpace(text[at]) && !'():"'.includes(text[at] as string)) at++
    if (text[at] !== ':') {
      if (text[at] === '"') refuse(at, 'a quote may only begin a value; put all of it in quotes')
      const value = text.slice(begun, at)
      const star = value.indexOf('*')
      if (star >= 0) refuse(begun + star, `a * may only end the value of a field, such as task:${value.slice(0, star) || 'backup_'}*`)
      return { op: 'term', field: null, values: [{ match: 'is', value }] }
    }
    const name = text.slice(begun, at++)
    if (name.startsWith('args.')) return { op: 'term', field: 'args', path: readPath(name, begun), values: list('value') }
    if (!Object.hasOwn(queryFields, name)) {
      const names = [...Object.keys(queryFields), 'args.<path>']
      refuse(begun, `there is no field ${show(name)}${didYouMean(name, names)}; allowed: ${names.join(', ')}, or the text in quotes`)
    }
    const field = name as QueryField
    return { op: 'term', field, values: list(queryFields[field]) }
  }

  function readPath(name: string, begun: number): string[] {
    const path = name.slice(5).split('.')
    if (path.length > mostPath) refuse(begun, `a payload path has at most ${mostPath} levels`)
    let where = begun + 5
    for (const part of path) {
      if (!/^[A-Za-z0-9_-]{1,100}$/.test(part)) refuse(where, 'a payload path is made of names of A-Z a-z 0-9 _ - with dots between')
      where += part.length + 1
    }
    return path
  }

  function quoted(): Piece {
    const begun = at++
    let value = ''
    for (; at < text.length; at++) {
      const c = text[at] as string
      if (c === '"') {
        at++
        if (at < text.length && !isSpace(text[at]) && !'),'.includes(text[at] as string)) refuse(at, 'a space belongs behind a quote')
        return { text: value, at: begun, quoted: true }
      }
      if (c === '\\' && (text[at + 1] === '"' || text[at + 1] === '\\')) at++
      value += text[at]
    }
    return refuse(begun, 'this quote is not closed')
  }

  function list(kind: Kind): QueryValue[] {
    const values: QueryValue[] = []
    for (;;) {
      if (text[at] === '"') values.push(readValue(kind, quoted()))
      else {
        const begun = at
        while (at < text.length && !isSpace(text[at]) && !'(),"'.includes(text[at] as string)) at++
        if (at === begun) refuse(at, found(at, 'a value'))
        if (text[at] === '"' || text[at] === '(') refuse(at, 'this sign belongs between quotes')
        values.push(readValue(kind, { text: text.slice(begun, at), at: begun, quoted: false }))
      }
      if (values.length > mostTerms) refuse(at, `a list has at most ${mostTerms} values`)
      if (text[at] !== ',') return values
      at++
    }
  }

  skip()
  if (at >= text.length) return { op: 'and', parts: [] }
  const whole = alternatives(1)
  if (at < text.length) refuse(at, found(at, 'a condition; there is no open parenthesis'))
  return whole
}

function halfCharacter(text: string): number {
  for (let i = 0; i < text.length; i++) {
    if (!text.slice(i, i + 1).isWellFormed()) {
      if (!text.slice(i, i + 2).isWellFormed()) return i
      i++
    }
  }
  return 0
}

function readValue(kind: Kind, piece: Piece): QueryValue {
  const { text, at, quoted } = piece
  switch (kind) {
    case 'state':
      if (!queryStates.includes(text)) {
        refuse(at, `there is no state ${show(text)}${didYouMean(text, queryStates)}; allowed: ${queryStates.join(', ')}`)
      }
      return { match: 'is', value: text }
    case 'fingerprint':
      if (!/^[0-9a-f]{16}$/.test(text)) refuse(at, `${show(text)} is no fingerprint: 16 hexadecimal digits`)
      return { match: 'is', value: text }
    case 'name': {
      if (quoted || !text.endsWith('*')) {
        if (text === '') refuse(at, 'nothing is between the quotes')
        if (!quoted && text.includes('*')) refuse(at + text.indexOf('*'), 'a * may only end a value; put a literal one in quotes')
        return { match: 'is', value: text }
      }
      const value = text.slice(0, -1)
      if (value.includes('*')) refuse(at + value.indexOf('*'), 'a * may only end a value')
      return { match: 'prefix', value }
    }
    case 'text':
    case 'value':
      if (text === '' && kind === 'text') refuse(at, 'nothing is between the quotes')
      return { match: 'is', value: text }
    default:
      return readMeasure(kind, piece)
  }
}

type Measure = 'number' | 'id' | 'duration' | 'time'

function readMeasure(kind: Measure, { text, at }: Piece): QueryValue {
  const [, sign, rest = ''] = compared.exec(text) ?? []
  if (sign) {
    const { from, to } = readNumber(kind, rest, at + sign.length)
    // a day is meant whole: after it, or until its end
    if (from < to && sign === '>') return { match: '>=', value: to }
    if (from < to && sign === '<=') return { match: '<', value: to }
    return { match: sign as Comparison, value: from }
  }
  const dots = text.indexOf('..')
  if (dots >= 0) {
    const { from } = readNumber(kind, text.slice(0, dots), at)
    const { to } = readNumber(kind, text.slice(dots + 2), at + dots + 2)
    if (from > to) refuse(at, 'the range ends before it begins')
    return { match: 'range', from, to }
  }
  const { from, to } = readNumber(kind, text, at)
  if (kind === 'time' && from < to) return { match: 'range', from, to }
  if (kind === 'duration' || kind === 'time')
    refuse(
      at,
      `${show(text)} needs a sign before it: < <= > >=, or a range such as ${kind === 'time' ? '2030-01-01..2030-01-31' : '5m..1h'}`,
    )
  return { match: 'is', value: kind === 'id' ? text : String(from) }
}

/** A day stands for all of it where it ends a range: `to` is the beginning of the next one. */
function readNumber(kind: Measure, text: string, at: number): { from: number; to: number } {
  if (kind === 'time') return readTime(text, at)
  if (kind === 'duration') {
    try {
      const ms = toMilliseconds(text, 'duration')
      return { from: ms, to: ms }
    } catch {
      refuse(at, `${show(text)} is no duration; allowed: 500ms, 30s, 2m, 1h, 1d, up to ten years`)
    }
  }
  const shape = kind === 'id' ? /^[1-9]\d{0,17}$/ : /^-?\d{1,6}$/
  if (!shape.test(text))
    refuse(at, kind === 'id' ? `${show(text)} is no job id: a decimal number` : `${show(text)} is no whole number of at most six digits`)
  // what lies beyond exact numbers is no id that was ever drawn
  const value = Math.min(Number(text), Number.MAX_SAFE_INTEGER)
  return { from: value === 0 ? 0 : value, to: value === 0 ? 0 : value }
}

const dayMs = 86_400_000
/** The end of its day must be a year of four digits as well. */
const latest = Date.UTC(9999, 11, 31)

function readTime(text: string, at: number): { from: number; to: number } {
  const isDay = /^\d{4}-\d\d-\d\d$/.test(text)
  const isInstant = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/.test(text)
  const ms = isDay || isInstant ? Date.parse(text) : Number.NaN
  if (Number.isNaN(ms) || ms < 0 || ms >= latest || (isDay && new Date(ms).toISOString().slice(0, 10) !== text)) {
    refuse(at, `${show(text)} is no time; allowed: 2030-01-31 or 2030-01-31T09:00:00Z`)
  }
  return { from: ms, to: isDay ? ms + dayMs : ms }
}

const plainWord = /^[^\s():",*\\<>-][^\s():",*\\]*$/

function quote(value: string, free = false): string {
  if (plainWord.test(value) && (!free || !['OR', 'AND', 'NOT'].includes(value))) return value
  return `"${value.replace(/["\\]/g, '\\$&')}"`
}

function formatValue(value: QueryValue, kind: Kind): string {
  const number = (n: number) => (kind === 'duration' ? `${n}ms` : kind === 'time' ? new Date(n).toISOString() : String(n))
  if (value.match === 'range') return `${number(value.from)}..${number(value.to)}`
  if (value.match === 'is') return kind === 'number' || kind === 'id' ? value.value : quote(value.value)
  if (value.match === 'prefix') return `${value.value}*`
  return `${value.match}${number(value.value)}`
}

/**
 * A query as text that is read as the same query again.
 * @example formatQuery(parseQuery('a  OR ( b AND c )')) // 'a OR b c'
 */
export function formatQuery(query: Query): string {
  if (query.op === 'and') return query.parts.map((part) => nested(part, part.op === 'or' || part.op === 'and')).join(' ')
  if (query.op === 'or') return query.parts.map((part) => nested(part, part.op === 'or')).join(' OR ')
  if (query.op === 'not') return `-${nested(query.part, query.part.op === 'or' || query.part.op === 'and')}`
  if (query.field === null) return query.values.map((v) => (v.match === 'is' ? quote(v.value, true) : '')).join(' ')
  const name = query.field === 'args' ? `args.${query.path?.join('.')}` : query.field
  const kind = query.field === 'args' ? 'value' : queryFields[query.field]
  return `${name}:${query.values.map((value) => formatValue(value, kind)).join(',')}`
}

const nested = (part: Query, parentheses: boolean) => (parentheses ? `(${formatQuery(part)})` : formatQuery(part))
