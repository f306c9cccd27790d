import type pg from 'pg'
import type { Statement } from './statement.ts'

/**
 * How a connection plans. `general` is the server's own; `walk` pins nested loops over indexes (claim, give-up, promote …:
 * without statistics the planner would sort or scan the whole backlog, 18.8 against 7.1 µs a job); `join` pins hash joins (complete).
 * `prepared` is for statements that are prepared on pooled connections (adding jobs): it takes the plan for all parameters at once,
 * where the server would first plan each anew five times on each connection, some 5 ms a call.
 */
export type Profile = 'general' | 'prepared' | 'walk' | 'join'

// whatever the role's default: an acknowledged job is on disk, and a forgotten transaction of ours ends by itself
const always = ['synchronous_commit = on', "idle_in_transaction_session_timeout = '60s'", 'client_min_messages = warning']
const off = (...names: string[]) => names.map((name) => `${name} = off`)

const pins: Record<Profile, string[]> = {
  general: [],
  prepared: ['plan_cache_mode = force_generic_plan'],
  walk: off('enable_sort', 'enable_bitmapscan', 'enable_seqscan', 'enable_hashjoin', 'enable_mergejoin', 'jit'),
  join: off('enable_nestloop', 'enable_mergejoin', 'enable_sort', 'enable_seqscan', 'enable_bitmapscan', 'jit'),
}

/** What a connection of our own is told once. Never behind a pooler: it would hold for whoever gets that connection next. */
export function sessionSettings(profile: Profile): string {
  return [...always, ...pins[profile]].map((setting) => `set ${setting};`).join(' ')
}

/** Opens a transaction with the same settings, for as long as it lasts. */
export function beginWithSettings(profile: Profile): string {
  return `begin; ${[...always, ...pins[profile]].map((setting) => `set local ${setting};`).join(' ')}`
}

/** Where a statement is sent, and how. */
export interface Sending {
  readonly schema: string
  readonly profile: Profile
  /** Is the connection shared with others between transactions? */
  readonly pooled: boolean
  /** Prepare it by name, on connections that run it again and again. */
  readonly named?: boolean
  readonly rowMode?: 'array'
}

/**
 * Runs a statement under the settings of its profile. Behind a pooler nothing may stay on the connection: a function that
 * carries its settings is called where there is one, and otherwise begin, statement and commit go out together, without
 * waiting for each other's answers.
 */
export async function send(client: pg.ClientBase, statement: Statement, values: unknown[], sending: Sending): Promise<pg.QueryResult> {
  const { schema, profile, pooled, named, rowMode } = sending
  const rows = rowMode ? { rowMode } : {}
  const plain = { text: statement.text(schema), values, ...rows }
  if (!pooled) return await client.query(named ? { name: statement.name, ...plain } : plain)
  if (statement.call) return await client.query({ text: statement.call(schema), values, ...rows })
  if (profile === 'general' && !statement.writes) return await client.query(plain)
  const all = [client.query(beginWithSettings(profile)), client.query<any>(plain), client.query('commit')] as const
  const [begun, answered, ended] = await Promise.allSettled(all)
  // the statement's own complaint is the telling one: after it, commit is a rollback and succeeds
  for (const part of [answered, begun, ended]) if (part.status === 'rejected') throw part.reason
  return (answered as PromiseFulfilledResult<pg.QueryResult>).value
}
