import { defineTask, type Task } from '@trunkline/engine'
import { z } from 'zod'
import { withClient } from './connection.ts'
import type { TaskEnvironment } from './environment.ts'
import { findRelations, quoted, relations, sizeOf } from './maintenance.ts'

const input = z.strictObject({
  database: z.string().min(1).max(63).optional(),
  tables: z.array(z.string().min(1)).min(1).max(10_000).optional().describe('name or schema.name; default: all tables'),
  schema: z.string().min(1).max(63).optional().describe('Only tables of this schema'),
  full: z.boolean().default(false).describe('Rewrite the tables; locks each meanwhile'),
  analyze: z.boolean().default(true).describe('Collect statistics as well'),
})

/** `maintenance_vacuum`: vacuums (and analyses) tables one by one. */
export function maintenanceVacuum({ connectionString }: TaskEnvironment): Task {
  return defineTask('maintenance_vacuum', {
    description: 'Vacuum and analyse tables',
    queue: 'maintenance',
    input,
    async run({ input, log, signal }) {
      return await withClient({ connectionString, name: 'vacuum', database: input.database, signal }, async (client) => {
        const tables = input.tables
          ? await findRelations(client, ['r', 'm', 'p'], input.tables, input.schema)
          : await relations(client, ['r', 'm'], input.schema)
        const options = [input.full ? 'full' : null, input.analyze ? 'analyze' : null].filter(Boolean)
        log.setStage('vacuuming')
        log.setTotal(tables.length, 'tables')
        let before = 0
        let after = 0
        for (const table of tables) {
          signal.throwIfAborted()
          before += await sizeOf(client, table)
          await client.query(`vacuum ${options.length > 0 ? `(${options.join(', ')})` : ''} ${quoted(table)}`)
          after += await sizeOf(client, table)
          log.incrementProgress()
        }
        return { tables: tables.length, bytesBefore: before, bytesAfter: after }
      })
    },
  })
}
