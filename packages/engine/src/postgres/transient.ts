import { type ErrorCode, errorTable, isTrunklineError, TrunklineError } from '@trunkline/contract'
import { StaleServer } from './primary.js'

const transientStates = new Set([
  '40001', // serialization failure
  '40P01', // deadlock
  '55P03', // lock not available
  '53300', // too many connections
  '53100', // disk full: heals without a restart
  '57P01', // admin shutdown
  '57P02', // crash shutdown
  '57P03', // cannot connect now
  '25006', // read only: a standby, or a database under maintenance
  '57014', // statement cancelled (our own time limits)
])
const transientCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
])
const transientWords =
  /connection terminated|timeout exceeded|query read timeout|client has encountered a connection error|connection error|not queryable|client was closed|timeout expired/i

/** May the same statement succeed when it is sent again later? The one list of such errors. */
export function isTransient(error: unknown): boolean {
  if (isTrunklineError(error, 'database_unavailable') || isTrunklineError(error, 'database_stale') || error instanceof StaleServer)
    return true
  if (!(error instanceof Error)) return false
  const code = (error as { code?: unknown }).code
  if (typeof code === 'string') return transientStates.has(code) || code.startsWith('08') || transientCodes.has(code)
  return transientWords.test(error.message)
}

/**
 * The error as our callers see it: what our SQL raised becomes the row of the error table that it names, a missing schema
 * says how to make it, an unreachable database says so; anything else is left as it is.
 */
export function explain(error: unknown, schema: string): unknown {
  if (!(error instanceof Error) || isTrunklineError(error)) return error
  if (error instanceof StaleServer) {
    const { server, timeline, seen } = error
    return new TrunklineError('database_stale', { received: server, found: timeline, allowed: seen }, { cause: error })
  }
  const { code, detail, column, hint } = error as { code?: string; detail?: string; column?: string; hint?: string }
  if (code?.startsWith('TL') && detail !== undefined && Object.hasOwn(errorTable, detail)) {
    return new SqlRaised(detail as ErrorCode, error.message, column, hint)
  }
  if (code === '3F000' || code === '42P01') {
    return new TrunklineError('schema_missing', { schema, received: 'nothing', allowed: 'this version' }, { cause: error })
  }
  if (isTransient(error) || code === '28P01' || code === '28000' || code === '3D000') {
    return new TrunklineError('database_unavailable', { problem: error.message }, { cause: error })
  }
  return error
}

/** An error whose sentence was written by our SQL. */
class SqlRaised extends TrunklineError {
  override readonly hint: string
  constructor(code: ErrorCode, message: string, field: string | undefined, hint: string | undefined) {
    super(code, field === undefined ? {} : { field })
    this.message = message
    this.hint = hint ?? errorTable[code].hint
  }
}
