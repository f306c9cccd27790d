import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { defineTask } from '../packages/engine/src/index.ts'
import { installation } from './support/command-line.ts'
import { testDatabase } from './support/database.ts'

// each command of schedules, templates, flows, limits and steps with what cannot be: the code of the contract, nothing changed, no trace
const db = await testDatabase()
const here = installation({ DATABASE_URL: db.url })
const trunkline = await db.connect()
const task = defineTask('t.run', { queue: 't', inputSchema: { properties: { n: { type: 'number', maximum: 9 } } }, run: () => null })

beforeAll(async () => {
  await trunkline.enqueue(task, { n: 1 }, { delay: '1h' })
  const inputSchema = { required: ['n'] }
  const { id } = await trunkline.templates.create({ name: 'template', task: 't.run', payload: { n: 1 }, inputSchema })
  await trunkline.schedules.create({ name: 'schedule', templateId: id, cronExpression: '0 3 * * *' })
  await trunkline.schedules.create({ name: 'off', task: 't.run', cronExpression: '0 3 * * *', isEnabled: false })
  const flow = (jobs: unknown) => JSON.stringify({ jobs })
  writeFileSync(join(here.folder, 'cycle.json'), flow([{ name: 'a', task: 't.run', dependsOn: ['a'] }]))
  writeFileSync(join(here.folder, 'typo.json'), flow([{ nmae: 'a', task: 't.run' }]))
  writeFileSync(join(here.folder, 'broken.json'), '{')
})

const create = ['schedules', 'create', 'new', '--task', 't.run']
const template = ['templates', 'create', 'new', '--task', 't.run']
const limits = ['queues', 'limits', 't']
const rows: [args: string[], code: string][] = [
  [['schedules', 'show', 'schedul'], 'schedule_not_found'],
  [create, 'invalid_schedule'],
  [[...create, '--cron', '61 * * * *'], 'invalid_schedule'],
  [[...create, '--cron', '0 0 31 2 *'], 'schedule_never_runs'],
  [[...create, '--cron', '* * * * *', '--every', '5m'], 'invalid_schedule'],
  [[...create, '--every', 'often'], 'invalid_duration'],
  [[...create, '--calendar', 'noon'], 'invalid_schedule'],
  [[...create, '--at', 'tomorrow'], 'invalid_run_at'],
  [[...create, '--cron', '* * * * *', '--timezone', 'Mars/Olympus'], 'invalid_option'],
  [[...create, '--cron', '* * * * *', '--overlap', 'both'], 'invalid_option'],
  [[...create, '--cron', '* * * * *', '--jitter', 'some'], 'usage'],
  [[...create, '--crno', '* * * * *'], 'usage'],
  [['schedules', 'create', 'new', '--cron', '* * * * *', '--task', 'nobody'], 'unknown_task'],
  [['schedules', 'create', 'new', '--cron', '* * * * *', '--template', 'templte'], 'template_not_found'],
  [['schedules', 'create', 'new', '--cron', '* * * * *', '--template', 'template', '--payload', '{"n":10}'], 'invalid_payload'],
  [['schedules', 'edit', 'schedule', '--payload', '{"n":"x"}'], 'invalid_payload'],
  [['schedules', 'edit', 'schedule', '--name', 'off'], 'name_taken'],
  [['schedules', 'preview', '--cron', 'often'], 'invalid_schedule'],
  [['schedules', 'calendar', '--from', 'then'], 'invalid_run_at'],
  [['schedules', 'run', 'nobody'], 'schedule_not_found'],
  [['schedules', 'pause', 'schedule', '--for', 'long'], 'invalid_duration'],
  [['schedules', 'pause', 'schedule', '--for', '1h', '--until', '2030-01-01T00:00:00Z'], 'invalid_option'],
  [['schedules', 'resume', 'nobody'], 'schedule_not_found'],
  [['schedules', 'skip', 'off'], 'schedule_never_runs'],
  [['schedules', 'clone', 'schedule', 'off'], 'name_taken'],
  [['schedules', 'backfill', 'schedule', '--from', '2030-01-02T00:00:00Z', '--to', '2030-01-01T00:00:00Z'], 'invalid_option'],
  [['schedules', 'backfill', 'schedule', '--from', '2030-01-02T00:00:00Z'], 'usage'],
  [['schedules', 'delete', 'nobody'], 'schedule_not_found'],
  [['templates', 'show', 'nobody'], 'template_not_found'],
  [[...template, '--payload', '{'], 'payload_not_json'],
  [[...template, '--options', '{"prioty":1}'], 'unknown_option'],
  [[...template, '--input-schema', '{"type":"text"}'], 'invalid_option'],
  [[...template, '--input-schema', '{"properties":{"n":{"maximum":10}}}'], 'invalid_option'],
  [['templates', 'create', 'template', '--task', 't.run'], 'name_taken'],
  [['templates', 'edit', 'template', '--input-schema', '{"properties":{"n":{"maximum":0}}}'], 'invalid_payload'],
  [['templates', 'delete', 'template'], 'template_in_use'],
  [['flows', 'show', '999999'], 'flow_not_found'],
  [['flows', 'show', 'x'], 'invalid_option'],
  [['flows', 'create', 'cycle.json'], 'flow_cycle'],
  [['flows', 'create', 'typo.json'], 'unknown_option'],
  [['flows', 'create', 'broken.json'], 'payload_not_json'],
  [['flows', 'create', 'nothing.json'], 'file_not_found'],
  [['flows', 'cancel', '999999'], 'flow_not_found'],
  [['flows', 'retry', '999999'], 'flow_not_found'],
  [['queues', 'limits', 'nowhere'], 'unknown_queue'],
  [[...limits, '--concurrency', '0'], 'invalid_option'],
  [[...limits, '--concurrency', 'some'], 'invalid_option'],
  [[...limits, '--rate', '5'], 'invalid_option'],
  [[...limits, '--rate-per-key', '5/often'], 'invalid_duration'],
  [['enqueue', 't.run', '{}', '--after', '999999'], 'job_not_found'],
  [['enqueue', 't.run', '{}', '--ordering-key', ''], 'invalid_option'],
]

test.each(rows)('%j answers %s', async (args, code) => {
  const count = `select (select count(*) from trunkline.job)::int jobs, (select json_agg(s order by s.id) from trunkline.schedule s) schedules,
    (select json_agg(t order by t.id) from trunkline.template t) templates, (select count(*) from trunkline.flow)::int flows`
  const before = await db.rows(count)
  const ran = await here.say(args)
  expect(ran.err).toContain(`[${code}]`)
  expect([1, 2]).toContain(ran.code)
  expect(ran.out).toBe('')
  expect(ran.err).not.toMatch(/^ +at /m)
  expect(await db.rows(count)).toEqual(before)
})
