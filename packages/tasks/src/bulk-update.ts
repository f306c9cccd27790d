import { defineTask, type Task, Trunkline } from '@trunkline/engine'
import { z } from 'zod'
import type { TaskEnvironment } from './environment.ts'

const input = z.strictObject({
  bulkId: z
    .string()
    .regex(/^[1-9]\d{0,17}$/)
    .describe('Number of the bulk action whose selection is kept'),
})

/**
 * `bulk_update`: works through a bulk action, in parts of which each is done and noted in one transaction. An attempt after a
 * crash goes on where the last part ended.
 */
export function bulkUpdate({ connectionString, schema }: TaskEnvironment): Task {
  return defineTask('bulk_update', {
    description: 'Do one thing to many jobs',
    queue: 'maintenance',
    input,
    async run({ input: { bulkId }, log, signal }) {
      await using trunkline = await Trunkline.connect({ connectionString, ...(schema ? { schema } : {}), allowUnsafe: true })
      log.setStage('working through the selection')
      const { total, accepted, skipped } = await trunkline.runBulk(bulkId, {
        signal,
        onProgress: ({ done, total }) => log.setProgress(done, total),
      })
      signal.throwIfAborted()
      log.addOutcome('updates', accepted)
      log.addOutcome('skipped', skipped)
      return { total, accepted, skipped }
    },
  })
}
