import { defineTask } from '@trunkline/engine'
import { expect, test } from 'vitest'
import { serverScene } from '../../../../test/support/server-scene.ts'

const scene = await serverScene()
const owner = await scene.user('owner', { rights: ['payload.read'] })
const worker = await scene.db.connect()
await worker.work([defineTask('t', { queue: 'q', run: ({ input }) => input })])

test.each([
  '{"__proto__":{"admin":true}}',
  '{"task":"t","payload":{"__proto__":{"admin":true}}}',
  '{"task":"t","payload":{"a":[{"b":{"constructor":{"prototype":{"admin":true}}}}]}}',
  '{"task":"t","payload":{"\\u005f\\u005fproto\\u005f\\u005f":{"admin":true}}}',
  '{"task":"t","payload":{"prototype":1}}',
])('%s is refused', async (body) => {
  expect((await owner('POST', '/jobs', body)).body).toMatchObject({ status: 400, code: 'invalid_body' })
  expect(({} as any).admin).toBeUndefined()
})

test.each(['__proto__[admin]=1', '__proto__=1', 'constructor=1', 'prototype[]=1'])('?%s is refused', async (query) => {
  expect((await owner('GET', `/jobs?${query}`)).status).toBe(400)
  expect(({} as any).admin).toBeUndefined()
})

test('a payload that came by SQL is shown as it is, and poisons nobody', async () => {
  const [{ enqueue }] = await scene.db.rows(`select trunkline.enqueue('t', '{"__proto__": {"admin": true}, "n": 1}'::jsonb)::text enqueue`)
  const { body, text } = await owner('GET', `/jobs/${enqueue}?includeData=true`)
  expect(body.payload.n).toBe(1)
  expect(text).toContain('"__proto__":{"admin":true}')
  expect(({} as any).admin).toBeUndefined()
})
