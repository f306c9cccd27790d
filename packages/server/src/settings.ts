import { roles } from '@trunkline/contract'
import { scopes } from '@trunkline/contract/http'
import { z } from 'zod'

const webUrl = z.url({ protocol: /^https?$/, error: 'a URL that begins with https:// or http://' })
const role = z.enum(roles, `one of ${roles.join(', ')}`)

/** From the environment numbers and flags come as text. */
const count = (least: number, most: number) => {
  const allowed = `a whole number from ${least} to ${most}`
  return z.coerce.number({ error: allowed }).int(allowed).min(least, allowed).max(most, allowed)
}
const list = z.union([
  z.array(z.string()),
  z.string().transform((text) =>
    text
      .split(',')
      .map((part) => part.trim())
      .filter(Boolean),
  ),
])

/** The settings of the server, as the section `server` of `trunkline.yaml` has them. Durations are milliseconds. */
export const serverSettings = z.strictObject({
  /** Loopback: whoever wants others to reach it says so. */
  host: z.string().min(1).default('127.0.0.1'),
  port: count(0, 65_535).default(3000),
  /** Where a proxy puts the whole server, such as `/trunkline`. */
  basePath: z
    .string()
    .regex(/^(\/[A-Za-z0-9_.-]+)*$/, 'empty, or a path such as /trunkline')
    .default(''),
  /** How the outside reaches it; needed for logins by an identity provider, and behind a proxy. */
  publicUrl: webUrl.optional(),
  tls: z.strictObject({ cert: z.string().min(1), key: z.string().min(1) }).optional(),
  /** Addresses or networks of proxies whose X-Forwarded-For is believed. Nobody's by default. */
  trustedProxies: list.default([]),
  /** Pages of other origins that may call by cookie or open sockets. */
  allowedOrigins: list.default([]),
  /** Seals signing keys; at least 32 characters. Default: a random one in the data directory. Several servers share one. */
  secret: z.string().min(32, 'at least 32 random characters').optional(),
  /** What the console calls this installation, and in which colour; red = production, where it asks before it destroys. */
  environment: z
    .strictObject({
      name: z.string().min(1).max(40).default('local'),
      tone: z.enum(['grey', 'green', 'amber', 'red'], 'one of grey, green, amber, red').default('grey'),
    })
    .prefault({}),
  /** Path of the façade for clients of the older API. */
  erpPrefix: z
    .string()
    .regex(/^(\/[A-Za-z0-9_.-]+)+$/, 'a path such as /api/erp')
    .default('/api/erp'),
  limits: z
    .strictObject({
      /** Calls of one caller in a minute. */
      requestsPerMinute: count(1, 10_000_000).default(6000),
      /** Logins of one address into one account in a minute. */
      loginsPerMinute: count(1, 10_000).default(5),
      /** Bulk calls of one caller in a minute. */
      bulkPerMinute: count(1, 100_000).default(10),
    })
    .prefault({}),
  auth: z
    .strictObject({
      tokenHours: count(1, 24 * 30).default(12),
      sessionHours: count(1, 24 * 90).default(12),
      /** Identity providers whose tokens are accepted. */
      issuers: z
        .array(
          z.strictObject({
            issuer: z.string().min(1),
            audience: z.string().min(1),
            jwksUrl: webUrl,
            algorithms: z.array(z.string()).optional(),
            role: role.optional(),
            roleClaim: z.string().min(1).optional(),
            roles: z.record(z.string(), role).optional(),
            scopes: scopes.optional(),
          }),
        )
        .default([]),
      /** Login by an identity provider (OpenID Connect). */
      oidc: z
        .strictObject({
          issuer: webUrl,
          clientId: z.string().min(1),
          clientSecret: z.string().min(1),
          scope: z.string().default('openid email profile'),
          /** The role of people who come for the first time; without it only those come in whom an administrator has entered. */
          role: role.optional(),
          roleClaim: z.string().min(1).optional(),
          roles: z.record(z.string(), role).optional(),
        })
        .optional(),
    })
    .prefault({}),
})

/** Checked settings of the server. */
export type ServerSettings = z.output<typeof serverSettings>
