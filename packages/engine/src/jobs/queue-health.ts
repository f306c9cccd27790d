import { show, TrunklineError } from '@trunkline/contract'
import type { Database } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'
import { checkKeys, checkName } from './check-options.ts'
import type { Names } from './names.ts'

const setStatement = statement(import.meta.url, 'set-thresholds.sql')
const judgeStatement = statement(import.meta.url, 'judge-queues.sql')

/** From where on a queue is called `warning` or `critical`. */
export interface Threshold {
  warning?: number
  critical?: number
}

/** What can be watched of a queue. */
export const queueMeasures = ['waiting', 'oldestMs', 'failurePercent', 'workers'] as const

/** One of {@link queueMeasures}. */
export type QueueMeasure = (typeof queueMeasures)[number]

/**
 * Thresholds of a queue: `waiting` due jobs, `oldestMs` for how long the oldest of them has been due, `failurePercent` of the
 * jobs that ended within ten minutes (ten at least), and `workers`: too few live ones.
 */
export type QueueThresholds = { [measure in QueueMeasure]?: Threshold }

/** How a queue stands by its thresholds. */
export type QueueLevel = 'healthy' | 'warning' | 'critical'

/** A threshold that a queue is beyond. */
export interface CrossedThreshold {
  measure: QueueMeasure
  value: number
  limit: number
  level: 'warning' | 'critical'
}

/** The health of a queue that has thresholds. */
export interface QueueHealth {
  level: QueueLevel
  since: Date
  crossed: CrossedThreshold[]
  thresholds: QueueThresholds
}

/** A queue that stands otherwise than before. */
export interface QueueHealthChange {
  queue: string
  was: QueueLevel
  level: QueueLevel
  crossed: CrossedThreshold[]
}

const bad = (field: string, received: unknown, allowed: string) =>
  new TrunklineError('invalid_option', { field, received: show(received), allowed })

function checkThreshold(measure: QueueMeasure, value: unknown): Threshold {
  const field = `thresholds.${measure}`
  if (typeof value !== 'object' || value === null) throw bad(field, value, 'an object with warning, critical or both')
  checkKeys(value, ['warning', 'critical'], field)
  const { warning, critical } = value as Threshold
  for (const [level, bound] of Object.entries(value)) {
    const most = measure === 'failurePercent' ? 100 : Number.MAX_SAFE_INTEGER
    if (!Number.isFinite(bound) || bound <= 0 || bound > most) throw bad(`${field}.${level}`, bound, `a number above 0, at most ${most}`)
  }
  if (warning === undefined && critical === undefined) throw bad(field, value, 'an object with warning, critical or both')
  const ordered = warning === undefined || critical === undefined || (measure === 'workers' ? critical <= warning : critical >= warning)
  if (!ordered) throw bad(`${field}.critical`, critical, measure === 'workers' ? 'at most warning' : 'at least warning')
  return value as Threshold
}

/** @throws `invalid_option`, `unknown_option` */
function checkThresholds(thresholds: QueueThresholds): QueueThresholds {
  checkKeys(thresholds, queueMeasures, 'thresholds')
  const given = queueMeasures.filter((measure) => thresholds[measure] !== undefined)
  if (given.length === 0) throw bad('thresholds', thresholds, `one or more of ${queueMeasures.join(', ')}, or null for none`)
  return Object.fromEntries(given.map((measure) => [measure, checkThreshold(measure, thresholds[measure])]))
}

/**
 * Sets the thresholds of a queue in place of those it has; null takes them away. The keeper holds the queue against them every
 * five seconds.
 * @throws `unknown_queue`, `invalid_option`, `unknown_option`
 */
export async function setThresholds(
  database: Database,
  names: Names,
  queue: string,
  thresholds: QueueThresholds | null,
  { by }: { by?: string } = {},
): Promise<void> {
  const value = thresholds === null ? null : JSON.stringify(checkThresholds(thresholds))
  const rows = await database.run(setStatement, [checkName(queue, 'queue'), value, by ?? null])
  if (rows.length === 0) await names.knownQueue(queue)
}

/** Holds all queues that have thresholds against them. @param betterMs how long one must be better before it is called so */
export async function judgeQueues(database: Database, betterMs = 60_000): Promise<QueueHealthChange[]> {
  return await database.run<QueueHealthChange>(judgeStatement, [`${betterMs} milliseconds`])
}
