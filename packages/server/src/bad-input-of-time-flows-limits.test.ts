import { randomUUID } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import { serverScene } from '../../../test/support/server-scene.ts'
import { defineTask } from '../../engine/src/index.ts'

// each route of schedules, templates, flows, limits and steps: what cannot be is refused with the code of the contract and names the field
const scene = await serverScene()
const { db, server } = scene
const trunkline = await db.connect()
const task = defineTask('t.run', {
  queue: 't',
  inputSchema: { type: 'object', properties: { n: { type: 'number', maximum: 9 } } },
  run: () => null,
})
const admin = await scene.user('admin')
const none = randomUUID()
/** Ids of what is there, put in where a url or body has its name in angle brackets. */
const known: Record<string, string> = {}
const put = (text: string) => text.replace(/<(\w+)>/g, (_, name) => known[name] ?? name)

beforeAll(async () => {
  const job = await trunkline.enqueue(task, { n: 1 }, { delay: '1h' })
  const flow = await trunkline.flows.add({ jobs: [{ name: 'a', task, delay: '1h' }] })
  const inputSchema = { required: ['n'] }
  const template = await trunkline.templates.create({ name: 'template', task: 't.run', payload: { n: 1 }, inputSchema })
  const schedule = await trunkline.schedules.create({ name: 'schedule', templateId: template.id, cronExpression: '0 3 * * *' })
  const over = await trunkline.schedules.create({ name: 'off', task: 't.run', cronExpression: '0 3 * * *', isEnabled: false })
  Object.assign(known, { job: job.id, flow: flow.id, template: template.id, schedule: schedule.id, off: over.id })
})

const daily = { name: 'new', task: 't.run', cronExpression: '0 3 * * *' }
const fresh = { name: 'new', task: 't.run' }
const cycle = {
  jobs: [
    { name: 'a', task: 't.run', dependsOn: ['b'] },
    { name: 'b', task: 't.run', dependsOn: ['a'] },
  ],
}
const range = { from: '2030-01-02T00:00:00Z', to: '2030-01-01T00:00:00Z' }

/** Route, its url, the body, the code, and the field that is named, where there is one. */
const rows: [route: string, url: string, body: unknown, code: string, field?: string][] = [
  ['GET /jobs/schedules', '/jobs/schedules?limit=0', undefined, 'invalid_request', 'limit'],
  ['GET /jobs/schedules', '/jobs/schedules?templateId=x', undefined, 'invalid_request', 'templateId'],
  ['GET /jobs/schedules', '/jobs/schedules?sort=name', undefined, 'invalid_request', 'sort'],
  ['POST /jobs/schedules', '/jobs/schedules', { ...daily, cron: '* * * * *' }, 'invalid_request', 'cron'],
  ['POST /jobs/schedules', '/jobs/schedules', { ...fresh }, 'invalid_schedule'],
  ['POST /jobs/schedules', '/jobs/schedules', { ...daily, intervalMs: 5000 }, 'invalid_schedule'],
  ['POST /jobs/schedules', '/jobs/schedules', { ...daily, cronExpression: '61 * * * *' }, 'invalid_schedule', 'cronExpression'],
  ['POST /jobs/schedules', '/jobs/schedules', { ...daily, cronExpression: '0 0 31 2 *' }, 'schedule_never_runs', 'cronExpression'],
  ['POST /jobs/schedules', '/jobs/schedules', { ...daily, timezone: 'Mars/Olympus' }, 'invalid_option', 'timezone'],
  ['POST /jobs/schedules', '/jobs/schedules', { ...fresh, intervalMs: 10 }, 'invalid_request', 'intervalMs'],
  ['POST /jobs/schedules', '/jobs/schedules', { ...fresh, calendar: { hours: [24] } }, 'invalid_request', 'calendar.hours[0]'],
  ['POST /jobs/schedules', '/jobs/schedules', { ...daily, overlap: 'both' }, 'invalid_request', 'overlap'],
  ['POST /jobs/schedules', '/jobs/schedules', { ...daily, task: 'nobody' }, 'unknown_task', 'task'],
  ['POST /jobs/schedules', '/jobs/schedules', { ...daily, name: 'schedule' }, 'name_taken', 'name'],
  ['POST /jobs/schedules', '/jobs/schedules', { ...daily, task: undefined, templateId: none }, 'template_not_found', 'templateId'],
  [
    'POST /jobs/schedules',
    '/jobs/schedules',
    { ...daily, task: undefined, templateId: '<template>', payload: { n: 10 } },
    'invalid_payload',
    'payload.n',
  ],
  ['POST /jobs/schedules/preview', '/jobs/schedules/preview', { cronExpression: 'often' }, 'invalid_schedule', 'cronExpression'],
  ['POST /jobs/schedules/preview', '/jobs/schedules/preview', { cronExpression: '* * * * *', count: 501 }, 'invalid_request', 'count'],
  ['GET /jobs/schedules/calendar', '/jobs/schedules/calendar?from=yesterday&to=2030-01-01T00:00:00Z', undefined, 'invalid_request', 'from'],
  [
    'GET /jobs/schedules/calendar',
    '/jobs/schedules/calendar?from=2030-01-02T00:00:00Z&to=2030-01-01T00:00:00Z',
    undefined,
    'invalid_option',
    'to',
  ],
  ['GET /jobs/schedules/:id', '/jobs/schedules/7', undefined, 'invalid_request', 'id'],
  ['GET /jobs/schedules/:id', `/jobs/schedules/${none}`, undefined, 'schedule_not_found', 'id'],
  ['PUT /jobs/schedules/:id', `/jobs/schedules/${none}`, daily, 'schedule_not_found', 'id'],
  ['PUT /jobs/schedules/:id', '/jobs/schedules/<schedule>', { ...daily, version: 99 }, 'schedule_changed'],
  ['PUT /jobs/schedules/:id', '/jobs/schedules/<schedule>', { ...daily, dst: { gap: 'jump' } }, 'invalid_request', 'dst.gap'],
  ['DELETE /jobs/schedules/:id', `/jobs/schedules/${none}`, undefined, 'schedule_not_found', 'id'],
  ['POST /jobs/schedules/:id/run', `/jobs/schedules/${none}/run`, undefined, 'schedule_not_found', 'id'],
  ['POST /jobs/schedules/:id/pause', '/jobs/schedules/<schedule>/pause', { forMs: -1 }, 'invalid_request', 'forMs'],
  ['POST /jobs/schedules/:id/pause', '/jobs/schedules/<schedule>/pause', { forMs: 5, until: range.to }, 'invalid_request'],
  ['POST /jobs/schedules/:id/resume', `/jobs/schedules/${none}/resume`, undefined, 'schedule_not_found', 'id'],
  ['POST /jobs/schedules/:id/skip', '/jobs/schedules/<off>/skip', undefined, 'schedule_never_runs', 'id'],
  ['POST /jobs/schedules/:id/clone', '/jobs/schedules/<schedule>/clone', { name: 'schedule' }, 'name_taken', 'name'],
  ['POST /jobs/schedules/:id/clone', '/jobs/schedules/<schedule>/clone', { name: '' }, 'invalid_request', 'name'],
  ['POST /jobs/schedules/:id/backfill', '/jobs/schedules/<schedule>/backfill', range, 'invalid_option', 'to'],
  ['POST /jobs/schedules/:id/backfill', '/jobs/schedules/<schedule>/backfill', { from: range.to }, 'invalid_request', 'to'],
  ['GET /jobs/schedules/:id/runs', '/jobs/schedules/<schedule>/runs?before=then', undefined, 'invalid_request', 'before'],
  ['GET /jobs/templates', '/jobs/templates?limit=501', undefined, 'invalid_request', 'limit'],
  ['POST /jobs/templates', '/jobs/templates', { ...fresh, task: 'nobody' }, 'unknown_task', 'task'],
  ['POST /jobs/templates', '/jobs/templates', { ...fresh, options: { priority: 101 } }, 'invalid_request', 'options.priority'],
  ['POST /jobs/templates', '/jobs/templates', { ...fresh, inputSchema: { type: 'text' } }, 'invalid_option', 'inputSchema.type'],
  [
    'POST /jobs/templates',
    '/jobs/templates',
    { ...fresh, inputSchema: { properties: { n: { maximum: 10 } } } },
    'invalid_option',
    'inputSchema.properties.n.maximum',
  ],
  ['POST /jobs/templates', '/jobs/templates', { ...fresh, name: 'template' }, 'name_taken', 'name'],
  ['GET /jobs/templates/:id', `/jobs/templates/${none}`, undefined, 'template_not_found', 'templateId'],
  ['PUT /jobs/templates/:id', '/jobs/templates/<template>', { ...fresh, version: 99 }, 'schedule_changed'],
  ['PUT /jobs/templates/:id', '/jobs/templates/<template>', { ...fresh, inputSchema: { required: ['n'] } }, 'invalid_payload', 'payload'],
  ['DELETE /jobs/templates/:id', '/jobs/templates/<template>', undefined, 'template_in_use', 'id'],
  ['POST /jobs', '/jobs', { templateId: 'templte' }, 'template_not_found', 'templateId'],
  ['POST /jobs', '/jobs', { templateId: 'template', payload: { n: '1' } }, 'invalid_payload', 'payload.n'],
  ['POST /jobs', '/jobs', { task: 't.run', dependsOn: ['999999'] }, 'job_not_found'],
  ['POST /jobs', '/jobs', { task: 't.run', orderingKey: '' }, 'invalid_request', 'orderingKey'],
  ['GET /jobs/flows', '/jobs/flows?cursor=x', undefined, 'invalid_request', 'cursor'],
  ['POST /jobs/flows', '/jobs/flows', { jobs: [] }, 'invalid_request', 'jobs'],
  ['POST /jobs/flows', '/jobs/flows', cycle, 'flow_cycle'],
  ['POST /jobs/flows', '/jobs/flows', { jobs: [{ task: 't.run', dependsOn: ['nobody'] }] }, 'invalid_option', 'jobs[0].dependsOn[0]'],
  ['POST /jobs/flows', '/jobs/flows', { jobs: [{ task: 'nobody' }] }, 'unknown_task', 'task'],
  ['POST /jobs/flows', '/jobs/flows', { jobs: [{ task: 't.run', dependsOn: [{ jobId: '999999' }] }] }, 'job_not_found'],
  ['GET /jobs/flows/:id', '/jobs/flows/x', undefined, 'invalid_request', 'id'],
  ['GET /jobs/flows/:id', '/jobs/flows/999999', undefined, 'flow_not_found', 'flowId'],
  ['POST /jobs/flows/:id/cancel', '/jobs/flows/999999/cancel', undefined, 'flow_not_found', 'flowId'],
  ['POST /jobs/flows/:id/retry', '/jobs/flows/999999/retry', undefined, 'flow_not_found', 'flowId'],
  ['GET /queues/:queue/limits', '/queues/nowhere/limits', undefined, 'unknown_queue', 'queue'],
  ['PUT /queues/:queue/limits', '/queues/t/limits', {}, 'invalid_request'],
  ['PUT /queues/:queue/limits', '/queues/t/limits', { concurrency: 0 }, 'invalid_request', 'concurrency'],
  ['PUT /queues/:queue/limits', '/queues/t/limits', { rate: { limit: 5 } }, 'invalid_request', 'rate.perMs'],
  ['PUT /queues/:queue/limits', '/queues/t/limits', { concurency: 5 }, 'invalid_request', 'concurency'],
  ['PUT /queues/:queue/limits', '/queues/nowhere/limits', { concurrency: 5 }, 'unknown_queue', 'queue'],
  ['GET /jobs/:id/steps', '/jobs/x/steps', undefined, 'invalid_request', 'id'],
  ['GET /jobs/:id/steps', '/jobs/999999/steps', undefined, 'job_not_found'],
]

test.each(rows)('%s: %s with %j answers %s (%s)', async (route, url, body, code, field) => {
  const method = route.split(' ')[0] as string
  const said = body === undefined ? undefined : put(JSON.stringify(body))
  const count =
    'select (select count(*) from trunkline.job)::int jobs, (select count(*) from trunkline.schedule)::int schedules, (select count(*) from trunkline.template)::int templates, (select count(*) from trunkline.flow)::int flows'
  const before = await db.rows(count)
  const answer = await admin(method, put(url), said)
  expect(answer.body).toMatchObject({ code, requestId: expect.any(String) })
  expect(answer.status).toBe(answer.body.status)
  expect(answer.status).toBeGreaterThanOrEqual(400)
  expect(answer.status).toBeLessThan(500)
  expect(answer.headers['content-type']).toContain('application/problem+json')
  if (field !== undefined) expect((answer.body.errors ?? []).map((error: any) => error.field)).toContain(field)
  expect(answer.text).not.toMatch(/node_modules|\bat \/|select |trunkline\.[a-z]/)
  expect(await db.rows(count)).toEqual(before)
})

test('each of these routes has a row', () => {
  const tried = new Set(rows.map(([route]) => route))
  const meant = server.routes.filter(
    ({ url }) => !url.startsWith('/pgagent/') && /\/(schedules|templates|flows|limits|steps)(\/|$)/.test(url),
  )
  expect(meant.length).toBeGreaterThan(25)
  expect(meant.map(({ method, url }) => `${method} ${url}`).filter((route) => !tried.has(route))).toEqual([])
})
