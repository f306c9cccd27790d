import { isAtLeast, type Right, type Role, TrunklineError } from '@trunkline/contract'
import { done, newUser, type Scopes, user, userChanges, userList } from '@trunkline/contract/http'
import { z } from 'zod'
import { type Account, addAccount, deleteAccount, findById, listAccounts, updateAccount } from '../door/accounts.ts'
import { isPartOf, type Principal, readScopes } from '../door/principal.ts'
import { apiPrefix } from '../prefix.ts'
import { type Route, route } from '../route.ts'
import type { Service } from '../service.ts'
import { userAnswer } from './auth.ts'

const userPath = z.strictObject({ id: z.uuid('the id of a user') })

/** Nobody gives what they do not have. @throws `forbidden` */
export function checkGift(
  giver: Principal,
  gift: { role?: Role | undefined; scopes?: Scopes | undefined; rights?: readonly Right[] | undefined },
): void {
  const refuse = (what: string, needed: string, received: string) => {
    throw new TrunklineError('forbidden', { what, needed, received })
  }
  if (gift.role && !isAtLeast(giver.role, gift.role)) refuse(`giving the role ${gift.role}`, `the role ${gift.role}`, giver.role)
  if (gift.scopes && !isPartOf(gift.scopes, giver.scopes)) refuse('giving this scope', 'a scope that has all of it', 'a narrower one')
  for (const right of gift.rights ?? []) {
    if (!giver.rights.includes(right)) refuse(`giving the right ${right}`, 'that right', giver.rights.join(', ') || 'none')
  }
}

/** @throws `forbidden` for users above the caller, or beyond the caller's scope */
function checkReach(caller: Principal, account: Account): void {
  checkGift(caller, { role: account.role, scopes: readScopes(account.scopes) })
}

const noteOf = ({ email, name, role, scopes, rights, is_enabled: isEnabled }: Account) => ({ email, name, role, scopes, rights, isEnabled })

/** Users: for administrators, within what they have themselves. */
export function userRoutes({ database, identity, trunkline, settings }: Service): Route[] {
  async function find(id: string): Promise<Account> {
    const found = await findById(database, id)
    if (found) return found
    throw new TrunklineError('user_not_found', { field: 'id', received: id })
  }

  return [
    route({
      method: 'GET',
      url: '/users',
      summary: 'Users by e-mail',
      tag: 'users',
      access: { role: 'admin', object: 'none' },
      answers: { 200: userList },
      async run() {
        const { cursor: asOf } = await trunkline.changes()
        const data = (await listAccounts(database)).map(userAnswer)
        return { data, nextCursor: null, asOf, total: data.length, totalIsEstimate: false }
      },
    }),
    route({
      method: 'POST',
      url: '/users',
      summary: 'Enter a user, with no more than one has oneself',
      tag: 'users',
      access: { role: 'admin', object: 'none' },
      action: 'user.create',
      once: true,
      body: newUser,
      answers: { 201: user },
      async run(call) {
        checkGift(call.principal, call.body)
        return await call.change(`user:${call.body.email}`, async ({ tx }, note) => {
          const made = await addAccount(database, call.body, tx)
          note.after = noteOf(made)
          call.reply.status(201).header('location', `${settings.basePath}${apiPrefix}/users/${made.id}`)
          return userAnswer(made)
        })
      },
    }),
    route({
      method: 'GET',
      url: '/users/:id',
      summary: 'A user',
      tag: 'users',
      access: { role: 'admin', object: 'none' },
      params: userPath,
      answers: { 200: user },
      run: async ({ params }) => userAnswer(await find(params.id)),
    }),
    route({
      method: 'PATCH',
      url: '/users/:id',
      summary: 'Change a user; their tokens and sessions end, unless only the name changes',
      tag: 'users',
      access: { role: 'admin', object: 'none' },
      action: 'user.update',
      params: userPath,
      body: userChanges,
      answers: { 200: user },
      async run(call) {
        const account = await find(call.params.id)
        checkReach(call.principal, account)
        checkGift(call.principal, call.body)
        const changed = await call.change(`user:${account.email}`, async ({ tx }, note) => {
          const after = await updateAccount(database, account, call.body, tx)
          note.before = noteOf(account)
          note.after = { ...noteOf(after), ...(call.body.password === undefined ? {} : { password: 'changed' }) }
          return userAnswer(after)
        })
        identity.forget()
        return changed
      },
    }),
    route({
      method: 'DELETE',
      url: '/users/:id',
      summary: 'Remove a user with sessions and keys; jobs and audit keep the name',
      tag: 'users',
      access: { role: 'admin', object: 'none' },
      action: 'user.delete',
      params: userPath,
      answers: { 200: done },
      async run(call) {
        const account = await find(call.params.id)
        checkReach(call.principal, account)
        await call.change(`user:${account.email}`, async ({ tx }, note) => {
          note.before = noteOf(account)
          await deleteAccount(database, account, tx)
        })
        identity.forget()
        return { ok: true }
      },
    }),
  ]
}
