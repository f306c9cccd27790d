import { show, TrunklineError } from '@trunkline/contract'
import { numbers } from '../postgres/arrays.ts'
import type { Database } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'
import { isTransient } from '../postgres/transient.ts'
import { advance, type Cursor, cursorText, mostMissing, readCursor } from './cursor.ts'

const readStatement = statement(import.meta.url, 'read.sql')
const newestStatement = statement(import.meta.url, 'newest.sql')
const timeStatement = statement(import.meta.url, 'time.sql')
const horizonStatement = statement(import.meta.url, 'horizon.sql')

/** What happened: added, closed, given_up, recovered, cancelled, deleted, reopened, replaced, moved, tagged, promoted, feedback, queue, queue_health. */
export interface Change {
  /** Its number in the feed. A change never has a lower number than its cause. */
  readonly no: string
  readonly at: Date
  readonly kind: string
  /** Facts by kind; `ids` where at most 100 jobs are meant. */
  readonly body: any
}

/** Some changes, and where to go on. */
export interface ChangePage {
  readonly changes: Change[]
  /** Give it back as `after`; every change after it is delivered once, whatever commits late. */
  readonly cursor: string
}

/** Options of {@link readChanges}. */
export interface ChangeOptions {
  /** A cursor of an earlier answer, or the number of a change; `0` = from the oldest that is kept. Default: from now on. */
  after?: string
  /** Default 1,000. */
  limit?: number
}

async function horizonNow(database: Database): Promise<number> {
  const [row] = await database.run<{ horizon: string }>(horizonStatement, [])
  return Number(row?.horizon)
}

async function fromNow(database: Database): Promise<Cursor> {
  const [row] = await database.run<{ newest: string; there: string[] }>(newestStatement, [])
  const there = (row?.there ?? []).map(Number).sort((a, b) => a - b)
  return advance({ high: (there[0] ?? 1) - 1, missing: new Map() }, there, 0, await horizonNow(database))
}

/** Rows after a cursor, with the cursor after each of them and after the read. */
async function readPage(
  database: Database,
  from: Cursor,
  limit: number,
): Promise<{ changes: (Change & { after: Cursor })[]; cursor: Cursor }> {
  const rows = await database.run(readStatement, [from.high, numbers([...from.missing.keys()]), limit])
  const [first] = rows
  const cursor = from.high === 0 && first?.oldest != null ? { ...from, high: Number(first.oldest) - 1 } : from
  if (first?.oldest != null && Number(first.oldest) > cursor.high + 1) {
    throw new TrunklineError('cursor_expired', { received: `number ${cursor.high}` })
  }
  const found = rows.filter((row) => row.no !== null)
  const fresh = found.map((row) => Number(row.no)).filter((no) => no > cursor.high)
  // numbers were passed over between the cursor and the last row
  const holes = (fresh.at(-1) ?? cursor.high) - cursor.high > fresh.length
  const horizon = holes ? await horizonNow(database) : 0
  let at = cursor
  const changes = found.map(({ no, at: time, kind, body }) => {
    at = advance(at, [Number(no)], 0, horizon)
    return { no, at: time, kind, body, after: at }
  })
  // given up only at the end of the page, since a reader may stop within it; and not where the page was cut short, since that
  // has not shown everything there is
  if (found.length < limit) at = advance(at, [], Number(first?.low), horizon)
  if (at.missing.size > mostMissing) throw new TrunklineError('cursor_expired', { received: `number ${cursor.high}` })
  return { changes, cursor: at }
}

/**
 * Reads the numbered change feed: gap-free and resumable. A transaction that commits late is delivered late, with its lower
 * number, and holds up nothing.
 * @throws `invalid_cursor`, `invalid_option`, `cursor_expired` when the feed no longer reaches back
 */
export async function readChanges(database: Database, { after, limit = 1000 }: ChangeOptions = {}): Promise<ChangePage> {
  if (!Number.isInteger(limit) || limit < 1 || limit > 10_000) {
    throw new TrunklineError('invalid_option', { field: 'limit', received: show(limit), allowed: 'a whole number from 1 to 10000' })
  }
  if (after === undefined) return { changes: [], cursor: cursorText(await fromNow(database)) }
  const { changes, cursor } = await readPage(database, readCursor(after), limit)
  return { changes: changes.map(({ after: _, ...change }) => change), cursor: cursorText(cursor) }
}

/**
 * When the feed stood at a cursor: the time of its latest change then.
 * @throws `invalid_cursor`, `cursor_expired` when the feed no longer reaches back
 */
export async function timeOfCursor(database: Database, cursor: string): Promise<Date> {
  const { high } = readCursor(cursor)
  const [row] = await database.run<{ at: Date | null; oldest: Date | null }>(timeStatement, [high])
  if (row?.at) return row.at
  // nothing was in the feed yet
  if (high === 0 && row?.oldest) return new Date(row.oldest.getTime() - 1)
  throw new TrunklineError('cursor_expired', { received: `number ${high}` })
}

/** Options of {@link followChanges}. */
export interface FollowOptions extends ChangeOptions {
  signal?: AbortSignal
  /** Pause between looks while nothing comes. Default 100 ms. */
  pollMs?: number
  /** End when everything that is there was delivered. Default false. */
  once?: boolean
}

/** A change with the cursor after it. */
export interface FollowedChange extends Change {
  /** To go on after this change, in another process for instance. */
  readonly cursor: string
}

/**
 * Follows the feed until `signal` aborts, or with `once` to its present end; goes on by itself when the database was away.
 * @throws as {@link readChanges}
 */
export async function* followChanges(database: Database, options: FollowOptions = {}): AsyncGenerator<FollowedChange> {
  const { signal, pollMs = 100, limit = 1000, once = false } = options
  let cursor = options.after === undefined ? null : readCursor(options.after)
  while (!signal?.aborted) {
    let quiet = true
    let atEnd = false
    try {
      cursor ??= await fromNow(database)
      const page = await readPage(database, cursor, limit)
      for (const { after, ...change } of page.changes) {
        cursor = after
        yield { ...change, cursor: cursorText(after) }
      }
      cursor = page.cursor
      quiet = page.changes.length === 0
      atEnd = page.changes.length < limit
    } catch (error) {
      if (!isTransient(error)) throw error
    }
    if (once && atEnd) return
    if (quiet && !signal?.aborted) await pause(pollMs, signal)
  }
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal?.addEventListener('abort', done, { once: true })
  })
}
