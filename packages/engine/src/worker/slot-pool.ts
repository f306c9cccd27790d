import type { TrunklineError } from '@trunkline/contract'
import { type ClaimedJob, isolationLane } from '../jobs/claim.ts'
import type { AbortWhy, Execution } from './execution.ts'
import { BatchCall } from './run-batch.ts'
import type { End } from './run-job.ts'
import type { Slots } from './slots.ts'

/** Claimed jobs on their way through a fixed number of slots. */
export interface SlotPool {
  /** Jobs to run, in their order. */
  push(jobs: readonly ClaimedJob[]): void
  /** Takes out jobs that have not begun: all, or one by id. */
  takeBack(id?: number): ClaimedJob[]
  /** No slot begins another job. */
  close(): void
  free(): number
  buffered(): number
  /** How long the oldest job that has not begun has waited, in ms. */
  waitedMs(): number
  /** Jobs in slots. */
  running(): number
  execution(id: number): Execution | undefined
  /** Tells every handler that runs to end. */
  abort(why: AbortWhy, errorOf: (id: number) => TrunklineError, graceMs: number): void
}

/** Options of {@link createSlotPool}. */
export interface SlotPoolOptions {
  concurrency: number
  /** Shared with the heartbeat thread. */
  slots: Slots
  /** Jobs like this one that its handler takes in one call. */
  room: (job: ClaimedJob) => number
  /** The execution of a job, or null when there is no handler for it. */
  open: (job: ClaimedJob) => Execution | null
  /** When even a blocked handler is given up, in epoch ms; 0 = never. */
  hardDeadline: (execution: Execution) => number
  /** Runs one job, or those of a call; answers whether the handler ignored its abort. */
  run: (work: Execution | BatchCall, onEnd: (execution: Execution, end: End) => void) => Promise<boolean>
  onEnd: (execution: Execution, end: End) => void
  /** A slot was left after so many ms. */
  onLeft: (call: { ms: number; jobs: number; room: number; stuck: boolean }) => void
  /** A slot is free, or nothing waits any more. */
  onRoom: () => void
}

/** Makes the pool; its slots wait for jobs at once. */
export function createSlotPool(options: SlotPoolOptions): SlotPool {
  const { concurrency, slots, onRoom } = options
  const buffer: ClaimedJob[] = []
  const sleeping: (() => void)[] = []
  const executions = new Map<number, Execution>()
  const calls = new Set<Execution | BatchCall>()
  let since = 0
  let closed = false

  async function loop(slot: number): Promise<void> {
    while (!closed) {
      const job = buffer.shift()
      if (job) await occupy(slot, job)
      else await new Promise<void>((resolve) => sleeping.push(resolve))
    }
  }

  /** A crash suspect runs alone, or it would bring others under suspicion. */
  const isSuspect = (job: ClaimedJob) => job.priority === isolationLane

  /** Others of the buffer that go into the same call, up to `most`. */
  function companions(first: ClaimedJob, most: number): ClaimedJob[] {
    if (most === 0 || isSuspect(first)) return []
    const found: ClaimedJob[] = []
    let kept = 0
    for (const job of buffer) {
      if (found.length < most && job.taskId === first.taskId && !isSuspect(job)) found.push(job)
      else buffer[kept++] = job
    }
    buffer.length = kept
    return found
  }

  async function occupy(slot: number, job: ClaimedJob): Promise<void> {
    const first = options.open(job)
    const room = first ? options.room(job) : 1
    const others = first ? companions(job, room - 1) : []
    if (buffer.length === 0) onRoom()
    if (!first) return
    const all = [first, ...others.map((other) => options.open(other)).filter((e) => e !== null)]
    for (const execution of all) executions.set(execution.id, execution)
    const work = first.task.batch ? new BatchCall(all) : first
    calls.add(work)
    slots.enter(slot, all, options.hardDeadline(first))
    const begun = performance.now()
    // of the others the flusher tells when they are stored
    let silent = first.task.batch !== null
    const stuck = await options.run(work, (execution, end) => {
      silent ||= end.how === 'dropped' || end.how === 'completed_already'
      slots.ended(slot, execution.id)
      executions.delete(execution.id)
      options.onEnd(execution, end)
    })
    slots.leave(slot)
    calls.delete(work)
    options.onLeft({ ms: performance.now() - begun, jobs: all.length, room, stuck })
    if (silent) onRoom()
  }

  for (let slot = 0; slot < concurrency; slot++) void loop(slot)

  return {
    push(jobs) {
      if (buffer.length === 0) since = performance.now()
      for (const job of jobs) buffer.push(job)
      for (let n = Math.min(sleeping.length, buffer.length); n > 0; n--) sleeping.shift()?.()
    },
    takeBack(id) {
      if (id === undefined) return buffer.splice(0)
      const at = buffer.findIndex((job) => job.id === id)
      return at < 0 ? [] : buffer.splice(at, 1)
    },
    close() {
      closed = true
      for (const wake of sleeping.splice(0)) wake()
    },
    free: () => concurrency - calls.size,
    buffered: () => buffer.length,
    waitedMs: () => (buffer.length === 0 ? 0 : performance.now() - since),
    running: () => executions.size,
    execution: (id) => executions.get(id),
    abort(why, errorOf, graceMs) {
      for (const call of calls) {
        if (call instanceof BatchCall) call.abort(why, errorOf, graceMs)
        else call.abort(why, errorOf(call.id), graceMs)
      }
    },
  }
}
