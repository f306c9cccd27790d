import { TrunklineError, tasksIn } from '@trunkline/contract'
import { decimalId, type flow, flowChange, flowDetail, flowList, flowQuery, madeFlow, newFlow } from '@trunkline/contract/http'
import type { FlowJob, FlowView } from '@trunkline/engine'
import { z } from 'zod'
import { checkTarget, checkTasks } from '../door/may.ts'
import { mayUse } from '../door/principal.ts'
import { apiPrefix } from '../prefix.ts'
import { type Call, type Route, route } from '../route.ts'
import type { Service } from '../service.ts'
import { jobAnswer, said } from './jobs.ts'

const flowPath = z.strictObject({ id: decimalId })

function flowAnswer({ createdAt, finishedAt, ...rest }: FlowView): z.output<typeof flow> {
  return { ...rest, createdAt: createdAt.toISOString(), finishedAt: finishedAt?.toISOString() ?? null }
}

const flowNote = ({ state, name, total }: FlowView) => ({ state, name, total })

/** Flows: jobs that depend on each other. */
export function flowRoutes({ trunkline, schemas, settings }: Service): Route[] {
  /** With a scope one sees the flows that one has made, and those of which no job lies outside: a flow is one thing. */
  async function find(id: string, { within, principal }: Pick<Call, 'within' | 'principal'>): Promise<FlowView> {
    const found = await trunkline.flows.get(id)
    if (within === null || found.createdBy === within.by) return found
    const reach = await trunkline.flows.tasks(id)
    if (reach.every(({ task, queue }) => mayUse(principal, queue, task))) return found
    // word for word what is said of one that is not there
    throw new TrunklineError('flow_not_found', { field: 'flowId', received: id })
  }

  async function steer(call: Call<{ id: string }>, verb: 'cancel' | 'retry'): Promise<z.output<typeof flowChange>> {
    const { id } = call.params
    const before = await find(id, call)
    if (verb === 'retry')
      checkTasks(
        call.principal,
        (await trunkline.flows.tasks(id)).map(({ task }) => task),
      )
    return await call.change(`flow:${id}`, async (verbs, note) => {
      note.before = flowNote(before)
      const done = verb === 'cancel' ? await verbs.cancelFlow(id, { by: call.principal.subject }) : await verbs.retryFlow(id)
      note.after = done
      return done
    })
  }

  return [
    route({
      method: 'POST',
      url: '/jobs/flows',
      summary: 'Make jobs that depend on each other: all of them or none',
      tag: 'flows',
      access: { role: 'operator', object: 'job' },
      action: 'flow.create',
      once: true,
      body: newFlow,
      answers: { 202: madeFlow },
      async run(call) {
        const { name, jobs } = call.body
        const targets = jobs.map(({ task = '', queue, payload }) => ({ task, queue, payload }))
        const unlike = new Map(targets.map((one) => [JSON.stringify([one.queue, tasksIn(one.task, one.payload)]), one]))
        for (const one of unlike.values()) await checkTarget(trunkline, call.principal, one)
        for (const { task, payload } of targets) await schemas.checkSteps(task, payload)
        const parents = new Set(
          jobs.flatMap(({ dependsOn = [] }) => dependsOn.flatMap((on) => (typeof on === 'object' && 'jobId' in on ? [on.jobId] : []))),
        )
        return await call.change('flow', async (verbs, note) => {
          // whether a stranger's job fails is nothing that one may learn by waiting for it
          for (const id of parents) await verbs.get(id, { within: call.within })
          const asked = jobs.map(({ delayMs, timeoutMs, ...rest }) => said({ ...rest, delay: delayMs, timeout: timeoutMs }) as FlowJob)
          const made = await verbs.addFlow(said({ name, jobs: asked, createdBy: call.principal.subject }))
          const view = await verbs.getFlow(made.id)
          note.target = `flow:${made.id}`
          note.after = flowNote(view)
          call.reply.status(202).header('location', `${settings.basePath}${apiPrefix}/jobs/flows/${made.id}`)
          return { ...flowAnswer(view), jobs: made.jobs }
        })
      },
    }),
    route({
      method: 'GET',
      url: '/jobs/flows',
      summary: 'Flows, newest first',
      tag: 'flows',
      access: { role: 'viewer', object: 'jobs' },
      query: flowQuery,
      answers: { 200: flowList },
      async run({ query: { cursor, limit }, within }) {
        const { cursor: asOf } = await trunkline.changes()
        const found = await trunkline.flows.list({
          limit,
          ...(cursor === undefined ? {} : { before: cursor }),
          ...(within ? { createdBy: within.by } : {}),
        })
        const last = found.length === limit ? found.at(-1) : undefined
        return { data: found.map(flowAnswer), nextCursor: last?.id ?? null, asOf, totalIsEstimate: false }
      },
    }),
    route({
      method: 'GET',
      url: '/jobs/flows/:id',
      summary: 'A flow with its jobs and what each depends on',
      tag: 'flows',
      access: { role: 'viewer', object: 'job' },
      params: flowPath,
      query: flowQuery,
      answers: { 200: flowDetail },
      async run(call) {
        const { id } = call.params
        const { cursor, limit } = call.query
        const view = await find(id, call)
        const nodes = await trunkline.flows.jobs(id, { limit, ...(cursor === undefined ? {} : { after: cursor }) })
        const last = nodes.length === limit ? nodes.at(-1) : undefined
        return { ...flowAnswer(view), jobs: nodes.map((node) => ({ ...node, job: jobAnswer(node.job) })), nextCursor: last?.job.id ?? null }
      },
    }),
    route({
      method: 'POST',
      url: '/jobs/flows/:id/cancel',
      summary: 'Cancel all of its jobs that have not ended',
      tag: 'flows',
      access: { role: 'operator', object: 'job' },
      action: 'flow.cancel',
      params: flowPath,
      answers: { 200: flowChange },
      run: (call) => steer(call, 'cancel'),
    }),
    route({
      method: 'POST',
      url: '/jobs/flows/:id/retry',
      summary: 'Run again what failed or was cancelled; what has completed stays',
      tag: 'flows',
      access: { role: 'operator', object: 'job' },
      action: 'flow.retry',
      params: flowPath,
      answers: { 200: flowChange },
      run: (call) => steer(call, 'retry'),
    }),
  ]
}
