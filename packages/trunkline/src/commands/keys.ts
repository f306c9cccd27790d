import { isAtLeast, type Right, type Role, rights, TrunklineError } from '@trunkline/contract'
import { type Command, InvalidArgumentError } from 'commander'
import { cliActor, wantsJson, withDatabase } from '../command.ts'
import { ago, plain, printJson, printTable } from '../print.ts'
import { nameList, rightList, roleOption, scopesOf } from './users.ts'

interface KeyOptions {
  user: string
  role?: Role
  queues?: string[]
  tasks?: string[]
  rights?: Right[]
  expires?: string
}

function time(text: string): string {
  if (Number.isNaN(Date.parse(text))) throw new InvalidArgumentError('It must be a time such as 2030-01-31T09:00:00Z.')
  return new Date(text).toISOString()
}

/** `trunkline keys`: API keys of programs, and the keys that sign tokens. */
export function keysCommand(program: Command): void {
  const keys = program.command('keys').description('API keys of programs; renew what signs tokens')
  keys.command('list', { isDefault: true }).description('API keys, without the keys').action(list)
  keys
    .command('add <name>')
    .description('make an API key; it is shown once')
    .requiredOption('--user <email>', 'its owner: it may no more than they may')
    .addOption(roleOption())
    .option('--queues <names>', 'only jobs of these queues (a * at the end = all that begin so)', nameList)
    .option('--tasks <names>', 'only jobs of these tasks', nameList)
    .option('--rights <names>', `rights beside the role: ${rights.join(', ')}`, rightList)
    .option('--expires <time>', 'when it ends (RFC 3339)', time)
    .action(add)
  keys.command('revoke <prefix>').description('let an API key in no more').action(revoke)
  keys
    .command('rotate')
    .description('sign new tokens with a fresh key')
    .option('--revoke', 'refuse all tokens of the old keys as well: everybody logs in again')
    .action(rotate)
}

async function list(_options: object, command: Command): Promise<void> {
  const { listApiKeys } = await import('@trunkline/server')
  const keys = await withDatabase(command, (database) => listApiKeys(database))
  if (wantsJson(command)) {
    const data = keys.map(({ created_at, expires_at, last_used_at, revoked_at, ...key }) => {
      return { ...key, createdAt: created_at, expiresAt: expires_at, lastUsedAt: last_used_at, revokedAt: revoked_at }
    })
    return printJson({ data })
  }
  const state = (revoked: Date | null, expires: Date | null) => {
    if (revoked) return 'revoked'
    return expires && expires.getTime() < Date.now() ? 'expired' : expires ? `until ${expires.toISOString()}` : 'yes'
  }
  const rows = keys.map((k) => [k.prefix, k.name, k.owner, k.role, ago(k.last_used_at), state(k.revoked_at, k.expires_at)])
  printTable(
    ['PREFIX', 'NAME', 'OWNER', 'ROLE', 'LAST USED', 'VALID'],
    rows,
    'no API keys; make one with: trunkline keys add <name> --user <email>',
  )
}

async function add(name: string, options: KeyOptions, command: Command): Promise<void> {
  const { addApiKey, findByEmail, writeAudit } = await import('@trunkline/server')
  const made = await withDatabase(command, async (database) => {
    const owner = await findByEmail(database, options.user)
    if (!owner) throw new TrunklineError('user_not_found', { field: 'user', received: options.user })
    const { role = owner.role, rights: given = [], expires = null } = options
    if (!isAtLeast(owner.role, role)) {
      throw new TrunklineError('usage', {
        problem: `${owner.email} is ${owner.role}: a key of theirs cannot be ${role}`,
        where: 'keys add',
      })
    }
    const scopes = scopesOf(options) ?? owner.scopes
    return await database.transaction(async (tx) => {
      const key = await addApiKey(database, { name, accountId: owner.id, role, scopes, rights: given, expiresAt: expires }, tx)
      const after = { name, role, scopes, rights: given, owner: owner.email }
      await writeAudit(
        database,
        { actor: cliActor(), how: 'cli', action: 'key.create', target: `key:${key.prefix}`, outcome: 'done', after },
        tx,
      )
      return key
    })
  })
  if (wantsJson(command)) printJson({ prefix: made.prefix, key: made.key })
  else console.log(`${made.key}\n(shown only now; revoke it with: trunkline keys revoke ${made.prefix})`)
}

async function revoke(which: string, _options: object, command: Command): Promise<void> {
  const { revokeApiKey, writeAudit } = await import('@trunkline/server')
  await withDatabase(command, (database) =>
    database.transaction(async (tx) => {
      const prefix = await revokeApiKey(database, which, null, tx)
      await writeAudit(database, { actor: cliActor(), how: 'cli', action: 'key.revoke', target: `key:${prefix}`, outcome: 'done' }, tx)
    }),
  )
  console.log(`revoked ${plain(which)}`)
}

async function rotate({ revoke: all = false }: { revoke?: boolean }, command: Command): Promise<void> {
  const { retireSigningKeys, writeAudit } = await import('@trunkline/server')
  await withDatabase(command, (database) =>
    database.transaction(async (tx) => {
      await retireSigningKeys(database, all, tx)
      const after = { revoked: all }
      await writeAudit(database, { actor: cliActor(), how: 'cli', action: 'signing.rotate', target: null, outcome: 'done', after }, tx)
    }),
  )
  console.log(
    all
      ? 'all tokens are refused within 30 s; everybody logs in again'
      : 'a fresh key signs within 30 s; tokens that were signed before hold until they expire',
  )
}
