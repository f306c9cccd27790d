import { hostname } from 'node:os'
import { defaults, show, TrunklineError } from '@trunkline/contract'
import type { ClaimedJob } from '../jobs/claim.ts'
import { status } from '../jobs/complete.ts'
import { checkKeys, checkName, type Task } from '../jobs/define-task.ts'
import { giveUpKind } from '../jobs/give-up.ts'
import type { Names } from '../jobs/names.ts'
import { reclaim } from '../jobs/recover.ts'
import { createFeedbackWriter } from '../log/feedback-writer.ts'
import type { Database } from '../postgres/database.ts'
import { createLink } from '../postgres/link.ts'
import { createListener } from '../postgres/listen.ts'
import { readMigrations } from '../postgres/migrate.ts'
import { statement } from '../postgres/statement.ts'
import { createClaimLoop } from './claim-loop.ts'
import type { WorkerEvent, WorkerEventListener } from './events.ts'
import { Execution } from './execution.ts'
import { createFlusher } from './flusher.ts'
import { createHeartbeat } from './heartbeat.ts'
import { createLedger } from './ledger.ts'
import { createPace } from './pace.ts'
import { type End, runJob } from './run-job.ts'
import { createSlotPool } from './slot-pool.ts'
import { createSlots } from './slots.ts'

const registerStatement = statement(import.meta.url, 'register.sql')
const cancelsStatement = statement(import.meta.url, 'cancels.sql')
const leaveStatement = statement(import.meta.url, 'leave.sql')
const aheadStatement = statement(import.meta.url, 'ahead.sql')

/** Options of a worker. */
export interface WorkerOptions {
  /** Jobs that run at the same time. Default 5. */
  concurrency?: number
  /** Queues to serve. Default: those of the tasks. */
  queues?: string[]
  /** For people. Default `<host>:<process>`. */
  name?: string
  /** Version of the code, such as a git SHA. */
  version?: string
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
  onReplace?: () => void
  onEvent?: WorkerEventListener
  /** Back-stop polling while nothing arrives; the listener usually wakes the worker before. Default: 20 ms, then 1 s, then a tenth of the idle time up to 60 s. */
  pollMs?: number
  /** How often leases are compared with what is known here, and the schema with this version. Default 10,000 ms. */
  checkMs?: number
}

/** A process that runs jobs. */
export interface Worker {
  /** Its number in the database; changes when it had been taken for dead. */
  readonly id: string
  readonly running: number
  /** Claims no more, waits for what runs (up to `drainMs`), aborts and hands back what is left. */
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

const optionNames = [
  'concurrency',
  'queues',
  'name',
  'version',
  'heartbeatMs',
  'graceMs',
  'drainMs',
  'stuck',
  'onReplace',
  'onEvent',
  'pollMs',
  'checkMs',
]

/** An answer to a claim that is still on its way may not be taken for lost. */
const reclaimAfterMs = 60_000
/** A job of an unknown task is left to other workers for so long: one that knows it is being rolled out, or there is none. */
const unknownTaskMs = 1000
/** Prefetched jobs that have waited longer than this behind slow ones are handed back. */
const longestWaitMs = 500
/** How often a worker without a proven listener asks for cancellations. */
const cancelLookMs = 900

function checkOptions(tasks: readonly Task[], options: WorkerOptions): void {
  checkKeys(options, optionNames, 'work')
  const { concurrency = defaults.concurrency } = options
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > 1000) {
    throw new TrunklineError('invalid_option', {
      field: 'concurrency',
      received: show(concurrency),
      allowed: 'a whole number from 1 to 1000',
    })
  }
  if (tasks.length > 0) return
  throw new TrunklineError('invalid_option', { field: 'tasks', received: 'an empty list', allowed: 'at least one task' })
}

/** Publishes the tasks and finds the numbers of the queues. */
async function resolveNames(names: Names, tasks: readonly Task[], options: WorkerOptions) {
  const byId = new Map<number, Task>()
  for (const task of tasks) byId.set((await names.publish(task)).id, task)
  const queues = [...new Set(options.queues ?? tasks.map((t) => t.queue))].map((q) => checkName(q, 'queues'))
  const queueIds: number[] = []
  for (const queue of queues) queueIds.push(await names.queueId(queue))
  return { byId, queues, queueIds }
}

const cancelledError = (id: number) => new TrunklineError('cancelled', { job: id, by: '' })
const lostError = (id: number) => new TrunklineError('lease_lost', { job: id })

/**
 * Starts a worker; resolves when it is registered and claims.
 * @throws `invalid_option`, `unknown_option`, `database_unavailable`
 */
export async function startWorker(database: Database, names: Names, tasks: readonly Task[], options: WorkerOptions = {}): Promise<Worker> {
  checkOptions(tasks, options)
  const { concurrency = defaults.concurrency, graceMs = 5000, drainMs = 60_000, heartbeatMs = 10_000, onEvent } = options
  const name = options.name ?? `${hostname()}:${process.pid}`
  const { byId, queues, queueIds } = await resolveNames(names, tasks, options)
  const emit = (event: WorkerEvent) => onEvent?.(event)
  const onError = (where: string) => (error: Error) => emit({ type: 'database_error', where, error })

  let workerId = 0
  let stopped = false
  let registering = false
  let suspect: number | null = null
  const currentId = () => workerId
  const known = readMigrations().at(-1)?.no ?? 0
  const claimLink = createLink(database, 'walk', `claim ${name}`)
  const completeLink = createLink(database, 'join', `complete ${name}`)
  const feedbackLink = createLink(database, 'walk', `feedback ${name}`)
  const slots = createSlots(concurrency)
  const ledger = createLedger()
  const pace = createPace(concurrency)

  // -- ends -------------------------------------------------------------------------------------------------------------
  function settled(ends: readonly { id: number; leaseId: number }[]): void {
    ledger.settle(ends)
    if (suspect !== null && ends.some((e) => e.id === suspect)) suspect = null
    claims.roomMade()
  }

  function refused(ids: number[]): void {
    emit({ type: 'lease_lost', jobIds: ids.map(String) })
    for (const id of ids) pool.execution(id)?.abort('lease_lost', lostError(id), graceMs)
  }

  const writer = createFeedbackWriter({ link: feedbackLink, workerId: currentId, onRefused: refused, onError: onError('feedback') })
  const flusher = createFlusher({
    link: completeLink,
    workerId: currentId,
    onSettled: settled,
    onRefused: refused,
    onError: onError('flush'),
  })

  function store({ id, leaseId, queueId, taskId }: ClaimedJob, end: End): void {
    const { startedAt, endedAt } = end
    if (end.how === 'dropped') settled([{ id, leaseId }])
    else if ('delayMs' in end) {
      const kind = giveUpKind[end.how === 'retrying' ? 'failed' : end.how]
      flusher.giveUp({ id, leaseId, kind, delayMs: end.delayMs, startedAt, endedAt, error: end.error })
    } else {
      const result = end.how === 'completed' ? end.result : null
      const error = end.how === 'failed' ? end.error : null
      flusher.complete({ id, leaseId, queueId, taskId, status: status[end.how], startedAt, endedAt, result, error })
    }
  }

  function handBack(jobs: readonly { id: number; leaseId: number }[], delayMs = 0): void {
    const now = performance.now()
    const kind = delayMs > 0 ? giveUpKind.snoozed : giveUpKind.handedBack
    for (const { id, leaseId } of jobs) flusher.giveUp({ id, leaseId, kind, delayMs, startedAt: now, endedAt: now, error: null })
  }

  // -- jobs -------------------------------------------------------------------------------------------------------------
  const timeoutOf = ({ job, task }: Execution) => job.timeoutMs ?? task.timeoutMs
  const pool = createSlotPool({
    concurrency,
    slots,
    open(job) {
      const task = byId.get(job.taskId)
      if (task) return new Execution(job, task, names.queueName(job.queueId) ?? '', writer)
      emit({ type: 'unknown_task', jobId: String(job.id), taskId: job.taskId })
      handBack([job], unknownTaskMs)
      return null
    },
    hardDeadline(execution) {
      const timeoutMs = timeoutOf(execution)
      return timeoutMs === null ? 0 : Date.now() + timeoutMs + graceMs
    },
    run: (execution) => runJob(execution, { timeoutMs: timeoutOf(execution), graceMs, writer, emit: onEvent }),
    onEnd(execution, end) {
      pace.ran(performance.now() - execution.startedAt)
      store(execution.job, end)
      if (end.stuck && options.stuck === 'replace') void stop().then(() => options.onReplace?.())
    },
    onRoom: () => claims.roomMade(),
  })

  const claims = createClaimLoop({
    link: claimLink,
    queueIds,
    workerId: currentId,
    wanted: () => pace.wanted(pool.free(), pool.buffered(), ledger.open()),
    suspectAllowed: () => suspect === null,
    accept(claim, isSuspect) {
      ledger.accept(claim)
      if (isSuspect) suspect = claim.jobs[0]?.id ?? null
      pool.push(claim.jobs)
      if (claim.missing.length > 0) handBack(claim.missing.map((id) => ({ id, leaseId: claim.leaseId })))
    },
    listening: () => listener.proven(),
    reclaim: () => reclaim(claimLink, workerId, ledger.leases(), 0),
    pollMs: options.pollMs,
    onError: onError('claim'),
  })

  // -- cancellation -----------------------------------------------------------------------------------------------------
  function cancelAll(ids: readonly number[]): void {
    for (const id of ids) {
      pool.execution(id)?.abort('cancelled', cancelledError(id), graceMs)
      // given up while its cancellation is on record, a job that has not begun ends as cancelled
      handBack(pool.takeBack(id))
    }
  }

  let lookedAt = performance.now()
  async function lookForCancels(): Promise<void> {
    lookedAt = performance.now()
    if (pool.running() + pool.buffered() === 0) return
    try {
      const [row] = await feedbackLink.run(cancelsStatement, [workerId])
      const ids = row?.[0] as string[] | null
      if (ids) cancelAll(ids.map(Number))
    } catch (error) {
      onError('cancel')(error as Error)
    }
  }

  // -- life -------------------------------------------------------------------------------------------------------------
  async function register(): Promise<void> {
    const values = [name, hostname(), process.pid, options.version ?? 'unknown', concurrency, queues, tasks.map((t) => t.name)]
    const [row] = await database.run<{ id: number }>(registerStatement, values)
    workerId = (row as { id: number }).id
    slots.setWorker(workerId)
    claims.forgetIdle()
  }

  /** Others took this process for dead: what it holds is lost, and it begins anew under another number. */
  function lost(id: number): void {
    if (id !== workerId || stopped || registering) return
    registering = true
    emit({ type: 'worker_lost', workerId: id })
    settled(pool.takeBack())
    for (const execution of pool.executions()) execution.abort('lease_lost', lostError(execution.job.id), graceMs)
    register()
      .catch(onError('register'))
      .finally(() => {
        registering = false
        claims.wake()
      })
  }

  /** Somebody has migrated the schema beyond what this version may work with: nothing more is claimed, and what waits goes back. */
  async function checkSchema(): Promise<void> {
    const [row] = await claimLink.run(aheadStatement, [known])
    if (!row || stopping) return
    emit({ type: 'schema_too_new', workerId, applied: row[0], known })
    await stop()
  }

  const heartbeat = createHeartbeat({
    database,
    name,
    slots,
    slotCount: concurrency,
    everyMs: heartbeatMs,
    graceMs,
    killProcess: options.stuck === 'replace',
    timeoutError: new TrunklineError('timeout', { allowed: 'its limit; the handler blocked the event loop' }),
    onLost: lost,
    onCancel: cancelAll,
    onError: onError('heartbeat'),
  })
  const listener = createListener({
    database,
    onMessage: (payload) => {
      if (payload === 'w') claims.wake()
      else if (payload === 'c') void lookForCancels()
    },
    onGap: () => {
      claims.forgetIdle()
      claims.wake()
      void lookForCancels()
    },
    onError: onError('listen'),
  })
  const timers = [
    setInterval(() => {
      void reclaim(claimLink, workerId, ledger.leases(), reclaimAfterMs).catch(onError('reclaim'))
      void checkSchema().catch(onError('schema'))
    }, options.checkMs ?? 10_000),
    setInterval(() => {
      if (pool.free() <= 0 && pool.waitedMs() > longestWaitMs) handBack(pool.takeBack())
      if (!listener.proven() && performance.now() - lookedAt >= cancelLookMs) void lookForCancels()
    }, 250),
  ]

  // -- stop -------------------------------------------------------------------------------------------------------------
  async function untilQuiet(ms: number): Promise<void> {
    const end = performance.now() + ms
    while (pool.running() > 0 && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 10))
  }

  async function stopOnce(): Promise<void> {
    emit({ type: 'worker_stopping', workerId, running: pool.running() })
    heartbeat.setState('stopping')
    pool.close()
    await claims.stop()
    handBack(pool.takeBack())
    await untilQuiet(drainMs)
    for (const execution of pool.executions()) execution.abort('stopping', lostError(execution.job.id), graceMs)
    await untilQuiet(graceMs + 1000)
    // a database that is away must not hold up the end for ever: what is not stored is recovered by others
    const timeout = setTimeout(() => flusher.stop(), 10_000)
    await writer.stop()
    await flusher.drain()
    clearTimeout(timeout)
    stopped = true
    for (const timer of timers) clearInterval(timer)
    await Promise.all([heartbeat.stop(), listener.stop()])
    await database.run(leaveStatement, [workerId]).catch(onError('leave'))
    await Promise.all([claimLink.stop(), completeLink.stop(), feedbackLink.stop()])
    emit({ type: 'worker_stopped', workerId })
  }

  let stopping: Promise<void> | undefined
  function stop(): Promise<void> {
    stopping ??= stopOnce()
    return stopping
  }

  await register()
  heartbeat.start()
  listener.start()
  claims.start()
  emit({ type: 'worker_started', workerId, queues, tasks: tasks.map((t) => t.name), concurrency })
  if (await database.pooled()) emit({ type: 'pooler', direct: database.direct !== database })
  return {
    get id() {
      return String(workerId)
    },
    get running() {
      return pool.running()
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
