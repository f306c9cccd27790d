import { expect, test } from 'vitest'
import { serverScene } from '../../../../test/support/server-scene.ts'
import { verifyAudit } from '../door/audit.ts'

const scene = await serverScene()
const owner = await scene.user('owner')
const keeper = (await scene.db.connect()).keeper()

test('a change and its line are one: where the line cannot be written, nothing changes', async () => {
  await scene.db.rows("alter table trunkline.audit add constraint full_disk check (action <> 'user.create') not valid")
  const { status, body } = await owner('POST', '/users', { email: 'a@example.com', role: 'viewer' })
  expect({ status, code: body.code }).toEqual({ status: 500, code: 'internal' })
  expect(await scene.db.rows(`select 1 from trunkline.account where email = 'a@example.com'`)).toEqual([])
  await scene.db.rows('alter table trunkline.audit drop constraint full_disk')
})

test.each(['audit', 'audit_link'])('nobody updates, deletes or empties %s', async (table) => {
  await owner('POST', '/users', { email: `${table}@example.com`, role: 'viewer' })
  await keeper.runOnce()
  for (const statement of [
    `update trunkline.${table} set ${table === 'audit' ? `actor = 'x'` : `hash = ''`}`,
    `delete from trunkline.${table}`,
    `truncate trunkline.${table}`,
  ]) {
    await expect(scene.db.rows(statement), statement).rejects.toMatchObject({ code: '42501' })
  }
})

test('refusals are written, without what was sent', async () => {
  await scene.anybody('POST', '/auth/login', { email: 'ghost@example.com', password: 'my-secret-guess' })
  await scene.anybody('POST', '/users', { email: 'b@example.com', role: 'viewer' })
  const rows = await scene.db.rows(
    `select actor, action, code, address, before, after from trunkline.audit where outcome = 'refused' order by no desc limit 2`,
  )
  expect(rows).toMatchObject([
    { actor: 'anonymous', action: 'user.create', code: 'unauthenticated', address: '127.0.0.1' },
    { actor: 'anonymous', action: 'auth.login', code: 'login_failed' },
  ])
  expect(JSON.stringify(rows)).not.toContain('my-secret-guess')
})

test('a flood of refusals does not fill the table, and the chain stays whole over keepers', async () => {
  await Promise.all(Array.from({ length: 600 }, () => scene.anybody('DELETE', '/users/00000000-0000-4000-8000-000000000000')))
  const [{ n }] = await scene.db.rows(`select count(*)::int n from trunkline.audit where action = 'user.delete'`)
  expect(n).toBeLessThan(400)
  await keeper.runOnce()
  const other = (await scene.db.connect()).keeper()
  await owner('POST', '/users', { email: 'c@example.com', role: 'viewer' })
  await Promise.allSettled([other.runOnce(), keeper.runOnce()])
  await keeper.runOnce()
  expect((await verifyAudit(scene.server.service.database)).bad).toEqual([])
})
