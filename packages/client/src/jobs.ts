import type { JobState } from '@trunkline/contract'
import type {
  BulkBody,
  BulkRerunBody,
  BulkResult,
  BulkResultsAnswer,
  BulkUndoBody,
  BulkUpdateBody,
  CancelledAnswer,
  EnqueuedAnswer,
  EventListAnswer,
  JobAnswer,
  JobChangesBody,
  JobListAnswer,
  JobStatsAnswer,
  JobStatusAnswer,
  JobStepsAnswer,
  JobTimelineAnswer,
  JobWhyAnswer,
  LogLineAnswer,
  NewJobBody,
  RerunBody,
} from '@trunkline/contract/http'
import { type Http, type Once, onceHeaders } from './http.ts'

/** Which jobs a list shows. */
export interface JobListQuery {
  state?: JobState | undefined
  reason?: string | undefined
  task?: string | undefined
  queue?: string | undefined
  tags?: readonly string[] | undefined
  createdAfter?: Date | string | undefined
  createdBefore?: Date | string | undefined
  fingerprint?: string | undefined
  /** `nextCursor` of the page before. */
  cursor?: string | undefined
  /** Default 50, at most 500. */
  limit?: number | undefined
  /** With payload and result, where the caller may see them. */
  includeData?: boolean | undefined
}

/** Which jobs a search finds: all conditions hold together. */
export interface SearchQuery {
  /** In the query language, such as `state:failed task:backup_* age:<24h -tag:test`. */
  q?: string | undefined
  /** A job id, or a part of the name of a task. */
  search?: string | undefined
  /** States or reasons, one of which it has. */
  status?: readonly string[] | undefined
  /** Names; with a `*` behind it, a beginning. */
  queues?: readonly string[] | undefined
  tasks?: readonly string[] | undefined
  /** It has all of them. */
  tags?: readonly string[] | undefined
  startDate?: Date | string | undefined
  endDate?: Date | string | undefined
  /** Milliseconds that it ran. */
  minDuration?: number | undefined
  maxDuration?: number | undefined
  minPriority?: number | undefined
  maxPriority?: number | undefined
  /** Default `createdAt`. */
  sortBy?: 'createdAt' | 'startedAt' | 'finishedAt' | 'duration' | 'priority' | undefined
  /** Default `desc`. */
  sortOrder?: 'asc' | 'desc' | undefined
  /** From 1; up to 10,000 jobs far, beyond that go on with `cursor`. */
  page?: number | undefined
  /** Instead of `page`. */
  offset?: number | undefined
  /** `nextCursor` of the page before. A page can be short and still have one: its time was over. */
  cursor?: string | undefined
  /** Default 50, at most 500. */
  limit?: number | undefined
  includeData?: boolean | undefined
}

/** Which results of a bulk call. */
export interface BulkResultsQuery {
  cursor?: string | undefined
  /** Default 200, at most 1,000. */
  limit?: number | undefined
  /** Only those that were done, or only those that were refused. */
  ok?: boolean | undefined
}

/** Which lines of a log. */
export interface LogQuery {
  /** After the line of this number. */
  after?: string | undefined
  /** Instead: the last lines before this one. */
  before?: string | undefined
  level?: readonly string[] | undefined
  stage?: string | undefined
  search?: string | undefined
  limit?: number | undefined
}

/** Routes below `/jobs`. Every one throws {@link import('./http.ts').ApiError}. */
export interface Jobs {
  enqueue(job: NewJobBody, once?: Once): Promise<EnqueuedAnswer>
  /** @param options.parse reads the text of the answer. Default `JSON.parse`, which rounds numbers of more digits than JavaScript holds */
  get(id: string, options?: { includeData?: boolean; signal?: AbortSignal; parse?: (text: string) => unknown }): Promise<JobAnswer>
  list(query?: JobListQuery, options?: { signal?: AbortSignal }): Promise<JobListAnswer>
  search(query?: SearchQuery, options?: { signal?: AbortSignal }): Promise<JobListAnswer>
  status(id: string, options?: { signal?: AbortSignal }): Promise<JobStatusAnswer>
  logs(id: string, query?: LogQuery, options?: { signal?: AbortSignal }): Promise<{ data: LogLineAnswer[]; nextCursor: string | null }>
  timeline(id: string): Promise<JobTimelineAnswer>
  /** Its steps in their order: those of `steps_run`, and what handlers finish in `step.run`. */
  steps(id: string): Promise<JobStepsAnswer>
  why(id: string): Promise<JobWhyAnswer>
  retry(id: string): Promise<JobAnswer>
  cancel(id: string): Promise<CancelledAnswer>
  rerun(id: string, changes?: RerunBody): Promise<JobAnswer>
  promote(id: string): Promise<JobAnswer>
  update(id: string, changes: JobChangesBody): Promise<JobAnswer>
  delete(id: string): Promise<void>
  readonly bulk: {
    retry(body: BulkBody, once?: Once): Promise<BulkResult>
    cancel(body: BulkBody, once?: Once): Promise<BulkResult>
    delete(body: BulkBody, once?: Once): Promise<BulkResult>
    rerun(body: BulkRerunBody, once?: Once): Promise<BulkResult>
    update(body: BulkUpdateBody, once?: Once): Promise<BulkResult>
    /** Puts jobs back to what they were before a bulk cancel or update, within five minutes after its end. */
    undo(body: BulkUndoBody, once?: Once): Promise<BulkResult>
    /** What became of each job of a bulk call that is a job itself. @param id of that job */
    results(id: string, query?: BulkResultsQuery): Promise<BulkResultsAnswer>
  }
  stats(): Promise<JobStatsAnswer>
  /** The change feed after a number. */
  events(query?: { after?: string; limit?: number }): Promise<EventListAnswer>
}

/** Makes {@link Jobs}. */
export function createJobs({ request }: Http): Jobs {
  const at = (id: string, act = '') => `/jobs/${encodeURIComponent(id)}${act}`
  const bulk = (verb: string, body: unknown, once?: Once) =>
    request<BulkResult>('POST', `/jobs/bulk/${verb}`, { body, headers: onceHeaders(once) })
  return {
    enqueue: (body, once) => request('POST', '/jobs', { body, headers: onceHeaders(once) }),
    get: (id, { includeData, signal, parse } = {}) => request('GET', at(id), { query: { includeData }, signal, parse }),
    list: (query, { signal } = {}) => request('GET', '/jobs', { query: { ...query }, signal }),
    search: (query, { signal } = {}) => request('GET', '/jobs/search', { query: { ...query }, signal }),
    status: (id, { signal } = {}) => request('GET', at(id, '/status'), { signal }),
    logs: (id, query, { signal } = {}) => request('GET', at(id, '/logs'), { query: { ...query }, signal }),
    timeline: (id) => request('GET', at(id, '/timeline')),
    steps: (id) => request('GET', at(id, '/steps')),
    why: (id) => request('GET', at(id, '/why')),
    retry: (id) => request('POST', at(id, '/retry')),
    cancel: (id) => request('POST', at(id, '/cancel')),
    rerun: (id, changes) => request('POST', at(id, '/rerun'), { body: changes ?? {} }),
    promote: (id) => request('POST', at(id, '/promote')),
    update: (id, body) => request('PATCH', at(id), { body }),
    delete: (id) => request('DELETE', at(id)),
    bulk: {
      retry: (body, once) => bulk('retry', body, once),
      cancel: (body, once) => bulk('cancel', body, once),
      delete: (body, once) => bulk('delete', body, once),
      rerun: (body, once) => bulk('rerun', body, once),
      update: (body, once) => bulk('update', body, once),
      undo: (body, once) => bulk('undo', body, once),
      results: (id, query) => request('GET', `/jobs/bulk/${encodeURIComponent(id)}/results`, { query: { ...query } }),
    },
    stats: () => request('GET', '/jobs/stats'),
    events: (query) => request('GET', '/jobs/events', { query: { ...query } }),
  }
}
