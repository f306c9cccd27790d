import { show, TrunklineError } from '@trunkline/contract'
import { numbers } from '../postgres/arrays.ts'
import type { Database } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'
import { isTransient } from '../postgres/transient.ts'
import { advance, type Cursor, cursorText, mostMissing, readCursor } from './cursor.ts'

const readStatement = statement(import.meta.url, 'read.sql')
const newestStatement = statement(import.meta.url, 'newest.sql')

/** What happened: added, closed, given_up, recovered, cancelled, deleted, reopened, replaced, moved, tagged, promoted, feedback, queue. */
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
  /** A cursor of an earlier answer, or the number of a change. Default: from now on. */
  after?: string
  /** Default 1,000. */
  limit?: number
}

async function fromNow(database: Database): Promise<Cursor> {
  const [row] = await database.run<{ newest: string; there: string[]; high: string }>(newestStatement, [])
  const there = new Set((row?.there ?? []).map(Number))
  const high = Number(row?.newest ?? 0)
  const missing = new Map<number, number>()
  for (let no = Math.max(1, Math.min(...there)); no < high; no++) if (!there.has(no)) missing.set(no, Number(row?.high))
  return { high, missing }
}

/** Rows after a cursor, with the cursor after each of them and after the read. */
async function readPage(
  database: Database,
  cursor: Cursor,
  limit: number,
): Promise<{ changes: (Change & { after: Cursor })[]; cursor: Cursor }> {
  const rows = await database.run(readStatement, [cursor.high, numbers([...cursor.missing.keys()]), limit])
  const [first] = rows
  if (cursor.high > 0 && first?.oldest != null && Number(first.oldest) > cursor.high + 1) {
    throw new TrunklineError('cursor_expired', { received: `number ${cursor.high}` })
  }
  // a page that was cut short has not shown everything there is: no hole may be given up for it
  const low = rows.length < limit ? Number(first?.low) : 0
  const horizon = Number(first?.high)
  let at = advance(cursor, [], low, horizon)
  const changes: (Change & { after: Cursor })[] = []
  for (const { no, at: time, kind, body } of rows) {
    if (no === null) continue
    at = advance(at, [Number(no)], low, horizon)
    changes.push({ no, at: time, kind, body, after: at })
  }
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

/** Options of {@link followChanges}. */
export interface FollowOptions extends ChangeOptions {
  signal?: AbortSignal
  /** Pause between looks while nothing comes. Default 100 ms. */
  pollMs?: number
}

/** A change with the cursor after it. */
export interface FollowedChange extends Change {
  /** To go on after this change, in another process for instance. */
  readonly cursor: string
}

/**
 * Follows the feed until `signal` aborts; goes on by itself when the database was away.
 * @throws as {@link readChanges}
 */
export async function* followChanges(database: Database, options: FollowOptions = {}): AsyncGenerator<FollowedChange> {
  const { signal, pollMs = 100, limit = 1000 } = options
  let cursor = options.after === undefined ? null : readCursor(options.after)
  while (!signal?.aborted) {
    let quiet = true
    try {
      cursor ??= await fromNow(database)
      const page = await readPage(database, cursor, limit)
      for (const { after, ...change } of page.changes) {
        cursor = after
        yield { ...change, cursor: cursorText(after) }
      }
      cursor = page.cursor
      quiet = page.changes.length === 0
    } catch (error) {
      if (!isTransient(error)) throw error
    }
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
