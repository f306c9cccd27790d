import { numbers } from '../postgres/arrays.ts'
import type { Link } from '../postgres/link.ts'
import { statement } from '../postgres/statement.ts'
import { isEntryLane } from './gate-keys.ts'

const claimStatement = statement(import.meta.url, 'claim.sql', 'claim')
const claimLimitedStatement = statement(import.meta.url, 'claim-limited.sql')
const lanesStatement = statement(import.meta.url, 'lanes.sql', 'lanes')

/** The lane of crash suspects; its jobs are claimed one by one. */
export const isolationLane = 32767

/** A job that this worker now holds. */
export interface ClaimedJob {
  readonly id: number
  readonly leaseId: number
  readonly queueId: number
  readonly taskId: number
  /** Executions before this one. */
  readonly attempt: number
  /** Negated, as stored. */
  readonly priority: number
  readonly timeoutMs: number | null
  readonly payload: string
}

/** What a claim brought. */
export interface Claim {
  readonly leaseId: number
  readonly jobs: ClaimedJob[]
  /** Ids in the lease whose job row was not to be seen; they must be handed back. */
  readonly missing: number[]
  /** Chunks that were taken from. */
  readonly chunks: number
  /** How far each lane was read. */
  readonly hints: [lane: number, seq: string][]
}

/** What to claim. */
export interface ClaimRequest {
  readonly queueId: number
  readonly wanted: number
  /** In the order to read them. */
  readonly lanes: readonly number[]
  /** Where each lane was last read to; `0` = from the start. */
  readonly hints: readonly string[]
  /** Chunks to look at: all of them are locked, so no more than `wanted` needs. */
  readonly chunks: number
  readonly workerId: number
}

interface Header {
  i: number[]
  a: number[] | null
  p: number[] | null
  n: number
  h: [number, string][]
}

/** Takes due jobs of one queue under a new lease; null when there was none to take. */
export async function claim(link: Link, request: ClaimRequest): Promise<Claim | null> {
  const { queueId, wanted, lanes, hints, chunks, workerId } = request
  const rows = await link.run(claimStatement, [queueId, wanted, numbers(lanes), numbers(hints), chunks, workerId, false])
  return rows.length === 0 ? null : claimOf(rows, queueId)
}

/** What a claim under limits brought: jobs; or, where something waits for a limit, in how many ms to ask again. */
export interface LimitedClaim {
  readonly claim: Claim | null
  readonly againMs: number | null
}

/**
 * Takes due jobs of a queue with limits or gates, after letting in whom these let in.
 * @param free jobs that could begin at once: tokens are spent on no more
 * @param backwards read the lanes from behind?
 */
export async function claimLimited(link: Link, request: ClaimRequest, free: number, backwards: boolean): Promise<LimitedClaim> {
  const { queueId, wanted, lanes, hints, chunks, workerId } = request
  const values = [queueId, wanted, free, numbers(lanes), numbers(hints), chunks, workerId, backwards]
  const rows = await link.run(claimLimitedStatement, values)
  if (rows.length === 0) return { claim: null, againMs: null }
  if (rows[0]?.[0] === null) return { claim: null, againMs: (JSON.parse(rows[0][3]) as { w: number }).w }
  return { claim: claimOf(rows, queueId), againMs: null }
}

function claimOf(rows: any[][], queueId: number): Claim {
  const first = rows[0] as any[]
  const leaseId = Number(first[0])
  const header = JSON.parse(first[3]) as Header
  const bodies = new Map<number, any[]>()
  for (let r = 1; r < rows.length; r++) {
    const row = rows[r] as any[]
    bodies.set(Number(row[0]), row)
  }
  const jobs: ClaimedJob[] = []
  const missing: number[] = []
  for (const [i, id] of header.i.entries()) {
    const row = bodies.get(id)
    if (!row) {
      missing.push(id)
      continue
    }
    jobs.push({
      id,
      leaseId,
      queueId,
      taskId: row[1],
      attempt: header.a?.[i] ?? 0,
      priority: header.p?.[i] ?? 0,
      timeoutMs: row[2] === null ? null : Number(row[2]),
      payload: row[3],
    })
  }
  return { leaseId, jobs, missing, chunks: header.n, hints: header.h }
}

/** The lanes of a queue in which something is due, best first; and whether it has limits, or jobs with gates to pass. */
export async function lanesOf(link: Link, queueId: number): Promise<{ lanes: number[]; limited: boolean }> {
  const [row] = await link.run(lanesStatement, [queueId])
  const lanes = (row?.[0] as number[] | null) ?? []
  return { lanes: lanes.filter((lane) => !isEntryLane(lane)), limited: row?.[1] === true || lanes.some(isEntryLane) }
}
