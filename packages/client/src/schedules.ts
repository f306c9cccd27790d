import type {
  BackfillBody,
  BackfilledAnswer,
  CalendarAnswer,
  NewScheduleBody,
  NewTemplateBody,
  PauseBody,
  RunListAnswer,
  ScheduleAnswer,
  ScheduleChangeBody,
  ScheduleCloneBody,
  ScheduleListAnswer,
  SchedulePreviewBody,
  SchedulePreviewedAnswer,
  ScheduleStartedAnswer,
  TemplateAnswer,
  TemplateChangeBody,
  TemplateListAnswer,
} from '@trunkline/contract/http'
import { type Http, type Once, onceHeaders } from './http.ts'

/** Routes below `/jobs/schedules`. Every one throws {@link import('./http.ts').ApiError}. */
export interface Schedules {
  list(query?: { templateId?: string; cursor?: string; limit?: number }): Promise<ScheduleListAnswer>
  get(id: string): Promise<ScheduleAnswer>
  create(body: NewScheduleBody, once?: Once): Promise<ScheduleAnswer>
  /** Says anew what it is. With `version` it is refused when somebody was faster. */
  update(id: string, body: ScheduleChangeBody): Promise<ScheduleAnswer>
  delete(id: string): Promise<unknown>
  /** Makes a job at once. */
  run(id: string, once?: Once): Promise<ScheduleStartedAnswer>
  pause(id: string, body?: PauseBody): Promise<ScheduleAnswer>
  resume(id: string): Promise<ScheduleAnswer>
  /** Leaves out the next slot. */
  skip(id: string): Promise<ScheduleAnswer>
  clone(id: string, body?: ScheduleCloneBody): Promise<ScheduleAnswer>
  backfill(id: string, body: BackfillBody): Promise<BackfilledAnswer>
  runs(id: string, query?: { before?: string; limit?: number }): Promise<RunListAnswer>
  preview(body: SchedulePreviewBody): Promise<SchedulePreviewedAnswer>
  calendar(query: {
    from: Date | string
    to: Date | string
    timezone?: string
    limit?: number
    perSchedule?: number
    all?: boolean
  }): Promise<CalendarAnswer>
}

/** Routes below `/jobs/templates`. */
export interface Templates {
  list(query?: { cursor?: string; limit?: number }): Promise<TemplateListAnswer>
  get(id: string): Promise<TemplateAnswer>
  create(body: NewTemplateBody, once?: Once): Promise<TemplateAnswer>
  update(id: string, body: TemplateChangeBody): Promise<TemplateAnswer>
  delete(id: string): Promise<unknown>
}

/** Makes the groups of what happens on time. */
export function createSchedules({ request }: Http): { schedules: Schedules; templates: Templates } {
  const at = (base: string, id: string, act = '') => `/jobs/${base}/${encodeURIComponent(id)}${act}`
  const schedule = (id: string, act = '') => at('schedules', id, act)
  const template = (id: string) => at('templates', id)
  return {
    schedules: {
      list: (query) => request('GET', '/jobs/schedules', { query: { ...query } }),
      get: (id) => request('GET', schedule(id)),
      create: (body, once) => request('POST', '/jobs/schedules', { body, headers: onceHeaders(once) }),
      update: (id, body) => request('PUT', schedule(id), { body }),
      delete: (id) => request('DELETE', schedule(id)),
      run: (id, once) => request('POST', schedule(id, '/run'), { headers: onceHeaders(once) }),
      pause: (id, body = {}) => request('POST', schedule(id, '/pause'), { body }),
      resume: (id) => request('POST', schedule(id, '/resume')),
      skip: (id) => request('POST', schedule(id, '/skip')),
      clone: (id, body = {}) => request('POST', schedule(id, '/clone'), { body }),
      backfill: (id, body) => request('POST', schedule(id, '/backfill'), { body }),
      runs: (id, query) => request('GET', schedule(id, '/runs'), { query: { ...query } }),
      preview: (body) => request('POST', '/jobs/schedules/preview', { body }),
      calendar: (query) => request('GET', '/jobs/schedules/calendar', { query: { ...query } }),
    },
    templates: {
      list: (query) => request('GET', '/jobs/templates', { query: { ...query } }),
      get: (id) => request('GET', template(id)),
      create: (body, once) => request('POST', '/jobs/templates', { body, headers: onceHeaders(once) }),
      update: (id, body) => request('PUT', template(id), { body }),
      delete: (id) => request('DELETE', template(id)),
    },
  }
}
