import { parseQuery, type Query, show, TrunklineError } from '@trunkline/contract'
import { jobList, searchParameters } from '@trunkline/contract/http'
import type { Principal } from '../door/principal.ts'
import { type Route, route } from '../route.ts'
import type { Service } from '../service.ts'
import { jobAnswer, jobData, said } from './jobs.ts'

/** Reading the ids may take so long; the rest of a call has its own limits. */
const budgetMs = 1000

function asksForPayload(query: Query): boolean {
  if (query.op === 'term') return query.field === 'args'
  return query.op === 'not' ? asksForPayload(query.part) : query.parts.some(asksForPayload)
}

/** Whoever may not read payloads could guess them, value by value. @throws `forbidden`, `invalid_query` */
export function checkQuery(q: string | undefined, { rights }: Principal): void {
  if (q === undefined || rights.includes('payload.read') || !asksForPayload(parseQuery(q))) return
  throw new TrunklineError('forbidden', { what: 'a search for args', needed: 'the right payload.read', received: 'not that right' })
}

/** @throws `invalid_option` */
function offsetOf(page: number | undefined, offset: number | undefined, limit: number): number | undefined {
  if (page === undefined) return offset
  if (offset !== undefined)
    throw new TrunklineError('invalid_option', { field: 'page', received: show(page), allowed: 'either page or offset' })
  const found = (page - 1) * limit
  if (found <= 10_000) return found
  throw new TrunklineError('invalid_option', {
    field: 'page',
    received: show(page),
    allowed: 'pages up to 10,000 jobs far; beyond that go on with cursor',
  })
}

/** Search. */
export function searchRoutes({ trunkline, schemas }: Service): Route[] {
  return [
    route({
      method: 'GET',
      url: '/jobs/search',
      summary: 'Jobs that fit a query. A page can be shorter than asked for and still have a nextCursor: its time was over',
      tag: 'jobs',
      access: { role: 'viewer', object: 'jobs' },
      query: searchParameters,
      answers: { 200: jobList },
      async run({ query, principal, within }) {
        const { page, offset, includeData, ...rest } = query
        checkQuery(rest.q, principal)
        const { cursor: asOf } = await trunkline.changes()
        const options = said({ ...rest, offset: offsetOf(page, offset, rest.limit) })
        const { jobs, nextCursor, total, totalIsEstimate } = await trunkline.search({ ...options, within, budgetMs })
        return {
          data: await Promise.all(
            jobs.map(async (view) => ({ ...jobAnswer(view), ...(includeData ? await jobData(view, principal, schemas) : {}) })),
          ),
          nextCursor,
          asOf,
          ...(total === null ? {} : { total }),
          totalIsEstimate,
        }
      },
    }),
  ]
}
