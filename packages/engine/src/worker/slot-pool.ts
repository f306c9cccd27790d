import type { ClaimedJob } from '../jobs/claim.ts'
import type { Execution } from './execution.ts'
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
  running(): number
  executions(): Iterable<Execution>
  execution(id: number): Execution | undefined
}

/** Options of {@link createSlotPool}. */
export interface SlotPoolOptions {
  concurrency: number
  /** Shared with the heartbeat thread. */
  slots: Slots
  /** The execution of a job, or null when there is no handler for it. */
  open: (job: ClaimedJob) => Execution | null
  /** When even a blocked handler is given up, in epoch ms; 0 = never. */
  hardDeadline: (execution: Execution) => number
  run: (execution: Execution) => Promise<End>
  onEnd: (execution: Execution, end: End) => void
  /** A slot is free, or nothing waits any more. */
  onRoom: () => void
}

/** Makes the pool; its slots wait for jobs at once. */
export function createSlotPool(options: SlotPoolOptions): SlotPool {
  const { concurrency, slots, onRoom } = options
  const buffer: ClaimedJob[] = []
  const sleeping: (() => void)[] = []
  const executions = new Map<number, Execution>()
  let since = 0
  let closed = false

  async function loop(slot: number): Promise<void> {
    while (!closed) {
      const job = buffer.shift()
      if (job) {
        if (buffer.length === 0) onRoom()
        await occupy(slot, job)
      } else await new Promise<void>((resolve) => sleeping.push(resolve))
    }
  }

  async function occupy(slot: number, job: ClaimedJob): Promise<void> {
    const execution = options.open(job)
    if (!execution) return
    executions.set(job.id, execution)
    slots.enter(slot, job.id, job.leaseId, options.hardDeadline(execution))
    const end = await options.run(execution)
    slots.leave(slot)
    executions.delete(job.id)
    options.onEnd(execution, end)
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
    free: () => concurrency - executions.size,
    buffered: () => buffer.length,
    waitedMs: () => (buffer.length === 0 ? 0 : performance.now() - since),
    running: () => executions.size,
    executions: () => executions.values(),
    execution: (id) => executions.get(id),
  }
}
