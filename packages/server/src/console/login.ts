import { readFileSync } from 'node:fs'
import { TrunklineError } from '@trunkline/contract'
import { login } from '@trunkline/contract/http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { writeAudit } from '../door/audit.ts'
import { explain } from '../door/problems.ts'
import { apiPrefix } from '../prefix.ts'
import type { Registrar } from '../register.ts'
import { openSession, sessionCookie } from '../routes/auth.ts'
import { consolePath } from './files.ts'
import { loginPage } from './login-page.ts'

const text = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8')
const mostForm = 16_384

/** Where to go after a login: a page of the console on this server, nowhere else. */
export function nextPage(next: unknown, basePath: string): string {
  const home = `${basePath}${consolePath}`
  if (typeof next !== 'string' || next.length > 2000 || !/^\/(?![/\\])[\x21-\x7e]*$/.test(next)) return home
  const { pathname, search, hash, origin } = new URL(next, 'http://here')
  const within = pathname === home || pathname.startsWith(`${home}/`)
  return origin === 'http://here' && within ? pathname + search + hash : home
}

/** A form of another origin must log nobody in: browsers say where a post comes from. */
function checkOrigin({ headers }: FastifyRequest): void {
  const { origin, host } = headers
  const site = headers['sec-fetch-site']
  const strange = site !== undefined ? site !== 'same-origin' : origin !== undefined && originHost(origin) !== host
  if (strange) throw new TrunklineError('forbidden', { what: 'a login', needed: 'a form of this server', received: 'one of another page' })
}

function originHost(origin: string): string | null {
  try {
    return new URL(origin).host
  } catch {
    return null
  }
}

/**
 * The page at /admin/login: a plain form that needs no script and no token. It opens the session cookie and goes on to `next`, a
 * page of the console.
 */
export function addLogin(app: FastifyInstance, { service, limits, refused }: Registrar): void {
  const { identity, database, settings } = service
  const { basePath, environment, auth, publicUrl } = settings
  const hidden = { schema: { hide: true } }

  function show(reply: FastifyReply, given: { next: string; email?: string; problem?: Parameters<typeof loginPage>[0]['problem'] }) {
    const oidc =
      auth.oidc && publicUrl
        ? `${basePath}${apiPrefix}/auth/oidc/start?returnTo=${encodeURIComponent(given.next.slice(basePath.length))}`
        : null
    return (
      reply
        .header('cache-control', 'no-store')
        // without a referrer browsers do not say where a form comes from
        .header('referrer-policy', 'same-origin')
        .type('text/html; charset=utf-8')
        .send(loginPage({ base: basePath, email: '', environment, oidc, ...given }))
    )
  }

  /** Somebody who is logged in does not log in again. */
  async function isKnown(request: FastifyRequest): Promise<boolean> {
    const cookie = request.cookies[sessionCookie]
    return (
      cookie !== undefined &&
      (await identity.ofSession(cookie).then(
        () => true,
        () => false,
      ))
    )
  }

  async function logIn(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { email = '', password = '' } = request.body as Record<string, string>
    limits.all.take(`address:${request.ip}`)
    checkOrigin(request)
    limits.login.take(`${request.ip} ${email.toLowerCase()}`)
    const form = login.safeParse({ email, password })
    if (!form.success) throw new TrunklineError('login_failed', {})
    const account = await identity.login(form.data.email, form.data.password)
    const actor = `user:${account.email}`
    const about = { actor, how: 'none', action: 'auth.login', target: actor, address: request.ip, requestId: request.id }
    await service.trunkline.transaction(async ({ tx }) => {
      await writeAudit(database, { ...about, outcome: 'done', after: { session: true } }, tx)
      await openSession(service, account, { request, reply, tx })
    })
  }

  app.get('/admin/login.css', hidden, (_request, reply) =>
    reply.header('cache-control', 'public, max-age=3600').type('text/css; charset=utf-8').send(text('login-page.css')),
  )
  app.get('/admin/login.js', hidden, (_request, reply) =>
    reply.header('cache-control', 'public, max-age=3600').type('text/javascript; charset=utf-8').send(text('login-comfort.js')),
  )
  app.get('/admin/login', hidden, async (request, reply) => {
    const next = nextPage((request.query as { next?: unknown }).next, basePath)
    return (await isKnown(request)) ? reply.redirect(next, 302) : show(reply, { next })
  })
  // a context of its own: only this route reads forms
  app.register(async (scope) => {
    scope.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string', bodyLimit: mostForm }, (_request, body, done) =>
      done(null, Object.fromEntries(new URLSearchParams(body as string))),
    )
    scope.post('/admin/login', hidden, async (request, reply) => {
      const body = (request.body ?? {}) as Record<string, string>
      const next = nextPage(body.next, basePath)
      try {
        await logIn(request, reply)
        return reply.redirect(next, 303)
      } catch (error) {
        const { problem, retryAfter, isFault } = explain(error, request.id, () => [])
        if (isFault) throw error
        const { code, status } = problem
        if (status !== 503)
          await refused({
            actor: 'anonymous',
            how: 'none',
            action: 'auth.login',
            target: '/admin/login',
            code,
            address: request.ip,
            requestId: request.id,
          })
        if (retryAfter !== null) reply.header('retry-after', String(retryAfter))
        const sentence = code === 'login_failed' ? 'E-mail and password do not match.' : problem.detail
        const hint = code === 'login_failed' ? 'Look at the spelling; passwords know capitals.' : (problem.hint ?? '')
        return show(reply.status(status), { next, email: String(body.email ?? '').slice(0, 254), problem: { sentence, hint, retryAfter } })
      }
    })
  })
}
