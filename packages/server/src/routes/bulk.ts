import { taskNeeds } from '@trunkline/contract'
import { bulk, bulkAnswer, bulkRerun, bulkResultQuery, bulkResults, bulkStarted, bulkUpdate, decimalId } from '@trunkline/contract/http'
import type { BulkOptions, BulkTarget, BulkVerb, JobFilter } from '@trunkline/engine'
import { z } from 'zod'
import { checkQueue, checkTask } from '../door/may.ts'
import { watchJob } from '../door/notifications.ts'
import type { Principal } from '../door/principal.ts'
import { type Call, type Route, route } from '../route.ts'
import type { Service } from '../service.ts'
import { said } from './jobs.ts'

/** Up to so many jobs are done while the caller waits; more are a job of their own. */
const mostAtOnce = 1000

/** Which jobs a bulk call means. */
interface Target {
  jobIds?: string[] | undefined
  filter?: object | undefined
  asOf?: string | undefined
  dryRun: boolean
}

/** Tasks that the caller may not run, though they may look at their jobs. */
function refusedTasks(principal: Principal): string[] {
  return Object.keys(taskNeeds).filter((task) => {
    try {
      checkTask(principal, task)
      return false
    } catch {
      return true
    }
  })
}

/** Does one thing to many jobs: counts, does it at once, or starts a job for it. */
export function bulkOf({ trunkline, database }: Service) {
  /** Running a job again needs what its task needs. @throws `forbidden` where one of them asks for more than the caller has */
  async function checkTasks({ principal, within }: Call, ids: readonly string[]): Promise<void> {
    const refused = refusedTasks(principal)
    if (refused.length === 0) return
    const tasks = await trunkline.tasksOf(ids, { within })
    for (const task of refused) if (tasks.includes(task)) checkTask(principal, task)
  }

  /** Jobs that came after the list that somebody looked at are not meant. */
  async function asOfThen(filter: JobFilter, asOf: string | undefined): Promise<JobFilter> {
    if (asOf === undefined) return filter
    const then = new Date((await trunkline.timeOf(asOf)).getTime() + 1)
    const before = filter.createdBefore === undefined ? then : new Date(filter.createdBefore)
    return { ...filter, createdBefore: before < then ? before : then }
  }

  return async (call: Call, verb: BulkVerb, { jobIds, filter, asOf, dryRun }: Target, options: BulkOptions): Promise<unknown> => {
    const { principal, within } = call
    const by = principal.subject
    const target: BulkTarget = jobIds ? { ids: jobIds } : await asOfThen(said(filter ?? {}) as JobFilter, asOf)
    const counted = await trunkline.bulk(verb, target, { ...options, within, by, dryRun: true })
    if (dryRun) return { dryRun, total: counted.total, byState: counted.byState, accepted: 0, skipped: 0, results: [] }
    const { ids } = counted
    if (verb === 'retry' || verb === 'rerun') await checkTasks(call, ids)
    if (ids.length <= mostAtOnce) {
      const { total, accepted, skipped, results } = await trunkline.bulk(verb, { ids }, { ...options, within, by })
      await call.changed(`jobs:${total}`, { after: { filter, total, accepted, skipped, jobIds: ids.slice(0, 100) } })
      return { dryRun, total, accepted, skipped, results }
    }
    return await call.change('job', async (verbs, note) => {
      const { jobId } = await verbs.startBulk({ verb, ids, by, within, ...options })
      await watchJob(database, principal, jobId, verbs.tx)
      note.target = `job:${jobId}`
      note.after = { filter, total: ids.length }
      call.reply.status(202)
      return { dryRun, total: ids.length, jobId }
    })
  }
}

/** Verbs on many jobs. */
export function bulkRoutes(service: Service): Route[] {
  const { trunkline } = service
  const run = bulkOf(service)
  const common = { method: 'POST', tag: 'bulk', limit: 'bulk', answers: { 200: bulkAnswer, 202: bulkStarted } } as const
  const operator = { role: 'operator', object: 'jobs' } as const
  return [
    route({
      ...common,
      url: '/jobs/bulk/retry',
      summary: 'Run failed or cancelled jobs again',
      access: operator,
      action: 'job.bulk.retry',
      body: bulk,
      run: (call) => run(call, 'retry', call.body, {}),
    }),
    route({
      ...common,
      url: '/jobs/bulk/cancel',
      summary: 'Cancel jobs',
      access: operator,
      action: 'job.bulk.cancel',
      body: bulk,
      run: (call) => run(call, 'cancel', call.body, {}),
    }),
    route({
      ...common,
      url: '/jobs/bulk/rerun',
      summary: 'Run ended jobs once more as new, linked jobs',
      access: operator,
      action: 'job.bulk.rerun',
      body: bulkRerun,
      async run(call) {
        const { delayMs, ...rest } = call.body.rerun ?? {}
        if (rest.queue !== undefined) checkQueue(call.principal, rest.queue)
        return await run(call, 'rerun', call.body, { rerun: said({ ...rest, delay: delayMs }) })
      },
    }),
    route({
      ...common,
      url: '/jobs/bulk/update',
      summary: 'Change priority, queue, time or tags of jobs',
      access: operator,
      action: 'job.bulk.update',
      body: bulkUpdate,
      async run(call) {
        const { changes } = call.body
        if (changes.queue !== undefined) checkQueue(call.principal, changes.queue)
        return await run(call, 'update', call.body, { changes: said(changes) })
      },
    }),
    route({
      ...common,
      url: '/jobs/bulk/delete',
      summary: 'Cancel waiting jobs and hide them, or hide ended ones',
      access: { role: 'admin', object: 'jobs' },
      action: 'job.bulk.delete',
      body: bulk,
      run: (call) => run(call, 'delete', call.body, {}),
    }),
    route({
      method: 'GET',
      url: '/jobs/bulk/:id/results',
      summary: 'What became of each job of a bulk call that is a job itself',
      tag: 'bulk',
      access: { role: 'viewer', object: 'job' },
      params: z.strictObject({ id: decimalId }),
      query: bulkResultQuery,
      answers: { 200: bulkResults },
      async run({ params: { id }, query: { cursor = '0', limit, ok }, within }) {
        await trunkline.get(id, { within })
        const { results, createdAt, ...rest } = await trunkline.bulkResults(id, said({ after: Number(cursor), limit, ok }))
        const last = results.length === limit ? results.at(-1) : undefined
        return { ...rest, createdAt: createdAt.toISOString(), data: results, nextCursor: last ? String(last.no) : null }
      },
    }),
  ]
}
