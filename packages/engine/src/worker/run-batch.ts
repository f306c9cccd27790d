import type { TrunklineError } from '@trunkline/contract'
import type { BatchHandler, BatchJob, RunningJob } from '../jobs/define-task.ts'
import { Snooze } from '../jobs/fate.ts'
import type { JobLogger } from '../log/job-logger.ts'
import type { AbortWhy, Execution, Settled } from './execution.ts'
import { throughMiddleware } from './middleware.ts'
import { finish, type RunOptions, readInput, timeoutError } from './run-job.ts'

/** One call of a batch handler: its jobs share a slot, a time limit and a signal, and each has an end of its own. */
export class BatchCall {
  readonly executions: readonly Execution[]
  readonly #controller = new AbortController()
  readonly #open: Set<Execution>
  #aborted: AbortWhy | null = null
  #timers: NodeJS.Timeout[] = []
  #abandon: (() => void) | null = null

  constructor(executions: readonly Execution[]) {
    this.executions = executions
    this.#open = new Set(executions)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Why the whole call was told to end, or null. */
  get aborted(): AbortWhy | null {
    return this.#aborted
  }

  /** Tells the call and its open jobs to end; after the grace it is abandoned. The first reason stays. */
  abort(why: AbortWhy, errorOf: (id: number) => TrunklineError, graceMs: number): void {
    if (this.#aborted) return
    this.#aborted = why
    for (const execution of this.#open) execution.abort(why, errorOf(execution.id), graceMs)
    this.#controller.abort(errorOf(this.executions[0]?.id ?? 0))
    this.after(graceMs, () => this.#abandon?.())
  }

  after(ms: number, work: () => void): void {
    this.#timers.push(setTimeout(work, Math.min(ms, 2_147_483_647)))
  }

  /** Takes a job out of those that are open; false when it is not among them. */
  close(execution: Execution): boolean {
    return this.#open.delete(execution)
  }

  open(): Execution[] {
    return [...this.#open]
  }

  /** One job was told to end: when no other goes on, the call has nothing left to do. */
  oneAborted(graceMs: number): void {
    const open = this.open()
    const [first] = open
    if (!first?.aborted || open.some((e) => !e.aborted)) return
    const { aborted, abortError } = first
    this.abort(aborted, () => abortError as TrunklineError, graceMs)
  }

  run(call: () => unknown): Promise<Settled> {
    return new Promise((resolve) => {
      this.#abandon = () => resolve({ how: 'abandoned' })
      Promise.resolve()
        .then(call)
        .then(
          (value) => resolve({ how: 'returned', value }),
          (error) => resolve({ how: 'threw', error }),
        )
    })
  }

  end(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.length = 0
    this.#abandon = null
  }
}

/**
 * Runs a batch to the end of each of its jobs. Never throws.
 * @returns whether its handler ignored its abort
 */
export async function runBatch(call: BatchCall, options: RunOptions): Promise<boolean> {
  const { emit, graceMs, middleware, timeoutMs } = options
  const ends: Promise<void>[] = []
  const settle = (execution: Execution, settled: Settled) => {
    if (call.close(execution)) ends.push(finish(execution, settled, options))
  }
  for (const execution of call.executions) {
    const { job, task } = execution
    emit?.({ type: 'job_started', jobId: String(job.id), task: task.name, attempt: job.attempt + 1 })
    execution.watch(
      (settled) => settle(execution, settled),
      () => call.oneAborted(graceMs),
    )
  }
  const jobs = await readJobs(call, settle)
  const task = call.executions[0]?.task
  let stuck = false
  if (task?.batch && jobs.length > 0) {
    const { batch, name } = task
    if (timeoutMs !== null) call.after(timeoutMs, () => call.abort('timeout', () => timeoutError(timeoutMs), graceMs))
    const context = { task: name, jobs, signal: call.signal }
    const settled = await call.run(() => throughMiddleware(middleware, context, () => (batch as BatchHandler).run(context)))
    stuck = settled.how === 'abandoned'
    if (stuck) emit?.({ type: 'handler_stuck', jobId: jobs[0]?.job.id ?? '', task: name, why: call.aborted ?? '' })
    const results = settled.how === 'returned' && Array.isArray(settled.value) && settled.value.length === jobs.length ? settled.value : []
    for (const [i, job] of jobs.entries())
      settle(job.execution, settled.how === 'returned' ? { how: 'returned', value: results[i] } : settled)
  }
  call.end()
  await Promise.all(ends)
  return stuck
}

/** Parses and checks the payloads; a bad one ends its own job alone. */
async function readJobs(call: BatchCall, settle: (execution: Execution, settled: Settled) => void): Promise<JobOfBatch[]> {
  const jobs: JobOfBatch[] = []
  for (const execution of call.executions) {
    try {
      jobs.push(new JobOfBatch(execution, await readInput(execution), settle))
    } catch (error) {
      settle(execution, { how: 'threw', error })
    }
  }
  return jobs
}

class JobOfBatch implements BatchJob<unknown> {
  readonly input: unknown
  readonly execution: Execution
  readonly #settle: (execution: Execution, settled: Settled) => void
  constructor(execution: Execution, input: unknown, settle: (execution: Execution, settled: Settled) => void) {
    this.execution = execution
    this.input = input
    this.#settle = settle
  }
  get job(): RunningJob {
    return this.execution.describe()
  }
  get log(): JobLogger {
    return this.execution.log
  }
  get signal(): AbortSignal {
    return this.execution.signal
  }
  get attempt(): number {
    return this.execution.attempt + 1
  }
  complete(value?: unknown): void {
    this.#settle(this.execution, { how: 'returned', value })
  }
  fail(error: unknown): void {
    this.#settle(this.execution, { how: 'threw', error })
  }
  snooze(delay: number | string): void {
    this.#settle(this.execution, { how: 'threw', error: new Snooze(delay) })
  }
}
