import { taskNeeds } from '@trunkline/contract'
import { bulk, bulkAnswer, bulkRerun, bulkUpdate } from '@trunkline/contract/http'
import type { BulkOptions, BulkVerb } from '@trunkline/engine'
import { checkQueue, checkTask } from '../door/may.ts'
import type { Principal } from '../door/principal.ts'
import { type Call, type Route, route } from '../route.ts'
import type { Service } from '../service.ts'
import { said } from './jobs.ts'

/** Verbs on many jobs. */
export function bulkRoutes({ trunkline }: Service): Route[] {
  /** Running a job again needs what its task needs; jobs that ask for more than the caller has are looked for first. */
  async function checkTasks(principal: Principal, jobIds: string[], call: Call): Promise<void> {
    for (const task of Object.keys(taskNeeds)) {
      try {
        checkTask(principal, task)
      } catch (error) {
        for (const id of jobIds) {
          const found = await trunkline.get(id, { within: call.within }).catch(() => null)
          if (found?.task === task) throw error
        }
      }
    }
  }

  async function run(call: Call, verb: BulkVerb, options: BulkOptions): Promise<unknown> {
    const { jobIds, dryRun } = call.body
    const report = await trunkline.bulk(verb, { ids: jobIds }, { ...options, dryRun, within: call.within, by: call.principal.subject })
    if (dryRun) return { dryRun, total: report.total, byState: report.byState, accepted: 0, skipped: 0, results: [] }
    const { total, accepted, skipped, results } = report
    await call.changed(`jobs:${total}`, { after: { total, accepted, skipped, jobIds: jobIds.slice(0, 100) } })
    return { dryRun, total, accepted, skipped, results }
  }

  const common = { method: 'POST', tag: 'bulk', limit: 'bulk', answers: { 200: bulkAnswer } } as const
  const operator = { role: 'operator', object: 'jobs' } as const
  return [
    route({
      ...common,
      url: '/jobs/bulk/retry',
      summary: 'Run failed or cancelled jobs again',
      access: operator,
      action: 'job.bulk.retry',
      body: bulk,
      async run(call) {
        await checkTasks(call.principal, call.body.jobIds, call)
        return await run(call, 'retry', {})
      },
    }),
    route({
      ...common,
      url: '/jobs/bulk/cancel',
      summary: 'Cancel jobs',
      access: operator,
      action: 'job.bulk.cancel',
      body: bulk,
      run: (call) => run(call, 'cancel', {}),
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
        await checkTasks(call.principal, call.body.jobIds, call)
        return await run(call, 'rerun', { rerun: said({ ...rest, delay: delayMs }) })
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
        return await run(call, 'update', { changes: said(changes) })
      },
    }),
    route({
      ...common,
      url: '/jobs/bulk/delete',
      summary: 'Cancel waiting jobs and hide them, or hide ended ones',
      access: { role: 'admin', object: 'jobs' },
      action: 'job.bulk.delete',
      body: bulk,
      run: (call) => run(call, 'delete', {}),
    }),
  ]
}
