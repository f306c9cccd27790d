import { show, TrunklineError } from '@trunkline/contract'
import {
  cancelled,
  decimalId,
  done,
  enqueued,
  eventList,
  eventQuery,
  includeData,
  type JobAnswer,
  job,
  jobChanges,
  jobList,
  jobQuery,
  jobStats,
  jobStatus,
  jobSteps,
  jobTimeline,
  jobWhy,
  type logLine,
  logList,
  logQuery,
  newJob,
  rerun,
} from '@trunkline/contract/http'
import { type EnqueueOptions, isTraceparent, type JobView, type LogEntry, mergePayload, type TransactionVerbs } from '@trunkline/engine'
import { z } from 'zod'
import { idempotencyKeyOf } from '../door/idempotency.ts'
import { checkQueue, checkTarget, checkTask, checkUnscoped } from '../door/may.ts'
import { watchJob } from '../door/notifications.ts'
import { covers, maySeeData, type Principal } from '../door/principal.ts'
import { redact, redactText, visibleText } from '../door/redact.ts'
import { exactData, writeExact } from '../exact-json.ts'
import { apiPrefix } from '../prefix.ts'
import { type Call, type Route, route } from '../route.ts'
import type { Schemas } from '../schemas.ts'
import type { Service } from '../service.ts'

const jobPath = z.strictObject({ id: decimalId })
const iso = (time: Date | null) => time?.toISOString() ?? null

/** A failure without secrets. */
export function errorAnswer(error: JobView['error']): JobAnswer['error'] {
  if (!error) return null
  const { stack, hint } = error
  return {
    ...error,
    message: redactText(error.message),
    ...(stack === undefined ? {} : { stack: redactText(stack) }),
    ...(hint === undefined ? {} : { hint: redactText(hint) }),
  }
}

/** A job as the API shows it, without payload and result. */
export function jobAnswer(view: JobView): JobAnswer {
  const { payload: _, result: __, createdAt, runAt, startedAt, finishedAt, error, ...rest } = view
  return {
    ...rest,
    createdAt: createdAt.toISOString(),
    runAt: runAt.toISOString(),
    startedAt: iso(startedAt),
    finishedAt: iso(finishedAt),
    error: errorAnswer(error),
  }
}

/** Payload and result where the caller may see them, without their secrets. */
export async function jobData(view: JobView, principal: Principal, schemas: Schemas): Promise<{ payload?: unknown; result?: unknown }> {
  if (!maySeeData(principal, view)) return {}
  return { payload: await schemas.redact(view.task, view.payload), result: redact(view.result) }
}

/** What the audit keeps of a job. */
export function jobNote({ state, reason, task, queue, priority, attempt, tags }: JobView): object {
  return { state, reason, task, queue, priority, attempt, tags }
}

/** Leaves out what was not said: the engine tells an absent option from one that is undefined. */
export function said<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never
}

function logText({ at, attempt, level, stage, message, context }: z.output<typeof logLine>): string {
  const facts = context === null ? '' : ` ${JSON.stringify(context)}`
  const where = stage === null ? '' : `[${stage}] `
  return `${visibleText(`${at} #${attempt} ${level.padEnd(5)} ${where}${message}${facts}`)}\n`
}

function logAnswer(line: LogEntry): z.output<typeof logLine> {
  return { ...line, at: line.at.toISOString(), message: redactText(line.message), context: redact(line.context ?? null) }
}

/** Makes a job of whoever calls, with its line in the audit; they hear of its end. */
export function makeJob({ database, settings }: Service) {
  return async (call: Call, task: string, payload: unknown, options: EnqueueOptions): Promise<z.output<typeof enqueued>> =>
    await call.change('job', async (verbs, note) => {
      const key = idempotencyKeyOf(call.request)
      const { subject } = call.principal
      // of one caller: a key that somebody else chose as well must not answer their job
      const keyed = key === undefined ? {} : { idempotencyKey: `${subject} ${key}` }
      // who says where in a trace the call belongs gets the run there too; what is no such place is not worth a refusal
      const { traceparent } = call.request.headers
      const traced = isTraceparent(traceparent) ? { traceparent } : {}
      const given = { ...options, ...keyed, ...traced, createdBy: subject }
      const { id, made } = await verbs.enqueue(task, payload, given)
      const view = await verbs.get(id)
      if (made === 'new') await watchJob(database, call.principal, id, verbs.tx)
      note.target = `job:${id}`
      note.after = { ...jobNote(view), made }
      call.reply.status(202).header('location', `${settings.basePath}${apiPrefix}/jobs/${id}`)
      return { ...jobAnswer(view), made }
    })
}

/** Jobs: making, looking, steering. */
export function jobRoutes(service: Service): Route[] {
  const { trunkline, schemas, database, settings } = service
  const make = makeJob(service)
  /** The whole log, page by page: no log is too long for the memory. */
  async function* wholeLog(id: string, format: 'text' | 'jsonl', filter: object): AsyncGenerator<string> {
    for (let after = '0'; ; ) {
      const lines = await trunkline.logs(id, { ...filter, after, limit: 1000 })
      for (const line of lines) yield format === 'text' ? logText(logAnswer(line)) : `${JSON.stringify(logAnswer(line))}\n`
      const last = lines.at(-1)
      if (!last || lines.length < 1000) return
      after = last.no
    }
  }

  /** A verb on one job of the caller's: looked up, done and noted in one transaction. */
  const steer =
    (verb: (verbs: TransactionVerbs, id: string, call: Call, job: JobView) => Promise<unknown>) =>
    async (call: Call): Promise<JobAnswer> => {
      const { id } = call.params
      return await call.change(`job:${id}`, async (verbs, note) => {
        const before = await verbs.get(id, { within: call.within })
        note.before = jobNote(before)
        await verb(verbs, id, call, before)
        const after = await verbs.get(id)
        note.after = jobNote(after)
        return jobAnswer(after)
      })
    }

  return [
    route({
      method: 'POST',
      url: '/jobs',
      summary: 'Make a job. Answered after its commit: from then on it is not lost',
      tag: 'jobs',
      access: { role: 'operator', object: 'job' },
      action: 'job.create',
      body: newJob,
      answers: { 202: enqueued },
      async run(call) {
        const { task, payload = null, delayMs, timeoutMs, uniqueWindowMs, uniqueMaxWaitMs, dependsOn, ...rest } = call.body
        const template = rest.templateId === undefined ? null : await trunkline.templates.get(rest.templateId, { within: call.within })
        const of = task ?? template?.task
        if (of === undefined)
          throw new TrunklineError('invalid_request', { field: 'task', problem: 'is missing: give a task or a templateId' })
        const meant = template ? mergePayload(template.payload, payload) : payload
        await checkTarget(trunkline, call.principal, { task: of, queue: rest.queue ?? template?.queue, payload: meant })
        await schemas.checkSteps(of, meant)
        // whether a stranger's job fails is nothing that one may learn by waiting for it
        for (const on of dependsOn ?? []) await trunkline.get(typeof on === 'string' ? on : on.jobId, { within: call.within })
        const parents = dependsOn?.map((on) => (typeof on === 'string' ? on : said(on)))
        const durations = { delay: delayMs, timeout: timeoutMs, uniqueWindow: uniqueWindowMs, uniqueMaxWait: uniqueMaxWaitMs }
        return await make(call, of, payload, said({ ...rest, ...durations, dependsOn: parents }))
      },
    }),
    route({
      method: 'GET',
      url: '/jobs',
      summary: 'Jobs, newest first; pending ones in the order in which they will run',
      tag: 'jobs',
      access: { role: 'viewer', object: 'jobs' },
      query: jobQuery,
      answers: { 200: jobList },
      async run({ query, principal, within }) {
        const { cursor, limit, includeData, ...filter } = query
        if (cursor !== undefined && filter.state === 'pending') {
          throw new TrunklineError('invalid_option', {
            field: 'cursor',
            received: show(cursor),
            allowed: 'no cursor for pending jobs: they have no lasting order',
          })
        }
        const { cursor: asOf } = await trunkline.changes()
        const found = await trunkline.list({ ...said(filter), limit, within, ...(cursor === undefined ? {} : { before: cursor }) })
        const last = found.at(-1)
        return {
          data: await Promise.all(
            found.map(async (view) => ({ ...jobAnswer(view), ...(includeData ? await jobData(view, principal, schemas) : {}) })),
          ),
          nextCursor: last && found.length === limit && filter.state !== 'pending' ? last.id : null,
          asOf,
          totalIsEstimate: false,
        }
      },
    }),
    route({
      method: 'GET',
      url: '/jobs/stats',
      summary: 'Jobs by state, in all and by queue, from counters',
      tag: 'jobs',
      access: { role: 'viewer', object: 'queues' },
      answers: { 200: jobStats },
      async run({ principal }) {
        const { cursor: asOf } = await trunkline.changes()
        const queues = (await trunkline.queues())
          .filter((q) => covers(principal.scopes.queues, q.queue))
          .map(({ due, workers: _, paused: __, ...q }) => ({ ...q, pending: due + q.scheduled + q.held }))
        const sum = (of: 'pending' | 'scheduled' | 'held' | 'blocked' | 'running' | 'completed' | 'failed' | 'cancelled') =>
          queues.reduce((n, q) => n + q[of], 0)
        const total = {
          pending: sum('pending'),
          scheduled: sum('scheduled'),
          held: sum('held'),
          blocked: sum('blocked'),
          running: sum('running'),
          completed: sum('completed'),
          failed: sum('failed'),
          cancelled: sum('cancelled'),
        }
        return { asOf, total, queues }
      },
    }),
    route({
      method: 'GET',
      url: '/jobs/events',
      summary: 'The numbered change feed: give cursor back as after, and nothing is missed',
      tag: 'jobs',
      access: { role: 'viewer', object: 'none' },
      query: eventQuery,
      answers: { 200: eventList },
      async run({ query: { after, limit }, within }) {
        // a change names many jobs at once, whoever they belong to
        checkUnscoped(within, 'the change feed')
        const { changes, cursor } = await trunkline.changes({ limit, ...(after === undefined ? {} : { after }) })
        return { data: changes.map(({ no, at, kind, body }) => ({ seq: no, at: at.toISOString(), kind, body })), cursor }
      },
    }),
    route({
      method: 'GET',
      url: '/jobs/:id',
      summary: 'A job; numbers of its payload and result with all digits that the database has',
      tag: 'jobs',
      access: { role: 'viewer', object: 'job' },
      params: jobPath,
      query: includeData,
      answers: { 200: job },
      async run({ params, query, principal, within, reply }) {
        const view = await trunkline.get(params.id, { within })
        if (!query.includeData || !maySeeData(principal, view)) return jobAnswer(view)
        const exact = exactData(await trunkline.texts(params.id))
        // numbers that JSON.stringify would round
        if (exact)
          reply.type('application/json; charset=utf-8').serializer((answer: z.output<typeof job>) => writeExact(z.encode(job, answer)))
        return { ...jobAnswer(view), ...(await jobData({ ...view, ...exact }, principal, schemas)) }
      },
    }),
    route({
      method: 'GET',
      url: '/jobs/:id/status',
      summary: 'How far a job is',
      tag: 'jobs',
      access: { role: 'viewer', object: 'job' },
      params: jobPath,
      answers: { 200: jobStatus },
      run: async ({ params, within }) => jobAnswer(await trunkline.get(params.id, { within })),
    }),
    route({
      method: 'GET',
      url: '/jobs/:id/logs',
      summary: 'Lines of its log, oldest first, or the whole log as a file',
      tag: 'jobs',
      access: { role: 'viewer', object: 'job' },
      params: jobPath,
      query: logQuery,
      answers: { 200: logList },
      async run({ params: { id }, query, within, reply }) {
        await trunkline.get(id, { within })
        const { download, limit, after, before, level, ...rest } = query
        if (after !== undefined && before !== undefined)
          throw new TrunklineError('invalid_option', { field: 'before', received: before, allowed: 'either after or before' })
        const filter = said({ ...rest, levels: level })
        if (download) {
          const { Readable } = await import('node:stream')
          const ending = download === 'text' ? 'log' : 'jsonl'
          return reply
            .type(download === 'text' ? 'text/plain; charset=utf-8' : 'application/x-ndjson')
            .header('content-disposition', `attachment; filename="job-${id}.${ending}"`)
            .serializer((body: unknown) => body as string)
            .send(Readable.from(wholeLog(id, download, filter)))
        }
        const lines = await trunkline.logs(id, { ...filter, limit, ...said({ after, before }) })
        return { data: lines.map(logAnswer), nextCursor: lines.at(-1)?.no ?? after ?? null }
      },
    }),
    route({
      method: 'GET',
      url: '/jobs/:id/steps',
      summary: 'Its steps in their order: what is finished is not done again',
      tag: 'jobs',
      access: { role: 'viewer', object: 'job' },
      params: jobPath,
      answers: { 200: jobSteps },
      async run({ params, within, principal }) {
        const view = await trunkline.get(params.id, { within })
        const steps = await trunkline.steps(view.id)
        const shown = maySeeData(principal, view)
        return {
          jobId: view.id,
          steps: steps.map(({ result, ...step }) => ({
            ...step,
            startedAt: iso(step.startedAt),
            finishedAt: iso(step.finishedAt),
            error: errorAnswer(step.error),
            earlier: step.earlier.map((one) => ({
              ...one,
              startedAt: iso(one.startedAt),
              finishedAt: iso(one.finishedAt),
              error: errorAnswer(one.error),
            })),
            ...(shown ? { result: redact(result) } : {}),
          })),
        }
      },
    }),
    route({
      method: 'GET',
      url: '/jobs/:id/timeline',
      summary: 'Every transition and execution that is recorded',
      tag: 'jobs',
      access: { role: 'viewer', object: 'job' },
      params: jobPath,
      answers: { 200: jobTimeline },
      async run({ params, within }) {
        const { jobId, attempts, transitions } = await trunkline.timeline(params.id, { within })
        return {
          jobId,
          attempts: attempts.map((a) => ({
            ...a,
            error: errorAnswer(a.error),
            startedAt: iso(a.startedAt),
            finishedAt: iso(a.finishedAt),
          })),
          transitions: transitions.map((t) => ({ ...t, at: t.at.toISOString() })),
        }
      },
    }),
    route({
      method: 'GET',
      url: '/jobs/:id/why',
      summary: 'Why it is not running, or how it ended: a sentence and a reason',
      tag: 'jobs',
      access: { role: 'viewer', object: 'job' },
      params: jobPath,
      answers: { 200: jobWhy },
      async run({ params: { id }, within }) {
        await trunkline.get(id, { within })
        const { sentence, note, ...rest } = await trunkline.why(id)
        return { ...rest, sentence: redactText(sentence), ...(note ? { note: redactText(note) } : {}) }
      },
    }),
    route({
      method: 'POST',
      url: '/jobs/:id/retry',
      summary: 'Run a failed or cancelled job again with fresh attempts',
      tag: 'jobs',
      access: { role: 'operator', object: 'job' },
      action: 'job.retry',
      params: jobPath,
      answers: { 200: job },
      run: steer(async (verbs, id, { principal }, { task, payload }) => {
        checkTask(principal, task, payload)
        await verbs.retry(id)
        await watchJob(database, principal, id, verbs.tx)
      }),
    }),
    route({
      method: 'POST',
      url: '/jobs/:id/cancel',
      summary: 'Cancel a waiting job, or tell the worker of a running one',
      tag: 'jobs',
      access: { role: 'operator', object: 'job' },
      action: 'job.cancel',
      params: jobPath,
      answers: { 200: cancelled },
      async run(call) {
        let answer: string | undefined
        const job = await steer(async (verbs, id, { principal }) => {
          answer = await verbs.cancel(id, { by: principal.subject })
        })(call)
        return { answer, job }
      },
    }),
    route({
      method: 'POST',
      url: '/jobs/:id/rerun',
      summary: 'Run an ended job once more as a new, linked job',
      tag: 'jobs',
      access: { role: 'operator', object: 'job' },
      action: 'job.rerun',
      once: true,
      params: jobPath,
      body: rerun,
      answers: { 202: job },
      async run(call) {
        const { id } = call.params
        const { delayMs, ...rest } = call.body
        const old = await trunkline.get(id, { within: call.within })
        const payload = rest.payload === undefined ? old.payload : rest.payload
        await checkTarget(trunkline, call.principal, { task: old.task, queue: rest.queue ?? old.queue, payload })
        if (rest.payload !== undefined) await schemas.checkSteps(old.task, payload)
        return await call.change(`job:${id}`, async (verbs, note) => {
          const newId = await verbs.rerun(id, said({ ...rest, delay: delayMs, createdBy: call.principal.subject }))
          const view = await verbs.get(newId)
          await watchJob(database, call.principal, newId, verbs.tx)
          note.after = { ...jobNote(view), id: newId }
          call.reply.status(202).header('location', `${settings.basePath}${apiPrefix}/jobs/${newId}`)
          return jobAnswer(view)
        })
      },
    }),
    route({
      method: 'POST',
      url: '/jobs/:id/promote',
      summary: 'Put a job that waits for its time in line now',
      tag: 'jobs',
      access: { role: 'operator', object: 'job' },
      action: 'job.promote',
      params: jobPath,
      answers: { 200: job },
      run: steer((verbs, id) => verbs.promote(id)),
    }),
    route({
      method: 'PATCH',
      url: '/jobs/:id',
      summary: 'Change priority, queue or time of a waiting job, or the tags of any',
      tag: 'jobs',
      access: { role: 'operator', object: 'job' },
      action: 'job.update',
      params: jobPath,
      body: jobChanges,
      answers: { 200: job },
      async run(call) {
        const { queue } = call.body
        if (queue !== undefined) checkQueue(call.principal, queue)
        return await steer((verbs, id) => verbs.update(id, said(call.body)))(call)
      },
    }),
    route({
      method: 'DELETE',
      url: '/jobs/:id',
      summary: 'Cancel a waiting job and hide it, or hide an ended one',
      tag: 'jobs',
      access: { role: 'admin', object: 'job' },
      action: 'job.delete',
      params: jobPath,
      answers: { 200: done },
      run: async (call) =>
        await call.change(`job:${call.params.id}`, async (verbs, note) => {
          note.before = jobNote(await verbs.get(call.params.id, { within: call.within }))
          await verbs.delete(call.params.id, { by: call.principal.subject })
          return { ok: true }
        }),
    }),
  ]
}
