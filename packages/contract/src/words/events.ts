import type { JobState } from './states.ts'

/** The Socket.IO namespace of jobs. */
export const jobsNamespace = '/jobs'

/** The events that tell of one job. */
export const jobEventNames = ['jobAdded', 'jobUpdate', 'jobProgress', 'jobCompleted', 'jobFailed'] as const

/** What each event carries. */
interface Stamp {
  /** Where the reader is in the change feed: give it back as `after` to go on from here. */
  seq: string
  /** When it was sent: RFC 3339, UTC, milliseconds. */
  at: string
}

/** A job as events show it: never its payload or its result. */
export interface JobEvent extends Stamp {
  jobId: string
  task: string
  queue: string
  state: JobState
  reason: string | null
  attempt: number
  priority: number
  progress: { current: number; total: number | null; unit: string | null; stage: string | null; percent: number | null } | null
  tags: string[]
  createdBy: string | null
  createdAt: string
  startedAt: string | null
  finishedAt: string | null
  durationMs: number | null
  /** Why it failed, in one line. */
  error: string | null
  outcome: Record<string, number> | null
  /** The job is no longer there. */
  deleted?: true
}

/** New lines of a job's log. */
export interface JobLogEvent extends Stamp {
  jobId: string
  lines: { no: string; attempt: number; at: string; level: string; stage: string | null; message: string; context: unknown }[]
}

/** How many jobs stand where in a queue. */
export interface QueueStatsEvent extends Stamp {
  queue: string
  due: number
  held: number
  blocked: number
  scheduled: number
  running: number
  completed: number
  failed: number
  cancelled: number
  workers: number
  /** More happened than single events can tell: read lists again. */
  bulk?: true
}

/** A threshold that a queue is beyond. */
export interface CrossedThreshold {
  measure: string
  value: number
  limit: number
  level: 'warning' | 'critical'
}

/** A queue was paused or resumed (`state`, `until`), or stands otherwise by its thresholds (`health`, `crossed`). */
export interface QueueStateEvent extends Stamp {
  queue: string
  state?: 'active' | 'paused'
  until?: string | null
  health?: 'healthy' | 'warning' | 'critical'
  crossed?: CrossedThreshold[]
}

/** A schedule fires no more: so many of its runs in a row have failed. */
export interface SchedulePausedAlert extends Stamp {
  kind: 'schedule_paused'
  scheduleId: string
  name: string
  task: string
  queue: string
  failures: number
  /** In one line, with the message of the last failure. */
  reason: string
}

/** Something wants somebody's attention. */
export type AlertEvent = QueueHealthAlert | SchedulePausedAlert

/** A queue is beyond a threshold, or no longer (`level` is `healthy`). */
export interface QueueHealthAlert extends Stamp {
  kind: 'queue_health'
  queue: string
  was: 'healthy' | 'warning' | 'critical'
  level: 'healthy' | 'warning' | 'critical'
  crossed: CrossedThreshold[]
}

/** What a server sends in {@link jobsNamespace}, by name. */
export interface JobsServerEvents {
  connected(event: Stamp): void
  jobAdded(event: JobEvent): void
  jobUpdate(event: JobEvent): void
  jobProgress(event: JobEvent): void
  jobCompleted(event: JobEvent): void
  jobFailed(event: JobEvent): void
  jobLog(event: JobLogEvent): void
  queueStats(event: QueueStatsEvent): void
  queueStateChange(event: QueueStateEvent): void
  workerUpdate(event: Stamp & { workerId: string; [name: string]: unknown }): void
  systemStats(event: Stamp & Record<string, unknown>): void
  alert(event: AlertEvent): void
  notification(event: Stamp & Record<string, unknown>): void
}

/** The answer to a subscription. `gap`: `after` is too long ago, read everything again. */
export type SubscribeAnswer = { ok: true; seq: string; gap?: true } | { ok: false; error: { code: string; message: string } }

/** The Socket.IO namespace of pgAgent's jobs. */
export const pgAgentNamespace = '/pgagent'

/** A run of a pgAgent job, or a step of it, stands otherwise. Never what it said. */
export interface PgAgentStatusEvent {
  sid: string
  jobId: string
  jobName: string
  /** The run. */
  logId: string
  /** Of a step: which, its name and its own row of the log. */
  stepId?: string
  stepName?: string
  stepLogId?: string
  /** Rows or exit status of a step. */
  result?: number | null
  /** As in the log: r runs, s succeeded, f failed, i failed and ignored (of a run: nothing to run), d aborted. */
  status: 'r' | 's' | 'f' | 'i' | 'd'
  /** Of the run. */
  startedAt: string
  durationMs: number | null
  /** Where the reader is: give it back as `after` to go on from here. */
  seq: string
  /** When it was sent. */
  at: string
}

/** How the listener of a server stands. `polling`: our triggers are not there. `failed`: it has given up until somebody asks again. */
export interface PgAgentListenerEvent {
  sid: string
  state: 'connecting' | 'listening' | 'polling' | 'lost' | 'retrying' | 'failed'
  attempt: number
  error?: string
  seq: string
  at: string
}

/** The answer to `start_job_status_listener` and `stop_job_status_listener`. `gap`: `after` is too long ago, read the runs again. */
export type PgAgentListenAnswer = { ok: true; seq: string; gap?: true } | { ok: false; error: { code: string; message: string } }
