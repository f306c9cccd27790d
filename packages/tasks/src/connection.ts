import { TrunklineError } from '@trunkline/contract'
import pg from 'pg'

/** The parts of a connection, for programs that take them one by one. */
export interface ConnectionParts {
  host: string
  port: number
  user: string
  password: string | null
  database: string
  sslmode: string | null
}

/** Takes a connection string apart; what it does not say comes from the environment, as the driver does it. */
export function connectionParts(connectionString: string, database?: string): ConnectionParts {
  const client = new pg.Client({ connectionString, ...(database ? { database } : {}) })
  const query = connectionString.includes('?') ? new URLSearchParams(connectionString.slice(connectionString.indexOf('?') + 1)) : null
  return {
    host: client.host,
    port: client.port,
    user: client.user ?? '',
    password: client.password ?? null,
    database: database ?? client.database ?? '',
    sslmode: query?.get('sslmode') ?? (query?.get('ssl') === 'true' ? 'require' : null),
  }
}

/**
 * Opens a connection of a task's own: never one of the queue. It gives up connecting after 10 s; statements have no limit
 * unless the task sets one.
 * @throws `database_unavailable`
 */
export async function openClient(connectionString: string, name: string, database?: string): Promise<pg.Client> {
  const parts = connectionParts(connectionString, database)
  const url = new URL(connectionString)
  if (database) url.pathname = `/${encodeURIComponent(database)}`
  const client = new pg.Client({
    connectionString: url.href,
    application_name: `trunkline ${name}`,
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  })
  client.on('error', () => {})
  try {
    await client.connect()
    return client
  } catch (error) {
    client.end().catch(() => {})
    throw new TrunklineError(
      'database_unavailable',
      { problem: `${parts.database} on ${parts.host}:${parts.port}: ${(error as Error).message}` },
      { cause: error },
    )
  }
}

/** A statement that does not heed its cancellation has its session ended after so long. */
const patienceMs = 5000

/** Runs `work` with a connection of its own; an abort cancels the running statement in the server, and ends the session where that does not help. */
export async function withClient<T>(
  options: { connectionString: string; name: string; database?: string | undefined; signal: AbortSignal },
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const { connectionString, name, database, signal } = options
  signal.throwIfAborted()
  const client = await openClient(connectionString, name, database)
  const { rows } = await client.query('select pg_backend_pid() pid')
  let over = false
  const onAbort = () => void endBackend(connectionString, rows[0].pid, () => over).catch(() => {})
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    signal.throwIfAborted()
    return await work(client)
  } catch (error) {
    throw signal.aborted ? signal.reason : error
  } finally {
    over = true
    signal.removeEventListener('abort', onAbort)
    await client.end().catch(() => {})
  }
}

/** Politely, then by force: a role may end its own sessions. */
async function endBackend(connectionString: string, pid: number, isOver: () => boolean): Promise<void> {
  const other = await openClient(connectionString, 'cancel')
  try {
    for (const end of ['pg_cancel_backend', 'pg_terminate_backend']) {
      if (isOver()) return
      await other.query(`select ${end}($1)`, [pid])
      const until = performance.now() + patienceMs
      while (!isOver() && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 25))
    }
  } finally {
    await other.end()
  }
}
