import type { FlowChangeAnswer, FlowDetailAnswer, FlowListAnswer, MadeFlowAnswer, NewFlowBody } from '@trunkline/contract/http'
import { type Http, type Once, onceHeaders } from './http.ts'

/** Routes below `/jobs/flows`. Every one throws {@link import('./http.ts').ApiError}. */
export interface Flows {
  create(flow: NewFlowBody, once?: Once): Promise<MadeFlowAnswer>
  list(query?: { cursor?: string; limit?: number }): Promise<FlowListAnswer>
  /** With its jobs, page by page. */
  get(id: string, query?: { cursor?: string; limit?: number }): Promise<FlowDetailAnswer>
  cancel(id: string): Promise<FlowChangeAnswer>
  retry(id: string): Promise<FlowChangeAnswer>
}

/** Makes the group of flows. */
export function createFlows({ request }: Http): Flows {
  const of = (id: string, act = '') => `/jobs/flows/${encodeURIComponent(id)}${act}`
  return {
    create: (body, once) => request('POST', '/jobs/flows', { body, headers: onceHeaders(once) }),
    list: (query) => request('GET', '/jobs/flows', { ...(query ? { query } : {}) }),
    get: (id, query) => request('GET', of(id), { ...(query ? { query } : {}) }),
    cancel: (id) => request('POST', of(id, '/cancel')),
    retry: (id) => request('POST', of(id, '/retry')),
  }
}
