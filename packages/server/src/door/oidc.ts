import { TrunklineError } from '@trunkline/contract'
import { type Database, statement } from '@trunkline/engine/postgres'
import * as client from 'openid-client'
import type { ServerSettings } from '../settings.ts'
import { type Account, addAccount } from './accounts.ts'
import { roleFromClaims } from './issuers.ts'

const byIssuerStatement = statement(import.meta.url, 'find-account-by-issuer.sql')
const linkStatement = statement(import.meta.url, 'link-account.sql')
const followRoleStatement = statement(import.meta.url, 'follow-role.sql')

type OidcSettings = NonNullable<ServerSettings['auth']['oidc']>

/** A login that is under way: kept sealed in a cookie, so that it belongs to the browser that began it. */
export interface Begun {
  state: string
  nonce: string
  verifier: string
  returnTo: string
}

/** Logins by an identity provider, with PKCE, state and nonce. */
export interface Oidc {
  begin(returnTo: string): Promise<{ url: string; begun: Begun }>
  /** @param search the query of the callback, with its `?` @throws `oidc_failed` */
  finish(search: string, begun: Begun): Promise<Account>
}

const refuse = (problem: string) => new TrunklineError('oidc_failed', { problem })

/** Plain HTTP only to a provider on this machine. */
const isLoopback = (url: string) => /^http:\/\/(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:|\/|$)/.test(url)

/** Makes {@link Oidc}. The provider is asked for its addresses with the first login. */
export function createOidc(database: Database, settings: OidcSettings, redirectUri: string): Oidc {
  let found: Promise<client.Configuration> | undefined
  function discover(): Promise<client.Configuration> {
    const insecure = isLoopback(settings.issuer) ? { execute: [client.allowInsecureRequests] } : {}
    found ??= client.discovery(new URL(settings.issuer), settings.clientId, settings.clientSecret, undefined, { timeout: 5, ...insecure })
    found.catch(() => {
      found = undefined
    })
    return found.catch(() => {
      throw refuse('it does not answer')
    })
  }

  async function accountOf(claims: Record<string, unknown> & { iss: string; sub: string }): Promise<Account> {
    const [known] = await database.run<Account>(byIssuerStatement, [claims.iss, claims.sub])
    if (known) return known
    const { email } = claims
    if (typeof email !== 'string' || claims.email_verified !== true) throw refuse('it vouches for no e-mail of yours')
    const [linked] = await database.run<Account>(linkStatement, [email.toLowerCase(), claims.iss, claims.sub])
    if (linked) return linked
    if (!settings.role) throw refuse('an administrator has to enter you first')
    const name = typeof claims.name === 'string' ? claims.name.slice(0, 200) : null
    const role = roleFromClaims(claims, settings)
    return await addAccount(database, { email, name, password: null, role, issuer: claims.iss, issuerSubject: claims.sub })
  }

  return {
    async begin(returnTo) {
      const config = await discover()
      const begun = { state: client.randomState(), nonce: client.randomNonce(), verifier: client.randomPKCECodeVerifier(), returnTo }
      const url = client.buildAuthorizationUrl(config, {
        redirect_uri: redirectUri,
        scope: settings.scope,
        state: begun.state,
        nonce: begun.nonce,
        code_challenge: await client.calculatePKCECodeChallenge(begun.verifier),
        code_challenge_method: 'S256',
      })
      return { url: url.href, begun }
    },
    async finish(search, { state, nonce, verifier }) {
      const config = await discover()
      const checks = { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier, idTokenExpected: true }
      const tokens = await client.authorizationCodeGrant(config, new URL(redirectUri + search), checks).catch(() => {
        throw refuse('its answer does not belong to a login that was begun here')
      })
      const identity = tokens.claims()
      if (!identity) throw refuse('it sent no identity')
      // some put little into the token and the rest behind an address of their own
      const more =
        typeof identity.email === 'string' ? {} : await client.fetchUserInfo(config, tokens.access_token, identity.sub).catch(() => ({}))
      const claims = { ...more, ...identity }
      const account = await accountOf(claims)
      if (!account.is_enabled) throw refuse('you were switched off')
      if (!settings.roleClaim) return account
      const [followed] = await database.run<Account>(followRoleStatement, [account.id, roleFromClaims(claims, settings)])
      return followed ?? account
    },
  }
}
