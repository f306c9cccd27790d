import { type Database, statement } from '@trunkline/engine/postgres'
import type { Principal } from '../door/principal.ts'

const standingStatement = statement(import.meta.url, 'standing.sql')

const prefixOf = ({ how, subject }: Principal) => (how === 'key' ? subject.slice('key:'.length) : null)

/**
 * Which of these callers are no longer what they were: their user was changed or disabled, their session, key or token is over.
 * One statement for all of them.
 * @param known what was seen of each user the last time, by id; filled here
 */
export async function findChanged(
  database: Database,
  principals: readonly Principal[],
  known: Map<string, string>,
): Promise<Set<Principal>> {
  const accounts = [...new Set(principals.flatMap((p) => p.accountId ?? []))]
  const sessions = principals.flatMap((p) => p.sessionHash ?? [])
  const keys = [...new Set(principals.flatMap((p) => prefixOf(p) ?? []))]
  const tokens = [...new Set(principals.flatMap((p) => p.jti ?? []))]
  const [row] = await database.run<any>(standingStatement, [accounts, sessions, keys, tokens])
  const changed = new Set<string>()
  for (const id of accounts) {
    const text = JSON.stringify(row?.accounts?.[id] ?? null)
    const before = known.get(id)
    known.set(id, text)
    // also who is seen for the first time: they may have changed between their coming and this look
    if (before !== text) changed.add(id)
  }
  const over = { sessions: new Set<string>(row?.sessions), keys: new Set<string>(row?.keys), tokens: new Set<string>(row?.tokens) }
  const now = Date.now()
  return new Set(
    principals.filter(
      (p) =>
        (p.accountId !== null && changed.has(p.accountId)) ||
        (p.sessionHash !== null && over.sessions.has(p.sessionHash.toString('hex'))) ||
        over.keys.has(prefixOf(p) ?? '') ||
        (p.jti !== null && over.tokens.has(p.jti)) ||
        (p.expiresAt !== null && p.expiresAt.getTime() < now),
    ),
  )
}
