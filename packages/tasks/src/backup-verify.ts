import { defineTask, type Task } from '@trunkline/engine'
import { z } from 'zod'
import { verifyBackup } from './backup-files.ts'
import type { TaskEnvironment } from './environment.ts'

const input = z.strictObject({ filename: z.string().min(1).max(200).describe('The backup, as it is listed') })

/** `backup_verify`: reads a backup to its end, and compares it with what it was made with. */
export function backupVerify({ storage }: TaskEnvironment): Task {
  return defineTask('backup_verify', {
    description: 'Check that a backup is whole',
    queue: 'backup',
    input,
    retry: { attempts: 1 },
    async run({ input, log }) {
      log.setStage('reading')
      const { filename, size, sha256, compared } = await verifyBackup(storage, input.filename)
      log.info(`${filename} is whole${compared ? '' : ' (it has no manifest to compare with)'}`)
      return { filename, size, sha256, compared }
    },
  })
}
