import { didYouMean, show, toMilliseconds } from '@trunkline/contract'
import { defineTask, FatalError, type Task } from '@trunkline/engine'
import pg from 'pg'
import { z } from 'zod'
import { withClient } from './connection.ts'
import type { TaskEnvironment } from './environment.ts'
import { findRelations, quoted, type Relation } from './maintenance.ts'

const input = z.strictObject({
  database: z.string().min(1).max(63).optional(),
  table: z.string().min(1).describe('name or schema.name'),
  column: z.string().min(1).max(63).describe('A date or timestamp'),
  olderThan: z.union([z.string(), z.number()]).transform((value, context) => {
    try {
      const ms = toMilliseconds(value, 'olderThan')
      if (ms > 0) return ms
    } catch {
      // the issue below says it
    }
    context.addIssue({ code: 'custom', message: 'a duration such as 12h or 30d' })
    return z.NEVER
  }),
  batchSize: z.number().int().min(1).max(100_000).default(5000).describe('Rows of one transaction'),
})

async function checkColumn(client: pg.Client, table: Relation, column: string): Promise<void> {
  const { rows } = await client.query(
    `select attname name, format_type(atttypid, null) type from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped`,
    [quoted(table)],
  )
  const found = rows.find((row) => row.name === column)
  if (!found)
    throw new FatalError(
      `there is no column ${show(column)} in ${quoted(table)}${didYouMean(
        column,
        rows.map((row) => row.name),
      )}`,
    )
  if (!/^(date|timestamp)/.test(found.type)) throw new FatalError(`column ${show(column)} is ${found.type}; it must be a date or timestamp`)
}

/** `maintenance_cleanup`: deletes rows older than a time, in small transactions; what cancels it keeps what is done. */
export function maintenanceCleanup({ connectionString, schema = 'trunkline' }: TaskEnvironment): Task {
  return defineTask('maintenance_cleanup', {
    description: 'Delete old rows of a table',
    queue: 'maintenance',
    input,
    async run({ input, log, signal }) {
      return await withClient({ connectionString, name: 'cleanup', database: input.database, signal }, async (client) => {
        const [table] = (await findRelations(client, ['r', 'p'], [input.table])) as [Relation]
        if (table.schema === schema)
          throw new FatalError(`the schema "${schema}" is the queue's own; its history has a retention of its own`)
        await checkColumn(client, table, input.column)
        log.setStage(`deleting from ${table.schema}.${table.name}`)
        const name = quoted(table)
        const column = pg.escapeIdentifier(input.column)
        // ctids of a partitioned table repeat: each row is named together with its partition
        const sql = `delete from ${name} where (tableoid, ctid) in (select tableoid, ctid from ${name} where ${column} < now() - $1 * interval '1ms' limit $2)`
        let deleted = 0
        for (;;) {
          signal.throwIfAborted()
          const { rowCount } = await client.query(sql, [input.olderThan, input.batchSize])
          deleted += rowCount ?? 0
          log.incrementProgress(rowCount ?? 0)
          log.addOutcome('deletes', rowCount ?? 0)
          if ((rowCount ?? 0) < input.batchSize) return { deleted }
        }
      })
    },
  })
}
