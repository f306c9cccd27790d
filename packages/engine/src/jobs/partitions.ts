import type { Database } from '../postgres/database.ts'
import { inSchema, statement } from '../postgres/statement.ts'

const partitionsStatement = statement(import.meta.url, 'partitions.sql')

/** Ids of one partition. Statements that look a range up divide by it as well. */
export const rangeSize = 500_000
/** Partitions kept ahead of the ids: at 200,000 jobs a second they last ten seconds, and the keeper looks every second. */
const ahead = 4

/**
 * Makes the next partitions of job, outcome and log. A table is made first and attached then, which locks the parent far less
 * than CREATE … PARTITION OF.
 * @returns how many ranges were added
 */
export async function addPartitions(database: Database): Promise<number> {
  const [row] = await database.run<{ used: string; reach: string }>(partitionsStatement, [])
  const wanted = (Math.floor(Number(row?.used) / rangeSize) + 1 + ahead) * rangeSize
  let added = 0
  for (let from = Number(row?.reach); from < wanted; from += rangeSize) {
    await addRange(database, from)
    added++
  }
  return added
}

async function addRange(database: Database, from: number): Promise<void> {
  const no = from / rangeSize
  const parts = ['job', 'outcome', 'log'].map(
    (table) => `
      create table if not exists trunkline.${table}_${no} (like trunkline.${table} including defaults including constraints);
      do $$ begin
        if not exists (select from pg_inherits where inhrelid = 'trunkline.${table}_${no}'::regclass) then
          alter table trunkline.${table} attach partition trunkline.${table}_${no} for values from (${from}) to (${from + rangeSize});
        end if;
      end $$;`,
  )
  await database
    .query(
      inSchema(
        `begin; set local lock_timeout = '2s'; ${parts.join('\n')} insert into trunkline.id_range(no) values (${no}) on conflict do nothing; commit;`,
        database.schema,
      ),
    )
    .catch(async (error) => {
      await database.query('rollback')
      throw error
    })
}

/** Is this the answer of a server that has no partition for a new job? */
function isOutOfPartitions(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string }
  return code === '23514' && /no partition of relation/.test(message ?? '')
}

/**
 * Runs `store`, once more after the next partitions were made when it ran out of them: where no keeper has run for millions of
 * jobs. Inside a caller's transaction nothing can be repeated, so that one keeps its error.
 */
export async function withPartitions<T>(database: Database, store: () => Promise<T>): Promise<T> {
  try {
    return await store()
  } catch (error) {
    if (database.inTransaction || !isOutOfPartitions(error)) throw error
    await addPartitions(database)
    return await store()
  }
}
