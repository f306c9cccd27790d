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

async function send(client: pg.Client, sql: string): Promise<StepOutcome> {
  // several statements answer with an array
  const answer: pg.QueryResult | pg.QueryResult[] = await client.query(sql)
  const last = Array.isArray(answer) ? answer.at(-1) : answer
  if (!last?.command) return failed('ERROR:  the step has no statement')
  if (client.getTransactionStatus() === 'I') return { ok: true, result: last.rowCount ?? 0, output: '' }
  await client.query('rollback')
  return failed('ERROR:  the step left its transaction open; it was rolled back')
}

/**
 * Runs the whole text as one message, so that several statements are one transaction, in a session of its own. The result is
 * the rows of the last statement, 0 where it has none. Never throws: what fails is in the outcome. A transaction that the text
 * leaves open is rolled back and fails the step.
 * @param connect where to; what it throws counts as no connection
 */
export async function runSqlStep(connect: () => pg.ClientConfig, sql: string): Promise<StepOutcome> {
  let client: pg.Client | undefined
  try {
    client = new pg.Client({ connectionTimeoutMillis: 10_000, keepAlive: true, ...connect() })
    client.on('error', () => {})
    await client.connect()
  } catch (error) {
    return failed(`Couldn't get a connection to the database!\n${whyUnreachable(error)}`)
  }
  try {
    return await send(client, sql)
  } catch (error) {
    return failed(said(error, sql))
  } finally {
    await client.end().catch(() => {})
  }
}
