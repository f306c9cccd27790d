import { type JobState, show, TrunklineError } from '@trunkline/contract'
import type { FailurePolicy } from '../jobs/depends-on.ts'
import { getJobs, type JobView } from '../jobs/show.ts'
import type { Within } from '../jobs/within.ts'
import type { Database } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'

const flowJobsStatement = statement(import.meta.url, 'flow-jobs.sql')
const flowTasksStatement = statement(import.meta.url, 'flow-tasks.sql')
const listFlowsStatement = statement(import.meta.url, 'list-flows.sql')
const showFlowStatement = statement(import.meta.url, 'show-flow.sql')

/** A flow as people see it. */
export interface FlowView {
  id: string
  name: string | null
  /** `running` until every job has ended, then `completed`, `failed` or `cancelled`: the worst of its jobs. */
  state: 'running' | 'completed' | 'failed' | 'cancelled'
  /** Its jobs by state. */
  counts: Record<JobState, number>
  total: number
  /** Whole percent of jobs that have ended. */
  percent: number
  createdAt: Date
  createdBy: string | null
  /** When the last of its jobs ended; null while one has not. */
  finishedAt: Date | null
}

/** A job of a flow with its place in the graph. */
export interface FlowNode {
  /** Its name within the flow. */
  name: string | null
  job: JobView
  dependsOn: { jobId: string; onFailure: FailurePolicy; open: boolean }[]
}

const states: readonly JobState[] = ['pending', 'blocked', 'running', 'completed', 'failed', 'cancelled']

/** @throws `invalid_option` unless `id` is a decimal number */
export function checkFlowId(id: unknown): string {
  if (typeof id === 'string' && /^[1-9]\d{0,17}$/.test(id)) return id
  throw new TrunklineError('invalid_option', {
    field: 'flowId',
    received: show(id),
    allowed: 'the id of a flow: decimal text such as "12"',
  })
}

/** @throws `flow_not_found`, `invalid_option` */
export async function getFlow(database: Database, id: string): Promise<FlowView> {
  const [row] = await database.run(showFlowStatement, [checkFlowId(id)], 'walk')
  if (!row) throw new TrunklineError('flow_not_found', { field: 'flowId', received: id })
  const counts = Object.fromEntries(states.map((state) => [state, row.states?.[state] ?? 0])) as Record<JobState, number>
  const ended = counts.completed + counts.failed + counts.cancelled
  const total = ended + counts.pending + counts.blocked + counts.running
  const worst = counts.failed > 0 ? 'failed' : counts.cancelled > 0 ? 'cancelled' : 'completed'
  return {
    id: row.id,
    name: row.name,
    state: ended < total ? 'running' : worst,
    counts,
    total,
    percent: total === 0 ? 100 : Math.floor((100 * ended) / total),
    createdAt: row.created_at,
    createdBy: row.created_by,
    finishedAt: ended < total ? null : row.finished_at,
  }
}

/** Flows, newest first. */
export async function listFlows(
  database: Database,
  { limit = 50, before, createdBy }: { limit?: number; before?: string; createdBy?: string } = {},
): Promise<FlowView[]> {
  const rows = await database.run<{ id: string }>(listFlowsStatement, [
    before === undefined ? '9223372036854775807' : checkFlowId(before),
    limit,
    createdBy ?? null,
  ])
  return await Promise.all(rows.map(({ id }) => getFlow(database, id)))
}

/** The tasks of its jobs and the queues that they are in, each pair once. */
export async function tasksOfFlow(database: Database, id: string): Promise<{ task: string; queue: string }[]> {
  return await database.run<{ task: string; queue: string }>(flowTasksStatement, [checkFlowId(id)], 'walk')
}

/** The jobs of a flow in the order in which they were made. @param after the last id of the page before */
export async function flowNodes(
  database: Database,
  id: string,
  { after = '0', limit = 500, within }: { after?: string; limit?: number; within?: Within | null } = {},
): Promise<FlowNode[]> {
  const values = [checkFlowId(id), after, limit]
  const rows = await database.run<{ id: string; node: string | null; depends_on: FlowNode['dependsOn'] }>(flowJobsStatement, values, 'walk')
  const jobs = await getJobs(
    database,
    rows.map((row) => row.id),
    within,
  )
  const byId = new Map(jobs.map((job) => [job.id, job]))
  return rows.flatMap(({ id: jobId, node, depends_on }) => {
    const job = byId.get(jobId)
    return job ? [{ name: node, job, dependsOn: depends_on }] : []
  })
}
