import type { TrunklineError } from '@trunkline/contract'
import { type ClaimedJob, isolationLane } from '../jobs/claim.ts'
import type { RunningJob, Task, TaskContext } from '../jobs/define-task.ts'
import type { Feedback } from '../log/feedback.ts'
import type { FeedbackWriter } from '../log/feedback-writer.ts'

/** Why an execution was told to end. */
export type AbortWhy = 'cancelled' | 'timeout' | 'lease_lost' | 'stopping'

/** How a handler ended: it returned, it threw, or its grace was over. */
export type Settled = { how: 'returned'; value: unknown } | { how: 'threw'; error: unknown } | { how: 'abandoned' }

/** One execution of a job in one slot. */
export class Execution {
  readonly job: ClaimedJob
  readonly task: Task
  readonly startedAt = performance.now()
  readonly #queue: string
  readonly #writer: FeedbackWriter
  #feedback: Feedback | null = null
  #controller: AbortController | null = null
  #aborted: { why: AbortWhy; error: TrunklineError } | null = null
  #timers: NodeJS.Timeout[] = []
  #settle: ((settled: Settled) => void) | null = null

  constructor(job: ClaimedJob, task: Task, queue: string, writer: FeedbackWriter) {
    this.job = job
    this.task = task
    this.#queue = queue
    this.#writer = writer
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

  get log(): Feedback {
    this.#feedback ??= this.#writer.open(this.job)
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
    const { id, leaseId, priority } = this.job
    return {
      id: String(id),
      task: this.task.name,
      queue: this.#queue,
      priority: priority === isolationLane ? 0 : -priority,
      leaseId: String(leaseId),
    }
  }

  /** Runs the handler; resolves when it ends or is abandoned. */
  run(input: unknown): Promise<Settled> {
    return new Promise((resolve) => {
      this.#settle = resolve
      let running: unknown
      try {
        running = this.task.run(new Context(this, input))
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

  /** Tells the handler to end; when it has not done so within the grace, it is abandoned. The first reason stays. */
  abort(why: AbortWhy, error: TrunklineError, graceMs: number): void {
    if (this.#aborted) return
    this.#aborted = { why, error }
    this.#controller?.abort(error)
    this.after(graceMs, () => this.#settle?.({ how: 'abandoned' }))
  }

  /** Runs `work` after `ms` unless the execution has ended by then. */
  after(ms: number, work: () => void): void {
    this.#timers.push(setTimeout(work, Math.min(ms, 2_147_483_647)))
  }

  /** No timer of it may fire any more. */
  end(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.length = 0
    this.#settle = null
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
