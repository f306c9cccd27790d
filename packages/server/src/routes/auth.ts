import { TrunklineError } from '@trunkline/contract'
import { done, loggedIn, login, me, newPassword, type user } from '@trunkline/contract/http'
import type { Queryable } from '@trunkline/engine/postgres'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import { type Account, findByEmail, findById, updateAccount } from '../door/accounts.ts'
import { isPassword } from '../door/passwords.ts'
import { readScopes } from '../door/principal.ts'
import { type Route, route } from '../route.ts'
import type { Service } from '../service.ts'

/** Name of the session cookie. */
export const sessionCookie = 'trunkline_session'

/** A user as others see them. */
export function userAnswer(account: Account): z.output<typeof user> {
  return {
    id: account.id,
    email: account.email,
    name: account.name,
    role: account.role,
    scopes: readScopes(account.scopes),
    rights: account.rights,
    isEnabled: account.is_enabled,
    createdAt: account.created_at.toISOString(),
    lastLoginAt: account.last_login_at?.toISOString() ?? null,
  }
}

const cookieOptionsOf = (basePath: string) => ({ path: `${basePath}/`, httpOnly: true, sameSite: 'strict' as const })

/** Opens a session for somebody who has logged in: the answer sets the cookie. */
export async function openSession(
  { identity, settings }: Pick<Service, 'identity' | 'settings'>,
  account: Account,
  { request, reply, tx }: { request: FastifyRequest; reply: FastifyReply; tx: Queryable },
): Promise<{ csrfToken: string; expiresAt: Date }> {
  const from = { address: request.ip, agent: request.headers['user-agent'] }
  const { cookie, csrfToken, expiresAt } = await identity.session(account, from, tx)
  const secure = request.protocol === 'https'
  reply.setCookie(sessionCookie, cookie, { ...cookieOptionsOf(settings.basePath), secure, expires: expiresAt })
  return { csrfToken, expiresAt }
}

/** Logging in and out, and who one is. */
export function authRoutes(service: Service): Route[] {
  const { identity, database, settings } = service
  return [
    route({
      method: 'POST',
      url: '/auth/login',
      summary: 'Log in with e-mail and password: a token, or with session: true the session cookie',
      tag: 'auth',
      access: { role: 'anyone', object: 'none' },
      action: 'auth.login',
      limit: 'login',
      body: login,
      answers: { 200: loggedIn },
      async run(call) {
        const { email, password, session } = call.body
        const account = await identity.login(email, password)
        const { request, reply } = call
        const { expiresAt, ...opened } = await call.change(`user:${account.email}`, async ({ tx }, note) => {
          Object.assign(note, { actor: `user:${account.email}`, after: { session } })
          return session ? await openSession(service, account, { request, reply, tx }) : await identity.token(account, tx)
        })
        return { ...opened, expiresAt: expiresAt.toISOString(), user: userAnswer(account) }
      },
    }),
    route({
      method: 'POST',
      url: '/auth/logout',
      summary: 'End the session, or give the token back',
      tag: 'auth',
      access: { role: 'signed-in', object: 'self' },
      action: 'auth.logout',
      answers: { 200: done },
      async run(call) {
        if (call.principal.how === 'key') {
          throw new TrunklineError('forbidden', { what: 'logging out', needed: 'a session or a token', received: 'an API key' })
        }
        const { principal } = call
        await call.change(principal.subject, ({ tx }) => identity.logout(principal, tx))
        identity.forget()
        call.reply.clearCookie(sessionCookie, cookieOptionsOf(settings.basePath))
        return { ok: true }
      },
    }),
    route({
      method: 'POST',
      url: '/auth/password',
      summary: 'Choose a new password of one’s own; all tokens and sessions end',
      tag: 'auth',
      access: { role: 'signed-in', object: 'self' },
      action: 'auth.password',
      limit: 'login',
      body: newPassword,
      answers: { 200: done },
      async run(call) {
        const { accountId, how } = call.principal
        const mine = accountId === null || how === 'key' ? null : await findById(database, accountId)
        if (!mine)
          throw new TrunklineError('forbidden', { what: 'a new password', needed: 'a login with e-mail and password', received: how })
        const account = await findByEmail(database, mine.email)
        if (!(await isPassword(call.body.current, account?.password ?? null))) throw new TrunklineError('login_failed', {})
        await call.change(`user:${mine.email}`, ({ tx }) => updateAccount(database, mine, { password: call.body.next }, tx))
        identity.forget()
        return { ok: true }
      },
    }),
    route({
      method: 'GET',
      url: '/auth/me',
      summary: 'Who calls, and what they may',
      tag: 'auth',
      access: { role: 'signed-in', object: 'self' },
      answers: { 200: me },
      async run({ principal }) {
        const { subject, how, role, scopes, rights, csrfToken, expiresAt, accountId } = principal
        const account = accountId === null ? null : await findById(database, accountId)
        return {
          subject,
          how,
          role,
          scopes,
          rights,
          csrfToken,
          expiresAt: expiresAt?.toISOString() ?? null,
          user: account && userAnswer(account),
        }
      },
    }),
  ]
}
