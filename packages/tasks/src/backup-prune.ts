import { defineTask, type Task } from '@trunkline/engine'
import { z } from 'zod'
import { type Backup, listBackups } from './backup-files.ts'
import type { TaskEnvironment } from './environment.ts'

const input = z
  .strictObject({
    keepDays: z.number().positive().max(36_500).optional().describe('Delete what is older than so many days'),
    keepLast: z.number().int().min(1).max(100_000).optional().describe('Keep so many of each database, whatever their age'),
    database: z.string().optional().describe('Only backups of this database'),
    dryRun: z.boolean().default(false).describe('Only say what would be deleted'),
  })
  .refine((v) => v.keepDays !== undefined || v.keepLast !== undefined, { message: 'keepDays, keepLast or both are needed' })

/**
 * Which backups go: of each database those beyond the newest `keepLast` and older than `keepDays`, where both are given only
 * what both let go. The newest of a database always stays, and so do files of which nothing is known.
 */
export function toPrune(
  backups: Backup[],
  { keepDays, keepLast }: { keepDays?: number | undefined; keepLast?: number | undefined },
  now: number,
): Backup[] {
  const seen = new Map<string, number>()
  return backups.filter((backup) => {
    if (backup.database === null) return false
    const rank = seen.get(backup.database) ?? 0
    seen.set(backup.database, rank + 1)
    const old = keepDays === undefined || now - Date.parse(backup.createdAt) > keepDays * 86_400_000
    return rank > 0 && old && (keepLast === undefined || rank >= keepLast)
  })
}

/** `backup_prune`: deletes old backups. */
export function backupPrune({ storage }: TaskEnvironment): Task {
  return defineTask('backup_prune', {
    description: 'Delete old backups',
    queue: 'backup',
    input,
    async run({ input, log, signal }) {
      const backups = (await listBackups(storage)).filter((b) => input.database === undefined || b.database === input.database)
      const going = toPrune(backups, input, Date.now())
      log.setStage(input.dryRun ? 'looking' : 'deleting')
      log.setTotal(going.length, 'backups')
      for (const { filename } of going) {
        signal.throwIfAborted()
        if (!input.dryRun) {
          await storage.delete(filename)
          await storage.delete(`${filename}.json`)
          log.addOutcome('deletes')
        }
        log.info(`${input.dryRun ? 'would delete' : 'deleted'} ${filename}`)
        log.incrementProgress()
      }
      return { deleted: going.map((b) => b.filename), kept: backups.length - going.length }
    },
  })
}
