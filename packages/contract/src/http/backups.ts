import { z } from 'zod'
import { instant, listOf, text } from './shapes.ts'

/** Names of backups are flat. */
export const filename = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/, 'a file name of letters, digits, . _ - without folders')

const database = text(63, 1)

/** `POST /backups`. */
export const newBackup = z.strictObject({ database: database.optional(), label: text(200).optional() }).meta({ id: 'NewBackup' })

/** `POST /backups/:filename/restore`. */
export const restore = z
  .strictObject({
    database,
    replace: z.boolean().default(false).meta({ description: 'Replace the database when it exists; swapped at the end' }),
  })
  .meta({ id: 'Restore' })

/** A finished backup. */
export const backup = z
  .object({
    filename: z.string(),
    size: z.number(),
    createdAt: instant,
    database: z.string().nullable(),
    format: z.string(),
    sha256: z.string().nullable(),
    server: z.string().nullable(),
    label: z.string().nullable(),
  })
  .meta({ id: 'Backup' })
export const backupList = listOf(backup).meta({ id: 'BackupList' })
