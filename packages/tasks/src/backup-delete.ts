import { TrunklineError } from '@trunkline/contract'
import { defineTask, FatalError, type Task } from '@trunkline/engine'
import { z } from 'zod'
import type { TaskEnvironment } from './environment.ts'

const input = z.strictObject({ filename: z.string().min(1).max(200).describe('The backup, as it is listed') })

/** `backup_delete`: deletes one backup and its manifest. */
export function backupDelete({ storage }: TaskEnvironment): Task {
  return defineTask('backup_delete', {
    description: 'Delete a backup',
    queue: 'backup',
    input,
    async run({ input: { filename }, attempt, log }) {
      const deleted = await storage.delete(filename)
      await storage.delete(`${filename}.json`)
      // a second attempt may find that the first one had deleted it
      if (!deleted && attempt === 1) throw new FatalError(new TrunklineError('file_not_found', { received: filename, meant: '' }).message)
      log.info(`deleted ${filename}`)
      return { filename }
    },
  })
}
