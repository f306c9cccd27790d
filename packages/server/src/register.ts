import { TrunklineError } from '@trunkline/contract'
import { problem } from '@trunkline/contract/http'
import { isTransient } from '@trunkline/engine/postgres'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { authenticate, checkAccess } from './door/access.ts'
import { type AuditEntry, writeAudit } from './door/audit.ts'
import { answeredBefore, once } from './door/idempotency.ts'
import type { Limiter } from './door/limits.ts'
import { type Principal, withinOf } from './door/principal.ts'
import { apiPrefix } from './prefix.ts'
import type { Call, ChangeNote, Route } from './route.ts'
import type { Service } from './service.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Who calls; null before it is known, and for anyone without credentials. */
    principal: Principal | null
  }
  interface FastifyContextConfig {
    /** The row of the route table. Nothing is served without one. */
    route?: Route
  }
}

/** What all routes share. */
export interface Registrar {
  readonly service: Service
  readonly limits: { all: Limiter; login: Limiter; bulk: Limiter }
  readonly refused: (entry: Omit<AuditEntry, 'outcome'>) => Promise<void>
}

const changing = new Set(['POST', 'PUT', 'PATCH', 'DELETE'])

function limitKey(kind: 'all' | 'login' | 'bulk', request: FastifyRequest): string {
  if (kind !== 'login') return request.principal?.subject ?? `address:${request.ip}`
  const { email } = (request.body ?? {}) as { email?: unknown }
  return `${request.ip} ${String(email ?? '').toLowerCase()}`
}

function callOf({ service }: Registrar, declared: Route, request: FastifyRequest, reply: FastifyReply): Call {
  const { trunkline, database, secret } = service
  const who = () => {
    if (request.principal) return request.principal
    throw new TrunklineError('unauthenticated', { problem: 'this needs somebody who is logged in' })
  }
  const entry = (target: string, note: ChangeNote): AuditEntry => ({
    actor: note.actor ?? request.principal?.subject ?? 'anonymous',
    how: request.principal?.how ?? 'none',
    action: declared.action ?? '',
    target: note.target ?? target,
    outcome: 'done',
    address: request.ip,
    requestId: request.id,
    before: note.before,
    after: note.after,
  })
  return {
    params: request.params,
    query: request.query,
    body: request.body,
    request,
    reply,
    get principal() {
      return who()
    },
    get within() {
      return withinOf(who())
    },
    change: (target, work) =>
      trunkline.transaction(async (verbs) => {
        const note: ChangeNote = {}
        const change = async () => {
          const answer = await work(verbs, note)
          await writeAudit(database, entry(target, note), verbs.tx)
          return answer
        }
        if (!declared.once) return await change()
        return await once({ database, secret, subject: who().subject, request, reply, tx: verbs.tx }, change)
      }),
    async replayed() {
      if (!declared.once) return undefined
      return await answeredBefore({ database, secret, subject: who().subject, request, reply })
    },
    changed: (target, note = {}) => writeAudit(database, entry(target, note)),
  }
}

/** Bodies that a route does not take are not passed over in silence. */
function checkNoBody({ body }: FastifyRequest): void {
  const empty = body === undefined || (typeof body === 'object' && body !== null && !Array.isArray(body) && Object.keys(body).length === 0)
  if (!empty) throw new TrunklineError('invalid_request', { field: 'body', problem: 'is refused: this route takes none' })
}

/** Registers one row of the route table. @throws where the row does not say who may call it */
export function register(app: FastifyInstance, registrar: Registrar, declared: Route): void {
  const { method, url, access, action, body, query, params, answers, limit, summary, tag } = declared
  if (!access?.role || !access.object) throw new Error(`${method} ${url} does not say who may call it`)
  if (changing.has(method) && !action) throw new Error(`${method} ${url} has no name for the audit`)
  const { limits, service, refused } = registrar
  const problems = Object.fromEntries(
    (access.role === 'anyone' ? [400, 429, 503] : [400, 401, 403, 404, 409, 429, 503]).map((status) => [
      status,
      declared.problems ?? problem,
    ]),
  )
  app.route({
    method,
    url: declared.root ? url : apiPrefix + url,
    config: { route: declared },
    schema: {
      summary,
      tags: [tag],
      operationId: `${method.toLowerCase()}${url.replace(/[/:.-]+(\w)/g, (_, letter: string) => letter.toUpperCase())}`,
      security: access.role === 'anyone' ? [] : [{ bearer: [] }, { session: [] }],
      ...(body ? { body } : {}),
      ...(query ? { querystring: query } : {}),
      ...(params ? { params } : {}),
      response: { ...problems, ...answers },
    },
    // before the body is read: strangers make us read nothing
    onRequest: async (request) => {
      limits.all.take(`address:${request.ip}`)
      if (access.role !== 'anyone') {
        request.principal = await authenticate(service.identity, request)
        checkAccess(access, request.principal, request, `${method} ${url}`)
      }
    },
    preValidation: async (request) => {
      if (!body) checkNoBody(request)
      // no body and an empty one mean the same: nothing was said
      else request.body ??= {}
    },
    preHandler: async (request) => {
      if (limit) limits[limit].take(limitKey(limit, request))
    },
    onError: async (request, _reply, error) => {
      // with the database away there is nothing to write to, and nobody was refused anything
      if (!action || isTransient(error)) return
      const code = (error as { code?: unknown }).code
      await refused({
        actor: request.principal?.subject ?? 'anonymous',
        how: request.principal?.how ?? 'none',
        action,
        target: request.url.slice(0, 200),
        code: typeof code === 'string' ? code : 'internal',
        address: request.ip,
        requestId: request.id,
      })
    },
    handler: async (request, reply) => await declared.run(callOf(registrar, declared, request, reply)),
  })
}
