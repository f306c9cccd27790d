import { isAtLeast, TrunklineError } from '@trunkline/contract'
import { type apiKey, apiKeyList, done, madeKey, newKey } from '@trunkline/contract/http'
import { z } from 'zod'
import { type ApiKey, addApiKey, listApiKeys, revokeApiKey } from '../door/api-keys.ts'
import { readScopes } from '../door/principal.ts'
import { type Route, route } from '../route.ts'
import type { Service } from '../service.ts'
import { checkGift } from './users.ts'

const keyPath = z.strictObject({ id: z.union([z.uuid(), z.string().regex(/^[a-z0-9]{8}$/, 'the id or prefix of a key')]) })
const iso = (time: Date | null) => time?.toISOString() ?? null

function keyAnswer(key: ApiKey): z.output<typeof apiKey> {
  const { id, prefix, name, owner, role, rights } = key
  return {
    id,
    prefix,
    name,
    owner,
    role,
    rights,
    scopes: readScopes(key.scopes),
    createdAt: key.created_at.toISOString(),
    expiresAt: iso(key.expires_at),
    lastUsedAt: iso(key.last_used_at),
    revokedAt: iso(key.revoked_at),
  }
}

/** API keys: one's own; administrators see and revoke those of all. */
export function apiKeyRoutes({ database, identity, trunkline }: Service): Route[] {
  return [
    route({
      method: 'GET',
      url: '/api-keys',
      summary: 'API keys without the keys: one’s own, for administrators all',
      tag: 'users',
      access: { role: 'viewer', object: 'self' },
      answers: { 200: apiKeyList },
      async run({ principal }) {
        const { cursor: asOf } = await trunkline.changes()
        const all = isAtLeast(principal.role, 'admin')
        const keys = !all && principal.accountId === null ? [] : await listApiKeys(database, all ? null : principal.accountId)
        return { data: keys.map(keyAnswer), nextCursor: null, asOf, total: keys.length, totalIsEstimate: false }
      },
    }),
    route({
      method: 'POST',
      url: '/api-keys',
      summary: 'Make an API key with no more than one has oneself; it is shown this once',
      tag: 'users',
      access: { role: 'viewer', object: 'self' },
      action: 'key.create',
      once: true,
      body: newKey,
      answers: { 201: madeKey },
      async run(call) {
        const { principal, body } = call
        const { accountId } = principal
        if (accountId === null)
          throw new TrunklineError('forbidden', {
            what: 'an API key',
            needed: 'a user of Trunkline',
            received: 'a token of another issuer',
          })
        if (body.expiresAt !== undefined && Date.parse(body.expiresAt) <= Date.now()) {
          throw new TrunklineError('invalid_request', { field: 'expiresAt', problem: 'lies in the past' })
        }
        const { role = principal.role, scopes = principal.scopes, rights, name, expiresAt = null } = body
        checkGift(principal, { role, scopes, rights })
        return await call.change('key', async ({ tx }, note) => {
          const made = await addApiKey(database, { name, accountId, role, scopes, rights, expiresAt }, tx)
          note.target = `key:${made.prefix}`
          note.after = { name, role, scopes, rights, expiresAt }
          call.reply.status(201)
          return { ...keyAnswer(made), key: made.key }
        })
      },
    }),
    route({
      method: 'DELETE',
      url: '/api-keys/:id',
      summary: 'Revoke an API key, by id or prefix',
      tag: 'users',
      access: { role: 'viewer', object: 'self' },
      action: 'key.revoke',
      params: keyPath,
      answers: { 200: done },
      async run(call) {
        const { principal, params } = call
        const all = isAtLeast(principal.role, 'admin')
        if (!all && principal.accountId === null) throw new TrunklineError('key_not_found', { field: 'id', received: params.id })
        await call.change(`key:${params.id}`, async ({ tx }, note) => {
          note.target = `key:${await revokeApiKey(database, params.id, all ? null : principal.accountId, tx)}`
        })
        identity.forget()
        return { ok: true }
      },
    }),
  ]
}
