import { auditList, auditQuery, auditVerdict } from '@trunkline/contract/http'
import { listAudit, verifyAudit } from '../door/audit.ts'
import { checkUnscoped } from '../door/may.ts'
import { type Route, route } from '../route.ts'
import type { Service } from '../service.ts'

/** Who changed what. */
export function auditRoutes({ database, trunkline }: Service): Route[] {
  return [
    route({
      method: 'GET',
      url: '/audit',
      summary: 'Who changed what, when, from where; newest first',
      tag: 'audit',
      access: { role: 'admin', object: 'none' },
      query: auditQuery,
      answers: { 200: auditList },
      async run({ query: { cursor, ...filter }, within }) {
        checkUnscoped(within, 'the audit')
        const { cursor: asOf } = await trunkline.changes()
        const lines = await listAudit(database, { ...filter, before: cursor })
        const last = lines.length === filter.limit ? lines.at(-1) : undefined
        return {
          data: lines.map((line) => ({ ...line, at: line.at.toISOString() })),
          nextCursor: last?.no ?? null,
          asOf,
          totalIsEstimate: false,
        }
      },
    }),
    route({
      method: 'GET',
      url: '/audit/verify',
      summary: 'Is the chain of the audit whole? Reads everything',
      tag: 'audit',
      access: { role: 'admin', object: 'none' },
      limit: 'bulk',
      answers: { 200: auditVerdict },
      async run({ within }) {
        checkUnscoped(within, 'the audit')
        const verdict = await verifyAudit(database)
        return { isWhole: verdict.bad.length === 0, ...verdict }
      },
    }),
  ]
}
