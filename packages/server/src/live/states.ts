import type { JobEvent } from '@trunkline/contract'
import { type Database, statement } from '@trunkline/engine/postgres'
import { redactText } from '../door/redact.ts'

const statesStatement = statement(import.meta.url, 'states.sql')

/** How a job stands, without the number and the time of an event. */
export type JobStanding = Omit<JobEvent, 'seq' | 'at'>

const time = (date: Date | null) => date?.toISOString() ?? null
const longestError = 500

function standing(row: any): JobStanding {
  const known = row.progress_stage !== null || row.progress_current !== null
  return {
    jobId: row.id,
    task: row.task,
    queue: row.queue,
    state: row.state,
    reason: row.reason,
    attempt: row.attempt,
    priority: row.priority,
    progress: known
      ? {
          current: row.progress_current ?? 0,
          total: row.progress_total,
          unit: row.progress_unit,
          stage: row.progress_stage,
          percent: row.progress_percent,
        }
      : null,
    tags: row.tags,
    createdBy: row.created_by,
    createdAt: row.created_at.toISOString(),
    startedAt: time(row.started_at),
    finishedAt: time(row.finished_at),
    durationMs: row.duration_ms === null ? null : Number(row.duration_ms),
    error: row.error === null ? null : redactText(row.error).slice(0, longestError),
    outcome: row.outcome,
  }
}

/** How these jobs stand now; those that are gone are missing. */
export async function readStandings(database: Database, ids: readonly string[]): Promise<Map<string, JobStanding>> {
  if (ids.length === 0) return new Map()
  const rows = await database.run(statesStatement, [`{${ids.join(',')}}`], 'walk')
  return new Map(rows.map((row) => [row.id as string, standing(row)]))
}
