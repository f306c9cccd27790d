import { isTrunklineError, TrunklineError } from '@trunkline/contract'
import { status } from '../jobs/complete.ts'
import type { Task } from '../jobs/define-task.ts'
import { giveUpKind } from '../jobs/give-up.ts'
import type { Names } from '../jobs/names.ts'
import { parentsOf } from '../jobs/parents.ts'
import { pauseByJob } from '../jobs/pause.ts'
import { reclaim } from '../jobs/recover.ts'
import { beginStep, endStep, keepStep, planSteps, skipSteps, stepsOf } from '../jobs/steps.ts'
import { createFeedbackWriter } from '../log/feedback-writer.ts'
import type { Database } from '../postgres/database.ts'
import { createLink } from '../postgres/link.ts'
import { createListener } from '../postgres/listen.ts'
import { readMigrations } from '../postgres/migrate.ts'
import { statement } from '../postgres/statement.ts'
import { createClaimLoop } from './claim-loop.ts'
import type { WorkerEvent } from './events.ts'
import { Execution } from './execution.ts'
import { createFence } from './fence.ts'
import { createFlusher } from './flusher.ts'
import { createHeartbeat } from './heartbeat.ts'
import { createLedger } from './ledger.ts'
import { createMemoryWatch } from './memory-watch.ts'
import { createPace } from './pace.ts'
import { createRegistration } from './registration.ts'
import { BatchCall, runBatch } from './run-batch.ts'
import { type End, runJob } from './run-job.ts'
import { createSlotPool } from './slot-pool.ts'
import { createSlots } from './slots.ts'
import type { StepKeeper } from './steps.ts'
import { traceRuns } from './trace-runs.ts'
import { readWorkerOptions, type WorkerOptions } from './worker-options.ts'

const cancelsStatement = statement(import.meta.url, 'cancels.sql')
const aheadStatement = statement(import.meta.url, 'ahead.sql')

/** A process that runs jobs. */
export interface Worker {
  /** Its number in the database; changes when it had been taken for dead. */
  readonly id: string
  readonly running: number
  /** Claims no more, waits for what runs (up to `drainMs`), aborts and hands back what is left. */
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** An answer to a claim that is still on its way may not be taken for lost. */
const reclaimAfterMs = 60_000
/** A job of an unknown task is left to other workers for so long: one that knows it is being rolled out, or there is none. */
const unknownTaskMs = 1000
/** Prefetched jobs that have waited longer than this behind slow ones are handed back. */
const longestWaitMs = 500
/** How often a worker without a proven listener asks for cancellations. */
const cancelLookMs = 900

/** Publishes the tasks and finds the numbers of the queues. */
async function resolveNames(names: Names, tasks: readonly Task[], queues: readonly string[]) {
  const byId = new Map<number, Task>()
  for (const task of tasks) byId.set((await names.publish(task)).id, task)
  const queueIds: number[] = []
  for (const queue of queues) queueIds.push(await names.queueId(queue))
  return { byId, queueIds }
}

const cancelledError = (id: number) => new TrunklineError('cancelled', { job: id, by: '' })
const lostError = (id: number) => new TrunklineError('lease_lost', { job: id })

/**
 * Starts a worker; resolves when it is registered and claims.
 * @throws `invalid_option`, `unknown_option`, `invalid_name`, `singleton_taken`, `database_unavailable`
 */
export async function startWorker(database: Database, names: Names, tasks: readonly Task[], options: WorkerOptions = {}): Promise<Worker> {
  const checked = readWorkerOptions(tasks, options)
  const { concurrency, graceMs, drainMs, heartbeatMs, name, queues, weights } = checked
  const tracing = traceRuns(database)
  const middleware = tracing ? [tracing, ...checked.middleware] : checked.middleware
  const claimLink = createLink(database, 'walk', `claim ${name}`)
  const registration = createRegistration(database, claimLink, tasks, checked)
  let workerId = 0
  const resolved = await (async () => {
    workerId = await registration.enter()
    return await resolveNames(names, tasks, queues)
  })().catch(async (error) => {
    if (workerId > 0) await registration.leave(workerId).catch(() => {})
    await claimLink.stop()
    throw error
  })
  const { byId, queueIds } = resolved
  const { onEvent } = options
  const emit = (event: WorkerEvent) => onEvent?.(event)
  const onError = (where: string) => (error: Error) => emit({ type: 'database_error', where, error })

  let stopped = false
  let registering = false
  let registered: Promise<void> = Promise.resolve()
  let suspect: number | null = null
  const currentId = () => workerId
  const known = readMigrations().at(-1)?.no ?? 0
  const completeLink = createLink(database, 'join', `complete ${name}`)
  const feedbackLink = createLink(database, 'walk', `feedback ${name}`)
  const batches = tasks.map((task) => task.batch?.size ?? 1)
  const slots = createSlots(concurrency, Math.max(...batches))
  slots.setWorker(workerId)
  const ledger = createLedger()
  const pace = createPace({ slots: concurrency, batches })

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

  function store({ job, leaseId }: Execution, end: End): void {
    const { id, attempt, queueId, taskId } = job
    const { startedAt, endedAt } = end
    if (end.how === 'dropped' || end.how === 'completed_already') settled([{ id, leaseId }])
    else if ('delayMs' in end) {
      const kind = giveUpKind[end.how === 'retrying' ? 'failed' : end.how]
      const allowed = end.how === 'retrying' ? end.allowed : null
      flusher.giveUp({ id, leaseId, attempt, kind, delayMs: end.delayMs, startedAt, endedAt, error: end.error, allowed })
    } else {
      const result = end.how === 'completed' ? end.result : null
      const error = end.how === 'failed' ? end.error : null
      flusher.complete({ id, leaseId, attempt, queueId, taskId, status: status[end.how], startedAt, endedAt, result, error })
    }
  }

  function handBack(jobs: readonly { id: number; leaseId: number; attempt: number }[], delayMs = 0): void {
    const now = performance.now()
    const kind = delayMs > 0 ? giveUpKind.snoozed : giveUpKind.handedBack
    for (const { id, leaseId, attempt } of jobs)
      flusher.giveUp({ id, leaseId, attempt, kind, delayMs, startedAt: now, endedAt: now, error: null })
  }

  // -- jobs -------------------------------------------------------------------------------------------------------------
  const fence = createFence({
    database,
    link: claimLink,
    workerId: currentId,
    writer,
    onMoved(execution, from, to) {
      ledger.moved(from, to)
      slots.moved(execution.id, to)
    },
  })
  // a call has the limit of its task, a job may have one of its own
  const timeoutOf = ({ job, task }: Execution) => (task.batch ? task.timeoutMs : (job.timeoutMs ?? task.timeoutMs))
  const byName = new Map(tasks.map((task) => [task.name, task]))
  const steps: StepKeeper = {
    async read(id) {
      const done = (await stepsOf(database, id)).filter(({ state }) => state === 'completed')
      return new Map(done.map(({ name, result }) => [name, result ?? undefined]))
    },
    keep: (step) => keepStep(database, { workerId, ...step }),
    plan: (plan) => planSteps(database, { workerId, ...plan }),
    begin: (step) => beginStep(database, { workerId, ...step }),
    end: (step) => endStep(database, { workerId, ...step }),
    skip: (holder, names) => skipSteps(database, { workerId, ...holder }, names),
  }
  const memory = createMemoryWatch(checked.memoryLimit, (rssBytes) => {
    emit({ type: 'worker_recycling', workerId, rssBytes, limitBytes: checked.memoryLimit })
    stopAndThen(options.onReplace)
  })
  const pool = createSlotPool({
    concurrency,
    slots,
    room: (job) => byId.get(job.taskId)?.batch?.size ?? 1,
    open(job) {
      const task = byId.get(job.taskId)
      if (task)
        return new Execution(job, task, {
          queue: names.queueName(job.queueId) ?? '',
          writer,
          fence,
          parents: (id) => parentsOf(database, id),
          steps,
          tasks: byName,
          pauseQueue: (queue, id, until) => pauseByJob(database, queue, id, until),
        })
      emit({ type: 'unknown_task', jobId: String(job.id), taskId: job.taskId })
      handBack([job], unknownTaskMs)
      return null
    },
    hardDeadline(execution) {
      const timeoutMs = timeoutOf(execution)
      return timeoutMs === null ? 0 : Date.now() + timeoutMs + graceMs
    },
    run(work, onEnd) {
      const first = work instanceof BatchCall ? (work.executions[0] as Execution) : work
      const run = { timeoutMs: timeoutOf(first), graceMs, middleware, writer, emit: onEvent, onEnd }
      return work instanceof BatchCall ? runBatch(work, run) : runJob(work, run)
    },
    onEnd: store,
    onLeft({ ms, jobs, room, stuck }) {
      pace.ran(ms, jobs, room)
      if (stuck && checked.stuck === 'replace') stopAndThen(options.onReplace)
      else memory.look()
    },
    onRoom: () => claims.roomMade(),
  })

  const claims = createClaimLoop({
    link: claimLink,
    queueIds,
    weights,
    workerId: currentId,
    wanted: () => pace.wanted(pool.free(), pool.buffered(), ledger.open()),
    free: () => pace.startable(pool.free(), pool.buffered()),
    suspectAllowed: () => suspect === null,
    accept(claim, isSuspect) {
      ledger.accept(claim)
      if (isSuspect) suspect = claim.jobs[0]?.id ?? null
      pool.push(claim.jobs)
      if (claim.missing.length > 0) handBack(claim.missing.map((id) => ({ id, leaseId: claim.leaseId, attempt: 0 })))
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
    workerId = await registration.enter()
    slots.setWorker(workerId)
    claims.forgetIdle()
  }

  /** Others took this process for dead: what it holds is lost, and it begins anew under another number. */
  function lost(id: number): void {
    if (id !== workerId || stopped || registering) return
    registering = true
    emit({ type: 'worker_lost', workerId: id })
    settled(pool.takeBack())
    pool.abort('lease_lost', lostError, graceMs)
    registered = register()
      .catch((error) => {
        onError('register')(error)
        // another one does its work by now
        if (isTrunklineError(error, 'singleton_taken')) stopAndThen(options.onReplace)
      })
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
    batch: Math.max(...batches),
    everyMs: heartbeatMs,
    graceMs,
    killProcess: checked.stuck === 'replace',
    timeoutError: new TrunklineError('timeout', { allowed: 'its limit; the handler blocked the event loop' }),
    onLost: lost,
    onCancel: cancelAll,
    onStopWanted: stopAsked,
    onError: onError('heartbeat'),
  })
  const listener = createListener({
    database,
    onMessage: (payload) => {
      if (payload === 'w') claims.wake()
      else if (payload === 'c') void lookForCancels()
      else if (payload === 's') heartbeat.beat()
    },
    onGap: () => {
      claims.forgetIdle()
      claims.wake()
      heartbeat.beat()
      void lookForCancels()
    },
    onError: onError('listen'),
  })
  const timers = [
    setInterval(() => {
      if (!fence.moving()) void reclaim(claimLink, workerId, ledger.leases(), reclaimAfterMs).catch(onError('reclaim'))
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
    while (pool.free() < concurrency && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 10))
  }

  async function stopOnce(): Promise<void> {
    emit({ type: 'worker_stopping', workerId, running: pool.running() })
    heartbeat.setState('stopping')
    pool.close()
    await claims.stop()
    handBack(pool.takeBack())
    await untilQuiet(drainMs)
    pool.abort('stopping', lostError, graceMs)
    await untilQuiet(graceMs + 1000)
    // a database that is away must not hold up the end for ever: what is not stored is recovered by others
    const timeout = setTimeout(() => flusher.stop(), 10_000)
    await writer.stop()
    await flusher.drain()
    clearTimeout(timeout)
    stopped = true
    for (const timer of timers) clearInterval(timer)
    await Promise.all([heartbeat.stop(), listener.stop()])
    // taken for dead meanwhile, it may be on its way back: that row has to go as well
    await registered
    await registration.leave(workerId).catch(onError('leave'))
    await Promise.all([claimLink.stop(), completeLink.stop(), feedbackLink.stop()])
    emit({ type: 'worker_stopped', workerId })
  }

  let stopping: Promise<void> | undefined
  function stop(): Promise<void> {
    stopping ??= stopOnce()
    return stopping
  }

  let asked = false
  /** Heard with each beat until the row is gone. */
  function stopAsked(): void {
    if (asked) return
    asked = true
    emit({ type: 'worker_asked_to_stop', workerId })
    stopAndThen(options.onStopAsked)
  }

  function stopAndThen(then: (() => void) | undefined): void {
    void stop().then(() => then?.())
  }

  listener.start()
  await heartbeat.start()
  if (!stopping) {
    claims.start()
    heartbeat.setState('running')
    emit({ type: 'worker_started', workerId, queues, tasks: tasks.map((t) => t.name), concurrency })
  }
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
