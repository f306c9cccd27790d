import { type Right, type Role, rights, roles, TrunklineError } from '@trunkline/contract'
import type { Database, Queryable } from '@trunkline/engine/postgres'
import type { Account } from '@trunkline/server'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { cliActor, wantsJson, withDatabase } from '../command.ts'
import { ago, plain, printJson, printTable } from '../print.ts'

/** Names separated by commas. */
export function nameList(text: string): string[] {
  const names = text
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean)
  for (const name of names) {
    if (!/^[A-Za-z0-9_.:/-]{0,128}\*?$/.test(name))
      throw new InvalidArgumentError('Names, or their beginning with a *, separated by commas.')
  }
  return names
}

/** Rights separated by commas. */
export function rightList(text: string): Right[] {
  const names = nameList(text)
  for (const name of names) {
    if (!(rights as readonly string[]).includes(name)) throw new InvalidArgumentError(`Rights are ${rights.join(', ')}.`)
  }
  return names as Right[]
}

/** `--role`. */
export const roleOption = () => new Option('--role <role>', 'what they may').choices([...roles])

interface Gift {
  role?: Role
  queues?: string[]
  tasks?: string[]
  rights?: Right[]
}

/** The scopes that the options give; undefined where none is given. */
export function scopesOf({ queues, tasks }: Gift): { queues: string[] | null; tasks: string[] | null; servers: null } | undefined {
  return queues || tasks ? { queues: queues ?? null, tasks: tasks ?? null, servers: null } : undefined
}

/** `trunkline users`: who may log in. */
export function usersCommand(program: Command): void {
  const users = program.command('users').description('who may log in, and what they may')
  users.command('list', { isDefault: true }).description('users by e-mail').action(list)
  const gifts = (command: Command) =>
    command
      .option('--queues <names>', 'only jobs of these queues (a * at the end = all that begin so)', nameList)
      .option('--tasks <names>', 'only jobs of these tasks', nameList)
      .option('--rights <names>', `rights beside the role: ${rights.join(', ')}`, rightList)
  gifts(users.command('add <email>').description('enter a user; the random password is shown once'))
    .addOption(roleOption().default('viewer'))
    .option('--no-password', 'only by the identity provider')
    .action(add)
  gifts(users.command('change <email>').description('change role, scope or rights; their tokens end'))
    .addOption(roleOption())
    .action(change)
  users.command('password <email>').description('give a new random password, shown once; their tokens end').action(password)
  users
    .command('disable <email>')
    .description('let a user in no more')
    .action((email, _o, command) => toggle(email, false, command))
  users
    .command('enable <email>')
    .description('let a user in again')
    .action((email, _o, command) => toggle(email, true, command))
  users.command('remove <email>').description('remove a user with sessions and keys').action(remove)
}

const scopeText = ({ scopes: { queues, tasks } }: Account) =>
  [queues && `queues ${queues.join(',')}`, tasks && `tasks ${tasks.join(',')}`].filter(Boolean).join(' · ') || 'everything'

async function list(_options: object, command: Command): Promise<void> {
  const { listAccounts } = await import('@trunkline/server')
  const accounts = await withDatabase(command, listAccounts)
  if (wantsJson(command)) {
    const data = accounts.map(({ id, email, role, scopes, rights, is_enabled, last_login_at }) => {
      return { id, email, role, scopes, rights, isEnabled: is_enabled, lastLoginAt: last_login_at }
    })
    return printJson({ data })
  }
  const row = (a: Account) => [a.email, a.role, scopeText(a), a.rights.join(', '), a.is_enabled ? 'yes' : 'no', ago(a.last_login_at)]
  printTable(
    ['E-MAIL', 'ROLE', 'MAY SEE', 'RIGHTS', 'ENABLED', 'LAST LOGIN'],
    accounts.map(row),
    'no users; the first start of the server makes one',
  )
}

/** A change in one transaction with its line in the audit. */
async function changing(
  command: Command,
  action: string,
  email: string,
  work: (account: Account, tx: Queryable, database: Database) => Promise<unknown>,
): Promise<void> {
  const { findByEmail, writeAudit } = await import('@trunkline/server')
  await withDatabase(command, async (database) => {
    const account = await findByEmail(database, email)
    if (!account) throw new TrunklineError('user_not_found', { field: 'email', received: email })
    await database.transaction(async (tx) => {
      const after = await work(account, tx, database)
      await writeAudit(database, { actor: cliActor(), how: 'cli', action, target: `user:${account.email}`, outcome: 'done', after }, tx)
    })
  })
}

function shown(command: Command, email: string, password: string | null): void {
  if (wantsJson(command)) printJson({ email, password })
  else console.log(password === null ? `user ${plain(email)}` : `user ${plain(email)}\npassword ${password}   (shown only now)`)
}

async function add(email: string, options: Gift & { role: Role; password: boolean }, command: Command): Promise<void> {
  const { addAccount, randomPassword, writeAudit } = await import('@trunkline/server')
  if (!/^[^\s@]+@[^\s@]+$/.test(email))
    throw new TrunklineError('usage', { problem: `"${email}" is no e-mail address`, where: 'users add' })
  const password = options.password ? randomPassword() : null
  const { role, rights = [] } = options
  const scopes = scopesOf(options) ?? {}
  await withDatabase(command, (database) =>
    database.transaction(async (tx) => {
      await addAccount(database, { email, password, role, scopes, rights }, tx)
      const after = { role, scopes, rights }
      await writeAudit(
        database,
        { actor: cliActor(), how: 'cli', action: 'user.create', target: `user:${email}`, outcome: 'done', after },
        tx,
      )
    }),
  )
  shown(command, email, password)
}

async function change(email: string, options: Gift, command: Command): Promise<void> {
  const { updateAccount } = await import('@trunkline/server')
  const { role, rights } = options
  const scopes = scopesOf(options)
  if (role === undefined && rights === undefined && scopes === undefined) {
    throw new TrunklineError('usage', { problem: 'say what changes: --role, --queues, --tasks or --rights', where: 'users change' })
  }
  await changing(command, 'user.update', email, async (account, tx, database) => {
    await updateAccount(database, account, { role, scopes, rights }, tx)
    return { role, scopes, rights }
  })
  console.log(`changed ${plain(email)}`)
}

async function password(email: string, _options: object, command: Command): Promise<void> {
  const { randomPassword, updateAccount } = await import('@trunkline/server')
  const next = randomPassword()
  await changing(command, 'user.update', email, async (account, tx, database) => {
    await updateAccount(database, account, { password: next }, tx)
    return { password: 'changed' }
  })
  shown(command, email, next)
}

async function toggle(email: string, isEnabled: boolean, command: Command): Promise<void> {
  const { updateAccount } = await import('@trunkline/server')
  await changing(command, 'user.update', email, async (account, tx, database) => {
    await updateAccount(database, account, { isEnabled }, tx)
    return { isEnabled }
  })
  console.log(`${plain(email)} ${isEnabled ? 'may log in again' : 'is let in no more'}`)
}

async function remove(email: string, _options: object, command: Command): Promise<void> {
  const { deleteAccount } = await import('@trunkline/server')
  await changing(command, 'user.delete', email, (account, tx, database) => deleteAccount(database, account, tx))
  console.log(`removed ${plain(email)}`)
}
