import { type Role, TrunklineError } from '@trunkline/contract'
import type { Scopes } from '@trunkline/contract/http'
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose'
import type { Principal } from './principal.ts'

/** An identity provider whose tokens are accepted. */
export interface ExternalIssuer {
  /** As its tokens say it (`iss`). */
  issuer: string
  audience: string
  /** Where its public keys are. */
  jwksUrl: string
  /** Default RS256, ES256 and EdDSA. Symmetric ones are never accepted. */
  algorithms?: string[] | undefined
  /** The role of its tokens. Default viewer. */
  role?: Role | undefined
  /** The claim that names one of `roles`, such as `groups`. */
  roleClaim?: string | undefined
  /** Values of that claim → role. */
  roles?: Record<string, Role> | undefined
  scopes?: Partial<Scopes> | undefined
}

/** Checks tokens of external issuers. */
export interface Issuers {
  /** Is it the name of one of them? */
  knows(issuer: unknown): boolean
  /** @throws `unauthenticated`, or what jose throws */
  verify(token: string): Promise<Principal>
}

const asymmetric = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']
const roleOrder: readonly Role[] = ['owner', 'admin', 'operator', 'viewer']

/** The highest role that the claim gives; the issuer's own where it gives none. */
export function roleFromClaims(claims: Record<string, unknown>, of: Pick<ExternalIssuer, 'role' | 'roleClaim' | 'roles'>): Role {
  const said = of.roleClaim ? claims[of.roleClaim] : undefined
  const values = (Array.isArray(said) ? said : [said]).filter((value) => typeof value === 'string')
  const given = values.map((value) => (of.roles && Object.hasOwn(of.roles, value) ? of.roles[value] : undefined))
  return roleOrder.find((role) => given.includes(role)) ?? of.role ?? 'viewer'
}

/** Makes {@link Issuers}. Keys are fetched when the first token comes, and kept. */
export function createIssuers(list: readonly ExternalIssuer[]): Issuers {
  const known = new Map(
    list.map((of) => [
      of.issuer,
      { of, keys: createRemoteJWKSet(new URL(of.jwksUrl), { timeoutDuration: 2000, cooldownDuration: 10_000 }) },
    ]),
  )
  return {
    knows: (issuer) => typeof issuer === 'string' && known.has(issuer),
    async verify(token) {
      const found = known.get(String(decodeJwt(token).iss))
      if (!found) throw new TrunklineError('unauthenticated', { problem: 'the token is of an unknown issuer' })
      const { of, keys } = found
      const { payload } = await jwtVerify(token, keys, {
        algorithms: (of.algorithms ?? ['RS256', 'ES256', 'EdDSA']).filter((name) => asymmetric.includes(name)),
        issuer: of.issuer,
        audience: of.audience,
        requiredClaims: ['sub', 'exp', 'iat'],
        clockTolerance: 30,
      })
      return {
        subject: `external:${of.issuer}#${payload.sub}`.slice(0, 200),
        how: 'external',
        role: roleFromClaims(payload, of),
        scopes: { queues: of.scopes?.queues ?? null, tasks: of.scopes?.tasks ?? null, servers: of.scopes?.servers ?? null },
        rights: [],
        accountId: null,
        standing: null,
        csrfToken: null,
        expiresAt: new Date((payload.exp as number) * 1000),
        jti: typeof payload.jti === 'string' ? payload.jti : null,
        sessionHash: null,
      }
    },
  }
}
