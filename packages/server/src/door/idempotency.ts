import { createHash } from 'node:crypto'
import { show, TrunklineError } from '@trunkline/contract'
import { type Database, type Queryable, statement } from '@trunkline/engine/postgres'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Secret } from './secret.ts'

const claimStatement = statement(import.meta.url, 'claim-request.sql')
const claimedStatement = statement(import.meta.url, 'claimed-request.sql')
const answerStatement = statement(import.meta.url, 'answer-request.sql')

/** The idempotency key of a request, where it has one. @throws `invalid_option` unless the header can be a key */
export function idempotencyKeyOf({ headers }: FastifyRequest): string | undefined {
  const key = headers['idempotency-key']
  if (key === undefined || (typeof key === 'string' && /^[\x21-\x7e]{1,200}$/.test(key))) return key as string | undefined
  throw new TrunklineError('invalid_option', {
    field: 'Idempotency-Key',
    received: show(key),
    allowed: '1 to 200 visible ASCII characters',
  })
}

/** What {@link once} needs. */
export interface OnceOptions {
  database: Database
  secret: Secret
  subject: string
  request: FastifyRequest
  reply: FastifyReply
  /** The transaction of the change. */
  tx: Queryable
}

interface Kept {
  status: number
  location: string | null
  body: unknown
}

const hashOf = ({ method, url, body }: FastifyRequest): Buffer =>
  createHash('sha256')
    .update(JSON.stringify([method, url, body]))
    .digest()

type Row = { hash: Buffer; answer: Buffer | null }

/** @throws `idempotency_conflict` where the key belongs to another request */
function replay({ secret, request, reply }: Pick<OnceOptions, 'secret' | 'request' | 'reply'>, key: string, row: Row | undefined): unknown {
  const opened = row?.answer && row.hash.equals(hashOf(request)) ? secret.open(row.answer) : null
  if (opened === null) throw new TrunklineError('idempotency_conflict', { received: show(key), job: 'none' })
  const { status, location, body } = JSON.parse(opened) as Kept
  reply.status(status)
  if (location !== null) reply.header('location', location)
  return body
}

/**
 * What this request was answered before, under its idempotency key: for routes that look for long before they change something.
 * Undefined where it has no key, or was not answered yet.
 * @throws `idempotency_conflict` for another request under the key
 */
export async function answeredBefore(options: Omit<OnceOptions, 'tx'>): Promise<unknown> {
  const { database, subject, request } = options
  const key = idempotencyKeyOf(request)
  if (key === undefined) return undefined
  const [row] = await database.run<Row>(claimedStatement, [subject, key])
  return row ? replay(options, key, row) : undefined
}

/**
 * Does the work of a request once under its idempotency key: the same request again gets the same answer, also while the first
 * is under way. Without a key it just works.
 * @throws `idempotency_conflict` for another request under the key
 */
export async function once<T>(options: OnceOptions, work: () => Promise<T>): Promise<T> {
  const { database, secret, subject, request, reply, tx } = options
  const key = idempotencyKeyOf(request)
  if (key === undefined) return await work()
  // waits where the same key is under way in another transaction
  if ((await database.run(claimStatement, [subject, key, hashOf(request)], tx)).length > 0) {
    const body = await work()
    const kept: Kept = { status: reply.statusCode, location: (reply.getHeader('location') as string | undefined) ?? null, body }
    await database.run(answerStatement, [subject, key, secret.seal(JSON.stringify(kept))], tx)
    return body
  }
  const [row] = await database.run<Row>(claimedStatement, [subject, key], tx)
  return replay(options, key, row) as T
}
