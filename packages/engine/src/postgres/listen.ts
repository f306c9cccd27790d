import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import type { Database } from './database.ts'

/** Hears NOTIFY on the channel of the schema. */
export interface Listener {
  start(): void
  stop(): Promise<void>
  /** Has this connection heard its own echo? Until then nobody may rely on it: some poolers accept LISTEN and lose everything. */
  proven(): boolean
}

/** Options of {@link createListener}. */
export interface ListenerOptions {
  database: Database
  /** Called for each notification; the payload is a hint, never trusted. */
  onMessage: (payload: string) => void
  /** Called after each new connection: what was sent meanwhile was missed. */
  onGap: () => void
  onError?: (error: Error) => void
  /** How often the connection proves itself. Default 20,000 ms. */
  echoEveryMs?: number
  /** How long an echo may take. Default 5,000 ms. */
  echoWithinMs?: number
}

/**
 * One LISTEN connection that reconnects by itself (100 ms to 5 s, with jitter), past a pooler where there is a way, and proves itself by an echo, because a
 * half-open connection would otherwise stay silent for ever.
 */
export function createListener(options: ListenerOptions): Listener {
  const { database, onMessage, onGap, onError = () => {}, echoEveryMs = 20_000, echoWithinMs = 5000 } = options
  const { direct } = database
  let client: pg.Client | null = null
  let timer: NodeJS.Timeout | undefined
  let stopped = true
  let proved = false
  let failures = 0
  let awaited: string | null = null

  function later(ms: number, work: () => void): void {
    clearTimeout(timer)
    if (!stopped) timer = setTimeout(work, ms).unref()
  }

  function lost(of: pg.Client, error: Error): void {
    if (client !== of) return
    client = null
    proved = false
    of.end().catch(() => {})
    if (stopped) return
    onError(error)
    reconnectLater()
  }

  function reconnectLater(): void {
    const most = Math.min(5000, 100 * 2 ** Math.min(failures++, 10))
    later(most * (0.5 + Math.random() / 2), () => void open())
  }

  async function open(): Promise<void> {
    let mine: pg.Client
    try {
      // such a pooler accepts LISTEN and loses everything: whoever asks whether we are proven polls instead
      if (await direct.pooled()) return
      mine = await direct.connect('general', 'listen', (error) => lost(mine, error))
    } catch (error) {
      if (!stopped) {
        onError(error as Error)
        reconnectLater()
      }
      return
    }
    if (stopped) {
      await mine.end().catch(() => {})
      return
    }
    client = mine
    mine.on('end', () => lost(mine, new Error('connection ended')))
    mine.on('notification', ({ payload = '' }) => {
      if (payload.startsWith('e:')) {
        if (payload === awaited) {
          awaited = null
          proved = true
          failures = 0
          later(echoEveryMs, () => void echo(mine))
        }
      } else onMessage(payload)
    })
    try {
      await mine.query(`listen "${database.schema}"`)
      await echo(mine)
      onGap()
    } catch (error) {
      lost(mine, error as Error)
    }
  }

  async function echo(of: pg.Client): Promise<void> {
    awaited = `e:${randomUUID()}`
    later(echoWithinMs, () => lost(of, new Error('the LISTEN connection lost its echo')))
    await of.query('select pg_notify($1, $2)', [database.schema, awaited]).catch((error) => lost(of, error))
  }

  return {
    start() {
      if (!stopped) return
      stopped = false
      void open()
    },
    async stop() {
      stopped = true
      clearTimeout(timer)
      const last = client
      client = null
      proved = false
      await last?.end().catch(() => {})
    },
    proven: () => proved,
  }
}
