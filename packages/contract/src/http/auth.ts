import { z } from 'zod'
import { rights, roles } from '../words/roles.ts'
import { instant, namePart, text } from './shapes.ts'

/** Where a role holds. Null = everywhere. */
export const scopes = z.strictObject({
  queues: z.array(namePart).max(100).nullable().default(null),
  tasks: z.array(namePart).max(100).nullable().default(null),
  servers: z.array(text(128, 1)).max(100).nullable().default(null).meta({ description: 'Ids of pgAgent servers' }),
})
/** One of {@link scopes}. */
export type Scopes = z.output<typeof scopes>

const scopesAnswer = z.object({
  queues: z.array(z.string()).nullable(),
  tasks: z.array(z.string()).nullable(),
  servers: z.array(z.string()).nullable(),
})

/** An e-mail address as a login name. */
export const email = z
  .string()
  .max(254)
  .regex(/^[^\s@\0]+@[^\s@\0]+$/, 'an e-mail address')
  .transform((value) => value.toLowerCase())

/** `POST /auth/login`. */
export const login = z
  .strictObject({
    email,
    password: z.string().min(1).max(1024),
    session: z.boolean().default(false).meta({ description: 'Set the cookie trunkline_session instead of answering a token' }),
  })
  .meta({ id: 'Login' })

/** A user as others see them. */
export const user = z
  .object({
    id: z.string(),
    email: z.string(),
    name: z.string().nullable(),
    role: z.enum(roles),
    scopes: scopesAnswer,
    rights: z.array(z.enum(rights)),
    isEnabled: z.boolean(),
    createdAt: instant,
    lastLoginAt: instant.nullable(),
  })
  .meta({ id: 'User' })

/** Answer of a login. */
export const loggedIn = z
  .object({ token: z.string().optional(), csrfToken: z.string().optional(), expiresAt: instant, user })
  .meta({ id: 'LoggedIn' })

/** `GET /auth/me`: who calls, and what they may. */
export const me = z
  .object({
    subject: z.string().meta({ description: 'What createdBy of one’s own jobs says' }),
    how: z.enum(['token', 'key', 'session', 'external', 'local']),
    role: z.enum(roles),
    scopes: scopesAnswer,
    rights: z.array(z.enum(rights)),
    csrfToken: z.string().nullable().meta({ description: 'For the header X-Trunkline-CSRF; null unless the cookie was sent' }),
    expiresAt: instant.nullable(),
    user: user.nullable(),
  })
  .meta({ id: 'Me' })

export { scopesAnswer }
