import { expect, test } from 'vitest'
import { testDatabase } from '../../../../test/support/database.ts'
import { defineTask } from '../jobs/define-task.ts'
import { createNames } from '../jobs/names.ts'
import { createScheduler } from '../schedules/scheduler.ts'
import { inTime, readInputSchema } from './input-schema.ts'

const db = await testDatabase()
const database = db.open()
const trunkline = await db.connect()
const { templates, schedules } = trunkline
const resize = defineTask('resize', {
  inputSchema: {
    type: 'object',
    properties: {
      url: { type: 'string', maxLength: 100 },
      width: { type: 'integer', minimum: 1, maximum: 4000 },
      format: { enum: ['png', 'jpeg', 'webp'] },
      crop: { type: 'array', items: { type: 'number', minimum: 0 }, maxItems: 4 },
    },
    required: ['url'],
    additionalProperties: false,
  },
  run: () => null,
})
await trunkline.enqueue(resize, { url: 'x' })
const jobs = async () => (await db.rows('select count(*)::int n from trunkline.job'))[0].n
const narrow = { properties: { width: { type: 'integer', maximum: 800 }, format: { enum: ['png'] } }, required: ['width'] }

test('a check that was not given a processor in time is tried again; one that needs too long itself is not', () => {
  let turns = 0
  const sleeper = new Int32Array(new SharedArrayBuffer(4))
  expect(
    inTime(() => {
      if (++turns === 1) Atomics.wait(sleeper, 0, 0, 2000)
      return turns
    }),
  ).toBe(2)
  expect(() =>
    inTime(() => {
      for (;;);
    }),
  ).toThrow(/timed out/)
})

test('a job from a template has to fit its schema and that of its task, with the path of what is wrong', async () => {
  await templates.create({ name: 'small', task: 'resize', payload: { format: 'png' }, inputSchema: narrow })
  const good = await trunkline.enqueue('', { url: 'a', width: 200, crop: [1, 2] }, { templateId: 'small' })
  expect((await good.get()).payload).toEqual({ format: 'png', url: 'a', width: 200, crop: [1, 2] })
  const before = await jobs()
  for (const [payload, field, problem] of [
    [{ url: 'a' }, 'payload.width', 'it is missing'],
    [{ url: 'a', width: 801 }, 'payload.width', '801 is greater than 800'],
    [{ url: 'a', width: '200' }, 'payload.width', 'type "string" is invalid'],
    [{ url: 'a', width: 200, format: 'jpeg' }, 'payload.format', 'jpeg|png'],
    // of these only the task speaks
    [{ width: 200 }, 'payload.url', 'it is missing'],
    [{ url: 'a', width: 0 }, 'payload.width', '0 is less than 1'],
    [{ url: 'a', width: 200, crop: [1, -2] }, 'payload.crop[1]', '-2 is less than 0'],
    [{ url: 'a', width: 200, colour: 'red' }, 'payload.colour', 'there is no such field'],
    [7, 'payload', 'type "number" is invalid'],
  ] as const) {
    const refused = trunkline.enqueue('', payload, { templateId: 'small' })
    await expect(refused).rejects.toMatchObject({ code: 'invalid_payload', field, message: expect.stringMatching(problem) })
  }
  await expect(trunkline.transaction(({ enqueue }) => enqueue('', { url: 'a' }, { templateId: 'small' }))).rejects.toMatchObject({
    code: 'invalid_payload',
  })
  expect(await jobs()).toBe(before)
  // one without a schema leaves it to the worker, as before
  await templates.create({ name: 'free', task: 'resize' })
  await trunkline.enqueue('', { colour: 'red' }, { templateId: 'free' })
})

test.each([
  [7, 'inputSchema', 'a JSON Schema object'],
  [{ type: 'strnig' }, 'inputSchema.type', 'string'],
  [{ properties: { url: { maxLength: -1 } } }, 'inputSchema.properties.url.maxLength', 'a whole number from 0'],
  [{ properties: { url: { pattern: '(' } } }, 'inputSchema.properties.url.pattern', 'a regular expression'],
  [{ properties: { url: 'string' } }, 'inputSchema.properties.url', 'a JSON Schema'],
  [{ properties: [] }, 'inputSchema.properties', 'schemas by name'],
  [{ anyOf: {} }, 'inputSchema.anyOf', 'a list of schemas'],
  [{ allOf: [{}, { required: 'url' }] }, 'inputSchema.allOf[1].required', 'a list of names'],
  [{ $ref: 'https://example.com/schema' }, 'inputSchema.$ref', 'within the schema'],
  [{ properties: { url: { $ref: '#/$defs/nothing' } } }, 'inputSchema.properties.url.$ref', 'within the schema'],
  [{ $ref: '#' }, 'inputSchema', 'come to an end'],
  // what would be wider than the task
  [{ properties: { width: { maximum: 5000 } } }, 'inputSchema.properties.width.maximum', '4000 and less'],
  [{ properties: { width: { minimum: 0 } } }, 'inputSchema.properties.width.minimum', '1 and more'],
  [{ properties: { width: { type: 'number' } } }, 'inputSchema.properties.width.type', 'integer, as the task has it'],
  [{ properties: { format: { enum: ['png', 'gif'] } } }, 'inputSchema.properties.format.enum', '"png", "jpeg", "webp"'],
  [{ properties: { format: { const: 'gif' } } }, 'inputSchema.properties.format.enum', '"png", "jpeg", "webp"'],
  [{ properties: { crop: { items: { minimum: -1 } } } }, 'inputSchema.properties.crop.items.minimum', '0 and more'],
  [{ properties: { colour: {} } }, 'inputSchema.properties', 'a template narrows the schema of its task'],
  [{ type: ['object', 'null'] }, 'inputSchema.type', 'object, as the task has it'],
])('the schema %j is refused at %s', async (inputSchema, field, allowed) => {
  const refused = templates.create({ name: 'refused', task: 'resize', inputSchema })
  await expect(refused).rejects.toMatchObject({ code: 'invalid_option', field, message: expect.stringContaining(allowed) })
})

test('a schema that cannot be compared holds together with that of the task', async () => {
  const inputSchema = { anyOf: [{ properties: { width: { maximum: 9000 } } }, { $ref: '#/$defs/any' }], $defs: { any: {} } }
  await templates.create({ name: 'both', task: 'resize', inputSchema })
  await expect(trunkline.enqueue('', { url: 'a', width: 5000 }, { templateId: 'both' })).rejects.toMatchObject({
    code: 'invalid_payload',
    field: 'payload.width',
    message: expect.stringContaining('4000'),
  })
})

test('a pattern that takes for ever is stopped', async () => {
  const schema = readInputSchema({ properties: { url: { type: 'string', pattern: '^(a+)+$' } } }, null)
  await templates.create({ name: 'slow', task: 'resize', inputSchema: schema })
  const before = performance.now()
  const refused = trunkline.enqueue('', { url: `${'a'.repeat(60)}!` }, { templateId: 'slow' })
  await expect(refused).rejects.toMatchObject({ code: 'invalid_payload', message: expect.stringContaining('takes longer than 250 ms') })
  expect(performance.now() - before).toBeLessThan(10_000)
})

test('a schedule has to fit when it is saved, when its template changes, and at each slot', async () => {
  const inputSchema = { properties: { url: { type: 'string', pattern: '^20\\d\\d-' }, width: { maximum: 800 } } }
  const template = { name: 'daily', task: 'resize', payload: { width: 100 }, inputSchema }
  const { id: templateId } = await templates.create(template)
  const rhythm = { name: 'daily', templateId, intervalMs: 60_000 }
  for (const [payload, field] of [
    [{}, 'payload.url'],
    [{ url: 'monday' }, 'payload.url'],
    [{ url: '{{date}}', width: 900 }, 'payload.width'],
  ] as const)
    await expect(schedules.create({ ...rhythm, payload })).rejects.toMatchObject({ code: 'invalid_payload', field })
  const { id } = await schedules.create({ ...rhythm, payload: { url: '{{date}}', width: 700 } })
  await expect(schedules.edit(id, { payload: { url: '{{date}}', width: 900 } })).rejects.toMatchObject({ code: 'invalid_payload' })
  const tighter = { ...template, inputSchema: { properties: { width: { maximum: 500 } } } }
  await expect(templates.update(templateId, tighter)).rejects.toMatchObject({
    code: 'invalid_payload',
    field: 'payload.width',
    message: expect.stringContaining('in schedule "daily"'),
  })
  const { jobId } = await schedules.run(id)
  expect((await trunkline.get(jobId)).payload).toEqual({ width: 700, url: new Date().toISOString().slice(0, 10) })
  // somebody got in between: as two changes at the same moment would
  await db.rows('update trunkline.template set input_schema = $2 where id = $1', [templateId, tighter.inputSchema])
  await expect(schedules.run(id)).rejects.toMatchObject({ code: 'invalid_payload', field: 'payload.width' })
  const scheduler = createScheduler(database, createNames(database), { now: () => new Date(Date.now() + 90_000) })
  expect(await scheduler.runOnce()).toBe(0)
  expect((await schedules.runs(id)).filter((run) => !run.isManual)).toMatchObject([
    { state: 'skipped', reason: 'invalid_payload', jobId: null },
  ])
  await schedules.delete(id)
})
