import type pg from 'pg'
import type { Database } from './database.ts'
import { type Profile, send } from './send.ts'
import type { Statement } from './statement.ts'
import { isTransient } from './transient.ts'

/** One connection of one's own that is made when it is needed and made again after it broke. */
export interface Link {
  /** Runs a statement (prepared, where that is possible) after those sent before; rows come as arrays. A broken connection is dropped: the next call makes a new one. */
  run(statement: Statement, values: unknown[]): Promise<any[][]>
  /** How often a connection was made. */
  connections(): number
  stop(): Promise<void>
}

/**
 * @param name shown in `pg_stat_activity`
 * @example const rows = await createLink(database, 'walk', 'claim').run(claimStatement, values)
 */
export function createLink(database: Database, profile: Profile, name: string): Link {
  let client: Promise<pg.Client> | null = null
  let made = 0
  let stopped = false
  let last: Promise<unknown> = Promise.resolve()

  function drop(of: Promise<pg.Client>): void {
    if (client === of) client = null
    of.then((c) => c.end()).catch(() => {})
  }

  function open(): Promise<pg.Client> {
    if (client) return client
    const mine: Promise<pg.Client> = database
      .connect(profile, name, () => drop(mine))
      .then((c) => {
        made++
        return c
      })
    mine.catch(() => drop(mine))
    client = mine
    return mine
  }

  async function ask(statement: Statement, values: unknown[]): Promise<any[][]> {
    if (stopped) throw new Error('the connection was closed')
    const mine = open()
    try {
      const how = { schema: database.schema, profile, pooled: await database.pooled(), named: true, rowMode: 'array' } as const
      return (await send(await mine, statement, values, how)).rows
    } catch (error) {
      // a statement that timed out on our side may still be running there: nothing may follow it on this connection
      if (isTransient(error)) drop(mine)
      throw error
    }
  }

  return {
    run(statement, values) {
      const mine = last.then(() => ask(statement, values))
      last = mine.catch(() => {})
      return mine
    },
    connections: () => made,
    async stop() {
      await last
      stopped = true
      const open = client
      client = null
      await open?.then((c) => c.end()).catch(() => {})
    },
  }
}
