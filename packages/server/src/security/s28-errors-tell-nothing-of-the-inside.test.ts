import { expect, test } from 'vitest'
import { serverScene } from '../../../../test/support/server-scene.ts'

// hostile input on every route: never a 5xx, a stack, a statement or a path

const scene = await serverScene()
const owner = await scene.user('owner', { rights: ['payload.read', 'steps.sql', 'steps.shell'] })
const inside =
  /\bat (async )?[\w.<>]+ \(|node_modules|\.[cm]?[jt]s:\d|\/root\/|\/tmp\/|\/home\/|\/packages\/|SQLSTATE|select .* from|insert into|trunkline\.[a-z_]+\b.*column|ECONN|127\.0\.0\.1/i

const deep = (n: number) => `${'['.repeat(n)}${']'.repeat(n)}`
const bodies = [
  'null',
  'true',
  '1',
  '"text"',
  '[]',
  '{}',
  '{',
  '{"a":}',
  '\u0000',
  '{"a":"\\u0000"}',
  '{"a":"\\ud800"}',
  '{"a":1,"a":2}',
  '{"__proto__":1}',
  deep(63),
  deep(65),
  `{"task":${deep(60)}}`,
  `{"jobIds":["${'9'.repeat(400)}"]}`,
  '{"jobIds":["9223372036854775808"]}',
  '{"task":1e400}',
  '{"task":"t","payload":1e400}',
  '{"task":"t","payload":123456789012345678901234567890}',
  '{"task":"t","runAt":"0000-00-00T00:00:00Z"}',
  '{"task":"t","runAt":"9999-12-31T23:59:60Z"}',
  '{"task":"t","delayMs":-1}',
  '{"task":"t","delayMs":1e308}',
  '{"filter":{"createdAfter":"+275760-09-13T00:00:00.000Z"}}',
  '{"email":"a@b","password":"\\u0000"}',
  '{"name":"\\u0000"}',
  '{"email":"\\ud800@x","role":"viewer"}',
]
const values = [
  '0',
  '-1',
  '1',
  '999999999999999999',
  '99999999999999999999',
  'null',
  '%00',
  '%ff',
  '%',
  '..%2f..%2fetc%2fpasswd',
  'a'.repeat(300),
  '%F0%9F%92%A9',
  "'",
]

function check(answer: { status: number; text: string }, what: string): void {
  expect(answer.status, `${what}: ${answer.text.slice(0, 300)}`).toBeLessThan(500)
  if (answer.status >= 400) expect(answer.text, what).toMatch(/"requestId"|"success":false/)
  if (answer.status >= 400) expect(answer.text, what).not.toMatch(inside)
}

const routes = scene.server.routes.filter(({ url }) => url !== '/auth/logout')

test.each(routes.map((route) => [`${route.method} ${route.url}`, route] as const))('%s', async (name, route) => {
  const base = route.root ? route.url : `/api/v1${route.url}`
  for (const value of values) check(await owner(route.method, base.replace(/:\w+/g, value)), `${name} ${value}`)
  const url = base.replace(':fingerprint', 'abcdef0123456789').replace(/:\w+/g, '1')
  if (route.method !== 'GET') for (const body of bodies) check(await owner(route.method, url, body), `${name} ${body.slice(0, 80)}`)
  for (const query of [
    '?',
    '?x',
    '?limit=1e9',
    '?limit=-1',
    '?limit=',
    '?cursor=%00',
    `?${'a=1&'.repeat(300)}`,
    '?a[b][c]=1',
    '?__proto__=1',
    '?after=%ff',
    `?search=${'%25'.repeat(150)}`,
  ]) {
    check(await owner(route.method, url + query), `${name} ${query.slice(0, 40)}`)
  }
  check(
    await owner(route.method, url, undefined, { 'idempotency-key': '\u00ff', authorization: 'Basic xyz' }),
    `${name} with a wrong scheme`,
  )
})

test('every problem has its code, its request id and its type', async () => {
  const { body, headers } = await owner('GET', '/jobs?limit=x')
  expect(body).toMatchObject({
    code: 'invalid_request',
    requestId: headers['x-request-id'],
    status: 400,
    title: 'Invalid request',
    type: expect.stringMatching(/#invalid_request$/),
  })
})

test('nothing of all that was a fault of ours', () => {
  expect(scene.events).toEqual([])
})
