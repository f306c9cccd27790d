import { defineTask } from '@trunkline/engine'
import { expect, test } from 'vitest'
import { serverScene } from '../../../../test/support/server-scene.ts'

const scene = await serverScene()
const owner = await scene.user('owner')
const worker = await scene.db.connect()
await worker.work([defineTask('t', { queue: 'q', run: () => null })])
const { id } = await worker.enqueue('t', {}, { delay: '1h' })

const corpus = [
  `'`,
  `''`,
  `"`,
  '`',
  '\\',
  "\\'",
  `' or '1'='1`,
  `' or 1=1 --`,
  `" or ""="`,
  `'; drop table trunkline.account; --`,
  `1; select pg_sleep(5)`,
  `' union select password from trunkline.account --`,
  `$1`,
  `$$`,
  `$tag$ x $tag$`,
  `%`,
  `_`,
  `%%`,
  `%' escape '\\`,
  `\\x00`,
  `E'\\\\'`,
  `1) or (1=1`,
  `admin'--`,
  `{"$gt":""}`,
  `{1,2}`,
  `{,}`,
  `NULL`,
  `null`,
  `-1`,
  `0`,
  `1e309`,
  `9999999999999999999999`,
  `../../etc/passwd`,
  `\u0000`,
  `\ud800`,
  `\u202e`,
  `<script>alert(1)</script>`,
  `\${7*7}`,
  `{{7*7}}`,
  `now()`,
]

const queries = [
  ['/jobs', ['state', 'reason', 'task', 'queue', 'tags', 'createdAfter', 'createdBefore', 'fingerprint', 'cursor', 'limit', 'includeData']],
  ['/jobs/events', ['after', 'limit']],
  [`/jobs/${id}/logs`, ['after', 'level', 'stage', 'search', 'limit', 'download']],
  ['/jobs/errors', ['from', 'state', 'limit']],
  ['/jobs/notifications', ['unread', 'limit']],
  ['/audit', ['cursor', 'limit', 'actor', 'action', 'target', 'outcome', 'from', 'to']],
  ['/workers', ['past']],
  ['/auth/oidc/start', ['returnTo']],
] as const

test.each(corpus)('%j in every parameter of every query is a value or an error, and no statement', async (text) => {
  const value = encodeURIComponent(text.toWellFormed())
  for (const [path, names] of queries) {
    for (const name of names) {
      const { status } = await owner('GET', `${path}?${name}=${value}`)
      expect(status, `${path}?${name}`).toBeLessThan(500)
    }
  }
  for (const path of ['/jobs/X', '/queues/X', '/tasks/X', '/users/X', '/jobs/X/why', '/api/erp/jobs/X']) {
    expect((await owner('GET', path.replace('X', value))).status, path).toBeLessThan(500)
  }
})

test.each(corpus)('%j in every text of a body as well', async (text) => {
  const bodies: [string, string, object][] = [
    ['POST', '/auth/login', { email: `${text}@example.com`, password: text }],
    ['POST', '/jobs', { task: 't', payload: { [text]: text }, tags: [text], delayMs: 3_600_000 }],
    ['POST', '/jobs', { task: text, queue: text }],
    ['POST', '/jobs', { task: 't', uniqueKey: text, delayMs: 3_600_000 }],
    ['PATCH', `/jobs/${id}`, { tags: [text] }],
    ['POST', '/queues/q/pause', { reason: text, forMs: 1 }],
    ['POST', '/jobs/bulk/cancel', { filter: { tags: [text], createdAfter: '2100-01-01T00:00:00Z' }, dryRun: true }],
    ['POST', '/jobs/bulk/cancel', { filter: { args: { [text]: text }, createdAfter: new Date().toISOString() }, dryRun: true }],
    ['POST', '/users', { email: `x${text.length}@example.com`, name: text, role: 'viewer', scopes: { queues: [text] } }],
    ['POST', '/api-keys', { name: text }],
    ['POST', '/backups', { label: text }],
  ]
  for (const [method, path, body] of bodies) {
    expect((await owner(method, path, body)).status, `${method} ${path} ${JSON.stringify(body)}`).toBeLessThan(500)
  }
})

test('afterwards everything is there', async () => {
  expect((await owner('GET', '/users')).status).toBe(200)
  expect((await owner('GET', `/jobs/${id}`)).status).toBe(200)
})
