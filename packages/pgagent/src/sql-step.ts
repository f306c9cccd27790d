import pg from 'pg'
import { errorText } from './error-text.ts'

/** How a step ended, as its log row says it. */
export interface StepOutcome {
  ok: boolean
  /** Rows of the last statement, or the exit status; -1 = failed without one. */
  result: number
  output: string
}

const failed = (output: string): StepOutcome => ({ ok: false, result: -1, output })

function said(error: unknown, sql: string): string {
  if (error instanceof pg.DatabaseError) return errorText(error, sql)
  return `ERROR:  ${error instanceof Error ? error.message : String(error)}`
}

/** A refused connection by several addresses has its reasons only inside. */
function whyUnreachable(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map((inner) => (inner as Error).message).join('; ')
  return error instanceof Error ? error.message : String(error)
}

/** Sends a text; its rows are counted as they come, and not kept: a result may be larger than memory. */
function ask(client: pg.Client, sql: string): Promise<pg.QueryResult | pg.QueryResult[]> {
  return new Promise((resolve, reject) => {
    const query = new pg.Query(sql)
    // with a listener, and without a callback, pg gathers no rows
    query.on('row', () => {})
    query.once('error', reject)
    query.once('end', (answer) => resolve(answer as unknown as pg.QueryResult | pg.QueryResult[]))
    client.query(query)
  })
}

async function send(client: pg.Client, sql: string): Promise<StepOutcome> {
  // several statements answer with an array
  const answer = await ask(client, sql)
  const last = Array.isArray(answer) ? answer.at(-1) : answer
  if (!last?.command) return failed('ERROR:  the step has no statement')
  if (client.getTransactionStatus() === 'I') return { ok: true, result: last.rowCount ?? 0, output: '' }
  await client.query('rollback')
  return failed('ERROR:  the step left its transaction open; it was rolled back')
}

/** Bounds of a step. */
export interface StepBounds {
  /** For the whole step, also where it has several statements. Default: none. */
  timeoutMs?: number | undefined
  /** Somebody wants it to end. */
  signal?: AbortSignal | undefined
  /** The server says something beside the result. */
  onNotice?: ((severity: string, message: string) => void) | undefined
}

/** A backend that does not answer to a cancellation is ended after so long. */
const patienceMs = 5000

/** Ends a step's session on its server: politely, then by force. By its own role, which may do so. */
async function endBackend(connect: () => pg.ClientConfig, pid: number, gone: () => boolean): Promise<void> {
  for (const act of ['pg_cancel_backend', 'pg_terminate_backend']) {
    if (gone()) return
    const helper = new pg.Client({ connectionTimeoutMillis: 10_000, ...connect() })
    helper.on('error', () => {})
    await helper
      .connect()
      .then(() => helper.query(`select ${act}($1)`, [pid]))
      .catch(() => {})
    await helper.end().catch(() => {})
    const until = performance.now() + patienceMs
    while (!gone() && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Watches over a step; answers the line that tells why it was ended, or an empty text. */
function watchOver(connect: () => pg.ClientConfig, pid: () => number, { timeoutMs, signal }: StepBounds) {
  let why = ''
  let over = false
  const end = (reason: string) => {
    if (over || why) return
    why = reason
    void endBackend(connect, pid(), () => over)
  }
  const cancelled = () => end('the run was cancelled')
  const timer = timeoutMs === undefined ? undefined : setTimeout(end, timeoutMs, `stopped after ${timeoutMs} ms`)
  signal?.addEventListener('abort', cancelled)
  if (signal?.aborted) cancelled()
  return {
    why: () => why,
    end() {
      over = true
      clearTimeout(timer)
      signal?.removeEventListener('abort', cancelled)
    },
  }
}

/**
 * Runs the whole text as one message, so that several statements are one transaction, in a session of its own. The result is
 * the rows of the last statement, 0 where it has none. Never throws: what fails is in the outcome. A transaction that the text
 * leaves open is rolled back and fails the step.
 * @param connect where to; what it throws counts as no connection
 */
export async function runSqlStep(connect: () => pg.ClientConfig, sql: string, bounds: StepBounds = {}): Promise<StepOutcome> {
  let client: pg.Client | undefined
  try {
    client = new pg.Client({ connectionTimeoutMillis: 10_000, keepAlive: true, ...connect() })
    client.on('error', () => {})
    client.on('notice', ({ severity, message }) => bounds.onNotice?.(severity ?? 'NOTICE', message ?? ''))
    await client.connect()
  } catch (error) {
    return failed(`Couldn't get a connection to the database!\n${whyUnreachable(error)}`)
  }
  const watch = watchOver(connect, () => (client as unknown as { processID: number }).processID, bounds)
  try {
    return await send(client, sql)
  } catch (error) {
    return failed([said(error, sql), watch.why()].filter(Boolean).join('\n'))
  } finally {
    watch.end()
    await client.end().catch(() => {})
  }
}
