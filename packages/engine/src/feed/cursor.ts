import { show, TrunklineError } from '@trunkline/contract'

/**
 * How far a reader of the feed is: everything up to `high` was delivered but for the numbers in `missing`, which were drawn by
 * transactions that had not committed yet. Each is kept with a transaction number above all that were given out when it was
 * missed: once every transaction below that has ended, the number will never come (its transaction rolled back).
 */
export interface Cursor {
  readonly high: number
  readonly missing: ReadonlyMap<number, number>
}

/** Holes that a cursor may hold: beyond that a reader was away for too long, or a transaction stands open for ever. */
export const mostMissing = 10_000

/** The text that callers keep: `high`, and behind a `;` the missing numbers with their horizons. */
export function cursorText({ high, missing }: Cursor): string {
  return missing.size === 0 ? String(high) : `${high};${[...missing].map(([no, horizon]) => `${no}:${horizon}`).join(',')}`
}

/** @throws `invalid_cursor` */
export function readCursor(text: unknown): Cursor {
  const found =
    typeof text === 'string' && text.length < 500_000 && /^(\d{1,16})(?:;(\d{1,16}:\d{1,19}(?:,\d{1,16}:\d{1,19})*))?$/.exec(text)
  if (!found) throw new TrunklineError('invalid_cursor', { field: 'after', received: show(text) })
  const pairs = found[2]?.split(',').map((pair) => pair.split(':').map(Number) as [number, number]) ?? []
  return { high: Number(found[1]), missing: new Map(pairs) }
}

/**
 * The cursor after a read.
 * @param numbers of the rows that were read, ascending
 * @param low `pg_snapshot_xmin` of the read: all transactions before it have ended
 * @param horizon a transaction number above all that were given out when the rows were read; for numbers that are missed now
 */
export function advance(before: Cursor, numbers: readonly number[], low: number, horizon: number): Cursor {
  const missing = new Map([...before.missing].filter(([, of]) => of > low))
  let high = before.high
  for (const no of numbers) {
    missing.delete(no)
    for (let hole = high + 1; hole < no; hole++) missing.set(hole, horizon)
    high = Math.max(high, no)
  }
  return { high, missing }
}
