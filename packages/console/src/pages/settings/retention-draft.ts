import type { NewRetentionBody, RetentionAnswer } from '@trunkline/client/contract'
import { numberText } from '../../parts/words.ts'

/** States in which a job has ended. */
export const endings = ['completed', 'failed', 'cancelled'] as const
export type Ending = (typeof endings)[number]

/** In what a time is told; for ever, or as it is for all tasks. */
export type Unit = 'days' | 'hours' | 'minutes' | 'seconds' | 'ever' | 'common'

/** How long something is kept, as it is typed. */
export interface Keep {
  amount: number | ''
  unit: Unit
}

export type Keeps = Record<Ending, Keep>

/** Rules as they are typed. */
export interface Draft {
  common: Keeps
  tasks: { task: string; keeps: Keeps }[]
}

type Kept = number | false
type Rules = RetentionAnswer['rules']

const sizes = { days: 86_400_000, hours: 3_600_000, minutes: 60_000, seconds: 1000 }
const isTimed = (unit: Unit): unit is keyof typeof sizes => Object.hasOwn(sizes, unit)

function keepOf(kept: Kept | undefined): Keep {
  if (kept === undefined) return { amount: '', unit: 'common' }
  if (kept === false) return { amount: '', unit: 'ever' }
  const unit = (Object.keys(sizes) as (keyof typeof sizes)[]).find((one) => kept % sizes[one] === 0) ?? 'seconds'
  return { amount: kept / sizes[unit], unit }
}

const keepsOf = (kept: Rules['tasks'][string]): Keeps => ({
  completed: keepOf(kept.completedMs),
  failed: keepOf(kept.failedMs),
  cancelled: keepOf(kept.cancelledMs),
})

/** A task for which nothing is said yet. */
export const asForAll = (task: string) => ({ task, keeps: keepsOf({}) })

export const draftOf = ({ tasks, ...common }: Rules): Draft => ({
  common: keepsOf(common),
  tasks: Object.entries(tasks)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([task, kept]) => ({ task, keeps: keepsOf(kept) })),
})

const msOf = ({ amount, unit }: Keep): Kept | undefined => {
  if (unit === 'ever') return false
  return isTimed(unit) && amount !== '' ? Math.round(amount * sizes[unit]) : undefined
}

function bodyOfKeeps({ completed, failed, cancelled }: Keeps) {
  const all = { completedMs: msOf(completed), failedMs: msOf(failed), cancelledMs: msOf(cancelled) }
  return Object.fromEntries(Object.entries(all).filter(([, kept]) => kept !== undefined)) as Omit<NewRetentionBody, 'tasks'>
}

/** As it is sent; tasks for which nothing is said are left out. */
export function bodyOf({ common, tasks }: Draft): NewRetentionBody {
  const named = tasks.map(({ task, keeps }) => [task, bodyOfKeeps(keeps)] as const)
  return { ...bodyOfKeeps(common), tasks: Object.fromEntries(named.filter(([, keeps]) => Object.keys(keeps).length > 0)) }
}

/** Where a number is missing. */
export const isMissing = ({ amount, unit }: Keep) => isTimed(unit) && amount === ''
/** Is there a number wherever one is needed? */
export const isFilled = ({ common, tasks }: Draft) =>
  [common, ...tasks.map(({ keeps }) => keeps)].every((keeps) => endings.every((ending) => !isMissing(keeps[ending])))

/** "30 days", "1 hour", "kept for ever", "as for all tasks" */
export function keepText({ amount, unit }: Keep): string {
  if (unit === 'common') return 'as for all tasks'
  if (unit === 'ever' || amount === '') return 'kept for ever'
  return `${numberText(amount)} ${amount === 1 ? unit.slice(0, -1) : unit}`
}

/** All of the rules in one sentence. */
export function rulesText({ completedMs, failedMs, cancelledMs, tasks }: Rules): string {
  const text = (kept: Kept) => keepText(keepOf(kept))
  const parts = [`completed ${text(completedMs)}`, `failed ${text(failedMs)}`, `cancelled ${text(cancelledMs)}`]
  const count = Object.keys(tasks).length
  return `${parts.join(', ')}${count === 0 ? '' : `; ${count === 1 ? 'one task has its' : `${count} tasks have their`} own`}`
}
