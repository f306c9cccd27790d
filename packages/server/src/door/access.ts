import { TrunklineError } from '@trunkline/contract'
import type { FastifyRequest } from 'fastify'
import type { Access } from '../route.ts'
import { sessionCookie } from '../routes/auth.ts'
import type { Identity } from './identity.ts'
import { checkMay } from './may.ts'
import type { Principal } from './principal.ts'
import { sameText } from './secret.ts'

const changing = new Set(['POST', 'PUT', 'PATCH', 'DELETE'])

/** Does the call come from this machine itself, and not by way of a proxy on it? */
export function isLocal({ raw, headers }: FastifyRequest): boolean {
  const address = raw.socket.remoteAddress ?? ''
  const proxied = ['x-forwarded-for', 'forwarded', 'x-real-ip', 'via'].some((name) => headers[name] !== undefined)
  return !proxied && /^(127\.|::1$|::ffff:127\.)/.test(address)
}

function bearerOf(header: string): string {
  const found = /^Bearer ([\x21-\x7e]+)$/i.exec(header)
  if (found?.[1]) return found[1]
  throw new TrunklineError('unauthenticated', { problem: 'the header Authorization is not "Bearer <token>"' })
}

/**
 * Who calls; null without credentials.
 * @throws `unauthenticated`, `invalid_request` for two kinds of credentials at once, `csrf_missing`
 */
export async function authenticate(identity: Identity, request: FastifyRequest): Promise<Principal | null> {
  const { authorization } = request.headers
  const cookie = request.cookies[sessionCookie]
  if (authorization !== undefined && cookie !== undefined) {
    throw new TrunklineError('invalid_request', {
      field: 'Authorization',
      problem: 'came together with the session cookie; send one of them',
    })
  }
  if (authorization !== undefined) return await identity.ofBearer(bearerOf(authorization))
  if (cookie === undefined) return null
  const principal = await identity.ofSession(cookie)
  if (changing.has(request.method)) {
    const sent = request.headers['x-trunkline-csrf']
    if (typeof sent !== 'string' || !principal.csrfToken || !sameText(sent, principal.csrfToken))
      throw new TrunklineError('csrf_missing', {})
  }
  return principal
}

/** @throws `unauthenticated`, `forbidden` unless this caller may use the route */
export function checkAccess(access: Access, principal: Principal | null, request: FastifyRequest, what: string): void {
  const { role, right } = access
  if (role === 'anyone') return
  if (principal === null) {
    if (role === 'local' && isLocal(request)) return
    throw new TrunklineError('unauthenticated', { problem: 'this needs somebody who is logged in' })
  }
  checkMay(principal, what, { role: role === 'local' || role === 'signed-in' ? undefined : role, right })
}
