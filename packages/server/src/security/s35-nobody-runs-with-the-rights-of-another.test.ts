import { tmpdir } from 'node:os'
import { defineTask, fileSystemStorage } from '@trunkline/engine'
import { afterAll, describe, expect, test } from 'vitest'
import { until } from '../../../../test/support/database.ts'
import { type Caller, serverScene } from '../../../../test/support/server-scene.ts'
import { builtInTasks } from '../../../tasks/src/index.ts'

const scene = await serverScene()
const owner = await scene.user('owner', { rights: ['steps.shell', 'steps.sql'] })
const viewer = await scene.user('viewer')
const operator = await scene.user('operator')
const shell = await scene.user('operator', { rights: ['steps.shell'] })
const worker = await scene.db.connect()
const fail = () => Promise.reject(new Error('no'))
await worker.work([
  defineTask('shell_run', { queue: 'q', run: fail, retry: { attempts: 1 } }),
  defineTask('sql_run', { queue: 'q', run: fail, retry: { attempts: 1 } }),
  defineTask('backup_restore', { queue: 'q', run: fail, retry: { attempts: 1 } }),
])

async function failed(task: string): Promise<string> {
  const { id } = (await owner('POST', '/jobs', { task, payload: { command: 'id' } })).body
  await until(async () => (await owner('GET', `/jobs/${id}`)).body.state === 'failed', 'its failure')
  return id
}

test.each(['shell_run', 'sql_run', 'backup_restore'])('%s is made, retried and re-run only by those who may', async (task) => {
  const id = await failed(task)
  for (const who of [viewer, operator]) {
    expect((await who('POST', '/jobs', { task })).status).toBe(403)
    expect((await who('POST', `/jobs/${id}/retry`)).status).toBe(403)
    expect((await who('POST', `/jobs/${id}/rerun`, { payload: { command: 'rm -rf /' } })).status).toBe(403)
    expect((await who('POST', '/jobs/bulk/retry', { jobIds: [id] })).status).toBe(403)
    expect((await who('POST', '/jobs/bulk/rerun', { filter: { task } })).status).toBe(403)
  }
  expect((await owner('GET', `/jobs/${id}`)).body.state).toBe('failed')
})

test('with the right it runs, under the name of whoever asked; a retry keeps its maker', async () => {
  const id = await failed('shell_run')
  const { body } = await shell('POST', `/jobs/${id}/rerun`)
  expect(body).toMatchObject({ createdBy: `user:${shell.email}`, rerunOf: id })
  expect((await shell('POST', `/jobs/${id}/retry`)).body).toMatchObject({ createdBy: `user:${owner.email}` })
  expect((await shell('POST', `/jobs`, { task: 'sql_run' })).status).toBe(403)
})

test('a key has its right only as long as its owner has', async () => {
  const { key } = (await shell('POST', '/api-keys', { name: 'k', rights: ['steps.shell'] })).body
  expect((await scene.as(key)('POST', '/jobs', { task: 'shell_run', delayMs: 3_600_000 })).status).toBe(202)
  const { id } = (await shell('GET', '/auth/me')).body.user
  expect((await owner('PATCH', `/users/${id}`, { rights: [] })).status).toBe(200)
  expect((await scene.as(key)('POST', '/jobs', { task: 'shell_run' })).status).toBe(403)
})

describe('a job of steps needs what its steps need', async () => {
  const steps = (...tasks: string[]) => ({
    steps: tasks.map((task, i) => ({ name: `${i}`, task, payload: task === 'sql_run' ? { sql: 'select 1' } : { command: 'id' } })),
  })
  const sql = await scene.user('operator', { rights: ['steps.sql'] })
  const admin = await scene.user('admin', { rights: ['steps.sql'] })
  const commands = await scene.user('operator', { rights: ['steps.shell'] })
  const builtIns = builtInTasks({ connectionString: scene.db.url, storage: fileSystemStorage(tmpdir()) })
  const runs = await worker.work(
    builtIns.filter((task) => task.name === 'steps_run'),
    { queues: ['steps'] },
  )
  afterAll(() => runs.stop())
  const make = (who: Caller, payload: object) => who('POST', '/jobs', { task: 'steps_run', queue: 'steps', payload })

  test('to be made, alone, in a flow, from a template, by a schedule', async () => {
    expect((await make(operator, steps('sql_run'))).status).toBe(403)
    expect((await make(sql, steps('sql_run'))).status).toBe(202)
    expect((await make(sql, steps('sql_run', 'shell_run'))).body).toMatchObject({
      code: 'forbidden',
      detail: expect.stringContaining('steps.shell'),
    })
    expect((await make(commands, steps('shell_run', 'backup_restore'))).body.code).toBe('forbidden')
    const flow = {
      jobs: [
        { task: 'steps_run', payload: steps('sql_run') },
        { task: 'steps_run', payload: steps('shell_run') },
      ],
    }
    expect((await sql('POST', '/jobs/flows', flow)).status).toBe(403)
    const source = (payload: object) => ({ name: `steps ${Math.random()}`, task: 'steps_run', payload })
    expect((await admin('POST', '/jobs/templates', source(steps('shell_run')))).status).toBe(403)
    const template = await admin('POST', '/jobs/templates', source(steps('sql_run')))
    expect(template.status).toBe(201)
    const url = `/jobs/templates/${template.body.id}`
    expect((await admin('PUT', url, source(steps('shell_run')))).status).toBe(403)
    expect((await operator('POST', '/jobs', { templateId: template.body.id })).status).toBe(403)
    expect((await sql('POST', '/jobs', { templateId: template.body.id, payload: steps('shell_run') })).status).toBe(403)
    expect((await sql('POST', '/jobs', { templateId: template.body.id, delayMs: 3_600_000 })).status).toBe(202)
    const schedule = { name: 'nightly steps', cronExpression: '0 3 * * *', templateId: template.body.id }
    expect((await admin('POST', '/jobs/schedules', { ...schedule, payload: steps('shell_run') })).status).toBe(403)
    const made = await admin('POST', '/jobs/schedules', schedule)
    expect(made.status).toBe(201)
    expect((await admin('PUT', `/jobs/schedules/${made.body.id}`, { ...schedule, payload: steps('shell_run') })).status).toBe(403)
    expect((await operator('POST', `/jobs/schedules/${made.body.id}/run`)).status).toBe(403)
    expect((await sql('POST', `/jobs/schedules/${made.body.id}/run`)).status).toBe(202)
  })

  test('to be retried and re-run, alone and in bulk, with its payload and with another', async () => {
    // the worker serves steps_run alone: it fails before its first step
    const { id } = (await make(owner, steps('shell_run'))).body
    const { id: harmless } = (await make(sql, steps('sql_run'))).body
    for (const one of [id, harmless]) await until(async () => (await owner('GET', `/jobs/${one}`)).body.state === 'failed', 'its failure')
    expect((await owner('GET', `/jobs/${id}`)).body.error.code).toBe('unknown_task')
    for (const who of [viewer, operator, sql]) {
      expect((await who('POST', `/jobs/${id}/retry`)).status).toBe(403)
      expect((await who('POST', `/jobs/${id}/rerun`)).status).toBe(403)
      expect((await who('POST', '/jobs/bulk/retry', { jobIds: [id] })).status).toBe(403)
      expect((await who('POST', '/jobs/bulk/rerun', { jobIds: [id] })).status).toBe(403)
    }
    expect((await sql('POST', `/jobs/${harmless}/rerun`, { payload: steps('shell_run') })).status).toBe(403)
    expect((await sql('POST', '/jobs/bulk/rerun', { jobIds: [harmless], rerun: { payload: steps('shell_run') } })).status).toBe(403)
    expect((await sql('POST', '/jobs/bulk/rerun', { jobIds: [harmless] })).body).toMatchObject({ accepted: 1 })
    expect((await sql('POST', `/jobs/${harmless}/retry`)).status).toBe(200)
  })

  test('its scope: a step of a task outside of it is not there', async () => {
    const scoped = await scene.user('operator', {
      rights: ['steps.sql'],
      scopes: { queues: null, tasks: ['steps_run', 'sql_run'], servers: null },
    })
    expect((await make(scoped, steps('sql_run'))).status).toBe(202)
    const { body } = await make(scoped, { steps: [{ name: 'a', task: 'http_request', payload: { url: 'https://example.com' } }] })
    expect(body).toMatchObject({ code: 'unknown_task' })
    expect(JSON.stringify(body)).not.toContain('shell_run')
  })

  test('what is wrong in a step is told with its place, before a job is made', async () => {
    const bad = async (step: object) =>
      (await make(owner, { steps: [steps('sql_run').steps[0], { name: 'b', task: 'sql_run', ...step }] })).body
    expect(await bad({ payload: { sql: 'select 1' }, timeoutMs: 'soon' })).toMatchObject({
      code: 'invalid_payload',
      status: 400,
      detail: expect.stringContaining('payload.steps[1].timeoutMs'),
    })
    expect(await bad({ task: 'sql_rnu' })).toMatchObject({
      code: 'unknown_task',
      detail: expect.stringContaining('did you mean "sql_run"'),
      errors: [{ field: 'payload.steps[1].task' }],
    })
    const { errors } = await bad({ payload: { sql: 'select 1' }, onError: 'panic' })
    expect(errors[0].field).toBe('payload.steps[1].onError')
  })
})

test('secrets of a step are hidden as those of a job of its task, in its payload, its result and its error', async () => {
  const steps = [
    { name: 'a', task: 'own.leak', payload: { card: 'canary-1', env: { API_TOKEN: 'canary-2', PLAIN: 'seen' } } },
    { name: 'b', task: 'own.leak', payload: { card: 'canary-1', fails: true } },
  ]
  const leak = defineTask('own.leak', {
    inputSchema: { type: 'object', properties: { card: { type: 'string', writeOnly: true } } },
    run({ input }) {
      if (input.fails) throw new Error('refused with password=canary-3')
      return { password: 'canary-4', plain: 'returned' }
    },
  })
  const builtIns = builtInTasks({ connectionString: scene.db.url, storage: fileSystemStorage(tmpdir()) })
  const served = await worker.work([...builtIns.filter((task) => task.name === 'steps_run'), leak], { queues: ['leaks'] })
  // a task is known here a second after its worker has come
  const { id } = await until(async () => {
    const { status, body } = await owner('POST', '/jobs', { task: 'steps_run', queue: 'leaks', payload: { steps } })
    return status === 202 ? body : null
  }, 'the task to be known')
  await until(async () => (await owner('GET', `/jobs/${id}`)).body.state === 'failed', 'its end')
  const reader = await scene.user('viewer', { rights: ['payload.read'] })
  const texts = await Promise.all(
    ['?includeData=true', '/steps', '/logs'].map(async (at) => (await reader('GET', `/jobs/${id}${at}`)).text),
  )
  expect(texts.join()).not.toContain('canary')
  expect(texts[0]).toContain('seen')
  const shown = (await reader('GET', `/jobs/${id}/steps`)).body.steps
  expect(shown).toMatchObject([
    { name: 'a', task: 'own.leak', state: 'completed', tries: 1, error: null, earlier: [], result: { plain: 'returned' } },
    { name: 'b', state: 'failed', error: { message: expect.stringContaining('refused with') } },
  ])
  const plain = (await viewer('GET', `/jobs/${id}/steps`)).body.steps
  expect(plain[0]).toMatchObject({ name: 'a', state: 'completed' })
  expect(plain[0]).not.toHaveProperty('result')
  await served.stop()
})
