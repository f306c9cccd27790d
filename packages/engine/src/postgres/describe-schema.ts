import type { Database } from './database.ts'
import { statement } from './statement.ts'

const describeStatement = statement(import.meta.url, 'describe-schema.sql')

/** The schema as text, read from the catalogs: tables, columns, constraints, indexes, functions. Partitions are left out: their number grows. */
export async function describeSchema(database: Database): Promise<string> {
  const [row] = await database.transaction(async (tx) => {
    // defaults are told with as much of a name as the search path leaves out
    await tx.query("set local search_path = ''")
    return await database.run<{ text: string }>(describeStatement, [database.schema], tx)
  })
  return `-- What the migrations make, for review. Written by: npm run schema:dump\n${row?.text}\n`
}
