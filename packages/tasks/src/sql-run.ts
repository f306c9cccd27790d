import { defineTask, type Task } from '@trunkline/engine'
import pg from 'pg'
import { z } from 'zod'
import { withClient } from './connection.ts'
import type { TaskEnvironment } from './environment.ts'

const input = z.strictObject({
  sql: z.string().min(1).describe('One statement, or several without params'),
  params: z
    .array(z.union([z.string(), z.number(), z.boolean(), z.null()]))
    .max(1000)
    .optional()
    .describe('Values of $1, $2 …'),
  database: z.string().min(1).max(63).optional().describe('Database of the server; default: the one of the queue'),
  role: z.string().min(1).max(63).optional().describe('Role to run as'),
  timeoutMs: z.number().int().min(1).max(86_400_000).optional().describe('Limit of one statement'),
  lockTimeoutMs: z.number().int().min(1).max(86_400_000).optional().describe('How long to wait for a lock'),
  maxRows: z.number().int().min(0).max(10_000).default(100).describe('Rows kept in the result'),
})

/** An SQL error with its SQLSTATE and place. */
class SqlError extends Error {
  override readonly name = 'SqlError'
  readonly code: string
  constructor(error: pg.DatabaseError) {
    const place = error.position ? ` (at character ${error.position})` : ''
    super(`${error.message}${place}${error.detail ? `; ${error.detail}` : ''}`)
    this.code = error.code ?? 'XX000'
  }
}

/** `sql_run`: statements on a connection of their own, never one of the queue; an abort cancels them in the server. */
export function sqlRun({ connectionString }: TaskEnvironment): Task {
  return defineTask('sql_run', {
    description: 'Run SQL',
    input,
    async run({ input, log, signal }) {
      return await withClient({ connectionString, name: 'sql_run', database: input.database, signal }, async (client) => {
        client.on('notice', (notice) => log.info(`${notice.severity ?? 'NOTICE'}: ${notice.message ?? ''}`))
        await client.query(`set statement_timeout = ${input.timeoutMs ?? 0}; set lock_timeout = ${input.lockTimeoutMs ?? 0}`)
        try {
          if (input.role) await client.query(`set role ${pg.escapeIdentifier(input.role)}`)
          const answer: unknown = await (input.params ? client.query(input.sql, input.params) : client.query(input.sql))
          const last = (Array.isArray(answer) ? answer.at(-1) : answer) as pg.QueryResult
          const rows = (last.rows ?? []).slice(0, input.maxRows)
          log.info(`${last.command ?? 'done'} ${last.rowCount ?? ''}`.trim())
          return { rowCount: last.rowCount, rows, truncated: (last.rows ?? []).length > rows.length }
        } catch (error) {
          throw error instanceof pg.DatabaseError ? new SqlError(error) : error
        }
      })
    },
  })
}
