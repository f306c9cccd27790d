import { limits as bounds, type Duration, show, TrunklineError, toMilliseconds } from '@trunkline/contract'
import { checkKeys, checkName } from '../jobs/check-options.ts'
import type { Names } from '../jobs/names.ts'
import type { Database } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'

const setStatement = statement(import.meta.url, 'set-limits.sql')
const showStatement = statement(import.meta.url, 'show-limits.sql')
const gatesStatement = statement(import.meta.url, 'gates-of.sql')

/** So many starts in a time, by a token bucket. */
export interface RateLimit {
  /** 1 to 1,000,000. */
  limit: number
  /** The time in which so many start: 100 ms to 366 days. */
  per: Duration
  /** How many may start at once after a pause. Default: what one second lets through, at least 1. So a window has at most `limit + burst`. */
  burst?: number
}

/** What somebody sets for a queue. What is left out stays as it is, null takes a limit away. */
export interface QueueLimits {
  /** Jobs of the queue that run at once, on all workers together. Those that a worker has fetched ahead count. 1 to 1,000,000. */
  concurrency?: number | null
  /** Jobs of the queue that start in a time. */
  rate?: RateLimit | null
  /** Jobs of one `concurrencyKey` that run at once. Default: no limit. 1 to 1,000,000. */
  concurrencyPerKey?: number | null
  /** Jobs of one `rateKey` that start in a time. */
  ratePerKey?: RateLimit | null
}

/** A {@link RateLimit} as it is kept. */
export interface RateView {
  readonly limit: number
  readonly perMs: number
  readonly burst: number
}

/** The limits of a queue, and how they stand. */
export interface QueueLimitsView {
  readonly queue: string
  readonly concurrency: number | null
  readonly rate: RateView | null
  readonly concurrencyPerKey: number | null
  readonly ratePerKey: RateView | null
  /** Jobs that run, where `concurrency` is set. */
  readonly running: number | null
  /** Starts that `rate` would allow now, where it is set. */
  readonly tokens: number | null
  /** Jobs that wait at the gate of a key. */
  readonly held: number
}

/** A key of a queue that jobs have, or wait for. */
export interface GateView {
  readonly kind: 'ordering' | 'concurrency' | 'rate'
  readonly key: string
  /** Jobs that have it: at most 20. A rate key is nobody's. */
  readonly heldBy: readonly string[]
  /** Jobs that wait for it: no more than 10,000 are counted. */
  readonly held: number
  /** Of a rate key at which jobs wait: when the next one may start. */
  readonly nextAt: Date | null
}

const most = 1_000_000
const longestPer = 366 * 86_400_000

function readCount(value: unknown, field: string): number {
  if (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= most) return value as number
  throw new TrunklineError('invalid_option', { field, received: show(value), allowed: `a whole number from 1 to ${most}, or null` })
}

function readRate(value: RateLimit, field: string): RateView {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TrunklineError('invalid_option', { field, received: show(value), allowed: '{ limit, per, burst }, or null' })
  }
  checkKeys(value, ['limit', 'per', 'burst'], field)
  const limit = readCount(value.limit, `${field}.limit`)
  const perMs = toMilliseconds(value.per, `${field}.per`)
  if (perMs < 100 || perMs > longestPer) {
    throw new TrunklineError('invalid_option', { field: `${field}.per`, received: show(value.per), allowed: '100 ms to 366 days' })
  }
  const burst = value.burst === undefined ? Math.max(1, Math.floor((limit * 1000) / perMs)) : readCount(value.burst, `${field}.burst`)
  return { limit, perMs, burst }
}

/** As the statement takes them: only what is said. */
function stored(given: QueueLimits): Record<string, number | null> {
  checkKeys(given, ['concurrency', 'rate', 'concurrencyPerKey', 'ratePerKey'], 'limits')
  const { concurrency, rate, concurrencyPerKey, ratePerKey } = given
  const found: Record<string, number | null> = {}
  if (concurrency !== undefined) found.concurrency = concurrency === null ? null : readCount(concurrency, 'concurrency')
  if (concurrencyPerKey !== undefined)
    found.key_concurrency = concurrencyPerKey === null ? null : readCount(concurrencyPerKey, 'concurrencyPerKey')
  for (const [value, field, prefix] of [
    [rate, 'rate', ''],
    [ratePerKey, 'ratePerKey', 'key_'],
  ] as const) {
    if (value === undefined) continue
    const checked = value === null ? null : readRate(value, field)
    found[`${prefix}rate`] = checked?.limit ?? null
    found[`${prefix}rate_ms`] = checked?.perMs ?? null
    found[`${prefix}burst`] = checked?.burst ?? null
  }
  if (Object.keys(found).length === 0) {
    const allowed = 'at least one of concurrency, rate, concurrencyPerKey, ratePerKey'
    throw new TrunklineError('invalid_option', { field: 'limits', received: show(given), allowed })
  }
  return found
}

/**
 * Sets limits of a queue; jobs that run go on, also where there are more than a new limit allows.
 * @throws `unknown_queue`, `invalid_option`, `unknown_option`, `invalid_duration`, `invalid_name`
 */
export async function setLimits(database: Database, names: Names, queue: string, limits: QueueLimits, by: string | null): Promise<void> {
  const values = [checkName(queue, 'queue'), JSON.stringify(stored(limits)), by?.slice(0, bounds.keyLength) ?? null]
  if ((await database.run(setStatement, values)).length === 0) await names.knownQueue(queue)
}

const rateView = (limit: number | null, perMs: number | null, burst: number | null): RateView | null =>
  limit === null || perMs === null || burst === null ? null : { limit, perMs, burst }

function limitsView(row: any): QueueLimitsView {
  return {
    queue: row.queue,
    concurrency: row.concurrency,
    rate: rateView(row.rate, row.rate_ms, row.burst),
    concurrencyPerKey: row.key_concurrency,
    ratePerKey: rateView(row.key_rate, row.key_rate_ms, row.key_burst),
    running: row.running,
    tokens: row.tokens,
    held: row.held,
  }
}

/** The limits of a queue. @throws `unknown_queue`, `invalid_name` */
export async function getLimits(database: Database, names: Names, queue: string): Promise<QueueLimitsView> {
  const [row] = await database.run(showStatement, [checkName(queue, 'queue')])
  if (!row) await names.knownQueue(queue)
  return limitsView(row)
}

/** Queues that have limits, or jobs with gates to pass. */
export async function listLimits(database: Database): Promise<QueueLimitsView[]> {
  return (await database.run(showStatement, [null])).map(limitsView)
}

/** Keys of a queue that jobs have or wait for, those with the most waiting jobs first. @throws `invalid_name`, `invalid_option` */
export async function listGates(database: Database, queue: string, limit = 100): Promise<GateView[]> {
  if (!Number.isInteger(limit) || limit < 1 || limit > 1000) {
    throw new TrunklineError('invalid_option', { field: 'limit', received: show(limit), allowed: 'a whole number from 1 to 1000' })
  }
  const rows = await database.run(gatesStatement, [checkName(queue, 'queue'), limit], 'walk')
  return rows.map(({ due, ...row }) => ({ ...row, nextAt: due }))
}
