import { type Database, statement } from '@trunkline/engine/postgres'
import { type Principal, standingOf } from '../door/principal.ts'

const standingStatement = statement(import.meta.url, 'standing.sql')

/** So long a token is taken after its end: clocks differ. */
const toleranceMs = 30_000

const prefixOf = ({ how, subject }: Principal) => (how === 'key' ? subject.slice('key:'.length) : null)

/** Which callers are not what they were. */
export interface Fallen {
  /** Their session, key or token is over, or their user is disabled, gone or changed so that it counts no more. */
  readonly over: Set<Principal>
  /** Their user may something else now, and they still count: to be identified again. */
  readonly changed: Set<Principal>
}

/**
 * Which of these callers are no longer what they were when they were identified. One statement for all of them, and whoever is over
 * is told without another: thousands of sockets that come, or that lose their user, at once are no thousands of questions.
 */
export async function findFallen(database: Database, principals: readonly Principal[]): Promise<Fallen> {
  const accounts = [...new Set(principals.flatMap((p) => p.accountId ?? []))]
  const sessions = principals.flatMap((p) => p.sessionHash ?? [])
  const keys = [...new Set(principals.flatMap((p) => prefixOf(p) ?? []))]
  const tokens = [...new Set(principals.flatMap((p) => p.jti ?? []))]
  const [row] = await database.run<any>(standingStatement, [accounts, sessions, keys, tokens])
  const found = new Map(
    Object.entries<any>(row?.accounts ?? {}).map(([id, account]) => [id, { isEnabled: account.is_enabled, ...standingOf(account) }]),
  )
  const ended = { sessions: new Set<string>(row?.sessions), keys: new Set<string>(row?.keys), tokens: new Set<string>(row?.tokens) }
  const tooOld = Date.now() - toleranceMs

  function isOver(p: Principal): boolean {
    if (p.sessionHash !== null) return ended.sessions.has(p.sessionHash.toString('hex'))
    if (p.how === 'key') return ended.keys.has(prefixOf(p) ?? '')
    return (p.jti !== null && ended.tokens.has(p.jti)) || (p.expiresAt !== null && p.expiresAt.getTime() < tooOld)
  }

  const fallen: Fallen = { over: new Set(), changed: new Set() }
  for (const p of principals) {
    const now = p.accountId === null ? null : found.get(p.accountId)
    // a key outlives a change of its owner's password
    const isGone = now === undefined || (now !== null && (!now.isEnabled || (p.how !== 'key' && now.generation !== p.standing?.generation)))
    if (isGone || isOver(p)) fallen.over.add(p)
    else if (now !== null && now.text !== p.standing?.text) fallen.changed.add(p)
  }
  return fallen
}
