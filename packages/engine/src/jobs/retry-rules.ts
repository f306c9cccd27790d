import { type Duration, show, TrunklineError, toMilliseconds } from '@trunkline/contract'
import { type BackoffFunction, type BackoffOption, readBackoff } from './backoff.ts'
import { checkAttempts, checkKeys } from './check-options.ts'

/**
 * What becomes of a job when a try ends with a certain error. All given conditions must hold; the first rule that matches wins.
 * Rules judge what a handler throws and the timeout (`code: 'timeout'`); `FatalError`, `Snooze` and a bad payload go their own way.
 * @example { code: '23505', fate: 'fail' }
 * @example { name: 'RateLimited', fate: 'snooze', delay: '30s' }
 * @example { message: 'deadlock', fate: 'retry', attempts: 20, backoff: { curve: 'fixed', delay: 100 } }
 */
export interface RetryRule {
  /** Name of the error or of its class. */
  name?: string
  /** Its `code`: of the error table, of the system (`ECONNREFUSED`), an SQLSTATE. */
  code?: string
  /** A part of its message. */
  message?: string
  /** Any other condition; one that throws does not hold. */
  when?: (error: unknown) => boolean
  /** `retry` by the policy, `fail` for good (reason `fatal`), `snooze` without spending an attempt. */
  fate: 'retry' | 'fail' | 'snooze'
  /** For `snooze`: how long to wait. */
  delay?: Duration
  /** For `retry`: another backoff than the task's. */
  backoff?: BackoffOption
  /** For `retry`: failed tries allowed when this error ends one, instead of what the job says. 1 to 1000. */
  attempts?: number
}

/** A rule that was checked. */
export interface CheckedRule {
  matches(error: unknown): boolean
  readonly fate: RetryRule['fate']
  readonly delayMs: number
  readonly backoff: BackoffFunction | null
  readonly attempts: number | null
}

const keys = ['name', 'code', 'message', 'when', 'fate', 'delay', 'backoff', 'attempts']
const conditions = ['name', 'code', 'message', 'when'] as const

/**
 * Checks the rules of a task once, so that judging an error cannot fail later.
 * @throws `invalid_option`, `unknown_option`, `invalid_duration`; the field is `retry.rules[i]` and the key
 */
export function readRules(rules: readonly RetryRule[] = []): CheckedRule[] {
  if (!Array.isArray(rules)) refuse('retry.rules', rules, 'an array of rules')
  return rules.map(readRule)
}

function refuse(field: string, received: unknown, allowed: string): never {
  throw new TrunklineError('invalid_option', { field, received: show(received), allowed })
}

function readRule(rule: RetryRule, i: number): CheckedRule {
  const at = `retry.rules[${i}]`
  if (rule === null || typeof rule !== 'object') refuse(at, rule, 'an object with a condition and a fate')
  checkKeys(rule, keys, at)
  if (!['retry', 'fail', 'snooze'].includes(rule.fate)) refuse(`${at}.fate`, rule.fate, 'retry, fail, snooze')
  if (conditions.every((key) => rule[key] === undefined)) refuse(at, rule, `at least one of ${conditions.join(', ')}`)
  for (const key of ['name', 'code', 'message'] as const) {
    if (rule[key] !== undefined && (typeof rule[key] !== 'string' || rule[key] === '')) refuse(`${at}.${key}`, rule[key], 'a text')
  }
  if (rule.when !== undefined && typeof rule.when !== 'function') refuse(`${at}.when`, rule.when, 'a function of the error')
  if (rule.fate === 'snooze' && rule.delay === undefined) refuse(`${at}.delay`, rule.delay, 'a duration, because the fate is snooze')
  if (rule.fate !== 'snooze' && rule.delay !== undefined)
    refuse(`${at}.delay`, rule.delay, 'nothing here: delay is for snooze, retry has backoff')
  for (const key of ['backoff', 'attempts'] as const) {
    if (rule.fate !== 'retry' && rule[key] !== undefined) refuse(`${at}.${key}`, rule[key], 'nothing here: it is for the fate retry')
  }
  return {
    matches: (error) => holds(rule, error),
    fate: rule.fate,
    delayMs: rule.delay === undefined ? 0 : toMilliseconds(rule.delay, `${at}.delay`),
    backoff: rule.backoff === undefined ? null : readBackoff(rule.backoff, `${at}.backoff`),
    attempts: rule.attempts === undefined ? null : checkAttempts(rule.attempts, `${at}.attempts`),
  }
}

/** Handlers throw anything, errors with getters that throw among it: what cannot be read does not match. */
function holds(rule: RetryRule, error: unknown): boolean {
  try {
    const { name, code, message } = Object(error) as { name?: unknown; code?: unknown; message?: unknown }
    if (rule.name !== undefined && name !== rule.name && (error as object)?.constructor?.name !== rule.name) return false
    if (rule.code !== undefined && String(code) !== rule.code) return false
    const text = error !== null && typeof error === 'object' ? String(message) : String(error)
    if (rule.message !== undefined && !text.includes(rule.message)) return false
    return rule.when === undefined || rule.when(error) === true
  } catch {
    return false
  }
}
