import { defineTask } from '@trunkline/engine'
import { expect, test } from 'vitest'
import { serverScene } from '../../../test/support/server-scene.ts'

const scene = await serverScene()
const { db } = scene
const trunkline = await db.connect()
const owner = await scene.user('owner')
const admin = await scene.user('admin')
const viewer = await scene.user('viewer')
const day = 86_400_000
const month = 30 * day
const usual = { completedMs: month, failedMs: month, cancelledMs: month, tasks: {} }

test('everybody sees what holds; only an owner sets it and takes it back, and both are in the audit', async () => {
  expect((await viewer('GET', '/retention')).body).toEqual({
    rules: usual,
    source: 'default',
    by: null,
    at: null,
    otherwise: { rules: usual, source: 'default' },
  })
  const wanted = { completedMs: 7 * day, failedMs: false, tasks: { 'bill.send': { completedMs: day } } }
  for (const caller of [viewer, admin]) {
    expect(await caller('PUT', '/retention', wanted)).toMatchObject({ status: 403, body: { code: 'forbidden' } })
    expect(await caller('DELETE', '/retention')).toMatchObject({ status: 403, body: { code: 'forbidden' } })
  }
  expect(await viewer('POST', '/retention/preview', wanted)).toMatchObject({ status: 403, body: { code: 'forbidden' } })
  expect((await trunkline.retention.get()).source).toBe('default')

  const set = await owner('PUT', '/retention', wanted)
  const by = (await owner('GET', '/auth/me')).body.subject
  expect(set).toMatchObject({ status: 200, body: { source: 'stored', by, otherwise: { source: 'default' } } })
  expect(set.body.rules).toEqual({ ...wanted, cancelledMs: month })
  expect((await viewer('GET', '/retention')).body).toEqual(set.body)
  expect((await owner('DELETE', '/retention')).body).toMatchObject({ source: 'default', rules: usual })

  const { data } = (await owner('GET', '/audit')).body
  expect(data.filter((line: any) => line.target === 'retention' && line.outcome === 'done')).toMatchObject([
    { action: 'retention.reset', actor: by, before: { source: 'stored' }, after: { source: 'default' } },
    { action: 'retention.set', actor: by, before: { source: 'default' }, after: { source: 'stored', rules: { failed: false } } },
  ])
  const refused = data.filter((line: any) => line.action.startsWith('retention.') && line.outcome !== 'done')
  expect(refused).toHaveLength(5)
})

test('a scope hides the rules of other tasks, and does not reach to all of the history', async () => {
  await trunkline.retention.set({ tasks: { 'mine.run': { failed: '1d' }, 'theirs.run': { failed: '1d' } } })
  const scoped = await scene.user('owner', { scopes: { tasks: ['mine.*'] } })
  expect((await scoped('GET', '/retention')).body.rules.tasks).toEqual({ 'mine.run': { failedMs: day } })
  for (const [method, url] of [
    ['PUT', '/retention'],
    ['DELETE', '/retention'],
    ['POST', '/retention/preview'],
  ] as const) {
    expect((await scoped(method, url, method === 'DELETE' ? undefined : {})).status).toBe(403)
  }
  expect((await trunkline.retention.get()).source).toBe('stored')
  await trunkline.retention.reset()
})

test('an administrator counts what rules would remove; nothing is removed or stored', async () => {
  const { id } = await trunkline.enqueue(defineTask('noop', { run() {} }), 1)
  await trunkline.cancel(id)
  await db.rows(`update trunkline.outcome set finished_at = now() - interval '2 days' where id = $1`, [id])
  expect(await admin('POST', '/retention/preview', { cancelledMs: day })).toMatchObject({
    status: 200,
    body: { total: 1, isWhole: true, groups: [{ task: 'noop', state: 'cancelled', count: 1 }] },
  })
  expect((await admin('POST', '/retention/preview', {})).body).toEqual({ total: 0, isWhole: true, groups: [] })
  expect((await trunkline.get(id)).state).toBe('cancelled')
  expect((await trunkline.retention.get()).source).toBe('default')
})

test.each([
  [{ completeMs: 1 }, 'completeMs'],
  [{ completedMs: -1 }, 'completedMs'],
  [{ completedMs: true }, 'completedMs'],
  [{ completedMs: '30d' }, 'completedMs'],
  [{ completedMs: 1e15 }, 'completedMs'],
  [{ tasks: { 'a b': {} } }, 'tasks.a b'],
  [{ tasks: { a: { faildMs: 1 } } }, 'tasks.a.faildMs'],
  [{ tasks: Object.fromEntries(Array.from({ length: 501 }, (_, i) => [`t${i}`, {}])) }, 'tasks'],
])('%j is refused with its place', async (body, field) => {
  for (const [method, url] of [
    ['PUT', '/retention'],
    ['POST', '/retention/preview'],
  ] as const) {
    const answer = await owner(method, url, body)
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } })
    expect(answer.body.errors.map((one: any) => one.field)).toContain(field)
  }
})
