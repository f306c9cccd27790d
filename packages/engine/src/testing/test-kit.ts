import { formatDuration, type JobState, jobStates, show, TrunklineError } from '@trunkline/contract'
import { checkKeys } from '../jobs/check-options.ts'
import type { Task } from '../jobs/define-task.ts'
import type { JobView } from '../jobs/show.ts'
import { createKeeper, type KeeperOptions } from '../keeper/keeper.ts'
import { createLink } from '../postgres/link.ts'
import { insideOf, type Job, type Trunkline } from '../trunkline.ts'
import type { WorkerOptions } from '../worker/worker-options.ts'
import { createTestClock, type TestClock } from './clock.ts'
import { type DrainedRun, type DrainOptions, drain } from './drain.ts'
import { type RunTaskOptions, runTask, type TaskRun } from './run-task.ts'

/** Options of {@link createTestKit}. */
export interface TestKitOptions {
  /** Of the worker of each drain, as for `trunkline.work`; its middleware runs in `runTask` as well. */
  worker?: Omit<WorkerOptions, 'onEvent'>
  /** Of the keeper whose chores each drain does once. */
  keeper?: KeeperOptions
}

/** Options of `waitForState`. */
export interface WaitOptions {
  /** Default 10,000 ms. */
  timeoutMs?: number
}

/** What a test needs to run jobs at its own pace. Made by {@link createTestKit}. */
export interface TestKit {
  /** Runs a handler once in this process, without the database; see {@link runTask}. */
  runTask<Input, Result>(task: Task<Input, Result>, payload: Input, options?: RunTaskOptions): Promise<TaskRun<Result>>
  /**
   * Runs everything that is due in the queues of the tasks, with a real worker, until nothing is left: also what handlers
   * enqueue meanwhile. What waits for a time stays where it is unless `scheduled` is set.
   * @returns each execution, in the order of their ends
   * @throws `not_reached` when `limit` or `timeoutMs` is over; `invalid_option`, `unknown_option`
   * @example expect(await kit.drain()).toMatchObject([{ task: 'image.resize', how: 'completed' }])
   */
  drain(options?: DrainOptions): Promise<DrainedRun[]>
  /**
   * Waits until a job is in a state, whoever brings it there; looks every 20 ms.
   * @throws `not_reached` at the timeout, with the sentence of `why`; `job_not_found`, `invalid_option`, `unknown_option`
   * @example await kit.waitForState(job, 'completed')
   */
  waitForState(job: string | Job, state: JobState, options?: WaitOptions): Promise<JobView>
  /** The time of the database, for everything that waits. */
  readonly clock: TestClock
  /** Closes the kit's own connections; `trunkline.close()` does so as well. */
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

async function waitForState(trunkline: Trunkline, job: string | Job, state: JobState, options: WaitOptions): Promise<JobView> {
  checkKeys(options, ['timeoutMs'], 'waitForState')
  const { timeoutMs = 10_000 } = options
  if (!jobStates.includes(state)) {
    throw new TrunklineError('invalid_option', { field: 'state', received: show(state), allowed: jobStates.join(', ') })
  }
  if (!(Number.isInteger(timeoutMs) && timeoutMs >= 0)) {
    throw new TrunklineError('invalid_option', { field: 'timeoutMs', received: show(timeoutMs), allowed: 'a whole number from 0' })
  }
  const id = typeof job === 'string' ? job : job.id
  const end = performance.now() + timeoutMs
  for (;;) {
    const view = await trunkline.get(id)
    if (view.state === state) return view
    if (performance.now() >= end) {
      const { sentence } = await trunkline.why(id)
      const [wanted, found] = [`job ${id} to be ${state}`, `it is ${view.state}: ${sentence}`]
      throw new TrunklineError('not_reached', { allowed: formatDuration(timeoutMs), wanted, found })
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/**
 * Makes a test kit on a database of its own: `drain` and `clock` move everything in the schema, so no other test may use it at
 * the same time.
 * @param trunkline made by `Trunkline.connect`
 * @param tasks those that `drain` runs
 * @throws `invalid_option`, `unknown_option`
 * @example
 * const kit = createTestKit(trunkline, [remind])
 * await trunkline.enqueue(remind, { user: 7 }, { delay: '1d' })
 * await kit.clock.advance('1d')
 * expect(await kit.drain()).toMatchObject([{ task: 'user.remind', how: 'completed' }])
 */
export function createTestKit(trunkline: Trunkline, tasks: readonly Task[], options: TestKitOptions = {}): TestKit {
  checkKeys(options, ['worker', 'keeper'], 'createTestKit')
  const { worker = {}, keeper: keeperOptions = {} } = options
  if (!Array.isArray(tasks) || tasks.length === 0) {
    throw new TrunklineError('invalid_option', { field: 'tasks', received: show(tasks), allowed: 'at least one task' })
  }
  const { database, parts } = insideOf(trunkline)
  const link = createLink(database, 'walk', 'testing')
  const keeper = createKeeper(database, keeperOptions)
  const clock = createTestClock(database, link)
  const stop = async () => {
    await Promise.all([keeper.stop(), link.stop()])
  }
  parts.push({ stop })
  return {
    runTask: (task, payload, runOptions = {}) => runTask(task, payload, { middleware: worker.middleware ?? [], ...runOptions }),
    drain: (drainOptions) => drain({ trunkline, database, link, keeper, clock, tasks, worker }, drainOptions),
    waitForState: (job, state, waitOptions = {}) => waitForState(trunkline, job, state, waitOptions),
    clock,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
