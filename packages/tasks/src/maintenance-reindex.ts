import { defineTask, type Task } from '@trunkline/engine'
import { z } from 'zod'
import { withClient } from './connection.ts'
import type { TaskEnvironment } from './environment.ts'
import { findRelations, quoted, relations, sizeOf } from './maintenance.ts'

const input = z.strictObject({
  database: z.string().min(1).max(63).optional(),
  tables: z.array(z.string().min(1)).min(1).max(10_000).optional().describe('name or schema.name'),
  indexes: z.array(z.string().min(1)).min(1).max(10_000).optional().describe('name or schema.name'),
  schema: z.string().min(1).max(63).optional().describe('All tables of this schema'),
  concurrently: z.boolean().default(true).describe('Without locking out writers'),
})

/** `maintenance_reindex`: builds indexes anew, one by one. */
export function maintenanceReindex({ connectionString }: TaskEnvironment): Task {
  return defineTask('maintenance_reindex', {
    description: 'Rebuild indexes',
    queue: 'maintenance',
    input,
    async run({ input, log, signal }) {
      return await withClient({ connectionString, name: 'reindex', database: input.database, signal }, async (client) => {
        const kind = input.indexes ? 'index' : 'table'
        const wanted = input.indexes ?? input.tables
        const kinds = input.indexes ? ['i'] : ['r', 'm']
        const objects = wanted ? await findRelations(client, kinds, wanted, input.schema) : await relations(client, kinds, input.schema)
        log.setStage('reindexing')
        log.setTotal(objects.length, kind === 'index' ? 'indexes' : 'tables')
        let before = 0
        let after = 0
        for (const object of objects) {
          signal.throwIfAborted()
          before += await sizeOf(client, object)
          await client.query(`reindex ${kind} ${input.concurrently ? 'concurrently' : ''} ${quoted(object)}`)
          after += await sizeOf(client, object)
          log.incrementProgress()
        }
        return { objects: objects.length, bytesBefore: before, bytesAfter: after }
      })
    },
  })
}
