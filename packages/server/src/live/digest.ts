import type { Change, QueueHealthChange } from '@trunkline/engine'

/** What a change says of a job: it is new, an execution of it is over, it stands elsewhere or otherwise, or it has said something. */
export type What = 'added' | 'ended' | 'changed' | 'feedback'

/** A page of the change feed, by what it means for those who listen. */
export interface Digest {
  /** Jobs that are told of, with all that happened to each. */
  readonly jobs: Map<string, Set<What>>
  /** Rows about more jobs than are told one by one. */
  bulks: number
  readonly queues: { queue: string; paused: boolean; until: string | null }[]
  readonly health: QueueHealthChange[]
  /** Schedules that were paused because their runs failed. */
  readonly failing: { schedule: string; name: string; failures: number; reason: string }[]
}

/** An `added` row names its first id and how many; ids of one statement that were drawn among others' are listed behind them. */
function addedIds([, , first, n, ids]: [number, number, number, number, number[]?]): number[] | null {
  if (n === 1) return [first]
  return ids ?? null
}

const ending = new Set(['closed', 'given_up', 'recovered', 'cancelled'])

/** What a page of changes means. */
export function digest(changes: readonly Change[]): Digest {
  const found: Digest = { jobs: new Map(), bulks: 0, queues: [], health: [], failing: [] }
  const tell = (ids: readonly (number | string)[] | null | undefined, what: What) => {
    if (!ids) {
      found.bulks++
      return
    }
    for (const id of ids) {
      const before = found.jobs.get(String(id))
      if (before) before.add(what)
      else found.jobs.set(String(id), new Set([what]))
    }
  }
  for (const { kind, body } of changes) {
    if (kind === 'queue') found.queues.push({ queue: body.queue, paused: body.paused, until: body.until ?? null })
    else if (kind === 'queue_health') found.health.push(body)
    else if (kind === 'schedule') {
      if (body.what === 'paused' && body.by === 'failures') found.failing.push(body)
    } else if (kind === 'limits') continue
    else if (kind === 'added') tell(Array.isArray(body) ? addedIds(body as never) : body?.ids, 'added')
    else tell(body?.ids, kind === 'feedback' ? 'feedback' : ending.has(kind) ? 'ended' : 'changed')
  }
  return found
}
