import { Worker as Thread } from 'node:worker_threads'
import { errorJson } from '../jobs/error-json.ts'
import { giveUpStatement } from '../jobs/give-up.ts'
import type { Database } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'
import { type Slots, slotLength } from './slots.ts'

const beatStatement = statement(import.meta.url, 'beat.sql')
const giveUpWorker = statement(import.meta.url, 'give-up-worker.sql')

/** Signs of life from a thread of its own, on a connection of its own. */
export interface Heartbeat {
  /**
   * Begins; resolves with the first sign of life that the database has, or when the first try failed. Who claimed before could be
   * taken for dead while the thread is still being made, which takes seconds on a machine that is busy.
   */
  start(): Promise<void>
  /** Reports another state at once; before it is called, `starting`. */
  setState(state: 'running' | 'stopping'): void
  /** Gives a sign of life at once, because its answer may have changed. */
  beat(): void
  stop(): Promise<void>
}

/** Options of {@link createHeartbeat}. */
export interface HeartbeatOptions {
  database: Database
  name: string
  slots: Slots
  slotCount: number
  /** Jobs that a slot may hold. */
  batch: number
  everyMs: number
  graceMs: number
  /** End the process when a handler blocks the event loop past its grace; only where something restarts it. */
  killProcess: boolean
  timeoutError: Error
  /** The row of worker `workerId` is gone: others took this process for dead. */
  onLost: (workerId: number) => void
  onCancel: (ids: number[]) => void
  /** Somebody asked this worker to stop; may be called again. */
  onStopWanted: () => void
  onError: (error: Error) => void
}

type Message =
  /** The first one of the thread has arrived. */
  | { type: 'beat' }
  | { type: 'lost'; workerId: number }
  | { type: 'cancel'; ids: number[] }
  | { type: 'stop' }
  | { type: 'error'; message: string }

/** Makes the {@link Heartbeat} of a worker. */
export function createHeartbeat(options: HeartbeatOptions): Heartbeat {
  const { database, slots } = options
  let thread: Thread | null = null
  let ticker: NodeJS.Timeout | undefined
  let state = 'starting'
  let begun = () => {}
  const begin = new Promise<void>((resolve) => {
    begun = resolve
  })

  function receive(message: Message): void {
    begun()
    if (message.type === 'beat') return
    if (message.type === 'lost') options.onLost(message.workerId)
    else if (message.type === 'cancel') options.onCancel(message.ids)
    else if (message.type === 'stop') options.onStopWanted()
    else options.onError(new Error(`heartbeat: ${message.message}`))
  }

  function open(): Thread {
    const made = new Thread(new URL('./heartbeat-thread.js', import.meta.url), {
      workerData: {
        servers: database.direct.servers,
        applicationName: `trunkline heartbeat ${options.name}`,
        memory: slots.memory,
        slots: options.slotCount,
        slotLength: slotLength(options.batch),
        everyMs: options.everyMs,
        graceMs: options.graceMs,
        killProcess: options.killProcess,
        state,
        beatSql: beatStatement.text(database.schema),
        giveUpSql: giveUpStatement.text(database.schema),
        leaveSql: giveUpWorker.text(database.schema),
        timeoutError: JSON.stringify(errorJson(options.timeoutError)),
      },
      execArgv: [],
    })
    made.on('message', receive)
    made.on('error', (error) => {
      begun()
      options.onError(error as Error)
    })
    // without it the worker would be given up as dead, and never know it
    made.on('exit', () => {
      if (thread === made) setTimeout(reopen, Math.min(1000, options.everyMs), made).unref()
    })
    made.unref()
    return made
  }

  function reopen(dead: Thread): void {
    if (thread === dead) thread = open()
  }

  const beat = () => thread?.postMessage({ type: 'beat', state })

  return {
    start() {
      if (thread) return begin
      slots.tick()
      ticker = setInterval(() => slots.tick(), Math.min(250, options.everyMs / 2))
      thread = open()
      return begin
    },
    setState(next) {
      state = next
      beat()
    },
    beat,
    async stop() {
      clearInterval(ticker)
      const last = thread
      thread = null
      begun()
      if (!last) return
      const gone = new Promise<void>((resolve) => last.once('exit', () => resolve()))
      last.postMessage({ type: 'stop' })
      await Promise.race([gone, new Promise((resolve) => setTimeout(resolve, 1000).unref())])
      await last.terminate()
    },
  }
}
