import { createHash } from 'node:crypto'
import { mayUse, type Principal } from '../door/principal.ts'
import type { JobStanding } from './states.ts'

/** What a room is about. Its names are made here: no text of a caller becomes the name of a room unseen. */
export type RoomKind = 'job' | 'logs' | 'queue' | 'list' | 'all' | 'overview' | 'system'

/** Those who hear the same events: the same subject, and the same view of it. */
export interface Room {
  readonly name: string
  readonly kind: RoomKind
  /** Of `job` and `logs` the id, of `queue` its name, of `list` the filter as text; else empty. */
  readonly key: string
  /** May those in the room see this job? */
  admits(job: { queue: string; task: string; createdBy: string | null }): boolean
  /** May they see this queue's figures? */
  admitsQueue(queue: string): boolean
  /** Is the room about this job? Not asked of rooms of one job. */
  means(job: JobStanding): boolean
}

/** Which jobs a list shows, as far as events can tell: state and time are for the list itself to look at. */
export interface ListFilter {
  queue?: string | undefined
  task?: string | undefined
  tags?: readonly string[] | undefined
}

const view = ({ scopes, subject }: Principal) =>
  scopes.queues === null && scopes.tasks === null
    ? '*'
    : createHash('sha256')
        .update(JSON.stringify([scopes.queues, scopes.tasks, subject]))
        .digest('base64url')
        .slice(0, 22)

/** The room of a subject for a caller; callers with the same view share it. */
export function roomOf(kind: RoomKind, key: string, principal: Principal, filter: ListFilter = {}): Room {
  const { subject, scopes } = principal
  const { queue, task, tags } = filter
  return {
    name: `${kind}:${key}@${view(principal)}`,
    kind,
    key,
    admits: (job) => mayUse(principal, job.queue, job.task) || job.createdBy === subject,
    admitsQueue: (name) => scopes.queues === null || mayUse({ scopes: { ...scopes, tasks: null } } as Principal, name, ''),
    means(job) {
      if (kind === 'queue') return job.queue === key
      if (kind === 'list') {
        return (
          (queue === undefined || job.queue === queue) &&
          (task === undefined || job.task === task) &&
          (tags ?? []).every((tag) => job.tags.includes(tag))
        )
      }
      return kind === 'all'
    },
  }
}
