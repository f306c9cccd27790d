import { TrunklineError } from '@trunkline/contract'
import { z } from 'zod'
import { type Begun, createOidc } from '../door/oidc.ts'
import { apiPrefix } from '../prefix.ts'
import { type Route, route } from '../route.ts'
import type { Service } from '../service.ts'
import { sessionCookie } from './auth.ts'

const cookieName = 'trunkline_oidc'
const path = '/auth/oidc'

const start = z.strictObject({
  returnTo: z
    .string()
    .max(1000)
    .regex(/^\/(?![/\\])[\x21-\x7e]*$/, 'a path on this server')
    .default('/admin/jobs'),
})

/** A page that goes on by itself: a redirect would not send a Strict cookie, because the browser comes from elsewhere. */
function onward(url: string): string {
  const text = url.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;')
  return `<!doctype html><meta charset="utf-8"><title>Trunkline</title><meta http-equiv="refresh" content="0;url=${text}"><a href="${text}">Go on</a>`
}

/** Login by an identity provider. */
export function oidcRoutes({ database, identity, secret, settings }: Service): Route[] {
  const { publicUrl, auth, basePath } = settings
  const oidc = auth.oidc && publicUrl ? createOidc(database, auth.oidc, `${publicUrl}${apiPrefix}${path}/callback`) : null
  const needed = () => {
    if (oidc) return oidc
    throw new TrunklineError('not_configured', {
      what: 'login by an identity provider',
      advice: 'Set server.auth.oidc and server.publicUrl.',
    })
  }
  const cookieOptions = {
    path: `${basePath}${apiPrefix}${path}`,
    httpOnly: true,
    sameSite: 'lax' as const,
    secure: publicUrl?.startsWith('https:') ?? false,
  }
  return [
    route({
      method: 'GET',
      url: `${path}/start`,
      summary: 'Go to the identity provider',
      tag: 'auth',
      access: { role: 'anyone', object: 'none' },
      limit: 'login',
      query: start,
      answers: { 302: z.null() },
      async run({ query, reply }) {
        const { url, begun } = await needed().begin(query.returnTo)
        const sealed = secret.seal(JSON.stringify(begun)).toString('base64url')
        return reply.setCookie(cookieName, sealed, { ...cookieOptions, maxAge: 600 }).redirect(url, 302)
      },
    }),
    route({
      method: 'GET',
      url: `${path}/callback`,
      summary: 'Come back from it: sets the session cookie',
      tag: 'auth',
      access: { role: 'anyone', object: 'none' },
      limit: 'login',
      query: z.looseObject({}),
      answers: { 200: z.string() },
      async run(call) {
        const { request, reply } = call
        const given = needed()
        const opened = secret.open(Buffer.from(request.cookies[cookieName] ?? '', 'base64url'))
        if (opened === null)
          throw new TrunklineError('oidc_failed', { problem: 'this browser has begun no login, or it took longer than 10 minutes' })
        const begun = JSON.parse(opened) as Begun
        const account = await given.finish(new URL(request.url, 'http://here').search, begun)
        const agent = request.headers['user-agent']
        const { cookie, expiresAt } = await call.change(`user:${account.email}`, ({ tx }, note) => {
          Object.assign(note, { actor: `user:${account.email}`, after: { by: account.issuer } })
          return identity.session(account, { address: request.ip, agent }, tx)
        })
        return reply
          .clearCookie(cookieName, cookieOptions)
          .setCookie(sessionCookie, cookie, {
            path: `${basePath}/`,
            httpOnly: true,
            sameSite: 'strict',
            secure: cookieOptions.secure,
            expires: expiresAt,
          })
          .type('text/html; charset=utf-8')
          .serializer((body: unknown) => body as string)
          .send(onward(`${basePath}${begun.returnTo}`))
      },
      action: 'auth.oidc',
    }),
  ]
}
