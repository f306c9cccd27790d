import { done, newTemplate, template, templateChange, templateList, templateQuery, uuidPath } from '@trunkline/contract/http'
import type { TemplateOptions, TemplateView } from '@trunkline/engine'
import type { z } from 'zod'
import { checkTarget } from '../door/may.ts'
import { maySeeData, type Principal } from '../door/principal.ts'
import { type Route, route } from '../route.ts'
import type { Service } from '../service.ts'
import { said } from './jobs.ts'

/** What the audit keeps of a template: not its payload. */
const templateNote = ({ name, task, queue, options, version }: TemplateView) => ({ name, task, queue, options, version })

/** Templates: saved tasks with payload and options. */
export function templateRoutes({ trunkline, schemas }: Service): Route[] {
  const { templates } = trunkline

  async function answerOf(view: TemplateView, principal: Principal): Promise<z.output<typeof template>> {
    const { payload, createdAt, updatedAt, lastUsedAt, ...rest } = view
    const shown = maySeeData(principal, view) ? { payload: await schemas.redact(view.task, payload) } : {}
    const times = { createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString(), lastUsedAt: lastUsedAt?.toISOString() ?? null }
    return { ...rest, ...times, ...shown }
  }

  /** May the caller make jobs of what a template holds? One without steps gets them where it is used. */
  async function checkSource(principal: Principal, { task, payload = null, options }: z.output<typeof newTemplate>): Promise<void> {
    await checkTarget(trunkline, principal, { task, queue: options?.queue, payload })
    if (payload !== null && Object.hasOwn(Object(payload), 'steps')) await schemas.checkSteps(task, payload)
  }

  return [
    route({
      method: 'GET',
      url: '/jobs/templates',
      summary: 'Templates, by name',
      tag: 'templates',
      access: { role: 'viewer', object: 'jobs' },
      query: templateQuery,
      answers: { 200: templateList },
      async run({ query, within, principal }) {
        const { cursor: asOf } = await trunkline.changes()
        const found = await templates.list(said({ within, after: query.cursor, limit: query.limit }))
        const data = await Promise.all(found.map((view) => answerOf(view, principal)))
        return { data, nextCursor: found.length === query.limit ? (found.at(-1)?.name ?? null) : null, asOf, totalIsEstimate: false }
      },
    }),
    route({
      method: 'POST',
      url: '/jobs/templates',
      summary: 'Make a template',
      tag: 'templates',
      access: { role: 'admin', object: 'job' },
      action: 'template.create',
      once: true,
      body: newTemplate,
      answers: { 201: template },
      async run(call) {
        await checkSource(call.principal, call.body)
        return await call.change('template', async (verbs, note) => {
          const made = await verbs.templates.create(said(call.body) as TemplateOptions, call.principal.subject)
          note.target = `template:${made.id}`
          note.after = templateNote(made)
          call.reply.status(201)
          return await answerOf(made, call.principal)
        })
      },
    }),
    route({
      method: 'GET',
      url: '/jobs/templates/:id',
      summary: 'A template',
      tag: 'templates',
      access: { role: 'viewer', object: 'job' },
      params: uuidPath,
      answers: { 200: template },
      run: async ({ params, within, principal }) => await answerOf(await templates.get(params.id, { within }), principal),
    }),
    route({
      method: 'PUT',
      url: '/jobs/templates/:id',
      summary: 'Say anew what a template is, as its next version',
      tag: 'templates',
      access: { role: 'admin', object: 'job' },
      action: 'template.update',
      params: uuidPath,
      body: templateChange,
      answers: { 200: template },
      async run(call) {
        const { version, ...rest } = call.body
        const { id } = call.params
        const before = await templates.get(id, { within: call.within })
        await checkSource(call.principal, rest)
        return await call.change(`template:${id}`, async (verbs, note) => {
          note.before = templateNote(before)
          const extra = said({ by: call.principal.subject, expected: version })
          const changed = await verbs.templates.update(id, said(rest) as TemplateOptions, extra)
          note.after = templateNote(changed)
          return await answerOf(changed, call.principal)
        })
      },
    }),
    route({
      method: 'DELETE',
      url: '/jobs/templates/:id',
      summary: 'Delete a template that no schedule uses',
      tag: 'templates',
      access: { role: 'admin', object: 'job' },
      action: 'template.delete',
      params: uuidPath,
      answers: { 200: done },
      async run(call) {
        const { id } = call.params
        return await call.change(`template:${id}`, async (verbs, note) => {
          note.before = templateNote(await verbs.templates.get(id, { within: call.within }))
          await verbs.templates.delete(id)
          return { ok: true }
        })
      },
    }),
  ]
}
