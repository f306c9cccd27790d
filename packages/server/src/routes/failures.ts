import { TrunklineError } from '@trunkline/contract'
import { bulkAnswer, bulkStarted, failureChange, failureGroup, failureList, failureQuery, fingerprint } from '@trunkline/contract/http'
import type { ErrorGroup, Within } from '@trunkline/engine'
import { z } from 'zod'
import { redactText } from '../door/redact.ts'
import { type Route, route } from '../route.ts'
import type { Service } from '../service.ts'
import { bulkOf } from './bulk.ts'
import { errorAnswer, said } from './jobs.ts'

const groupPath = z.strictObject({ fingerprint })

function groupAnswer(group: ErrorGroup): z.output<typeof failureGroup> {
  return {
    ...group,
    message: redactText(group.message),
    error: errorAnswer(group.error) ?? { message: '' },
    firstSeen: group.firstSeen.toISOString(),
    lastSeen: group.lastSeen.toISOString(),
    hours: group.hours.map(({ at, count }) => ({ at: at.toISOString(), count })),
    ignoredUntil: group.ignoredUntil?.toISOString() ?? null,
  }
}

/** Failures grouped by cause. */
export function failureRoutes(service: Service): Route[] {
  const { trunkline } = service
  const everything = new Date(0).toISOString()
  async function find(of: string, within: Within | null): Promise<ErrorGroup> {
    const { groups } = await trunkline.errors({ fingerprint: of, from: everything, within })
    if (groups[0]) return groups[0]
    throw new TrunklineError('failure_not_found', { field: 'fingerprint', received: of })
  }

  return [
    route({
      method: 'GET',
      url: '/jobs/errors',
      summary: 'Failures grouped by cause, the latest first',
      tag: 'errors',
      access: { role: 'viewer', object: 'jobs' },
      query: failureQuery,
      answers: { 200: failureList },
      async run({ query, within }) {
        const { cursor: asOf } = await trunkline.changes()
        const { groups, isWhole } = await trunkline.errors({ ...said(query), within })
        return { data: groups.map(groupAnswer), nextCursor: null, asOf, total: groups.length, totalIsEstimate: !isWhole }
      },
    }),
    route({
      method: 'PATCH',
      url: '/jobs/errors/:fingerprint',
      summary: 'Say of a cause that it is resolved, or ignored until a time',
      tag: 'errors',
      access: { role: 'operator', object: 'jobs' },
      action: 'error.update',
      params: groupPath,
      body: failureChange,
      answers: { 200: failureGroup },
      async run(call) {
        const { fingerprint: of } = call.params
        const before = await find(of, call.within)
        await call.change(`error:${of}`, async (verbs, note) => {
          note.before = { state: before.state, ignoredUntil: before.ignoredUntil }
          note.after = call.body
          await verbs.setErrorGroup(said({ ...call.body, fingerprint: of, by: call.principal.subject }))
        })
        return groupAnswer(await find(of, call.within))
      },
    }),
    route({
      method: 'POST',
      url: '/jobs/errors/:fingerprint/retry',
      summary: 'Retry all failed jobs of a cause',
      tag: 'errors',
      access: { role: 'operator', object: 'jobs' },
      action: 'error.retry',
      limit: 'bulk',
      once: true,
      params: groupPath,
      answers: { 200: bulkAnswer, 202: bulkStarted },
      async run(call) {
        await find(call.params.fingerprint, call.within)
        return await bulkOf(service)(call, 'retry', { filter: { fingerprint: call.params.fingerprint }, dryRun: false }, {})
      },
    }),
  ]
}
