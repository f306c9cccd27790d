import type { Query, QueryTerm, QueryValue } from '@trunkline/contract'
import { numbers, texts } from '../../postgres/arrays.ts'
import { inSchema } from '../../postgres/statement.ts'
import { type KnownNames, literal, termsOf } from './names.ts'
import { type Place, placesOf } from './places.ts'

/** What a search can be ordered by, besides the time of creation (which is the order of the ids). */
export type SortValue = 'startedAt' | 'finishedAt' | 'duration' | 'priority'

/** What is compiled. */
export interface Asked {
  readonly query: Query
  readonly names: KnownNames
  /** The clock of the database when the search began: ages are told from it. */
  readonly now: Date
  /** Whose jobs, as the statements take it; null = everybody's. */
  readonly within: string | null
}

/** What is read of a compiled query: jobs whose ids are in a slice. */
export interface Slice {
  /** Below this id. */
  readonly below: number
  /** From this id on. */
  readonly from: number
  readonly limit: number
  /** Default false: highest first. */
  readonly ascending?: boolean
  /** Leaves waiting jobs out, where it is known that none is in the slice. */
  readonly noWaiting?: boolean
  /** By a value instead of by id; jobs without it are left out. */
  readonly sort?: SortValue
  /** Only jobs that come behind this one in the order of the value. */
  readonly after?: { readonly value: string; readonly id: string }
}

/** A statement with its values. */
export interface Compiled {
  readonly text: string
  readonly values: unknown[]
}

/** From where a job is read. `anywhere`: nothing is asked that tells the places apart. */
type Source = Place | 'anywhere' | 'debounced'

/** The statement under construction: only what this file says goes into its text, all that users say into its values. */
interface Draft {
  readonly source: Source
  readonly joins: Set<'moved' | 'retagged' | 'scheduled' | 'blocked' | 'held'>
  bind(value: unknown): string
}

const day = 86_400_000

/** Fields that need a look at how and where a job stands. */
const placed = new Set<QueryTerm['field']>([
  'state',
  'duration',
  'wait',
  'started',
  'finished',
  'worker',
  'attempt',
  'error',
  'fingerprint',
])

/** The rows of which `j` is one. */
const froms: Record<Source, string> = {
  anywhere: 'trunkline.job j',
  ended: 'trunkline.outcome o join trunkline.job j on j.id = o.id',
  running: `(select unnest(e.ids) id, unnest(e.attempts) attempt, e.worker_id, e.at from trunkline.lease e) l join trunkline.job j on j.id = l.id`,
  waiting: 'trunkline.job j',
  debounced: '(select d.*, null::bigint rerun_of from trunkline.debounce d) j',
}

/** What makes a row one of the source, besides its ids. Partitions are left out by constants, so every partitioned table gets the bounds. */
const conditions: Record<Source, string> = {
  anywhere: '',
  ended: ' and o.id < $1 and o.id >= $2',
  running: ' and l.id < $1 and l.id >= $2 and not exists (select from trunkline.outcome x where x.id = j.id and x.id < $1 and x.id >= $2)',
  waiting: ` and not exists (select from trunkline.outcome x where x.id = j.id and x.id < $1 and x.id >= $2)
    and j.id not in (select unnest(e.ids) from trunkline.lease e)`,
  debounced: '',
}

const joined = {
  moved: ' left join trunkline.moved m on m.id = j.id',
  retagged: ' left join trunkline.retagged g on g.id = j.id',
  scheduled: ' left join trunkline.scheduled s on s.id = j.id',
  blocked: ' left join trunkline.blocked b on b.id = j.id',
  held: ' left join trunkline.held h on h.id = j.id',
}

const startedOf: Partial<Record<Source, string>> = { ended: 'o.started_at', running: 'l.at' }
const durationOf: Partial<Record<Source, string>> = { ended: '(o.finished_at - o.started_at)', running: '(now() - l.at)' }

function queueOf(draft: Draft): string {
  draft.joins.add('moved')
  return 'coalesce(m.queue_id, j.queue_id)'
}

/** Jobs that have gates to pass have a lane that is 1000 behind. */
function priorityOf(draft: Draft): string {
  draft.joins.add('moved')
  return '(500 - (coalesce(m.priority, j.priority) + 500) % 1000)'
}

function errorOf(draft: Draft): string {
  if (draft.source === 'ended') return 'o.error'
  return '(select a.error from trunkline.attempt a where a.id = j.id order by a.attempt desc limit 1)'
}

function attemptOf(draft: Draft): string {
  if (draft.source === 'ended') return '(o.attempt + case when o.started_at is null then 0 else 1 end)'
  if (draft.source === 'running') return '(l.attempt + 1)'
  return 'coalesce((select max(a.attempt) + 1 from trunkline.attempt a where a.id = j.id), 0)'
}

const any = (parts: string[]) => (parts.length === 0 ? 'false' : parts.length === 1 ? (parts[0] as string) : `(${parts.join(' or ')})`)

/** One number as `=`, so that an index on (it, id) gives the order of the ids. */
function oneOf(draft: Draft, expression: string, ids: readonly (number | string)[], type: string): string {
  if (ids.length === 0) return 'false'
  if (ids.length === 1) return `${expression} = ${draft.bind(ids[0])}::${type}`
  return `${expression} = any(${draft.bind(numbers(ids))}::${type}[])`
}

/** `convert` makes SQL of a bound number. */
function compare(
  draft: Draft,
  expression: string,
  values: readonly QueryValue[],
  convert: (n: string) => string,
  halfOpen = false,
): string {
  const sql = (n: number | string) => convert(draft.bind(String(n)))
  return any(
    values.map((v) => {
      if (v.match === 'range') return `(${expression} >= ${sql(v.from)} and ${expression} ${halfOpen ? '<' : '<='} ${sql(v.to)})`
      return `${expression} ${v.match === 'is' || v.match === 'prefix' ? '=' : v.match} ${sql(v.value)}`
    }),
  )
}

/** Exact names as a list, beginnings as patterns. */
function nameFits(draft: Draft, expression: string, values: readonly QueryValue[]): string {
  const exact = values.flatMap((v) => (v.match === 'is' ? [v.value] : []))
  const begun = values.flatMap((v) => (v.match === 'prefix' ? [`${literal(v.value)}%`] : []))
  const parts: string[] = []
  if (exact.length === 1) parts.push(`${expression} = ${draft.bind(exact[0])}`)
  else if (exact.length > 1) parts.push(`${expression} = any(${draft.bind(texts(exact))}::text[])`)
  if (begun.length > 0) parts.push(`${expression} like any(${draft.bind(texts(begun))}::text[])`)
  return any(parts)
}

function stateFits(draft: Draft, word: string): string {
  const { source } = draft
  if (source === 'ended') {
    if (word === 'completed') return 'o.status = 2'
    if (word === 'failed') return 'o.status = 3'
    if (word === 'cancelled') return '(o.status = 4 or o.status = 5)'
    if (word === 'replaced') return 'o.status = 5'
    const reason = ['attempts_used', 'fatal', 'crash_limit', 'timeout'].includes(word)
    return reason ? `(o.status = 3 and coalesce(o.error ->> 'reason', 'attempts_used') = ${draft.bind(word)})` : 'false'
  }
  if (source === 'running') return word === 'running' ? 'true' : 'false'
  if (source === 'debounced') return word === 'pending' || word === 'scheduled' ? 'true' : 'false'
  if (!['pending', 'blocked', 'due', 'held', 'paused', 'scheduled', 'retrying'].includes(word)) return 'false'
  if (word === 'held') {
    draft.joins.add('held')
    return '(h.id is not null)'
  }
  draft.joins.add('blocked')
  if (word === 'pending' || word === 'blocked') return `(b.id is ${word === 'blocked' ? 'not ' : ''}null)`
  draft.joins.add('scheduled')
  if (word === 'scheduled') return '(s.id is not null and s.why <> 1)'
  if (word === 'retrying') return '(s.id is not null and s.why = 1)'
  draft.joins.add('held')
  const paused = `exists (select from trunkline.queue p where p.id = ${queueOf(draft)} and p.paused_at is not null and (p.paused_until is null or p.paused_until > now()))`
  return `(s.id is null and b.id is null and h.id is null and ${word === 'due' ? 'not ' : ''}${paused})`
}

/** Which part of a query a term stands in, for what only holds if all of it must fit. */
interface Around {
  readonly asked: Asked
  /** Tasks of which a job must be one; null = any. */
  readonly tasks: readonly number[] | null
}

const milliseconds = (n: string) => `${n}::float8 * interval '1 ms'`
const instant = (n: string) => `to_timestamp(${n}::float8 / 1000)`

/** Must a job that has ended be one that did not complete? */
function notCompleted(query: Query): boolean {
  if (query.op === 'and') return query.parts.some(notCompleted)
  if (query.op !== 'term') return false
  return (
    query.field === 'fingerprint' || (query.field === 'state' && query.values.every((v) => v.match === 'is' && v.value !== 'completed'))
  )
}

/** The closed table of predicates: field → condition on the rows of a source. Names come from here, values are bound. */
const predicates: Record<Exclude<QueryTerm['field'], null>, (draft: Draft, term: QueryTerm, around: Around) => string> = {
  state: (draft, { values }) => any([...new Set(values.map((v) => stateFits(draft, v.match === 'is' ? v.value : '')))]),
  task(draft, { values }, { asked }) {
    const ids = asked.names.ids('task', values)
    // the index on outcomes has those only that did not complete
    return oneOf(draft, draft.source === 'ended' && notCompleted(asked.query) ? 'o.task_id' : 'j.task_id', ids, 'int')
  },
  queue(draft, { values }, { asked }) {
    const ids = asked.names.ids('queue', values)
    if (ids.length === 0) return 'false'
    if (draft.source === 'debounced') return oneOf(draft, 'j.queue_id', ids, 'int')
    const moved = `array(select x.id from trunkline.moved x where x.id < $1 and x.id >= $2 and ${oneOf(draft, 'x.queue_id', ids, 'int')})`
    return `((${oneOf(draft, 'j.queue_id', ids, 'int')} or j.id = any(${moved})) and ${oneOf(draft, queueOf(draft), ids, 'int')})`
  },
  tag(draft, { values }) {
    const exact = texts(values.flatMap((v) => (v.match === 'is' ? [v.value] : [])))
    const begun = texts(values.flatMap((v) => (v.match === 'prefix' ? [`${literal(v.value)}%`] : [])))
    draft.joins.add('retagged')
    const parts: string[] = []
    if (exact !== '{}') {
      const list = `${draft.bind(exact)}::text[]`
      const retagged = `array(select x.id from trunkline.retagged x where x.id < $1 and x.id >= $2 and x.tags && ${list})`
      const carried = draft.source === 'debounced' ? '' : `(j.tags && ${list} or j.id = any(${retagged})) and `
      parts.push(`(${carried}coalesce(g.tags, j.tags) && ${list})`)
    }
    if (begun !== '{}') parts.push(`exists (select from unnest(coalesce(g.tags, j.tags)) x where x like any(${draft.bind(begun)}::text[]))`)
    return any(parts)
  },
  by: (draft, { values }) => nameFits(draft, 'j.created_by', values),
  key: (draft, { values }) => nameFits(draft, 'j.key', values),
  worker(draft, { values }, { asked }) {
    const of = draft.source === 'ended' ? 'o.worker_id' : draft.source === 'running' ? 'l.worker_id' : null
    return of ? oneOf(draft, of, asked.names.ids('worker', values), 'int') : 'false'
  },
  age(draft, { values }, { asked }) {
    const now = instant(draft.bind(String(asked.now.getTime())))
    const age = (n: string) => `${now} - ${milliseconds(n)}`
    return any(
      values.map((v) => {
        const at = (n: number) => age(draft.bind(String(n)))
        if (v.match === 'range') return `(j.created_at <= ${at(v.from)} and j.created_at >= ${at(v.to)})`
        if (v.match === 'is' || v.match === 'prefix') return 'false'
        return `j.created_at ${{ '<': '>', '<=': '>=', '>': '<', '>=': '<=' }[v.match]} ${at(v.value)}`
      }),
    )
  },
  created: (draft, { values }) => compare(draft, 'j.created_at', values, instant, true),
  started: (draft, { values }) => timed(draft, startedOf[draft.source], values, instant, true),
  finished: (draft, { values }) => timed(draft, draft.source === 'ended' ? 'o.finished_at' : undefined, values, instant, true),
  duration: (draft, { values }) => timed(draft, durationOf[draft.source], values, milliseconds),
  wait(draft, { values }) {
    const started = startedOf[draft.source]
    return timed(draft, started && `(${started} - coalesce(j.run_at, j.created_at))`, values, milliseconds)
  },
  attempt(draft, { values }) {
    if (draft.source === 'debounced') return compare(draft, '0', values, (n) => `${n}::int`)
    const fits = compare(draft, attemptOf(draft), values, (n) => `${n}::int`)
    if (draft.source !== 'waiting' || !values.every(asksForOne)) return fits
    // of those that wait few were tried before, and they are listed
    return `(exists (select from trunkline.attempt x where x.id = j.id and x.id < $1 and x.id >= $2) and ${fits})`
  },
  priority(draft, { values }) {
    return compare(draft, priorityOf(draft), values, (n) => `${n}::int`)
  },
  id: (draft, { values }) => identified(draft, 'j.id', values),
  rerun: (draft, { values }) => identified(draft, 'j.rerun_of', values),
  error(draft, { values }) {
    const message = `(${errorOf(draft)} ->> 'message')`
    return any(values.map((v) => (v.match === 'is' ? `${message} ilike ${draft.bind(`%${literal(v.value)}%`)}` : 'false')))
  },
  fingerprint(draft, { values }) {
    if (draft.source !== 'ended') return 'false'
    return `(o.status = 3 and ${nameFits(draft, "(o.error ->> 'fingerprint')", values)})`
  },
  args(draft, { values, path = [] }, { asked, tasks }) {
    const wanted = values.flatMap((v) => (v.match === 'is' ? [v.value] : []))
    const exact = `j.payload #>> ${draft.bind(texts(path))}::text[] = any(${draft.bind(texts(wanted))}::text[])`
    // debounced ones are few, and not listed yet
    if (draft.source === 'debounced' || tasks === null || !asked.names.searchable(tasks, path.join('.'))) return exact
    const keys = texts(wanted.map((value) => value.slice(0, 200)))
    return `(j.id = any(array(select x.job_id from trunkline.searchable x where x.task_id = any(${draft.bind(numbers(tasks))}::int[])
      and x.path = ${draft.bind(path.join('.'))} and x.value = any(${draft.bind(keys)}::text[]) and x.job_id < $1 and x.job_id >= $2)) and ${exact})`
  },
}

/** Does no job fit that was never tried? */
function asksForOne(v: QueryValue): boolean {
  if (v.match === 'range') return v.from >= 1
  if (v.match === 'is') return Number(v.value) >= 1
  return (v.match === '>=' && v.value >= 1) || (v.match === '>' && v.value >= 0)
}

function timed(
  draft: Draft,
  expression: string | undefined,
  values: readonly QueryValue[],
  convert: (n: string) => string,
  halfOpen = false,
): string {
  return expression === undefined ? 'false' : compare(draft, expression, values, convert, halfOpen)
}

function identified(draft: Draft, expression: string, values: readonly QueryValue[]): string {
  const exact = values.flatMap((v) => (v.match === 'is' ? [v.value] : []))
  const others = values.filter((v) => v.match !== 'is')
  return any([
    ...(exact.length > 0 ? [oneOf(draft, expression, exact, 'bigint')] : []),
    ...(others.length > 0 ? [compare(draft, expression, others, (n) => `${n}::bigint`)] : []),
  ])
}

function freeText(draft: Draft, text: string, { names }: Asked): string {
  const tasks = names.tasksWith(text)
  const parts = tasks.length > 0 ? [oneOf(draft, 'j.task_id', tasks, 'int')] : []
  if (/^[1-9]\d{0,17}$/.test(text)) parts.push(`j.id = ${draft.bind(text)}::bigint`)
  return any(parts)
}

function write(draft: Draft, query: Query, around: Around): string {
  switch (query.op) {
    case 'and': {
      const tasks = query.parts.flatMap((part) =>
        part.op === 'term' && part.field === 'task' ? [around.asked.names.ids('task', part.values)] : [],
      )
      const inside = tasks[0] ? { ...around, tasks: tasks[0] } : around
      return query.parts.length === 0 ? 'true' : query.parts.map((part) => write(draft, part, inside)).join(' and ')
    }
    case 'or':
      return `(${query.parts.map((part) => `(${write(draft, part, around)})`).join(' or ')})`
    case 'not':
      // what is not known (no worker, no error) does not fit, so its opposite does
      return `((${write(draft, query.part, around)}) is not true)`
    default:
      if (query.field === null) return any(query.values.map((v) => freeText(draft, v.match === 'is' ? v.value : '', around.asked)))
      return predicates[query.field](draft, query, around)
  }
}

function scope(draft: Draft, within: string | null): string {
  if (within === null) return ''
  const whose = `${draft.bind(within)}::jsonb`
  const of = (kind: 'queue' | 'task', expression: string) =>
    `(${whose} -> '${kind}s' is null or ${expression} in (select x.id from trunkline.${kind} x where x.name like any(array(select jsonb_array_elements_text(${whose} -> '${kind}s')))))`
  return ` and (j.created_by = ${whose} ->> 'by' or (${of('queue', queueOf(draft))} and ${of('task', 'j.task_id')}))`
}

function sortOf(draft: Draft, sort: SortValue): string | undefined {
  if (sort === 'startedAt') return startedOf[draft.source]
  if (sort === 'finishedAt') return draft.source === 'ended' ? 'o.finished_at' : undefined
  if (sort === 'duration') return durationOf[draft.source]
  return priorityOf(draft)
}

const typeOf: Record<SortValue, string> = { startedAt: 'timestamptz', finishedAt: 'timestamptz', duration: 'interval', priority: 'int' }

const tellsPlaces = (query: Query) => termsOf(query).some((term) => placed.has(term.field))

/** Must a job that waits have been tried before? Those are few, and listed. */
function asksForTried(query: Query): boolean {
  if (query.op === 'and') return query.parts.some(asksForTried)
  return query.op === 'term' && query.field === 'attempt' && query.values.every(asksForOne)
}

/** Does it look at jobs that wait one by one, by what they have not: an outcome and a lease? */
export function looksAtWaiting(query: Query): boolean {
  return tellsPlaces(query) && placesOf(query).includes('waiting') && !asksForTried(query)
}

/** The sources that a slice is read from. */
function sourcesOf(query: Query, slice: Slice): Source[] {
  const found = placesOf(query).filter((place) => place !== 'waiting' || !slice.noWaiting)
  const told = tellsPlaces(query) || (slice.sort !== undefined && slice.sort !== 'priority')
  const sources: Source[] = told ? [...found] : ['anywhere']
  if (!slice.noWaiting && (!told || found.includes('waiting'))) sources.push('debounced')
  return sources
}

/** Makes the statement for a slice: `id` (text) of each job, with `value` (text) and `v` (number) of what it is ordered by. */
export function compile(asked: Asked, slice: Slice, schema: string): Compiled {
  const values: unknown[] = [slice.below, slice.from, slice.limit]
  const direction = slice.ascending ? 'asc' : 'desc'
  const order = `${slice.sort ? `v ${direction}, ` : ''}id ${direction}`
  const selects = sourcesOf(asked.query, slice).flatMap((source) => {
    const kept = values.length
    const draft: Draft = { source, joins: new Set(), bind: (value) => `$${values.push(value)}` }
    const value = slice.sort && sortOf(draft, slice.sort)
    if (slice.sort && !value) return []
    const where = write(draft, asked.query, { asked, tasks: null })
    // the statement of a source in which nothing can fit is left out with its values
    if (where === 'false') {
      values.length = kept
      return []
    }
    const behind =
      slice.after && slice.sort
        ? ` and (${value}, j.id) ${slice.ascending ? '>' : '<'} (${draft.bind(slice.after.value)}::${typeOf[slice.sort]}, ${draft.bind(slice.after.id)}::bigint)`
        : ''
    const mine = scope(draft, asked.within)
    const joins = [...draft.joins].map((name) => joined[name]).join('')
    const hidden = source === 'debounced' ? '' : ' and not exists (select from trunkline.hidden h where h.id = j.id)'
    const has = value ? ` and ${value} is not null` : ''
    // ordered by the expression itself, which an index may carry; an alias in an expression would be taken for a column
    return [
      `(select j.id${value ? `, ${value} v` : ''} from ${froms[source]}${joins}
      where j.id < $1 and j.id >= $2${conditions[source]}${hidden}${has}${behind}${mine} and (${where})
      order by ${value ? `${value} ${direction}, ` : ''}j.id ${direction} limit $3)`,
    ]
  })
  const shown = slice.sort ? `, z.v::text "value", ${slice.sort === 'priority' ? 'z.v' : 'extract(epoch from z.v)'}::float8 v` : ''
  const all =
    selects.length === 0
      ? `(select null::bigint id, null::${slice.sort ? typeOf[slice.sort] : 'int'} v where false)`
      : selects.join(' union all ')
  // casts, because not every parameter is used by every statement
  const text = `select z.id::text id${shown} from (${all}) z order by ${order.replace(/\b(v|id) /g, 'z.$1 ')} limit $3`
  const typed = text.replace('limit $3', 'limit $3::int').replace(/\$([12])(?!\d)/g, '$$$1::bigint')
  return {
    text: inSchema(
      selects.length === 0 ? `${typed.replace('where false', 'where $1::bigint + $2::bigint + $3::int < 0 and false')}` : typed,
      schema,
    ),
    values,
  }
}

/** The time in which jobs that fit must have been made, began or ended, from what all of them must fulfil; ms since 1970. */
export interface Window {
  readonly from: number
  readonly before: number
}

const unbounded: Window = { from: -Infinity, before: Infinity }

function windowOfValue(v: QueryValue, now: number | null): Window {
  const at = (n: number) => (now === null ? n : now - n)
  if (v.match === 'range') return now === null ? { from: v.from, before: v.to } : { from: at(v.to), before: at(v.from) + 1 }
  if (v.match === 'is' || v.match === 'prefix') return unbounded
  const later = v.match.startsWith('>') === (now === null)
  return later ? { from: at(v.value), before: Infinity } : { from: -Infinity, before: at(v.value) + 1 }
}

/** @param fields whose times count @returns without bounds where the query sets none */
export function windowOf(query: Query, fields: readonly string[], now: Date): Window {
  if (query.op === 'and') {
    return query.parts
      .map((part) => windowOf(part, fields, now))
      .reduce((a, b) => ({ from: Math.max(a.from, b.from), before: Math.min(a.before, b.before) }), unbounded)
  }
  if (query.op !== 'term' || query.field === null || !fields.includes(query.field)) return unbounded
  const each = query.values.map((v) => windowOfValue(v, query.field === 'age' ? now.getTime() : null))
  return { from: Math.min(...each.map((w) => w.from)), before: Math.max(...each.map((w) => w.before)) }
}

const narrowing = new Set<QueryTerm['field']>(['id', 'fingerprint', 'key', 'rerun'])

/** The first condition that no index carries and nothing bounds; null = the query may run. */
export function tooBroad(asked: Asked): string | null {
  const { query, now, names } = asked
  const must = query.op === 'and' ? query.parts : [query]
  if (must.some((part) => part.op === 'term' && narrowing.has(part.field) && part.values.every((v) => v.match === 'is'))) return null
  for (const fields of [['age', 'created'], ['started'], ['finished']]) {
    const { from, before } = windowOf(query, fields, now)
    if (Math.min(before, now.getTime()) - from <= day + 1000) return null
  }
  const task = must.find((part): part is QueryTerm => part.op === 'term' && part.field === 'task')
  const tasks = task ? names.ids('task', task.values) : []
  for (const term of termsOf(query)) {
    if (term.field === 'error') return 'error'
    if (term.field === 'args' && !names.searchable(tasks, term.path?.join('.') ?? '')) return `args.${term.path?.join('.')}`
  }
  return null
}
