import type { BulkResult, FailureChangeBody, FailureGroupAnswer, FailureListAnswer } from '@trunkline/contract/http'
import { type Http, type Once, onceHeaders } from './http.ts'

/** Which causes of failures. */
export interface FailureQuery {
  /** Failures since then. Default: of 7 days. */
  from?: Date | string | undefined
  state?: FailureGroupAnswer['state'] | undefined
  /** Default 50, at most 500. */
  limit?: number | undefined
}

/** Routes below `/jobs/errors`: failures by cause. */
export interface Failures {
  list(query?: FailureQuery): Promise<FailureListAnswer>
  /** Resolves a cause, ignores it for a time, or opens it again. */
  update(fingerprint: string, change: FailureChangeBody): Promise<FailureGroupAnswer>
  /** Retries all jobs that failed by this cause. */
  retry(fingerprint: string, once?: Once): Promise<BulkResult>
}

/** Makes {@link Failures}. */
export function createFailures({ request }: Http): Failures {
  const at = (fingerprint: string, act = '') => `/jobs/errors/${encodeURIComponent(fingerprint)}${act}`
  return {
    list: (query) => request('GET', '/jobs/errors', { query: { ...query } }),
    update: (fingerprint, body) => request('PATCH', at(fingerprint), { body }),
    retry: (fingerprint, once) => request('POST', at(fingerprint, '/retry'), { headers: onceHeaders(once) }),
  }
}
