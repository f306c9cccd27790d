import {
  backfill,
  backfilled,
  calendar,
  calendarQuery,
  done,
  newSchedule,
  pause,
  runList,
  runQuery,
  schedule,
  scheduleChange,
  scheduleClone,
  scheduleList,
  schedulePreview,
  schedulePreviewed,
  scheduleQuery,
  scheduleStarted,
  uuidPath,
} from '@trunkline/contract/http'
import { mergePayload, type ScheduleOptions, type ScheduleView, type TransactionVerbs } from '@trunkline/engine'
import type { z } from 'zod'
import { checkTarget, checkTask } from '../door/may.ts'
import { maySeeData, type Principal } from '../door/principal.ts'
import { redactText } from '../door/redact.ts'
import { type Call, type Route, route } from '../route.ts'
import type { Service } from '../service.ts'
import { said } from './jobs.ts'

/** Every time as text, at any depth. */
export function timesAsText<T>(value: T): T {
  if (value instanceof Date) return value.toISOString() as never
  if (Array.isArray(value)) return value.map(timesAsText) as never
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, timesAsText(part)])) as never
}

/** What the audit keeps of a schedule: not its payload. */
function scheduleNote({ payload: _, lastRun: __, nextRunAt: ___, ...rest }: ScheduleView): object {
  return timesAsText(rest)
}

/** Schedules: what makes jobs on time. */
export function scheduleRoutes(service: Service): Route[] {
  const { trunkline, schemas } = service
  const { schedules } = trunkline

  async function answerOf(view: ScheduleView, principal: Principal): Promise<z.output<typeof schedule>> {
    const { payload, ...rest } = view
    // the payload is data, whatever it looks like: only what stands around it is turned into text
    const shown = maySeeData(principal, view) ? { payload: await schemas.redact(view.task, payload) } : {}
    return { ...(timesAsText(rest) as never as z.output<typeof schedule>), ...shown }
  }

  /** May the caller make jobs of what a schedule names? */
  async function checkSource(
    call: Call,
    body: {
      task?: string | undefined
      templateId?: string | undefined
      payload?: unknown
      options?: { queue?: string | undefined } | undefined
    },
  ) {
    const template = body.templateId === undefined ? null : await trunkline.templates.get(body.templateId, { within: call.within })
    const task = body.task ?? template?.task
    if (task === undefined) return
    const payload = mergePayload(template?.payload, body.payload)
    await checkTarget(trunkline, call.principal, { task, queue: body.options?.queue ?? template?.queue, payload })
    await schemas.checkSteps(task, payload)
  }

  /** What its jobs have as their payload, but for what is filled in when it fires. */
  async function payloadOf({ templateId, payload }: ScheduleView): Promise<unknown> {
    return mergePayload(templateId === null ? null : (await trunkline.templates.get(templateId)).payload, payload)
  }

  /** A verb on a schedule of the caller's, in one transaction with its line in the audit. */
  async function steer(call: Call<{ id: string }>, verb: (verbs: TransactionVerbs, before: ScheduleView) => Promise<ScheduleView>) {
    const { id } = call.params
    const after = await call.change(`schedule:${id}`, async (verbs, note) => {
      const before = await verbs.schedules.get(id, { within: call.within })
      note.before = scheduleNote(before)
      const changed = await verb(verbs, before)
      note.after = scheduleNote(changed)
      return changed
    })
    return await answerOf(after, call.principal)
  }

  return [
    route({
      method: 'GET',
      url: '/jobs/schedules',
      summary: 'Schedules, by name',
      tag: 'schedules',
      access: { role: 'viewer', object: 'jobs' },
      query: scheduleQuery,
      answers: { 200: scheduleList },
      async run({ query, within, principal }) {
        const { cursor: asOf } = await trunkline.changes()
        const { cursor, limit, templateId } = query
        const found = await schedules.list(said({ within, limit, templateId, after: cursor }))
        const data = await Promise.all(found.map((view) => answerOf(view, principal)))
        return { data, nextCursor: found.length === limit ? (found.at(-1)?.name ?? null) : null, asOf, totalIsEstimate: false }
      },
    }),
    route({
      method: 'POST',
      url: '/jobs/schedules',
      summary: 'Make a schedule; one that would never run is refused',
      tag: 'schedules',
      access: { role: 'admin', object: 'job' },
      action: 'schedule.create',
      once: true,
      body: newSchedule,
      answers: { 201: schedule },
      async run(call) {
        await checkSource(call, call.body)
        return await call.change('schedule', async (verbs, note) => {
          const made = await verbs.schedules.create(said(call.body) as ScheduleOptions, call.principal.subject)
          note.target = `schedule:${made.id}`
          note.after = scheduleNote(made)
          call.reply.status(201)
          return await answerOf(made, call.principal)
        })
      },
    }),
    route({
      method: 'POST',
      url: '/jobs/schedules/preview',
      summary: 'What a rhythm means before it is saved: words, slots, clock changes, and what an edit would change',
      tag: 'schedules',
      access: { role: 'viewer', object: 'none' },
      action: 'schedule.preview',
      body: schedulePreview,
      answers: { 200: schedulePreviewed },
      async run({ body, within }) {
        return timesAsText(await schedules.preview({ ...(said(body) as object), within })) as never
      },
    }),
    route({
      method: 'GET',
      url: '/jobs/schedules/calendar',
      summary: 'Every firing of all schedules in a window, with load, collisions, overlaps and clock changes',
      tag: 'schedules',
      access: { role: 'viewer', object: 'jobs' },
      query: calendarQuery,
      answers: { 200: calendar },
      async run({ query, within }) {
        return timesAsText(await schedules.calendar({ ...said(query), within })) as never
      },
    }),
    route({
      method: 'GET',
      url: '/jobs/schedules/:id',
      summary: 'A schedule',
      tag: 'schedules',
      access: { role: 'viewer', object: 'job' },
      params: uuidPath,
      answers: { 200: schedule },
      run: async ({ params, within, principal }) => await answerOf(await schedules.get(params.id, { within }), principal),
    }),
    route({
      method: 'PUT',
      url: '/jobs/schedules/:id',
      summary: 'Say anew what a schedule is',
      tag: 'schedules',
      access: { role: 'admin', object: 'job' },
      action: 'schedule.update',
      params: uuidPath,
      body: scheduleChange,
      answers: { 200: schedule },
      async run(call) {
        const { version, ...rest } = call.body
        await schedules.get(call.params.id, { within: call.within })
        await checkSource(call, rest)
        const extra = said({ by: call.principal.subject, expected: version })
        return await steer(call, (verbs, before) => verbs.schedules.update(before.id, said(rest) as ScheduleOptions, extra))
      },
    }),
    route({
      method: 'DELETE',
      url: '/jobs/schedules/:id',
      summary: 'Delete a schedule and its history; its jobs stay',
      tag: 'schedules',
      access: { role: 'admin', object: 'job' },
      action: 'schedule.delete',
      params: uuidPath,
      answers: { 200: done },
      async run(call) {
        const { id } = call.params
        return await call.change(`schedule:${id}`, async (verbs, note) => {
          note.before = scheduleNote(await verbs.schedules.get(id, { within: call.within }))
          await verbs.schedules.delete(id, { by: call.principal.subject })
          return { ok: true }
        })
      },
    }),
    route({
      method: 'POST',
      url: '/jobs/schedules/:id/run',
      summary: 'Make a job at once; the rhythm stays as it is',
      tag: 'schedules',
      access: { role: 'operator', object: 'job' },
      action: 'schedule.run',
      once: true,
      params: uuidPath,
      answers: { 202: scheduleStarted },
      async run(call) {
        const { id } = call.params
        return await call.change(`schedule:${id}`, async (verbs, note) => {
          const view = await verbs.schedules.get(id, { within: call.within })
          checkTask(call.principal, view.task, await payloadOf(view))
          const { jobId, slot } = await verbs.schedules.run(id, { by: call.principal.subject })
          note.after = { jobId }
          call.reply.status(202)
          return { jobId, slot: slot.toISOString() }
        })
      },
    }),
    route({
      method: 'POST',
      url: '/jobs/schedules/:id/pause',
      summary: 'Fire nothing until an end, or until it is resumed',
      tag: 'schedules',
      access: { role: 'operator', object: 'job' },
      action: 'schedule.pause',
      params: uuidPath,
      body: pause,
      answers: { 200: schedule },
      async run(call) {
        const { forMs, ...rest } = call.body
        const options = said({ ...rest, for: forMs, by: call.principal.subject })
        return await steer(call, (verbs, { id }) => verbs.schedules.pause(id, options))
      },
    }),
    route({
      method: 'POST',
      url: '/jobs/schedules/:id/resume',
      summary: 'Fire again; slots of the pause are treated as missed ones',
      tag: 'schedules',
      access: { role: 'operator', object: 'job' },
      action: 'schedule.resume',
      params: uuidPath,
      answers: { 200: schedule },
      run: (call) => steer(call, (verbs, { id }) => verbs.schedules.resume(id, { by: call.principal.subject })),
    }),
    route({
      method: 'POST',
      url: '/jobs/schedules/:id/skip',
      summary: 'Leave out the next slot',
      tag: 'schedules',
      access: { role: 'operator', object: 'job' },
      action: 'schedule.skip',
      params: uuidPath,
      answers: { 200: schedule },
      run: (call) => steer(call, (verbs, { id }) => verbs.schedules.skipNext(id, { by: call.principal.subject })),
    }),
    route({
      method: 'POST',
      url: '/jobs/schedules/:id/clone',
      summary: 'The same under another name, switched off unless it is asked for otherwise',
      tag: 'schedules',
      access: { role: 'admin', object: 'job' },
      action: 'schedule.clone',
      params: uuidPath,
      body: scheduleClone,
      answers: { 201: schedule },
      async run(call) {
        const view = await schedules.get(call.params.id, { within: call.within })
        await checkTarget(trunkline, call.principal, { task: view.task, queue: view.queue, payload: await payloadOf(view) })
        return await call.change('schedule', async (verbs, note) => {
          const made = await verbs.schedules.clone(view.id, said({ ...call.body, by: call.principal.subject }))
          note.target = `schedule:${made.id}`
          note.after = scheduleNote(made)
          call.reply.status(201)
          return await answerOf(made, call.principal)
        })
      },
    }),
    route({
      method: 'POST',
      url: '/jobs/schedules/:id/backfill',
      summary: 'Make the jobs of a past range, or count them; slots that have one are left alone',
      tag: 'schedules',
      access: { role: 'admin', object: 'job' },
      action: 'schedule.backfill',
      limit: 'bulk',
      params: uuidPath,
      body: backfill,
      answers: { 200: backfilled },
      async run(call) {
        const { id } = call.params
        return await call.change(`schedule:${id}`, async (verbs, note) => {
          const view = await verbs.schedules.get(id, { within: call.within })
          checkTask(call.principal, view.task, await payloadOf(view))
          const { from, to, dryRun } = call.body
          const answer = await verbs.schedules.backfill(id, said({ from, to, dryRun, by: call.principal.subject }))
          note.after = { from, to, ...answer }
          return answer
        })
      },
    }),
    route({
      method: 'GET',
      url: '/jobs/schedules/:id/runs',
      summary: 'What became of its slots, the latest first',
      tag: 'schedules',
      access: { role: 'viewer', object: 'job' },
      params: uuidPath,
      query: runQuery,
      answers: { 200: runList },
      async run({ params, query, within }) {
        const { cursor: asOf } = await trunkline.changes()
        const found = await schedules.runs(params.id, { ...said(query), within })
        const data = found.map((run) => ({ ...timesAsText(run), error: run.error === null ? null : redactText(run.error) })) as never
        const last = found.length === query.limit ? found.at(-1) : undefined
        return { data, nextCursor: last ? last.slot.toISOString() : null, asOf, totalIsEstimate: false }
      },
    }),
  ]
}
