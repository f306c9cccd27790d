import { TrunklineError } from '@trunkline/contract'
import type { BulkTarget, JobFilter } from '@trunkline/engine'
import { type Command, Option } from 'commander'
import { wholeNumber } from './command.ts'

/** Flags that say which jobs are meant. */
export interface FilterFlags {
  state?: JobFilter['state']
  reason?: string
  task?: string
  queue?: string
  tag?: string[]
  arg?: Record<string, unknown>
  createdAfter?: string
  createdBefore?: string
  fingerprint?: string
}

/** Flags that say which jobs a verb on many is meant for. */
export interface TargetFlags extends FilterFlags {
  /** A query of the query language. */
  query?: string
  limit?: number
}

/** An option that may be given several times. */
export function repeated(text: string, before: string[] = []): string[] {
  return [...before, text]
}

/** `path=value`; a value that is JSON is taken as such, other text as text. */
function payloadValue(text: string, before: Record<string, unknown> = {}): Record<string, unknown> {
  const at = text.indexOf('=')
  if (at < 1) {
    throw new TrunklineError('invalid_option', {
      field: '--arg',
      received: JSON.stringify(text),
      allowed: 'path=value, such as customer.id=42',
    })
  }
  return { ...before, [text.slice(0, at)]: jsonOrText(text.slice(at + 1)) }
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

const filterOptions: Record<keyof FilterFlags, () => Option> = {
  state: () => new Option('--state <state>', 'pending, running, completed, failed, cancelled, blocked'),
  reason: () => new Option('--reason <reason>', 'why they wait (due, scheduled, retrying, paused) or ended (timeout, fatal, …)'),
  task: () => new Option('--task <name>', 'of this task'),
  queue: () => new Option('--queue <name>', 'in this queue'),
  tag: () => new Option('--tag <tag>', 'with this tag; several times: with all of them').argParser(repeated),
  arg: () =>
    new Option('--arg <path=value>', 'with this value in the payload, such as customer.id=42; several times: all of them').argParser(
      payloadValue,
    ),
  createdAfter: () => new Option('--created-after <time>', 'created at this time or later (RFC 3339)'),
  createdBefore: () => new Option('--created-before <time>', 'created before this time (RFC 3339)'),
  fingerprint: () => new Option('--fingerprint <hex>', 'failed with this cause (error.fingerprint)'),
}
const names = Object.keys(filterOptions) as (keyof FilterFlags)[]

/** Adds the flags that say which jobs are meant. */
export function addFilterOptions(command: Command, limitText: string): Command {
  for (const make of Object.values(filterOptions)) command.addOption(make())
  return command.option('--limit <n>', limitText, wholeNumber)
}

/** The filter of these flags. */
export function filterOf(flags: FilterFlags): JobFilter {
  const { tag, arg, state, reason, task, queue, createdAfter, createdBefore, fingerprint } = flags
  const filter = { state, reason, task, queue, tags: tag, args: arg, createdAfter, createdBefore, fingerprint }
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined)) as JobFilter
}

/** Adds `--query` and the flags that say which jobs are meant. */
export function addTargetOptions(command: Command, limitText: string): Command {
  return addFilterOptions(command.option('--query <query>', "by a query such as 'state:failed task:backup_* age:<24h'"), limitText)
}

/**
 * The jobs that a verb is meant for: ids, a query or a filter, never two of them.
 * @throws `usage`
 */
export function targetOf(ids: string[], flags: TargetFlags, verb: string): BulkTarget {
  const given = names.filter((name) => flags[name] !== undefined)
  const words = [
    ...(flags.query === undefined ? [] : ['--query']),
    ...given.map((name) => filterOptions[name]().long as string),
    ...(flags.limit === undefined ? [] : ['--limit']),
  ].join(', ')
  const where = `jobs ${verb}`
  const set = verb === 'update' || verb === 'rerun' ? '; what becomes of them is said with --set-…' : ''
  if (ids.length > 0 && words !== '') {
    throw new TrunklineError('usage', { problem: `give job ids or a filter (${words}), not both${set}`, where })
  }
  if (flags.query !== undefined && given.length > 0) {
    throw new TrunklineError('usage', {
      problem: `give a query or flags (${words}), not both; the query says all that flags can: state:, task:, queue:, tag:, …${set}`,
      where,
    })
  }
  if (ids.length > 0) return { ids }
  if (flags.query !== undefined) return { search: { q: flags.query } }
  if (given.length > 0) return filterOf(flags)
  throw new TrunklineError('usage', {
    problem: "say which jobs: by their ids, by --query 'state:failed age:<24h', or by a filter such as --state failed --task <name>",
    where,
  })
}
