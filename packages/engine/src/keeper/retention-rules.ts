import { type Duration, show, TrunklineError, toMilliseconds } from '@trunkline/contract'
import { checkKeys, checkName } from '../jobs/check-options.ts'
import { numbers } from '../postgres/arrays.ts'

/** How long ended jobs are kept after their end; `false` = for ever. Default 30 days. */
export interface StateRetention {
  completed?: Duration | false
  failed?: Duration | false
  cancelled?: Duration | false
}

/** What is kept of the history; of some tasks it may be more or less. */
export interface RetentionOptions extends StateRetention {
  tasks?: Record<string, StateRetention>
}

/** Milliseconds, or `false`: for ever. */
export type Kept = number | false

/** {@link RetentionOptions} as they are kept: in milliseconds, every state named. */
export interface RetentionRules {
  completed: Kept
  failed: Kept
  cancelled: Kept
  tasks: Record<string, { completed?: Kept; failed?: Kept; cancelled?: Kept }>
}

/** One rule; the first that fits a job counts. */
export interface Rule {
  readonly task: string | null
  readonly statuses: readonly number[]
  readonly keepMs: number | null
}

const defaultKeep = '30d'
const states = ['completed', 'failed', 'cancelled'] as const
const stateStatuses = { completed: [2], failed: [3], cancelled: [4, 5] } as const
const mostTasks = 500

function readKeep(value: unknown, field: string): Kept {
  return value === false ? false : toMilliseconds(value as Duration, field)
}

const isMap = (value: unknown): value is object => typeof value === 'object' && value !== null && !Array.isArray(value)

function bad(field: string, received: unknown, allowed: string): TrunklineError {
  return new TrunklineError('invalid_option', { field, received: show(received), allowed })
}

/**
 * The whole of what is asked for: 30 days for states that are not named.
 * @throws `unknown_option`, `invalid_option`, `invalid_duration`, `invalid_name`
 */
export function wholeRetention(options: RetentionOptions = {}): RetentionRules {
  if (!isMap(options)) throw bad('retention', options, 'what is kept: completed, failed, cancelled, tasks')
  checkKeys(options, [...states, 'tasks'], 'retention')
  const { tasks = {}, ...common } = options
  if (!isMap(tasks)) throw bad('retention.tasks', tasks, 'task names with what is kept of each')
  const named = Object.entries(tasks)
  if (named.length > mostTasks) throw bad('retention.tasks', `${named.length} tasks`, `at most ${mostTasks}`)
  const ofTasks = named.map(([task, kept]) => {
    checkName(task, 'retention.tasks')
    if (!isMap(kept)) throw bad(`retention.tasks.${task}`, kept, 'what is kept of this task: completed, failed, cancelled')
    checkKeys(kept, states, `retention of task ${task}`)
    const given = Object.entries(kept).filter(([, value]) => value !== undefined)
    return [task, Object.fromEntries(given.map(([state, value]) => [state, readKeep(value, `retention.tasks.${task}.${state}`)]))] as const
  })
  const keep = (state: 'failed' | 'completed' | 'cancelled') => readKeep(common[state] ?? defaultKeep, `retention.${state}`)
  return { completed: keep('completed'), failed: keep('failed'), cancelled: keep('cancelled'), tasks: Object.fromEntries(ofTasks) }
}

/** The rules of what is asked for, those of tasks first. @throws as {@link wholeRetention} */
export function readRetention(options: RetentionOptions = {}): Rule[] {
  const { tasks, ...common } = wholeRetention(options)
  const rulesOf = (task: string | null, kept: StateRetention) =>
    states
      .filter((state) => kept[state] !== undefined)
      .map((state) => ({ task, statuses: stateStatuses[state], keepMs: kept[state] === false ? null : (kept[state] as number) }))
  return [...Object.entries(tasks).flatMap(([task, kept]) => rulesOf(task, kept)), ...rulesOf(null, common)]
}

/** Does somebody ask for anything? Of what nobody asks the default holds. */
export function saysSomething({ tasks, ...common }: RetentionOptions): boolean {
  return [...Object.values(common), ...Object.keys(tasks ?? {})].some((value) => value !== undefined)
}

/** Rules as statements take them: task, status and time beside each other; tasks that nobody knows are left out. */
export function flatRules(rules: readonly Rule[], ids: ReadonlyMap<string, number>): [string, string, string] {
  const flat = rules
    .filter(({ task }) => task === null || ids.has(task))
    .flatMap(({ task, statuses, keepMs }) =>
      statuses.map((status) => ({ task: task === null ? null : (ids.get(task) as number), status, keepMs })),
    )
  return [numbers(flat.map((rule) => rule.task)), numbers(flat.map((rule) => rule.status)), numbers(flat.map((rule) => rule.keepMs))]
}

/** The names of the tasks that have rules of their own. */
export function tasksOfRules(rules: readonly Rule[]): string[] {
  return [...new Set(rules.flatMap((rule) => rule.task ?? []))]
}

/** The shortest time that something is kept; null = all for ever. */
export function shortestKeep(rules: readonly Rule[]): number | null {
  const kept = rules.flatMap((rule) => rule.keepMs ?? [])
  return kept.length === 0 ? null : Math.min(...kept)
}

/**
 * Was a job made so late that nothing which was made after it can have outlived `keepMs`? Ids grow with time, except that a long
 * transaction can draw one late: an hour covers that.
 */
export function isBeyond(made: Date | null, keepMs: number): boolean {
  return made !== null && made.getTime() > Date.now() - keepMs + 3_600_000
}
