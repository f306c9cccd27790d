import { didYouMean, isAtLeast, type Right, type Role, TrunklineError, taskNeeds } from '@trunkline/contract'
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

/** @throws `forbidden` where a built-in task needs more than the role of an operator */
export function checkTask(principal: Principal, task: string): void {
  const needed = Object.hasOwn(taskNeeds, task) ? taskNeeds[task] : undefined
  if (needed) checkMay(principal, `the task ${task}`, needed)
}

/** @throws `unknown_queue` for a queue outside the caller's scope, as for one that is not there */
export function checkQueue({ scopes }: Principal, queue: string): void {
  if (covers(scopes.queues, queue)) return
  throw new TrunklineError('unknown_queue', { field: 'queue', received: queue, meant: '', allowed: scopes.queues?.join(', ') || 'none' })
}

/**
 * May the caller make jobs of this task in this queue (default: the task's)?
 * @throws `forbidden`, and `unknown_task`, `unknown_queue` for what lies outside the scope
 */
export async function checkTarget(trunkline: Trunkline, principal: Principal, task: string, queue: string | undefined): Promise<void> {
  checkTask(principal, task)
  if (principal.scopes.queues === null && principal.scopes.tasks === null) return
  const mine = (await trunkline.tasks()).filter((t) => covers(principal.scopes.tasks, t.task))
  const known = mine.find((t) => t.task === task)
  if (!known) {
    const names = mine.map((t) => t.task)
    throw new TrunklineError('unknown_task', {
      field: 'task',
      received: task,
      meant: didYouMean(task, names),
      allowed: names.slice(0, 20).join(', ') || 'none yet',
    })
  }
  if (!mayUse(principal, queue ?? known.queue, task)) checkQueue(principal, queue ?? known.queue)
}

/** For what names many objects at once, whoever they belong to. @throws `forbidden` for callers with a scope */
export function checkUnscoped(within: Within | null, what: string): void {
  if (within) throw new TrunklineError('forbidden', { what, needed: 'a role without a scope', received: 'a scope' })
}
