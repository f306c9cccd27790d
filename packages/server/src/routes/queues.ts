import { TrunklineError } from '@trunkline/contract'
import { name, newLimits, pause, queue, queueLimits, queueList, queueQuery, queueThresholds } from '@trunkline/contract/http'
import type { QueueLimits, QueueThresholds, QueueView, RateLimit, ScheduleView, TransactionVerbs } from '@trunkline/engine'
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

const rateOf = (rate: z.output<typeof newLimits>['rate']): RateLimit | null | undefined =>
  rate && said({ limit: rate.limit, per: rate.perMs, burst: rate.burst })

/** Queues: what waits where; pause and resume; limits. */
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

  async function limitsOf(name: string): Promise<z.output<typeof queueLimits>> {
    const [limits, keys] = await Promise.all([trunkline.limits(name), trunkline.gates(name)])
    return {
      ...limits,
      keys: keys.map(({ nextAt, heldBy, ...key }) => ({ ...key, heldBy: [...heldBy], nextAt: nextAt?.toISOString() ?? null })),
    }
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
      method: 'GET',
      url: '/queues/:queue/limits',
      summary: 'The limits of a queue, how they stand, and the keys that jobs have or wait for',
      tag: 'queues',
      access: { role: 'viewer', object: 'queue' },
      params: queuePath,
      answers: { 200: queueLimits },
      async run({ params, principal }) {
        checkQueue(principal, params.queue)
        return await limitsOf(params.queue)
      },
    }),
    route({
      method: 'PUT',
      url: '/queues/:queue/limits',
      summary: 'Set limits of a queue: how many of its jobs run at once, and how many start in a time, in all and by key',
      tag: 'queues',
      access: { role: 'admin', object: 'queue' },
      action: 'queue.limits',
      params: queuePath,
      body: newLimits,
      answers: { 200: queueLimits },
      async run(call) {
        const { queue: of } = call.params
        checkQueue(call.principal, of)
        const { rate, ratePerKey, ...rest } = call.body
        const limits = said({ ...rest, rate: rateOf(rate), ratePerKey: rateOf(ratePerKey) }) as QueueLimits
        await call.change(`queue:${of}`, async (verbs, note) => {
          const { running: _, tokens: __, held: ___, ...before } = await trunkline.limits(of)
          note.before = before
          await verbs.setLimits(of, limits, { by: call.principal.subject })
          note.after = call.body
        })
        return await limitsOf(of)
      },
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
