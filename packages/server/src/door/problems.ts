import { didYouMean, type ErrorCode, errorTable, isTrunklineError, TrunklineError } from '@trunkline/contract'
import type { Problem } from '@trunkline/contract/http'
import { isTransient } from '@trunkline/engine/postgres'

/** An error as the outside sees it, and whether the inside should look at it. */
export interface Explained {
  readonly problem: Problem
  /** Seconds, for the header of that name. */
  readonly retryAfter: number | null
  /** A fault of ours: the log gets the error itself. */
  readonly isFault: boolean
}

interface ValidationIssue {
  instancePath?: string
  message?: string
  params?: { keys?: string[] }
}

interface FastifyTrouble {
  code?: string
  statusCode?: number
  validation?: ValidationIssue[]
  validationContext?: string
}

/** Where people read about a code. */
const page = 'https://github.com/trunkline/trunkline/blob/main/docs/errors.md'

/** Our sentences about what lies inside hold host names and the like: the outside gets these instead. */
const outside: Partial<Record<ErrorCode, string>> = {
  database_unavailable: 'the database cannot be reached at the moment',
  database_stale: 'the database cannot be reached at the moment',
  schema_missing: 'the database has not been set up yet',
  schema_too_new: 'this server is older than its database',
  storage_failed: 'the storage does not answer',
  internal: 'something went wrong inside Trunkline',
}

const placeOf: Record<string, string> = { querystring: 'query', params: 'path', body: 'body' }

function fieldOf(issue: ValidationIssue, place: string): string {
  const path = (issue.instancePath ?? '').split('/').filter(Boolean)
  const text = path.map((part, i) => (/^\d+$/.test(part) ? `[${part}]` : i === 0 ? part : `.${part}`)).join('')
  return text || place
}

/** Names that a schema has, for did-you-mean. */
export type NamesOf = (place: string) => readonly string[]

function invalid(
  { validation = [], validationContext = 'body' }: FastifyTrouble,
  namesOf: NamesOf,
): { error: TrunklineError; errors: { field: string; problem: string }[] } {
  const place = placeOf[validationContext] ?? validationContext
  const errors = validation.slice(0, 50).flatMap((issue) => {
    const field = fieldOf(issue, place).slice(0, 200)
    const { keys } = issue.params ?? {}
    if (!Array.isArray(keys)) return [{ field, problem: (issue.message ?? 'is not valid').slice(0, 500) }]
    const at = field === place ? '' : `${field}.`
    return keys.slice(0, 10).map((key) => ({
      field: `${at}${key}`.slice(0, 200),
      problem: `is not known here${at === '' ? didYouMean(key, namesOf(place)) : ''}`,
    }))
  })
  const [first = { field: place, problem: 'is not valid' }] = errors
  return { error: new TrunklineError('invalid_request', { field: first.field, problem: `is refused: ${first.problem}` }), errors }
}

/** What fastify itself refuses, as a row of our table. */
function ofFastify(trouble: FastifyTrouble): TrunklineError | null {
  switch (trouble.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new TrunklineError('body_too_large', { allowed: 1024 * 1024 })
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new TrunklineError('unsupported_media_type', { received: 'something else than application/json' })
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
      return new TrunklineError('invalid_body', { field: 'body', problem: 'its length is not what was announced' })
    case 'FST_ERR_BAD_URL':
    case 'FST_ERR_PARAM_LENGTH':
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return new TrunklineError('invalid_request', { field: 'url', problem: 'is no address here' })
  }
  // data that PostgreSQL cannot take: the checks before it have a hole, but the caller has sent it
  if (/^22/.test(trouble.code ?? ''))
    return new TrunklineError('invalid_request', { field: 'request', problem: 'has a value that cannot be stored' })
  const { statusCode = 500 } = trouble
  if (statusCode >= 400 && statusCode < 500)
    return new TrunklineError('invalid_request', { field: 'request', problem: 'could not be read' })
  return null
}

function known(thrown: unknown, namesOf: NamesOf): { error: TrunklineError; errors?: { field: string; problem: string }[] } {
  if (isTrunklineError(thrown)) return { error: thrown }
  const trouble = thrown as FastifyTrouble
  if (trouble?.validation) return invalid(trouble, namesOf)
  if (isTransient(thrown)) return { error: new TrunklineError('database_unavailable', { problem: 'see the log' }, { cause: thrown }) }
  const error = thrown instanceof Error ? ofFastify(trouble) : null
  return { error: error ?? new TrunklineError('internal', { problem: 'see the log' }, { cause: thrown }) }
}

/** Whatever was thrown, as a problem: its code, one sentence, never a stack, a statement or a path. */
export function explain(thrown: unknown, requestId: string, namesOf: NamesOf = () => []): Explained {
  const { error, errors } = known(thrown, namesOf)
  const { status, code, hint, field } = error
  const detail = outside[code] ?? error.message
  const fields = errors ?? (field === undefined ? undefined : [{ field, problem: detail }])
  return {
    problem: {
      type: `${page}#${code}`,
      title: titleOf(code),
      status,
      detail,
      code,
      // a hint about the inside is for administrators, who see it in the log and by the command line
      ...(status < 500 && hint ? { hint } : {}),
      requestId,
      ...(fields && status < 500 ? { errors: fields } : {}),
    },
    retryAfter: status === 503 ? 2 : retryAfterOf(error),
    isFault: status >= 500 && status !== 503,
  }
}

const retryAfterOf = (error: TrunklineError) => (error.code === 'too_many_requests' ? Number(/(\d+) s/.exec(error.hint)?.[1] ?? 60) : null)

const titleOf = (code: ErrorCode) => {
  const words = code.replaceAll('_', ' ')
  return (errorTable[code] ? words[0]?.toUpperCase() : '') + words.slice(1)
}
