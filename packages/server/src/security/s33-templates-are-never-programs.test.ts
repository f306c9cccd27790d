import { expect, test } from 'vitest'
import { serverScene } from '../../../../test/support/server-scene.ts'
import { defineTask } from '../../../engine/src/index.ts'

const scene = await serverScene()
const admin = await scene.user('admin', { rights: ['payload.read'] })
const trunkline = await scene.db.connect()
const task = defineTask('any', { run: () => {} })
const worker = await trunkline.work([task], { keeper: false })
await worker.stop()

const hostile = [
  "{{constructor.constructor('return process')()}}",
  '{{__proto__}}',
  '{{constructor}}',
  '{{toString}}',
  '{{hasOwnProperty}}',
  '{{slot.constructor}}',
  '{{process.env}}',
  '{{ slot }}{{this}}',
  '${process.exit(1)}',
  '<%= process.env %>',
  '#{7*7}',
  '{{7*7}}',
  '{{slot',
]

test('in a payload of a schedule only the values that are meant are filled in; all else stays text', async () => {
  const made = await admin('POST', '/jobs/schedules', {
    name: 'hostile',
    task: 'any',
    payload: { hostile, at: '{{slot}}' },
    intervalMs: 3_600_000,
  })
  expect(made.status, made.text).toBe(201)
  const run = await admin('POST', `/jobs/schedules/${made.body.id}/run`)
  expect(run.status, run.text).toBeLessThan(300)
  const [job] = await scene.db.rows(
    `select payload from trunkline.job j join trunkline.origin o on o.job_id = j.id where o.schedule_id = $1 order by id desc limit 1`,
    [made.body.id],
  )
  expect(job?.payload.hostile.map((text: string) => text.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/, '{{ slot }}'))).toEqual(hostile)
  expect(job?.payload.at).toMatch(/^\d{4}-\d\d-\d\dT/)
  expect(({} as any).polluted).toBeUndefined()
})

test('a template is data: it keeps what was written, and running it runs nothing of it', async () => {
  const made = await admin('POST', '/jobs/templates', { name: 'hostile', task: 'any', payload: { hostile } })
  expect(made.status, made.text).toBe(201)
  const run = await admin('POST', '/jobs', { templateId: made.body.id, payload: {} })
  expect(run.status, run.text).toBe(202)
  const [job] = await scene.db.rows('select payload from trunkline.job where id = $1', [run.body.id])
  expect(job?.payload.hostile).toEqual(hostile)
})
