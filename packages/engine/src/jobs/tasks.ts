import type { Database } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'

const tasksStatement = statement(import.meta.url, 'tasks.sql')

/** A task as its workers have published it. */
export interface TaskView {
  task: string
  description: string | null
  /** Defaults of its jobs. */
  queue: string
  priority: number
  maxAttempts: number
  timeoutMs: number | null
  /** JSON Schema of its payload, where it has one. */
  inputSchema: unknown
  searchable: string[]
  /** Live workers that serve it. */
  workers: number
  updatedAt: Date
}

/** All tasks that were ever published, by name. */
export async function listTasks(database: Database): Promise<TaskView[]> {
  const rows = await database.run(tasksStatement, [])
  return rows.map((row) => ({
    task: row.name,
    description: row.description,
    queue: row.queue,
    priority: row.priority,
    maxAttempts: row.max_attempts,
    timeoutMs: row.timeout_ms,
    inputSchema: row.input_schema,
    searchable: row.searchable ?? [],
    workers: row.workers,
    updatedAt: row.updated_at,
  }))
}
