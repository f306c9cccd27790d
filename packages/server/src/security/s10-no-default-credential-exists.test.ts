import { expect, test } from 'vitest'
import { serverScene } from '../../../../test/support/server-scene.ts'
import { addFirstOwner } from '../door/accounts.ts'

const scene = await serverScene()
const { database } = scene.server.service
const made = await addFirstOwner(database)

const names = ['admin', 'administrator', 'root', 'owner', 'trunkline', 'postgres', 'user', 'test', 'guest', 'demo']
const passwords = ['', 'admin', 'password', 'changeme', 'trunkline', 'postgres', 'root', '123456', '12345678', 'secret', 'owner', 'test']

test('the first start makes one random owner, the second start makes nobody', async () => {
  expect(made).toMatchObject({ email: 'owner@trunkline.local', password: expect.stringMatching(/^([a-z2-9]{5}-){3}[a-z2-9]{5}$/) })
  expect(await addFirstOwner(database)).toBeNull()
  expect(await addFirstOwner(database, { email: 'evil@example.com', password: 'long-enough-for-all' })).toBeNull()
  const login = await scene.anybody('POST', '/auth/login', { email: made?.email, password: made?.password })
  expect(login).toMatchObject({ status: 200, body: { user: { role: 'owner' } } })
})

test('of ten who start at once, one makes it', async () => {
  await scene.db.rows('delete from trunkline.account')
  const all = await Promise.all(Array.from({ length: 10 }, () => addFirstOwner(database)))
  expect(all.filter(Boolean)).toHaveLength(1)
  expect(await scene.db.rows('select email from trunkline.account')).toHaveLength(1)
})

test('no usual name with a usual password comes in', async () => {
  for (const name of names) {
    for (const password of passwords) {
      const { status } = await scene.anybody('POST', '/auth/login', { email: `${name}@trunkline.local`, password })
      expect([400, 401], `${name} ${password}`).toContain(status)
    }
  }
}, 120_000)
