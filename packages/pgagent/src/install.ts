import { readFileSync } from 'node:fs'
import type { Database } from '@trunkline/engine/postgres'

/** A script of `schema/`. */
export const script = (name: 'pgagent' | 'trunkline_pgagent') => readFileSync(new URL(`../schema/${name}.sql`, import.meta.url), 'utf8')

/** What {@link installSchema} did. */
export interface Installed {
  /** Was the schema `pgagent` made by us? It was there before otherwise, and is untouched. */
  created: boolean
}

/**
 * Sees to it that a database has a schema `pgagent`, and ours beside it. What is there is left as it is; nothing needs a
 * superuser or an extension. Several may do so at once.
 */
export async function installSchema(database: Database): Promise<Installed> {
  return await database.transaction(async (tx) => {
    await tx.query(`select pg_advisory_xact_lock(hashtext('trunkline pgagent schema'))`)
    const { rows } = await tx.query(`select to_regclass('pgagent.pga_job') is not null there`)
    const there = rows[0]?.there === true
    if (!there) await tx.query(script('pgagent'))
    await tx.query(script('trunkline_pgagent'))
    return { created: !there }
  })
}

/**
 * Puts our triggers on pgAgent's tables (they add no columns): agents hear at once of what is due, and listeners of each status. Twice is fine.
 * It needs the right to make triggers there; without them agents poll.
 */
export async function watch(database: Database): Promise<void> {
  await database.query('select trunkline_pgagent.watch()')
}

/** Takes the triggers of {@link watch} away. */
export async function unwatch(database: Database): Promise<void> {
  await database.query('select trunkline_pgagent.unwatch()')
}
