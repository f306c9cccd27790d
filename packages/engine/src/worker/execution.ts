import type { TrunklineError } from '@trunkline/contract'
import { type ClaimedJob, isolationLane } from '../jobs/claim.ts'
import type { QueuePause, RunningJob, Task, TaskContext } from '../jobs/define-task.ts'
import type { ParentView } from '../jobs/parents.ts'
import type { Steps } from '../jobs/steps.ts'
import type { Feedback } from '../log/feedback.ts'
import type { FeedbackWriter } from '../log/feedback-writer.ts'
import type { Queryable } from '../postgres/database.ts'
import type { Fence } from './fence.ts'
import { createSteps, type StepKeeper } from './steps.ts'

/** Why an execution was told to end. */
export type AbortWhy = 'cancelled' | 'timeout' | 'lease_lost' | 'stopping'

/** How a handler ended: it returned, it threw, or its grace was over. */
export type Settled = { how: 'returned'; value: unknown } | { how: 'threw'; error: unknown } | { how: 'abandoned' }

/** What an execution needs of its worker. */
export interface ExecutionParts {
  /** Name of its queue. */
  queue: string
  writer: FeedbackWriter
  fence: Fence
  /** Looks up what a job depends on. */
  parents: (jobId: string) => Promise<ParentView[]>
  steps: StepKeeper
  /** The tasks of its worker, by name. */
  tasks: ReadonlyMap<string, Task>
  /** Pauses its queue in the name of the job. */
  pauseQueue: (queue: string, jobId: string, until: QueuePause) => Promise<void>
}

/** One execution of a job. */
export class Execution {
  readonly job: ClaimedJob
  readonly task: Task
  readonly startedAt = performance.now()
  /** The lease that holds it now. */
  leaseId: number
  /** Is it alone in its lease, because a transaction of the handler locks it? */
  ownLease = false
  /** What the handler completed it with in its own transaction, JSON text; whether that was committed is another question. */
  ownResult: { result: string | null } | null = null
  readonly #parts: ExecutionParts
  #feedback: Feedback | null = null
  #steps: Steps | null = null
  #controller: AbortController | null = null
  #aborted: { why: AbortWhy; error: TrunklineError } | null = null
  #timers: NodeJS.Timeout[] = []
  #settle: ((settled: Settled) => void) | null = null
  #onAbort: (() => void) | null = null
  #over = false

  constructor(job: ClaimedJob, task: Task, parts: ExecutionParts) {
    this.job = job
    this.task = task
    this.leaseId = job.leaseId
    this.#parts = parts
  }

  get id(): number {
    return this.job.id
  }

  /** Executions of the job before this one. */
  get attempt(): number {
    return this.job.attempt
  }

  /** Why it was told to end, or null. */
  get aborted(): AbortWhy | null {
    return this.#aborted?.why ?? null
  }

  get abortError(): TrunklineError | null {
    return this.#aborted?.error ?? null
  }

  get feedback(): Feedback | null {
    return this.#feedback
  }

  get fence(): Fence {
    return this.#parts.fence
  }

  parents(): Promise<ParentView[]> {
    return this.#parts.parents(String(this.id))
  }

  pauseQueue(until: QueuePause): Promise<void> {
    return this.#parts.pauseQueue(this.#parts.queue, String(this.id), until)
  }

  get tasks(): ReadonlyMap<string, Task> {
    return this.#parts.tasks
  }

  get steps(): Steps {
    this.#steps ??= createSteps(this, this.#parts.steps)
    return this.#steps
  }

  get log(): Feedback {
    this.#feedback ??= this.#parts.writer.open(this)
    return this.#feedback
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController()
      if (this.#aborted) this.#controller.abort(this.#aborted.error)
    }
    return this.#controller.signal
  }

  /** The job as its handler sees it. */
  describe(): RunningJob {
    const { id, priority } = this.job
    return {
      id: String(id),
      task: this.task.name,
      queue: this.#parts.queue,
      priority: priority === isolationLane ? 0 : -priority,
      leaseId: String(this.leaseId),
    }
  }

  /** Makes what its handler is given. */
  context(input: unknown): TaskContext<unknown> {
    return new Context(this, input)
  }

  /** Has it ended? */
  get over(): boolean {
    return this.#over
  }

  /** Runs `call`; resolves when it has ended, together with the transactions that it fenced, or is abandoned. */
  run(call: () => unknown): Promise<Settled> {
    return new Promise((settle) => {
      this.#settle = settle
      const resolve = (settled: Settled) => {
        if (this.ownLease) void this.fence.ended(this, () => this.#over).then(() => settle(settled))
        else settle(settled)
      }
      let running: unknown
      try {
        running = call()
      } catch (error) {
        return resolve({ how: 'threw', error })
      }
      if (running instanceof Promise)
        running.then(
          (value) => resolve({ how: 'returned', value }),
          (error) => resolve({ how: 'threw', error }),
        )
      else resolve({ how: 'returned', value: running })
    })
  }

  /** For one of a batch: `settle` is told when it is abandoned, `onAbort` when it is told to end. */
  watch(settle: (settled: Settled) => void, onAbort: () => void): void {
    this.#settle = settle
    this.#onAbort = onAbort
  }

  /** Tells the handler to end; when it has not done so within the grace, it is abandoned. The first reason stays. */
  abort(why: AbortWhy, error: TrunklineError, graceMs: number): void {
    if (this.#aborted) return
    this.#aborted = { why, error }
    this.#controller?.abort(error)
    this.after(graceMs, () => this.#settle?.({ how: 'abandoned' }))
    this.#onAbort?.()
  }

  /** Runs `work` after `ms` unless the execution has ended by then. */
  after(ms: number, work: () => void): void {
    this.#timers.push(setTimeout(work, Math.min(ms, 2_147_483_647)))
  }

  /** No timer of it may fire any more. */
  end(): void {
    this.#over = true
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.length = 0
    this.#settle = null
    this.#onAbort = null
  }
}

/** What a handler gets. Logger and signal are made when they are asked for: most quick handlers need neither. */
class Context implements TaskContext<unknown> {
  readonly input: unknown
  readonly #execution: Execution
  constructor(execution: Execution, input: unknown) {
    this.#execution = execution
    this.input = input
  }
  // functions of their own, because handlers take them out of the context as they take out the logger
  get complete(): (tx: Queryable, result?: unknown) => Promise<void> {
    const execution = this.#execution
    return (tx, result) => execution.fence.complete(execution, tx, result)
  }
  get assertLease(): (tx: Queryable) => Promise<void> {
    const execution = this.#execution
    return (tx) => execution.fence.assert(execution, tx)
  }
  get parents(): () => Promise<ParentView[]> {
    const execution = this.#execution
    return () => execution.parents()
  }
  get pauseQueue(): (until: QueuePause) => Promise<void> {
    const execution = this.#execution
    return (until) => execution.pauseQueue(until)
  }
  get step(): Steps {
    return this.#execution.steps
  }
  get tasks(): ReadonlyMap<string, Task> {
    return this.#execution.tasks
  }
  get job(): RunningJob {
    return this.#execution.describe()
  }
  get log(): Feedback {
    return this.#execution.log
  }
  get signal(): AbortSignal {
    return this.#execution.signal
  }
  get attempt(): number {
    return this.#execution.job.attempt + 1
  }
}
