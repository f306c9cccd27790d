import { defineTask } from '@trunkline/engine'
import { expect, test } from 'vitest'
import { until } from '../../../../test/support/database.ts'
import { serverScene } from '../../../../test/support/server-scene.ts'

const scene = await serverScene()
const operator = await scene.user('operator')
const worker = await scene.db.connect()
await worker.work([defineTask('t', { queue: 'q', run: () => 'done' })])

test('a thousand NOTIFYs of anybody, whatever they say, change nothing', async () => {
  const before = (await operator('GET', '/jobs/stats')).body.total
  await scene.db.rows(`select pg_notify('trunkline', repeat('x', 7999)), pg_notify('trunkline', '{"cancel":"1"}'), pg_notify('trunkline', 'w' || i)
    from generate_series(1, 1000) i`)
  const { id } = (await operator('POST', '/jobs', { task: 't' })).body
  await until(async () => (await operator('GET', `/jobs/${id}`)).body.state === 'completed', 'the job')
  const after = (await operator('GET', '/jobs/stats')).body.total
  expect(after).toEqual({ ...before, completed: before.completed + 1 })
  expect(scene.events).toEqual([])
})
