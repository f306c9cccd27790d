import type { Query } from '@trunkline/contract'
import type { Database, Queryable } from '../../postgres/database.ts'
import { statement } from '../../postgres/statement.ts'
import { rangeSize } from '../partitions.ts'
import { type Asked, compile, looksAtWaiting, type Slice, type SortValue, tooBroad, windowOf } from './compile.ts'
import { findNames, type Run, runOn } from './names.ts'

const horizonStatement = statement(import.meta.url, 'horizon.sql')
const idAtStatement = statement(import.meta.url, 'id-at.sql')
const oldestWaitingStatement = statement(import.meta.url, 'oldest-waiting.sql')

/** Ids of a first slice: few enough for any condition. */
const firstSlice = 20_000
/** Quick slices grow to this: each costs a plan, and rare matches are found by an index in many ranges at once. */
const largestSlice = 4 * rangeSize
/** A slice that took so long is followed by a smaller one, one that took a fifth of it by a larger. */
const slowMs = 150
/** A transaction that stays open for longer makes jobs whose time lies too far from that of their neighbours. */
const slackMs = 3_600_000

/** Where a search is: the ids that it may still look at, on an open connection with a budget of time. */
export interface Reading {
  readonly asked: Asked
  readonly run: Run
  /** Reads a slice; `null` = the time was over. */
  slice(slice: Slice): Promise<Found[] | null>
  /** No job below it waits; looked up once. Null = the time was over. */
  oldestWaiting(): Promise<number | null>
  /** From now on no statement may take longer than this, ms. */
  hurry(ms: number): Promise<void>
  /** What is left of the budget, ms. */
  left(): number
  /** The lowest id that can fit. */
  readonly lowest: number
  /** Above all ids that can fit. */
  readonly above: number
  /** The condition that nothing bounds; null = none. */
  readonly broad: string | null
}

/** A job that was found, with what it is ordered by (the number for us, the text for the server). */
export interface Found {
  readonly id: string
  readonly value?: string
  readonly v?: number
}

/** What a page of ids is. */
export interface IdPage {
  readonly ids: string[]
  /** Everything that fits was seen. */
  readonly complete: boolean
  /** Where to go on: below it, or above it (ascending). */
  readonly at: number
  /** How many ids were looked through. */
  readonly looked: number
}

/** What a reading tells its transaction: no statement outlives `ms`, and no table is read from end to end where an index will do. */
export function readSettings(ms: number): string {
  return `set local statement_timeout = ${Math.ceil(ms)}; set local enable_seqscan = off; set local random_page_cost = 1.1; set local jit = off; set local max_parallel_workers_per_gather = 0`
}

/**
 * Opens a reading: one read-only transaction, in which no statement outlives the budget and no table is read from end to end
 * where an index will do.
 */
export async function read<T>(
  database: Database,
  { query, within, budgetMs }: { query: Query; within: string | null; budgetMs: number },
  work: (reading: Reading) => Promise<T>,
): Promise<T> {
  const end = performance.now() + budgetMs
  const left = () => end - performance.now()
  return await database.transaction(async (tx) => {
    await tx.query(`set transaction read only; ${readSettings(budgetMs)}`)
    const run = runOn(tx, database.schema)
    const [horizon] = await run<{ now: Date; highest: string; lowest: string | null }>(horizonStatement, [])
    const { now, highest, lowest } = horizon as { now: Date; highest: string; lowest: string | null }
    const asked: Asked = { query, within, now, names: await findNames(run, query) }
    const bounds = await idsOf(run, asked, Number(lowest ?? highest), Number(highest))
    const hurry = async (ms: number) => void (await tx.query(`set local statement_timeout = ${Math.ceil(ms)}`))
    const send = untilOver(tx, left)
    let oldest: number | undefined
    return await work({
      asked,
      run,
      hurry,
      left,
      broad: tooBroad(asked),
      ...bounds,
      async slice(slice) {
        const { text, values } = compile(asked, slice, database.schema)
        return await send(text, values)
      },
      async oldestWaiting() {
        if (oldest !== undefined) return oldest
        const rows = await send(oldestWaitingStatement.text(database.schema), [])
        if (rows) oldest = rows[0]?.id == null ? Infinity : Number(rows[0].id)
        return oldest ?? null
      },
    })
  })
}

/** The ids that jobs can have which were made in the time that the query asks for. */
async function idsOf(run: Run, { query, now }: Asked, lowest: number, highest: number): Promise<{ lowest: number; above: number }> {
  const made = windowOf(query, ['age', 'created'], now)
  // whatever ended or began before a time was made before it
  const begun = windowOf(query, ['started', 'finished'], now)
  const before = Math.min(made.before, begun.before)
  const idAt = async (ms: number) =>
    (await run<{ below: string; from: string }>(idAtStatement, [lowest, highest, new Date(ms).toISOString()]))[0]
  const past = (ms: number) => Math.max(0, Math.min(ms, Date.UTC(9999, 0)))
  return {
    lowest: Number.isFinite(made.from) ? Number((await idAt(past(made.from - slackMs)))?.below ?? lowest) : lowest,
    above: before + slackMs < now.getTime() ? Number((await idAt(past(before + slackMs)))?.from ?? highest + 1) : highest + 1,
  }
}

/** Sends statements until one of them is cut off by the timeout; from then on the answer is null. */
function untilOver(tx: Queryable, left: () => number) {
  let over = false
  return async (text: string, values: unknown[]): Promise<any[] | null> => {
    if (over || left() <= 1) return null
    try {
      return (await tx.query(text, values)).rows
    } catch (error) {
      if ((error as { code?: string }).code !== '57014') throw error
      // the transaction is void now; what comes after it is short
      over = true
      await tx.query('rollback')
      await tx.query('begin')
      return null
    }
  }
}

/** Ids of the jobs that fit, in the order of their ids, from `at` on: slice by slice, until there are enough or the time is over. */
export async function readIds(
  reading: Reading,
  { at, limit, ascending, maxMs = Infinity }: { at?: number | undefined; limit: number; ascending: boolean; maxMs?: number },
): Promise<IdPage> {
  const stopAt = reading.left() - maxMs
  const waits = looksAtWaiting(reading.asked.query)
  let oldest: number | null = 0
  let size = firstSlice
  let here = ascending ? Math.max(at ?? 0, reading.lowest) : Math.min(at ?? Infinity, reading.above)
  const begun = here
  const ids: string[] = []
  const isEnd = () => (ascending ? here >= reading.above : here <= reading.lowest)
  const page = (complete: boolean): IdPage => ({ ids, complete, at: here, looked: Math.abs(begun - here) })
  const room = () => reading.left() - Math.max(1, stopAt)
  for (let turn = 0; !isEnd(); turn++) {
    if (turn > 0 && room() <= 0) return page(false)
    const slice = ascending
      ? { from: here, below: Math.min(here + size, reading.above) }
      : { from: Math.max(here - size, reading.lowest), below: here }
    // after a look at the newest it pays to know where the last one waits: older ranges are history
    if (waits && turn === 2 && !ascending) oldest = await reading.oldestWaiting()
    if (oldest === null) return page(false)
    const noWaiting = turn >= 2 && waits && !ascending && slice.below <= oldest
    const started = performance.now()
    const found = await reading.slice({ ...slice, limit: limit - ids.length, ascending, noWaiting })
    if (found === null) return page(false)
    for (const { id } of found) ids.push(id)
    if (ids.length >= limit) {
      const last = Number(ids.at(-1))
      here = ascending ? last + 1 : last
      return page(isEnd())
    }
    here = ascending ? slice.below : slice.from
    const took = performance.now() - started
    if (took > slowMs) size = Math.max(1000, Math.floor(size / 4))
    else if (took < slowMs / 5) size = Math.min(largestSlice, size * 5)
    // a slice that the time cuts off was read for nothing
    const fits = Math.floor((room() * (slice.below - slice.from)) / took)
    if (fits < 1000) return page(isEnd())
    size = Math.min(size, fits)
  }
  return page(true)
}

/**
 * The first jobs in the order of a value: the first of each range, merged. Null = the time was over before all ranges were seen,
 * so that nobody knows which come first.
 */
export async function readSorted(
  reading: Reading,
  {
    sort,
    ascending,
    limit,
    after,
  }: { sort: SortValue; ascending: boolean; limit: number; after?: { value: string; id: string } | undefined },
): Promise<Found[] | null> {
  let first: Found[] = []
  const order = (a: Found, b: Found) => {
    const by = (a.v as number) - (b.v as number) || Number(BigInt(a.id) - BigInt(b.id))
    return ascending ? by : -by
  }
  for (let below = reading.above; below > reading.lowest; ) {
    const from = Math.max(reading.lowest, Math.floor((below - 1) / rangeSize) * rangeSize)
    const found = await reading.slice({ from, below, limit, ascending, sort, ...(after ? { after } : {}) })
    if (found === null) return null
    first = [...first, ...found].sort(order).slice(0, limit)
    below = from
  }
  return first
}
