import { hostname } from 'node:os'
import { defaults, show, TrunklineError } from '@trunkline/contract'
import type { Claim, ClaimedJob } from '../jobs/claim.ts'
import { status } from '../jobs/complete.ts'
import { checkKeys, checkName, type Task } from '../jobs/define-task.ts'
import { giveUpKind } from '../jobs/give-up.ts'
import type { Names } from '../jobs/names.ts'
import { reclaim } from '../jobs/recover.ts'
import { createFeedbackWriter } from '../log/feedback-writer.ts'
import type { Database } from '../postgres/database.ts'
import { createLink } from '../postgres/link.ts'
import { createListener } from '../postgres/listen.ts'
import { statement } from '../postgres/statement.ts'
import { isTransient } from '../postgres/transient.ts'
import type { WorkerEvent, WorkerEventListener } from './events.ts'
import { Execution } from './execution.ts'
import { createFlusher } from './flusher.ts'
import { createHeartbeat } from './heartbeat.ts'
import { createQueueReader, type QueueReader } from './lanes.ts'
import { createPace } from './pace.ts'
import { type End, runJob } from './run-job.ts'
import { createSlots } from './slots.ts'

const registerStatement = statement(import.meta.url, 'register.sql')
const idleStatement = statement(import.meta.url, 'idle.sql')
const cancelsStatement = statement(import.meta.url, 'cancels.sql')
const leaveStatement = statement(import.meta.url, 'leave.sql')

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
  /** Back-stop polling while nothing arrives; the listener usually wakes the worker before. Default: 20 ms, then 1 s, then 10 s. */
  pollMs?: number
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
]

/** How often leases are compared with what is known here. */
const reclaimEveryMs = 10_000
/** Prefetched jobs that have waited longer than this behind slow ones are handed back. */
const longestWaitMs = 500

/**
 * Starts a worker; resolves when it is registered and claims.
 * @throws `invalid_option`, `unknown_option`, `database_unavailable`
 */
export async function startWorker(database: Database, names: Names, tasks: readonly Task[], options: WorkerOptions = {}): Promise<Worker> {
  checkKeys(options, optionNames, 'work')
  const { concurrency = defaults.concurrency, graceMs = 5000, drainMs = 60_000, heartbeatMs = 10_000, onEvent } = options
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > 1000) {
    throw new TrunklineError('invalid_option', {
      field: 'concurrency',
      received: show(concurrency),
      allowed: 'a whole number from 1 to 1000',
    })
  }
  if (tasks.length === 0)
    throw new TrunklineError('invalid_option', { field: 'tasks', received: 'an empty list', allowed: 'at least one task' })
  const name = options.name ?? `${hostname()}:${process.pid}`
  const emit = (event: WorkerEvent) => onEvent?.(event)
  const onError = (where: string) => (error: Error) => emit({ type: 'database_error', where, error })

  const byId = new Map<number, Task>()
  for (const task of tasks) byId.set((await names.publish(task)).id, task)
  const queueNames = [...new Set(options.queues ?? tasks.map((t) => t.queue))].map((q) => checkName(q, 'queues'))
  const queueIds: number[] = []
  for (const queue of queueNames) queueIds.push(await names.queueId(queue))

  let workerId = 0
  const currentId = () => workerId
  const claimLink = createLink(database, 'walk', `claim ${name}`)
  const completeLink = createLink(database, 'join', `complete ${name}`)
  const feedbackLink = createLink(database, 'walk', `feedback ${name}`)
  const slots = createSlots(concurrency)

  const buffer: ClaimedJob[] = []
  const waitingSlots: (() => void)[] = []
  const executions = new Map<number, Execution>()
  const leases = new Map<number, number>()
  const pace = createPace(concurrency)
  let stage: 'running' | 'stopping' | 'stopped' = 'running'
  let busySlots = 0
  let open = 0
  let suspectRunning = false
  let bufferSince = 0

  async function register(): Promise<void> {
    const [row] = await database.run<{ id: number }>(registerStatement, [
      name,
      hostname(),
      process.pid,
      options.version ?? 'unknown',
      concurrency,
      queueNames,
      tasks.map((t) => t.name),
    ])
    workerId = (row as { id: number }).id
    slots.setWorker(workerId)
    idleSaid = null
  }

  // -- what has ended ---------------------------------------------------------------------------------------------------
  function settled(ends: readonly { id: number; leaseId: number }[]): void {
    for (const { leaseId } of ends) {
      const left = (leases.get(leaseId) ?? 1) - 1
      if (left > 0) leases.set(leaseId, left)
      else leases.delete(leaseId)
    }
    open -= ends.length
    roomMade()
  }

  function refused(ids: number[]): void {
    emit({ type: 'lease_lost', jobIds: ids.map(String) })
    for (const id of ids) {
      executions.get(id)?.abort('lease_lost', new TrunklineError('lease_lost', { job: id }), graceMs)
    }
  }

  const writer = createFeedbackWriter({ link: feedbackLink, workerId: currentId, onRefused: refused, onError: onError('feedback') })
  const flusher = createFlusher({
    link: completeLink,
    workerId: currentId,
    onSettled: settled,
    onRefused: refused,
    onError: onError('flush'),
  })

  function store(job: ClaimedJob, end: End): void {
    const { id, leaseId, queueId, taskId } = job
    if (end.how === 'dropped') settled([{ id, leaseId }])
    else if (end.how === 'completed' || end.how === 'failed' || end.how === 'cancelled') {
      flusher.complete({
        id,
        leaseId,
        queueId,
        taskId,
        status: status[end.how],
        startedAt: end.startedAt,
        endedAt: end.endedAt,
        result: end.how === 'completed' ? end.result : null,
        error: end.how === 'failed' ? end.error : null,
      })
    } else {
      flusher.giveUp({
        id,
        leaseId,
        kind: giveUpKind[end.how === 'retrying' ? 'failed' : end.how],
        delayMs: end.delayMs,
        startedAt: end.startedAt,
        endedAt: end.endedAt,
        error: end.error,
      })
    }
  }

  function handBack(jobs: readonly { id: number; leaseId: number }[], delayMs = 0): void {
    const now = performance.now()
    for (const { id, leaseId } of jobs) {
      flusher.giveUp({
        id,
        leaseId,
        kind: delayMs > 0 ? giveUpKind.snoozed : giveUpKind.handedBack,
        delayMs,
        startedAt: now,
        endedAt: now,
        error: null,
      })
    }
  }

  // -- slots ------------------------------------------------------------------------------------------------------------
  async function slotLoop(slot: number): Promise<void> {
    while (stage === 'running') {
      const job = buffer.shift()
      if (!job) {
        await new Promise<void>((resolve) => waitingSlots.push(resolve))
        continue
      }
      if (buffer.length === 0) roomMade()
      await occupy(slot, job)
    }
  }

  async function occupy(slot: number, job: ClaimedJob): Promise<void> {
    const task = byId.get(job.taskId)
    if (!task) {
      emit({ type: 'unknown_task', jobId: String(job.id), taskId: job.taskId })
      return handBack([job], 10_000)
    }
    const execution = new Execution(job, task, names.queueName(job.queueId) ?? '', writer)
    executions.set(job.id, execution)
    busySlots++
    const timeoutMs = job.timeoutMs ?? task.timeoutMs
    slots.enter(slot, job.id, job.leaseId, timeoutMs === null ? 0 : Date.now() + timeoutMs + graceMs)
    const end = await runJob(execution, { timeoutMs, graceMs, writer, emit: onEvent })
    slots.leave(slot)
    busySlots--
    executions.delete(job.id)
    pace.ran(performance.now() - execution.startedAt)
    store(job, end)
    if (end.stuck) replaceLater()
    if (suspectRunning && executions.size === 0) suspectRunning = false
  }

  let replacing = false
  function replaceLater(): void {
    if (options.stuck !== 'replace' || replacing) return
    replacing = true
    void stop().then(() => options.onReplace?.())
  }

  // -- claiming -----------------------------------------------------------------------------------------------------------
  const readers: QueueReader[] = queueIds.map((id) => createQueueReader(claimLink, id, currentId))
  let nextReader = 0
  let idleSaid: boolean | null = null
  let wakes = 0
  let wakeUp: (() => void) | null = null
  let busyStreak = 0

  function wake(): void {
    wakes++
    wakeUp?.()
  }
  function roomMade(): void {
    if (pace.wanted(concurrency - busySlots, buffer.length, open) > 0) wakeUp?.()
  }

  async function say(idle: boolean): Promise<void> {
    if (idleSaid === idle) return
    await claimLink.run(idleStatement, [workerId, `{${queueIds.join(',')}}`, idle])
    idleSaid = idle
  }

  function accept(got: Claim): void {
    leases.set(got.leaseId, got.jobs.length + got.missing.length)
    open += got.jobs.length + got.missing.length
    if (buffer.length === 0) bufferSince = performance.now()
    for (const job of got.jobs) buffer.push(job)
    if (got.missing.length > 0) handBack(got.missing.map((id) => ({ id, leaseId: got.leaseId })))
    for (let n = Math.min(waitingSlots.length, buffer.length); n > 0; n--) waitingSlots.shift()?.()
  }

  /** Asks each queue once, beginning with the one whose turn it is. */
  async function take(wanted: number): Promise<boolean> {
    for (let i = 0; i < readers.length; i++) {
      const reader = readers[(nextReader + i) % readers.length] as QueueReader
      const got = await reader.take(wanted, !suspectRunning)
      if (!got) continue
      nextReader = (nextReader + i + 1) % readers.length
      if (got.hints.some(([lane]) => lane === 32767)) suspectRunning = true
      accept(got)
      return true
    }
    return false
  }

  function sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer)
        wakeUp = null
        resolve()
      }
      const timer = setTimeout(done, ms)
      wakeUp = done
    })
  }

  function pollMs(idleForMs: number): number {
    if (options.pollMs !== undefined) return options.pollMs
    if (idleForMs < 100) return 20
    return idleForMs > 10_000 && listener.proven() ? 10_000 : 1000
  }

  async function claimLoop(): Promise<void> {
    let idleSince = performance.now()
    let failures = 0
    while (stage === 'running') {
      const wanted = pace.wanted(concurrency - busySlots, buffer.length, open)
      if (wanted <= 0) {
        await sleep(1000)
        continue
      }
      const seen = wakes
      try {
        if (await take(wanted)) {
          idleSince = performance.now()
          // producers stop notifying a worker that is busy anyway; a single job between two naps is not worth the writes
          if (++busyStreak >= 3) await say(false)
        } else {
          busyStreak = 0
          if (idleSaid !== true) {
            await say(true)
            continue // once more: a producer that looked before this commit has not notified
          }
          if (seen === wakes) await sleep(pollMs(performance.now() - idleSince))
        }
        failures = 0
      } catch (error) {
        if (stage !== 'running') return
        emit({ type: 'database_error', where: 'claim', error: error as Error })
        idleSaid = null // the row is unlogged: a server that crashed has forgotten it
        await sleep(isTransient(error) ? Math.min(5000, 100 * 2 ** failures++) * (0.5 + Math.random() / 2) : 5000)
      }
    }
  }

  // -- cancellation, life -------------------------------------------------------------------------------------------------
  function cancelAll(ids: readonly number[]): void {
    for (const id of ids) {
      const execution = executions.get(id)
      if (execution) execution.abort('cancelled', new TrunklineError('cancelled', { job: id, by: '' }), graceMs)
      else {
        const at = buffer.findIndex((job) => job.id === id)
        // given up while its cancellation is on record, it ends as cancelled
        if (at >= 0) handBack(buffer.splice(at, 1))
      }
    }
  }

  async function lookForCancels(): Promise<void> {
    if (executions.size + buffer.length === 0) return
    try {
      const [row] = await feedbackLink.run(cancelsStatement, [workerId])
      const ids = row?.[0] as string[] | null
      if (ids) cancelAll(ids.map(Number))
    } catch (error) {
      onError('cancel')(error as Error)
    }
  }

  let registering = false
  function lost(id: number): void {
    if (id !== workerId || stage === 'stopped' || registering) return
    registering = true
    emit({ type: 'worker_lost', workerId: id })
    for (const job of buffer.splice(0)) settled([job])
    for (const execution of executions.values()) {
      execution.abort('lease_lost', new TrunklineError('lease_lost', { job: execution.job.id }), graceMs)
    }
    register()
      .catch(onError('register'))
      .finally(() => {
        registering = false
        wake()
      })
  }

  async function care(): Promise<void> {
    try {
      await reclaim(claimLink, workerId, [...leases.keys()], reclaimAfterMs)
    } catch (error) {
      onError('reclaim')(error as Error)
    }
  }
  // an answer to a claim that is still on its way may not be taken for lost
  const reclaimAfterMs = 60_000

  function handBackLateBuffer(): void {
    if (buffer.length > 0 && busySlots === concurrency && performance.now() - bufferSince > longestWaitMs) handBack(buffer.splice(0))
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
    onBeat: () => {},
    onLost: lost,
    onCancel: cancelAll,
    onError: onError('heartbeat'),
  })
  const listener = createListener({
    database,
    onMessage: (payload) => {
      if (payload === 'w') wake()
      else if (payload === 'c') void lookForCancels()
    },
    onGap: () => {
      wake()
      void lookForCancels()
    },
    onError: onError('listen'),
  })

  let lastCancelLook = performance.now()
  const timers = [
    setInterval(care, reclaimEveryMs),
    setInterval(() => {
      handBackLateBuffer()
      if (!listener.proven() && performance.now() - lastCancelLook >= 900) {
        lastCancelLook = performance.now()
        void lookForCancels()
      }
    }, 250),
  ]

  // -- stop ---------------------------------------------------------------------------------------------------------------
  let stopping: Promise<void> | null = null
  function stop(): Promise<void> {
    stopping ??= stopOnce()
    return stopping
  }

  async function untilQuiet(ms: number): Promise<void> {
    const end = performance.now() + ms
    while (executions.size > 0 && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 10))
  }

  async function stopOnce(): Promise<void> {
    stage = 'stopping'
    emit({ type: 'worker_stopping', workerId, running: executions.size })
    heartbeat.setState('stopping')
    wake()
    await claiming
    for (const free of waitingSlots.splice(0)) free()
    handBack(buffer.splice(0))
    await untilQuiet(drainMs)
    for (const execution of executions.values()) {
      execution.abort('stopping', new TrunklineError('lease_lost', { job: execution.job.id }), graceMs)
    }
    await untilQuiet(graceMs + 1000)
    const timeout = setTimeout(() => flusher.stop(), 10_000)
    await writer.stop()
    await flusher.drain()
    clearTimeout(timeout)
    stage = 'stopped'
    for (const timer of timers) clearInterval(timer)
    await Promise.all([heartbeat.stop(), listener.stop()])
    await database.run(leaveStatement, [workerId]).catch(onError('leave'))
    await Promise.all([claimLink.stop(), completeLink.stop(), feedbackLink.stop()])
    emit({ type: 'worker_stopped', workerId })
  }

  await register()
  heartbeat.start()
  listener.start()
  for (let slot = 0; slot < concurrency; slot++) void slotLoop(slot)
  const claiming = claimLoop()
  emit({ type: 'worker_started', workerId, queues: queueNames, tasks: tasks.map((t) => t.name), concurrency })
  return {
    get id() {
      return String(workerId)
    },
    get running() {
      return executions.size
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
