import { createHash } from 'node:crypto'
import {
  didYouMean,
  formatQuery,
  limits,
  parseQuery,
  type Query,
  type QueryTerm,
  queryStates,
  show,
  TrunklineError,
} from '@trunkline/contract'
import { numbers } from '../../postgres/arrays.ts'
import type { Database } from '../../postgres/database.ts'
import { statement } from '../../postgres/statement.ts'
import { checkKeys } from '../check-options.ts'
import { readTime } from '../enqueue.ts'
import { getJobs, type JobView } from '../show.ts'
import { type Within, withinJson } from '../within.ts'
import type { SortValue } from './compile.ts'
import { type IdPage, type Reading, read, readIds, readSorted } from './read.ts'

const countedStatement = statement(import.meta.url, 'counted.sql')

/** What a search can be ordered by. */
export const searchOrders = ['createdAt', 'startedAt', 'finishedAt', 'duration', 'priority'] as const
/** One of {@link searchOrders}. */
export type SearchOrder = (typeof searchOrders)[number]

/** Which jobs a search means: all conditions hold together. */
export interface SearchConditions {
  /** A query of the query language, such as `state:failed task:backup_* age:<24h`. Default: every job. */
  q?: string
  /** Free text: a job id, or a part of a task's name. */
  search?: string
  /** States or reasons, one of which it has. */
  status?: readonly string[]
  queues?: readonly string[]
  tasks?: readonly string[]
  /** It has all of them. */
  tags?: readonly string[]
  /** Made at this time or later. */
  startDate?: Date | string
  /** Made before this time. */
  endDate?: Date | string
  /** Milliseconds that it ran. */
  minDuration?: number
  maxDuration?: number
  minPriority?: number
  maxPriority?: number
}

/** Options of `search`. */
export interface SearchOptions extends SearchConditions {
  /** Default `createdAt`. In another order jobs without the value are left out. */
  sortBy?: SearchOrder
  /** Default `desc`. */
  sortOrder?: 'asc' | 'desc'
  /** Leaves out the first so many, up to 10,000; beyond that go on by cursor. */
  offset?: number
  /** Default 50, at most 500. */
  limit?: number
  /** `nextCursor` of the page before, of the same search. */
  cursor?: string
  /** Only jobs that somebody may see. Default: all. */
  within?: Within | null
  /** The time that reading the ids may take, ms. Default 1,000, at most 2,000. */
  budgetMs?: number
}

/** A page of a search. */
export interface SearchPage {
  readonly jobs: JobView[]
  /** Where the next page begins; null = there is no more. A page can be short and still go on: its time was over. */
  readonly nextCursor: string | null
  /** How many fit in all, of a first page; null where it is not known. Exact up to 10,000. */
  readonly total: number | null
  readonly totalIsEstimate: boolean
  /** False = the time was over before the page was full. */
  readonly complete: boolean
}

const conditionNames = [
  'q',
  'search',
  'status',
  'queues',
  'tasks',
  'tags',
  'startDate',
  'endDate',
  'minDuration',
  'maxDuration',
  'minPriority',
  'maxPriority',
]
const optionNames = [...conditionNames, 'sortBy', 'sortOrder', 'offset', 'limit', 'cursor', 'within', 'budgetMs']

/** Exact totals end here. */
const countTo = 10_000
/** What counting may take besides the page, ms. */
const countMs = 80
/** How many must have been found for an estimate of how many there are. */
const fewestForEstimate = 100

function refuse(field: string, received: unknown, allowed: string): never {
  throw new TrunklineError('invalid_option', { field, received: show(received), allowed })
}

function wholeNumber(value: number | undefined, field: string, least: number, most: number): number | undefined {
  if (value === undefined) return undefined
  if (!Number.isInteger(value) || value < least || value > most) refuse(field, value, `a whole number from ${least} to ${most}`)
  return value
}

function list(value: readonly string[] | undefined, field: string): readonly string[] {
  if (value === undefined) return []
  const fine =
    Array.isArray(value) &&
    value.length <= 100 &&
    value.every((v) => typeof v === 'string' && v !== '' && v.length <= 500 && !v.includes('\0'))
  if (!fine) refuse(field, value, 'up to 100 texts')
  return value
}

/** A name of a list parameter; with a `*` behind it, a beginning. */
function named(field: 'queue' | 'task' | 'tag', names: readonly string[]): QueryTerm[] {
  if (names.length === 0) return []
  const values = names.map((name) =>
    name.endsWith('*') ? ({ match: 'prefix', value: name.slice(0, -1) } as const) : ({ match: 'is', value: name } as const),
  )
  return [{ op: 'term', field, values }]
}

function between(field: 'duration' | 'priority' | 'created', from: number | undefined, to: number | undefined, below = false): QueryTerm[] {
  const terms: QueryTerm[] = []
  if (from !== undefined) terms.push({ op: 'term', field, values: [{ match: '>=', value: from }] })
  if (to !== undefined) terms.push({ op: 'term', field, values: [{ match: below ? '<' : '<=', value: to }] })
  return terms
}

/**
 * The parameters of a search as one query.
 * @throws `invalid_query`, `invalid_option`, `invalid_run_at`, `unknown_option`
 */
export function searchQuery(options: SearchOptions): Query {
  checkKeys(options, optionNames, 'a search')
  const { q, search, status, queues, tasks, tags, startDate, endDate } = options
  if (search !== undefined && (typeof search !== 'string' || search.length > 500 || search.includes('\0')))
    refuse('search', search, 'a text of up to 500 characters')
  for (const state of list(status, 'status')) {
    if (!queryStates.includes(state)) refuse('status', state, queryStates.join(', ') + didYouMean(state, queryStates))
  }
  const time = (value: Date | string | undefined, field: string) => (value === undefined ? undefined : readTime(value, field).getTime())
  const duration = (value: number | undefined, field: string) => wholeNumber(value, field, 0, limits.durationMs)
  const priority = (value: number | undefined, field: string) => wholeNumber(value, field, limits.minPriority, limits.maxPriority)
  const asked = q === undefined ? [] : [parseQuery(q)]
  const parts: Query[] = [
    ...asked.flatMap((query) => (query.op === 'and' ? query.parts : [query])),
    ...(search?.trim() ? [{ op: 'term', field: null, values: [{ match: 'is', value: search.trim() }] } as const] : []),
    ...(status?.length ? [{ op: 'term', field: 'state', values: status.map((value) => ({ match: 'is', value }) as const) } as const] : []),
    ...named('queue', list(queues, 'queues')),
    ...named('task', list(tasks, 'tasks')),
    ...list(tags, 'tags').flatMap((tag) => named('tag', [tag])),
    ...between('created', time(startDate, 'startDate'), time(endDate, 'endDate'), true),
    ...between('duration', duration(options.minDuration, 'minDuration'), duration(options.maxDuration, 'maxDuration')),
    ...between('priority', priority(options.minPriority, 'minPriority'), priority(options.maxPriority, 'maxPriority')),
  ]
  return parts.length === 1 ? (parts[0] as Query) : { op: 'and', parts }
}

/**
 * Do these conditions say anything? Without one every job would be meant.
 * @throws as {@link searchQuery}
 */
export function checkSearch(conditions: SearchConditions): boolean {
  checkKeys(conditions, conditionNames, 'a bulk search')
  const query = searchQuery(conditions)
  return query.op !== 'and' || query.parts.length > 0
}

interface Page {
  readonly sort: SortValue | null
  readonly ascending: boolean
  readonly offset: number
  readonly limit: number
  readonly budgetMs: number
  /** What a cursor of this search begins with. */
  readonly mark: string
  readonly at: { id: string; value?: string } | null
}

function readCursor(cursor: string, mark: string, sorted: boolean): { id: string; value?: string } {
  const bad = () => new TrunklineError('invalid_cursor', { field: 'cursor', received: show(cursor) })
  if (typeof cursor !== 'string' || cursor.length > 300) throw bad()
  const [of, id = '', value] = Buffer.from(cursor, 'base64url').toString('utf8').split(' ', 3).map(decodeURIComponentOr)
  if (of !== mark || !/^\d{1,16}$/.test(id) || sorted !== (value !== undefined) || !/^[\w :.+-]*$/.test(value ?? '')) throw bad()
  return { id, ...(value === undefined ? {} : { value }) }
}

function decodeURIComponentOr(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return ''
  }
}

const writeCursor = (mark: string, ...parts: string[]) =>
  Buffer.from([mark, ...parts.map(encodeURIComponent)].join(' ')).toString('base64url')

function readPage(options: SearchOptions, query: Query): Page {
  const { sortBy = 'createdAt', sortOrder = 'desc', cursor } = options
  if (!searchOrders.includes(sortBy)) refuse('sortBy', sortBy, searchOrders.join(', ') + didYouMean(String(sortBy), searchOrders))
  if (sortOrder !== 'asc' && sortOrder !== 'desc') refuse('sortOrder', sortOrder, 'asc, desc')
  const offset = wholeNumber(options.offset, 'offset', 0, countTo) ?? 0
  if (offset > 0 && cursor !== undefined) refuse('offset', offset, 'no offset together with a cursor')
  const sort = sortBy === 'createdAt' ? null : sortBy
  const mark = createHash('sha256')
    .update(`${sortBy} ${sortOrder} ${formatQuery(query)}`)
    .digest('hex')
    .slice(0, 8)
  return {
    sort,
    ascending: sortOrder === 'asc',
    offset,
    limit: wholeNumber(options.limit, 'limit', 1, 500) ?? 50,
    budgetMs: wholeNumber(options.budgetMs, 'budgetMs', 50, 2000) ?? 1000,
    mark,
    at: cursor === undefined ? null : readCursor(cursor, mark, sort !== null),
  }
}

function checkBroad({ broad }: Reading): void {
  if (broad === null) return
  throw new TrunklineError('query_too_broad', {
    field: broad,
    what: `a search for ${broad}`,
    advice: broad.startsWith('args.')
      ? 'List the path as searchable in its task and name the task, or add a time of at most 24 hours, such as age:<24h.'
      : 'Add a time of at most 24 hours, such as age:<24h or finished:2030-01-31, or a fingerprint.',
  })
}

/**
 * Finds jobs by a query, newest first unless another order is asked for. Reads indexes and slices of at most a few ranges of ids;
 * it never counts or sorts the history. A page whose time is over answers what it has, and where to go on.
 * @throws `invalid_query`, `invalid_option`, `unknown_option`, `invalid_cursor`, `query_too_broad`
 */
export async function search(database: Database, options: SearchOptions = {}): Promise<SearchPage> {
  const query = searchQuery(options)
  const page = readPage(options, query)
  const within = withinJson(options.within)
  const found = await read(database, { query, within, budgetMs: page.budgetMs }, async (reading) => {
    checkBroad(reading)
    return page.sort ? await sortedPage(reading, page, page.sort) : await newestPage(reading, page)
  })
  const { ids, ...rest } = found
  return { ...rest, jobs: ids.length === 0 ? [] : await getJobs(database, ids, options.within) }
}

type IdsAnswer = Omit<SearchPage, 'jobs'> & { ids: string[] }

async function newestPage(reading: Reading, page: Page): Promise<IdsAnswer> {
  const { ascending, offset, limit, at, mark } = page
  const first = await readIds(reading, { at: at === null ? undefined : Number(at.id), limit: offset + limit, ascending })
  const total = at === null ? await totalOf(reading, first, ascending) : { total: null, totalIsEstimate: false }
  if (!first.complete && first.looked === 0) timeIsOver()
  return {
    ids: first.ids.slice(offset),
    nextCursor: first.complete ? null : writeCursor(mark, String(first.at)),
    complete: first.complete || first.ids.length === offset + limit,
    ...total,
  }
}

function timeIsOver(): never {
  throw new TrunklineError('query_too_broad', {
    field: 'q',
    what: 'this search',
    advice: 'Add what narrows it: a state, a task, a time such as age:<24h.',
  })
}

async function sortedPage(reading: Reading, page: Page, sort: SortValue): Promise<IdsAnswer> {
  const { ascending, offset, limit, at, mark } = page
  const wanted = offset + limit + 1
  const after = at?.value === undefined ? undefined : { id: at.id, value: at.value }
  const found = await readSorted(reading, { sort, ascending, limit: wanted, after })
  if (found === null) {
    throw new TrunklineError('query_too_broad', {
      field: 'sortBy',
      what: `a search in the order of ${sort}`,
      advice: 'Add what narrows it: a state, a task, a time such as age:<24h; or take the order createdAt.',
    })
  }
  const more = found.length === wanted
  const last = found.at(offset + limit - 1)
  const total = more || at !== null ? { total: null, totalIsEstimate: false } : { total: found.length, totalIsEstimate: false }
  return {
    ids: found.slice(offset, offset + limit).map((job) => job.id),
    nextCursor: more && last?.value !== undefined ? writeCursor(mark, last.id, last.value) : null,
    complete: true,
    ...total,
  }
}

/** Statuses of the counters by state; what waits or runs is in small tables, not in them. */
const counted: Record<string, number[]> = { completed: [2], failed: [3], cancelled: [4, 5] }

/** How many the counters know, where a query asks for nothing but ended states, tasks and queues. */
async function fromCounters({ asked: { query, names, within }, run }: Reading): Promise<number | null> {
  if (within !== null) return null
  const parts = query.op === 'and' ? query.parts : [query]
  let statuses: number[] | null = null
  let tasks: number[] | null = null
  let queues: number[] | null = null
  for (const part of parts) {
    if (part.op !== 'term') return null
    if (part.field === 'state' && statuses === null) {
      const found: number[][] = part.values.map((v) => (v.match === 'is' ? (counted[v.value] ?? []) : []))
      if (found.some((list) => list.length === 0)) return null
      statuses = found.flat()
    } else if (part.field === 'task' && tasks === null) tasks = names.ids('task', part.values)
    else if (part.field === 'queue' && queues === null) queues = names.ids('queue', part.values)
    else return null
  }
  if (statuses === null) return null
  const [row] = await run<{ n: number }>(countedStatement, [numbers(statuses), tasks && numbers(tasks), queues && numbers(queues)])
  return row?.n ?? null
}

async function totalOf(reading: Reading, first: IdPage, ascending: boolean): Promise<{ total: number | null; totalIsEstimate: boolean }> {
  if (first.complete) return { total: first.ids.length, totalIsEstimate: false }
  if (reading.left() < countMs) return { total: null, totalIsEstimate: false }
  const told = await fromCounters(reading)
  if (told !== null && told > countTo) return { total: told, totalIsEstimate: true }
  if (first.ids.length > countTo) return { total: told ?? estimate(reading, first.ids.length, first.looked), totalIsEstimate: true }
  await reading.hurry(countMs)
  const rest = await readIds(reading, { at: first.at, limit: countTo + 1 - first.ids.length, ascending, maxMs: countMs })
  const seen = first.ids.length + rest.ids.length
  if (rest.complete && seen <= countTo) return { total: seen, totalIsEstimate: false }
  // from a handful that was found before the time was over nothing follows for all
  if (told === null && seen < fewestForEstimate) return { total: null, totalIsEstimate: false }
  return { total: told ?? estimate(reading, seen, first.looked + rest.looked), totalIsEstimate: true }
}

/** As dense in all ids as in those that were looked through. */
function estimate(reading: Reading, seen: number, looked: number): number {
  return Math.max(seen, Math.round((seen / Math.max(1, looked)) * (reading.above - reading.lowest)))
}

/**
 * Ids of the jobs that fit, newest first, at most `limit`: for verbs on many jobs, which may take their time.
 * @throws as {@link search}
 */
export async function searchIds(database: Database, options: SearchOptions, limit: number): Promise<string[]> {
  const query = searchQuery(options)
  const ids: string[] = []
  for (let at: number | undefined; ids.length < limit; ) {
    const page = await read(database, { query, within: withinJson(options.within), budgetMs: 10_000 }, async (reading) => {
      checkBroad(reading)
      return await readIds(reading, { at, limit: Math.min(20_000, limit - ids.length), ascending: false })
    })
    for (const id of page.ids) ids.push(id)
    if (page.complete) break
    if (page.looked === 0) timeIsOver()
    at = page.at
  }
  return ids
}
