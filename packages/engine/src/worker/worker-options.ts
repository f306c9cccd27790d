import { hostname } from 'node:os'
import { defaults, show, TrunklineError } from '@trunkline/contract'
import { checkKeys, checkName } from '../jobs/check-options.ts'
import type { Task } from '../jobs/define-task.ts'
import type { WorkerEventListener } from './events.ts'
import type { Middleware } from './middleware.ts'

/** Options of a worker. */
export interface WorkerOptions {
  /** Jobs that run at the same time; of a batch task, calls. Default 5. */
  concurrency?: number
  /** Queues to serve. Default: those of the tasks. */
  queues?: string[]
  /**
   * How the jobs that the worker takes are shared among its queues while all of them have some: of `{ mail: 3, reports: 1 }` three of mail for
   * each of reports. 0.01 to 1000. Default: 1 each.
   */
  weights?: Record<string, number>
  /** For people. Default `<host>:<process>`. */
  name?: string
  /** Version of the code, such as a git SHA. */
  version?: string
  /**
   * At most one live worker with this name, whoever starts when: the database refuses a second one. One that was not heard of
   * for `staleMs` (default 30,000 ms) is given up first, as dead workers are: its jobs go on.
   */
  singleton?: string | { name: string; staleMs?: number }
  /** Run around each handler call, the first outermost. */
  middleware?: Middleware[]
  /**
   * When the memory of the process (RSS) is above so many MB (1,000,000 bytes) after a job has ended, the worker drains, stops
   * and calls `onReplace`. Default: no limit.
   */
  memoryLimitMb?: number
  /** Default 10,000 ms. */
  heartbeatMs?: number
  /** How long a handler may go on after its abort. Default 5,000 ms. */
  graceMs?: number
  /** How long `stop` waits for running jobs. Default 60,000 ms. */
  drainMs?: number
  /**
   * What to do about a handler that ignores its abort: `release` gives its slot to other jobs and goes on; `replace` calls
   * `onReplace` once the other jobs have ended, for a process that something restarts. Default `release`.
   */
  stuck?: 'release' | 'replace'
  /** The worker has stopped and this process should be replaced: a stuck handler, the memory limit, its singleton taken by another. */
  onReplace?: () => void
  /** The worker was asked to stop (`trunkline workers stop`), and has. */
  onStopAsked?: () => void
  onEvent?: WorkerEventListener
  /** Back-stop polling while nothing arrives; the listener usually wakes the worker before. Default: 20 ms, then 1 s, then a tenth of the idle time up to 60 s. */
  pollMs?: number
  /** How often leases are compared with what is known here, and the schema with this version. Default 10,000 ms. */
  checkMs?: number
}

const optionNames = [
  'concurrency',
  'queues',
  'weights',
  'name',
  'version',
  'singleton',
  'middleware',
  'memoryLimitMb',
  'heartbeatMs',
  'graceMs',
  'drainMs',
  'stuck',
  'onReplace',
  'onStopAsked',
  'onEvent',
  'pollMs',
  'checkMs',
]

/** {@link WorkerOptions} with their defaults. */
export interface CheckedOptions {
  concurrency: number
  queues: string[]
  /** In the order of the queues. */
  weights: number[]
  name: string
  version: string
  singleton: { name: string; staleMs: number } | null
  middleware: readonly Middleware[]
  memoryLimit: number
  heartbeatMs: number
  graceMs: number
  drainMs: number
  stuck: 'release' | 'replace'
}

function refuse(field: string, received: unknown, allowed: string): never {
  throw new TrunklineError('invalid_option', { field, received: show(received), allowed })
}

function readSingleton(option: WorkerOptions['singleton']): CheckedOptions['singleton'] {
  if (option === undefined) return null
  if (typeof option === 'string') return { name: checkName(option, 'singleton'), staleMs: 30_000 }
  if (option === null || typeof option !== 'object') refuse('singleton', option, 'a name, or { name, staleMs }')
  checkKeys(option, ['name', 'staleMs'], 'singleton')
  const { name, staleMs = 30_000 } = option
  if (!Number.isInteger(staleMs) || staleMs < 1000) refuse('singleton.staleMs', staleMs, 'a whole number of milliseconds from 1000')
  return { name: checkName(name, 'singleton.name'), staleMs }
}

function readMiddleware(option: WorkerOptions['middleware'] = []): readonly Middleware[] {
  if (!Array.isArray(option)) refuse('middleware', option, 'an array of functions')
  for (const [i, one] of option.entries()) if (typeof one !== 'function') refuse(`middleware[${i}]`, one, 'a function')
  return [...option]
}

function readWeights(option: WorkerOptions['weights'], queues: readonly string[]): number[] {
  if (option === undefined) return queues.map(() => 1)
  if (option === null || typeof option !== 'object' || Array.isArray(option)) refuse('weights', option, 'numbers by queue')
  checkKeys(option, queues, 'weights')
  return queues.map((queue) => {
    const weight = Object.hasOwn(option, queue) ? option[queue] : 1
    if (typeof weight !== 'number' || !(weight >= 0.01 && weight <= 1000)) refuse(`weights.${queue}`, weight, 'a number from 0.01 to 1000')
    return weight
  })
}

/**
 * Checks the options of a worker and fills in the defaults.
 * @throws `invalid_option`, `unknown_option`, `invalid_name`
 */
export function readWorkerOptions(tasks: readonly Task[], options: WorkerOptions): CheckedOptions {
  checkKeys(options, optionNames, 'work')
  const { concurrency = defaults.concurrency, memoryLimitMb } = options
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > 1000)
    refuse('concurrency', concurrency, 'a whole number from 1 to 1000')
  if (tasks.length === 0) refuse('tasks', tasks, 'at least one task')
  if (memoryLimitMb !== undefined && !(typeof memoryLimitMb === 'number' && memoryLimitMb > 0 && memoryLimitMb < 1e9))
    refuse('memoryLimitMb', memoryLimitMb, 'a number of megabytes above 0')
  const queues = [...new Set(options.queues ?? tasks.map((t) => t.queue))].map((q) => checkName(q, 'queues'))
  return {
    concurrency,
    queues,
    weights: readWeights(options.weights, queues),
    name: options.name ?? `${hostname()}:${process.pid}`,
    version: options.version ?? 'unknown',
    singleton: readSingleton(options.singleton),
    middleware: readMiddleware(options.middleware),
    memoryLimit: memoryLimitMb === undefined ? Number.POSITIVE_INFINITY : memoryLimitMb * 1e6,
    heartbeatMs: options.heartbeatMs ?? 10_000,
    graceMs: options.graceMs ?? 5000,
    drainMs: options.drainMs ?? 60_000,
    stuck: options.stuck ?? 'release',
  }
}
