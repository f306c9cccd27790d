import { z } from 'zod'
import { rights, roles } from '../words/roles.ts'
import { email, scopes, scopesAnswer, user } from './auth.ts'
import { instant, listOf, text, time } from './shapes.ts'

const role = z.enum(roles)
const rightList = z.array(z.enum(rights)).max(rights.length)
/** A new password; what is asked of it is checked where it is hashed. */
const password = z.string().min(1).max(1024)

/** `POST /users`. */
export const newUser = z
  .strictObject({
    email,
    name: text(200).nullable().default(null),
    password: password.nullable().default(null).meta({ description: 'null: only by the identity provider' }),
    role,
    scopes: scopes.prefault({}),
    rights: rightList.default([]),
  })
  .meta({ id: 'NewUser' })

/** `PATCH /users/:id`. */
export const userChanges = z
  .strictObject({
    name: text(200).nullable().optional(),
    password: password.optional(),
    role: role.optional(),
    scopes: scopes.optional(),
    rights: rightList.optional(),
    isEnabled: z.boolean().optional(),
  })
  .refine((changes) => Object.values(changes).some((value) => value !== undefined), 'at least one change')
  .meta({ id: 'UserChanges' })

export const userList = listOf(user).meta({ id: 'UserList' })

/** `POST /auth/password`: one's own. */
export const newPassword = z.strictObject({ current: password, next: password }).meta({ id: 'NewPassword' })

/** `POST /api-keys`. */
export const newKey = z
  .strictObject({
    name: text(200, 1),
    role: role.optional().meta({ description: 'Default: the role of whoever makes it' }),
    scopes: scopes.optional(),
    rights: rightList.default([]),
    expiresAt: time.optional(),
  })
  .meta({ id: 'NewKey' })

/** An API key, without the key. */
export const apiKey = z
  .object({
    id: z.string(),
    prefix: z.string(),
    name: z.string(),
    owner: z.string(),
    role,
    scopes: scopesAnswer,
    rights: z.array(z.enum(rights)),
    createdAt: instant,
    expiresAt: instant.nullable(),
    lastUsedAt: instant.nullable(),
    revokedAt: instant.nullable(),
  })
  .meta({ id: 'ApiKey' })

/** Shown once. */
export const madeKey = apiKey.extend({ key: z.string().meta({ description: 'Shown only now' }) }).meta({ id: 'MadeKey' })
export const apiKeyList = listOf(apiKey).meta({ id: 'ApiKeyList' })
