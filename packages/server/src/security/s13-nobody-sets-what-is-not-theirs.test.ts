import { expect, test } from 'vitest'
import { serverScene } from '../../../../test/support/server-scene.ts'

const scene = await serverScene()
const owner = await scene.user('owner')
const columns: string[] = (
  await scene.db.rows(
    `select distinct column_name from information_schema.columns where table_schema = 'trunkline' and table_name in
      ('job', 'account', 'api_key', 'session', 'queue', 'notification', 'error_group', 'bulk_run', 'signing_key', 'schedule', 'template')`,
  )
).map((row) => row.column_name)
const writable = scene.server.routes.filter((route) => route.body)

const camel = (name: string) => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())

test.each(writable.map((route) => [`${route.method} ${route.url}`, route] as const))(
  '%s takes no column of the database',
  async (_name, route) => {
    const known = Object.keys(route.body.shape)
    const url = (route.root ? route.url : `/api/v1${route.url}`)
      .replace(':fingerprint', 'abcdef0123456789')
      .replace(':filename', 'a.dump')
      .replace(/\/(users|schedules|templates)\/:id/, '/$1/00000000-0000-4000-8000-000000000000')
      .replace(/:\w+/g, '1')
    for (const column of new Set(columns.flatMap((name) => [name, camel(name)]))) {
      if (known.includes(column)) continue
      const { status, body } = await owner(route.method, url, { [column]: 'x' })
      expect(status, column).toBe(400)
      const problem = body.errors?.find((e: any) => e.field === column)
      if (body.errors) expect(problem, `${column}: ${JSON.stringify(body)}`).toBeDefined()
    }
  },
)

test('the owner of a job cannot be chosen, nor the role of a key raised', async () => {
  const viewer = await scene.user('viewer')
  expect((await owner('POST', '/jobs', { task: 'x', createdBy: 'user:someone@example.com' })).status).toBe(400)
  expect((await viewer('POST', '/api-keys', { name: 'k', role: 'owner' })).status).toBe(403)
  expect((await viewer('POST', '/api-keys', { name: 'k', rights: ['payload.read'] })).status).toBe(403)
  expect((await viewer('PATCH', `/users/${(await viewer('GET', '/auth/me')).body.user.id}`, { role: 'owner' })).status).toBe(403)
})
