import { TrunklineError, taskNeeds } from '@trunkline/contract'
import {
  bulk,
  bulkAnswer,
  bulkRerun,
  bulkResultQuery,
  bulkResults,
  bulkStarted,
  bulkUndo,
  bulkUpdate,
  decimalId,
  isSearch,
  type jobFilter,
} from '@trunkline/contract/http'
import type { BulkOptions, BulkPlan, BulkTarget, BulkVerb, TransactionVerbs } from '@trunkline/engine'
import { z } from 'zod'
import { checkQueue, checkTarget, checkTasks } from '../door/may.ts'
import { watchJob } from '../door/notifications.ts'
import type { Principal } from '../door/principal.ts'
import { type Call, type ChangeNote, type Route, route } from '../route.ts'
import type { Service } from '../service.ts'
import { said } from './jobs.ts'
import { checkQuery } from './search.ts'

/** Up to so many jobs are done while the caller waits; more are a job of their own. */
const mostAtOnce = 1000

type Filter = z.output<typeof jobFilter>

/** Which jobs a bulk call means. */
interface Target {
  jobIds?: string[] | undefined
  filter?: Filter | undefined
  asOf?: string | undefined
  dryRun: boolean
}

/** Tasks that the caller may not run, though they may look at their jobs. */
function refusedTasks(principal: Principal): string[] {
  return Object.keys(taskNeeds).filter((task) => {
    try {
      checkTasks(principal, [task])
      return false
    } catch {
      return true
    }
  })
}

/** @throws `forbidden` where a filter asks for what lies in payloads, and the caller may not read them */
function checkFilter(filter: Filter, principal: Principal): void {
  checkQuery(filter.q, principal)
  if (filter.args === undefined || principal.rights.includes('payload.read')) return
  throw new TrunklineError('forbidden', { what: 'a filter on args', needed: 'the right payload.read', received: 'not that right' })
}

/** Does one thing to many jobs: counts, does it at once, or starts a job for it. */
export function bulkOf(service: Service) {
  const { trunkline, schemas } = service

  /** Running a job again needs what its task needs, and what those of its steps need. @throws `forbidden` where one of them asks for more than the caller has */
  async function checkAgain({ principal, within }: Call, ids: readonly string[], payload: unknown): Promise<void> {
    const refused = refusedTasks(principal)
    if (refused.length === 0 && payload === undefined) return
    const tasks = await trunkline.tasksOf(ids, { within })
    checkTasks(
      principal,
      tasks.filter((task) => refused.includes(task)),
    )
    // with another payload they may have other steps
    if (payload === undefined || !tasks.includes('steps_run')) return
    await checkTarget(trunkline, principal, { task: 'steps_run', payload })
    await schemas.checkSteps('steps_run', payload)
  }

  /** Jobs that came after the list that somebody looked at are not meant. */
  async function targetOf(filter: Filter, asOf: string | undefined): Promise<BulkTarget> {
    const searches = isSearch(filter)
    const field = searches ? 'endDate' : 'createdBefore'
    const meant: Filter = { ...filter }
    if (asOf !== undefined) {
      const then = new Date((await trunkline.timeOf(asOf)).getTime() + 1)
      const before = filter[field] === undefined ? then : new Date(filter[field])
      meant[field] = (before < then ? before : then).toISOString()
    }
    return (searches ? { search: said(meant) } : said(meant)) as BulkTarget
  }

  return async (call: Call, verb: BulkVerb, { jobIds, filter, asOf, dryRun }: Target, options: BulkOptions): Promise<unknown> => {
    const { principal, within } = call
    const by = principal.subject
    const answered = dryRun ? undefined : await call.replayed()
    if (answered !== undefined) return answered
    if (filter) checkFilter(filter, principal)
    const from = dryRun && filter && asOf === undefined ? (await trunkline.changes()).cursor : asOf
    const target: BulkTarget = jobIds ? { ids: jobIds } : await targetOf(filter ?? {}, asOf)
    const { ids, total, byState } = await trunkline.bulk(verb, target, { ...options, within, by, dryRun: true })
    if (dryRun) return { dryRun, total, byState, ...(from === undefined ? {} : { asOf: from }), accepted: 0, skipped: 0, results: [] }
    if (verb === 'retry' || verb === 'rerun') await checkAgain(call, ids, options.rerun?.payload)
    return await call.change('jobs', (verbs, note) =>
      carryOut(service, call, { verbs, note, filter }, { ...options, verb, ids, by, within }),
    )
  }
}

/** Few jobs are done in the transaction of the audit; many become a job, which is made in it. */
async function carryOut(
  { database }: Service,
  call: Call,
  { verbs, note, filter }: { verbs: TransactionVerbs; note: ChangeNote; filter?: object | undefined },
  plan: BulkPlan,
): Promise<unknown> {
  const { ids } = plan
  const of = plan.undo === undefined ? { filter } : { undoes: plan.undo }
  if (ids.length <= mostAtOnce) {
    const { total, accepted, skipped, results, bulkId, undoUntil } = await verbs.bulk(plan)
    note.target = `jobs:${total}`
    note.after = { ...of, bulkId, total, accepted, skipped, jobIds: ids.slice(0, 100) }
    return { dryRun: false, total, bulkId, undoUntil: undoUntil?.toISOString() ?? null, accepted, skipped, results }
  }
  const { jobId, bulkId } = await verbs.startBulk(plan)
  await watchJob(database, call.principal, jobId, verbs.tx)
  note.target = `job:${jobId}`
  note.after = { ...of, bulkId, total: ids.length }
  call.reply.status(202)
  return { dryRun: false, total: ids.length, jobId, bulkId }
}

/** Undoes a bulk call: of its jobs those that lie within the caller's scope. */
async function undo(service: Service, call: Call): Promise<unknown> {
  const { principal, within, body } = call
  const answered = await call.replayed()
  if (answered !== undefined) return answered
  return await call.change(`bulk:${body.bulkId}`, async (verbs, note) => {
    const ids = await verbs.undoableIds(body.bulkId)
    return await carryOut(service, call, { verbs, note }, { verb: 'undo', undo: body.bulkId, ids, by: principal.subject, within })
  })
}

/** Verbs on many jobs. */
export function bulkRoutes(service: Service): Route[] {
  const { trunkline } = service
  const run = bulkOf(service)
  const common = { method: 'POST', tag: 'bulk', limit: 'bulk', once: true, answers: { 200: bulkAnswer, 202: bulkStarted } } as const
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
      ...common,
      url: '/jobs/bulk/undo',
      summary: 'Put jobs back to what they were before a bulk cancel or update, within 5 minutes after its end',
      access: operator,
      action: 'job.bulk.undo',
      body: bulkUndo,
      run: (call) => undo(service, call),
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
