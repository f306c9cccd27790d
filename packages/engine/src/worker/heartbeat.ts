import { Worker as Thread } from 'node:worker_threads'
import { errorJson } from '../jobs/error-json.ts'
import { giveUpStatement } from '../jobs/give-up.ts'
import type { Database } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'
import type { Slots } from './slots.ts'

const beatStatement = statement(import.meta.url, 'beat.sql')
const giveUpWorker = statement(import.meta.url, 'give-up-worker.sql')

/** Signs of life from a thread of its own, on a connection of its own. */
export interface Heartbeat {
  start(): void
  /** Reports another state at once. */
  setState(state: 'running' | 'stopping'): void
  stop(): Promise<void>
}

/** Options of {@link createHeartbeat}. */
export interface HeartbeatOptions {
  database: Database
  name: string
  slots: Slots
  slotCount: number
  everyMs: number
  graceMs: number
  /** End the process when a handler blocks the event loop past its grace; only where something restarts it. */
  killProcess: boolean
  timeoutError: Error
  /** The row of worker `workerId` is gone: others took this process for dead. */
  onLost: (workerId: number) => void
  onCancel: (ids: number[]) => void
  onError: (error: Error) => void
}

type Message = { type: 'lost'; workerId: number } | { type: 'cancel'; ids: number[] } | { type: 'error'; message: string }

/** Makes the {@link Heartbeat} of a worker. */
export function createHeartbeat(options: HeartbeatOptions): Heartbeat {
  const { database, slots } = options
  let thread: Thread | null = null
  let ticker: NodeJS.Timeout | undefined

  function receive(message: Message): void {
    if (message.type === 'lost') options.onLost(message.workerId)
    else if (message.type === 'cancel') options.onCancel(message.ids)
    else options.onError(new Error(`heartbeat: ${message.message}`))
  }

  return {
    start() {
      if (thread) return
      slots.tick()
      ticker = setInterval(() => slots.tick(), Math.min(250, options.everyMs / 2))
      thread = new Thread(new URL('./heartbeat-thread.js', import.meta.url), {
        workerData: {
          servers: database.direct.servers,
          applicationName: `trunkline heartbeat ${options.name}`,
          memory: slots.memory,
          slots: options.slotCount,
          everyMs: options.everyMs,
          graceMs: options.graceMs,
          killProcess: options.killProcess,
          beatSql: beatStatement.text(database.schema),
          giveUpSql: giveUpStatement.text(database.schema),
          leaveSql: giveUpWorker.text(database.schema),
          timeoutError: JSON.stringify(errorJson(options.timeoutError)),
        },
        execArgv: [],
      })
      thread.on('message', receive)
      thread.on('error', (error) => options.onError(error as Error))
      thread.unref()
    },
    setState: (state) => thread?.postMessage({ type: 'state', state }),
    async stop() {
      clearInterval(ticker)
      const last = thread
      thread = null
      if (!last) return
      const gone = new Promise<void>((resolve) => last.once('exit', () => resolve()))
      last.postMessage({ type: 'stop' })
      await Promise.race([gone, new Promise((resolve) => setTimeout(resolve, 1000).unref())])
      await last.terminate()
    },
  }
}
