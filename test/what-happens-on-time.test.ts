import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { createClient } from '../packages/client/src/index.ts'
import { defineTask } from '../packages/engine/src/index.ts'
import { serverScene } from './support/server-scene.ts'

// one journey through every entrance: HTTP by the client, the command line, a worker whose keeper fires the slots

const scene = await serverScene()
const baseUrl = await scene.server.start()
const run = promisify(execFile)

test('a schedule is made over HTTP, fires by itself, and is steered from the command line', async () => {
  const trunkline = await scene.db.connect()
  let ran: (input: unknown) => void = () => {}
  const input = new Promise((resolve) => {
    ran = resolve
  })
  const tick = defineTask('tick', {
    run(context) {
      ran(context.input)
    },
  })
  await trunkline.work([tick])
  const { token } = await scene.user('admin')
  const client = createClient({ baseUrl, token })

  const template = await client.templates.create({ name: 'ticks', task: 'tick', payload: { at: '{{slot}}', by: 'template' } })
  const made = await client.schedules.create({
    name: 'every second',
    templateId: template.id,
    cronExpression: '* * * * * *',
    payload: { by: 'schedule' },
  })
  expect(made).toMatchObject({
    words: 'Every second, UTC',
    overlap: 'skip',
    missed: { policy: 'last' },
    dst: { gap: 'first', fold: 'first' },
  })
  expect(await input).toEqual({ at: expect.stringMatching(/^\d{4}-.*:\d\d\.000Z$/), by: 'schedule' })

  const cli = async (...args: string[]) => {
    const { stdout } = await run(process.execPath, [
      'packages/trunkline/bin/trunkline.js',
      'schedules',
      ...args,
      '--json',
      '--database-url',
      scene.db.url,
    ])
    return JSON.parse(stdout)
  }
  const paused = await cli('pause', 'every second', '--reason', 'stocktaking')
  expect(paused.paused.reason).toBe('stocktaking')
  const runs = await client.schedules.runs(made.id)
  expect(runs.data[0]).toMatchObject({ isManual: false, jobId: expect.any(String) })
  expect(await client.jobs.get(runs.data.at(-1)?.jobId as string)).toMatchObject({ scheduleId: made.id, templateId: template.id })
  const { data: queues } = await client.request<{ data: { schedules: object[] }[] }>('GET', '/queues?include=schedules')
  expect(queues.flatMap((q) => q.schedules)).toMatchObject([{ name: 'every second', isPaused: true }])

  const job = await client.jobs.enqueue({ templateId: 'ticks', delayMs: 3_600_000 })
  expect(job).toMatchObject({ task: 'tick', templateId: template.id })
  expect(
    await cli('preview', '--cron', '30 2 * * *', '--timezone', 'America/New_York', '--from', '2026-03-07T12:00:00Z', '--count', '2'),
  ).toMatchObject({
    words: 'At 02:30 every day, America/New_York',
    slots: [{ at: '2026-03-08T07:00:00.000Z', localTime: '2026-03-08T03:00:00', mark: 'gap' }, { at: '2026-03-09T06:30:00.000Z' }],
    clockChanges: [{ note: '02:00 to 03:00 on 2026-03-08 does not exist; slots there run at 03:00, once' }],
  })
  const edit = await client.schedules.preview({ intervalMs: 3_600_000, scheduleId: made.id, count: 5 })
  expect(edit.difference?.added.length).toBeLessThan(edit.difference?.removed.length ?? 0)

  // each route and command refuses with the error class of the contract
  const refused = (call: Promise<unknown>) =>
    call.then(
      () => 'done',
      (error) => error.code,
    )
  const daily = { name: 'x', task: 'tick', cronExpression: '0 0 31 2 *' }
  expect(await refused(client.schedules.create(daily))).toBe('schedule_never_runs')
  expect(await refused(client.schedules.create({ ...daily, cronExpression: '* *' }))).toBe('invalid_schedule')
  expect(await refused(client.schedules.create({ ...daily, cronExpression: '* * * * *', task: 'tock' }))).toBe('unknown_task')
  expect(await refused(client.schedules.create({ ...daily, overlap: 'both' as 'skip' }))).toBe('invalid_request')
  expect(await refused(client.schedules.get('00000000-0000-4000-8000-000000000000'))).toBe('schedule_not_found')
  expect(await refused(client.templates.delete(template.id))).toBe('template_in_use')
  expect(await refused(client.schedules.calendar({ from: '2030-01-01T00:00:00Z', to: '2029-01-01T00:00:00Z' }))).toBe('invalid_option')
  const failure = await run(process.execPath, [
    'packages/trunkline/bin/trunkline.js',
    'schedules',
    'create',
    'x',
    '--cron',
    '0 0 31 2 *',
    '--task',
    'tick',
    '--json',
    '--database-url',
    scene.db.url,
  ]).catch((error) => error)
  expect(failure).toMatchObject({ code: 2, stderr: expect.stringContaining('schedule_never_runs') })
  expect(await client.schedules.delete(made.id)).toEqual({ ok: true })
})
