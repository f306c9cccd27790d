import { defineTask } from '@trunkline/engine'
import { expect, test } from 'vitest'
import { until } from '../../../../test/support/database.ts'
import { serverScene } from '../../../../test/support/server-scene.ts'

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
