import { didYouMean, isAtLeast, type Right, type Role, TrunklineError, taskNeeds, tasksIn } from '@trunkline/contract'
import type { Trunkline, Within } from '@trunkline/engine'
import { covers, mayUse, type Principal } from './principal.ts'

/** @throws `forbidden` unless role and right are there */
export function checkMay({ role, rights }: Principal, what: string, needed: { role?: Role | undefined; right?: Right | undefined }): void {
  if (needed.role && !isAtLeast(role, needed.role)) {
    throw new TrunklineError('forbidden', { what, needed: `the role ${needed.role}`, received: role })
  }
  if (needed.right && !rights.includes(needed.right)) {
    throw new TrunklineError('forbidden', { what, needed: `the right ${needed.right}`, received: rights.join(', ') || 'none' })
  }
}

/** @throws `forbidden` where one of these tasks needs more than the role of an operator */
export function checkTasks(principal: Principal, tasks: readonly string[]): void {
  for (const task of tasks) {
    const needed = Object.hasOwn(taskNeeds, task) ? taskNeeds[task] : undefined
    if (needed) checkMay(principal, `the task ${task}`, needed)
  }
}

/**
 * May the caller have a job of this task and payload run again?
 * @throws `forbidden` where its task, or that of one of its steps, needs more than the role of an operator
 */
export function checkTask(principal: Principal, task: string, payload: unknown): void {
  checkTasks(principal, tasksIn(task, payload))
}

/** What somebody wants to make jobs of. */
export interface Target {
  readonly task: string
  /** Default: that of the task. */
  readonly queue?: string | undefined
  readonly payload: unknown
}

/** @throws `unknown_queue` for a queue outside the caller's scope, as for one that is not there */
export function checkQueue({ scopes }: Principal, queue: string): void {
  if (covers(scopes.queues, queue)) return
  throw new TrunklineError('unknown_queue', { field: 'queue', received: queue, meant: '', allowed: scopes.queues?.join(', ') || 'none' })
}

/**
 * May the caller make such jobs?
 * @throws `forbidden`, and `unknown_task`, `unknown_queue` for what lies outside the scope
 */
export async function checkTarget(trunkline: Trunkline, principal: Principal, { task, queue, payload }: Target): Promise<void> {
  checkTask(principal, task, payload)
  if (principal.scopes.queues === null && principal.scopes.tasks === null) return
  const mine = (await trunkline.tasks()).filter((t) => covers(principal.scopes.tasks, t.task))
  for (const wanted of tasksIn(task, payload)) {
    const known = mine.find((t) => t.task === wanted)
    if (!known) {
      const names = mine.map((t) => t.task)
      throw new TrunklineError('unknown_task', {
        field: wanted === task ? 'task' : 'payload.steps',
        received: wanted,
        meant: didYouMean(wanted, names),
        allowed: names.slice(0, 20).join(', ') || 'none yet',
      })
    }
    if (wanted === task && !mayUse(principal, queue ?? known.queue, task)) checkQueue(principal, queue ?? known.queue)
  }
}

/** For what names many objects at once, whoever they belong to. @throws `forbidden` for callers with a scope */
export function checkUnscoped(within: Within | null, what: string): void {
  if (within) throw new TrunklineError('forbidden', { what, needed: 'a role without a scope', received: 'a scope' })
}
