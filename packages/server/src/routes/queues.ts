import { TrunklineError } from '@trunkline/contract'
import { name, pause, queue, queueList, queueQuery, queueThresholds } from '@trunkline/contract/http'
import type { QueueThresholds, QueueView, ScheduleView, TransactionVerbs } from '@trunkline/engine'
import { z } from 'zod'
import { checkQueue } from '../door/may.ts'
import { covers } from '../door/principal.ts'
import { type Call, type Route, route } from '../route.ts'
import type { Service } from '../service.ts'
import { said } from './jobs.ts'

const queuePath = z.strictObject({ queue: name })

function queueAnswer({ paused, health, ...rest }: QueueView): z.output<typeof queue> {
  return {
    ...rest,
    health: health && { ...health, since: health.since.toISOString() },
    paused: paused && { ...paused, since: paused.since.toISOString(), until: paused.until?.toISOString() ?? null },
  }
}

const scheduleNote = ({ id, name, words, nextRunAt, isEnabled, paused }: ScheduleView) => ({
  ...{ id, name, words, isEnabled, isPaused: paused !== null },
  nextRunAt: nextRunAt?.toISOString() ?? null,
})

/** Queues: what waits where; pause and resume. */
export function queueRoutes({ trunkline }: Service): Route[] {
  async function find(name: string): Promise<z.output<typeof queue>> {
    const found = (await trunkline.queues()).find((q) => q.queue === name)
    if (found) return queueAnswer(found)
    throw new TrunklineError('unknown_queue', { field: 'queue', received: name, meant: '', allowed: 'those of GET /api/v1/queues' })
  }

  async function steer(call: Call<{ queue: string }>, verb: (verbs: TransactionVerbs) => Promise<void>) {
    const { queue: of } = call.params
    checkQueue(call.principal, of)
    const before = await find(of)
    await call.change(`queue:${of}`, async (verbs, note) => {
      note.before = { paused: before.paused, thresholds: before.health?.thresholds ?? null }
      await verb(verbs)
      note.after = call.body
    })
    return await find(of)
  }

  return [
    route({
      method: 'GET',
      url: '/queues',
      summary: 'Queues with their jobs by place, their workers and pauses',
      tag: 'queues',
      access: { role: 'viewer', object: 'queues' },
      query: queueQuery,
      answers: { 200: queueList },
      async run({ principal, query, within }) {
        const { cursor: asOf } = await trunkline.changes()
        const queues = (await trunkline.queues()).filter((q) => covers(principal.scopes.queues, q.queue))
        const schedules = query.include === 'schedules' ? await trunkline.schedules.list({ within, limit: 10_000 }) : null
        const data = queues.map((q) => ({
          ...queueAnswer(q),
          ...(schedules ? { schedules: schedules.filter((s) => s.queue === q.queue).map(scheduleNote) } : {}),
        }))
        return { data, nextCursor: null, asOf, total: queues.length, totalIsEstimate: false }
      },
    }),
    route({
      method: 'GET',
      url: '/queues/:queue',
      summary: 'A queue',
      tag: 'queues',
      access: { role: 'viewer', object: 'queue' },
      params: queuePath,
      answers: { 200: queue },
      async run({ params, principal }) {
        checkQueue(principal, params.queue)
        return await find(params.queue)
      },
    }),
    route({
      method: 'POST',
      url: '/queues/:queue/pause',
      summary: 'Start no job of a queue until an end, or until it is resumed; what runs goes on',
      tag: 'queues',
      access: { role: 'operator', object: 'queue' },
      action: 'queue.pause',
      params: queuePath,
      body: pause,
      answers: { 200: queue },
      async run(call) {
        const { forMs, ...rest } = call.body
        const options = said({ ...rest, for: forMs, by: call.principal.subject })
        return await steer(call, (verbs) => verbs.pause(call.params.queue, options))
      },
    }),
    route({
      method: 'POST',
      url: '/queues/:queue/resume',
      summary: 'Start jobs of a queue again',
      tag: 'queues',
      access: { role: 'operator', object: 'queue' },
      action: 'queue.resume',
      params: queuePath,
      answers: { 200: queue },
      run: (call) => steer(call, (verbs) => verbs.resume(call.params.queue)),
    }),
    route({
      method: 'PUT',
      url: '/queues/:queue/thresholds',
      summary: 'From where on a queue is called warning or critical; an empty body takes all thresholds away',
      tag: 'queues',
      access: { role: 'operator', object: 'queue' },
      action: 'queue.thresholds',
      params: queuePath,
      body: queueThresholds,
      answers: { 200: queue },
      async run(call) {
        const thresholds = Object.keys(call.body).length > 0 ? (said(call.body) as QueueThresholds) : null
        return await steer(call, (verbs) => verbs.setThresholds(call.params.queue, thresholds, { by: call.principal.subject }))
      },
    }),
  ]
}
