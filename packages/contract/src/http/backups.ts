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

/** `GET /backups/:filename/comparison`. */
export const comparisonQuery = z.strictObject({ database: database.meta({ description: 'That it would be restored into' }) })

/** A backup beside the database that it would be restored into. */
export const backupComparison = z
  .object({
    backup: z.object({
      filename: z.string(),
      database: z.string().nullable(),
      server: z.string().nullable().meta({ description: 'Version of the server that it was made on' }),
      tables: z.number(),
    }),
    target: z.object({ database: z.string(), tables: z.number() }).nullable().meta({ description: 'Null = there is no such database' }),
    server: z.string().meta({ description: 'Version of the server that it would be restored on' }),
    tables: z.array(
      z.object({
        schema: z.string(),
        name: z.string(),
        inBackup: z.boolean(),
        inTarget: z.boolean(),
        targetRows: z.number().nullable().meta({ description: 'As its planner estimates; null = never counted, or not there' }),
      }),
    ),
  })
  .meta({ id: 'BackupComparison' })
export const backupList = listOf(backup).meta({ id: 'BackupList' })
