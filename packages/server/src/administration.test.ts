import { defineTask, FatalError } from '@trunkline/engine'
import { describe, expect, test } from 'vitest'
import { until } from '../../../test/support/database.ts'
import { scenePassword, serverScene } from '../../../test/support/server-scene.ts'
import { bulkUpdate } from '../../tasks/src/bulk-update.ts'
import { verifyAudit } from './door/audit.ts'

const scene = await serverScene()
const { anybody, db, server } = scene
const { database } = server.service
const owner = await scene.user('owner', { rights: ['payload.read', 'steps.sql'] })
const admin = await scene.user('admin')
const operator = await scene.user('operator')

const worker = await db.connect()
await worker.work(
  [
    bulkUpdate({ connectionString: db.url, storage: null as never }),
    defineTask('flaky', { queue: 'work', run: ({ input }) => Promise.reject(new FatalError(`no row ${(input as any).n} in "things"`)) }),
    defineTask('later', { queue: 'work', run: () => ({ token: 'hunter2hunter2' }) }),
  ],
  { keeper: false },
)
const keeper = worker.keeper()

const ended = (id: string) =>
  until(async () => {
    const { body } = await owner('GET', `/jobs/${id}`)
    return ['completed', 'failed', 'cancelled'].includes(body.state) && body
  }, `the end of job ${id}`)

describe('users', () => {
  test('are entered, changed and removed, by those who have at least as much', async () => {
    const made = await admin('POST', '/users', {
      email: 'Bea@Example.com',
      role: 'operator',
      password: 'bright-orange-lamp',
      scopes: { queues: ['etl-*'] },
    })
    expect(made).toMatchObject({ status: 201, body: { email: 'bea@example.com', scopes: { queues: ['etl-*'], tasks: null } } })
    expect((await admin('POST', '/users', { email: 'bea@example.com', role: 'viewer' })).body).toMatchObject({
      status: 409,
      code: 'email_taken',
    })
    expect((await admin('POST', '/users', { email: 'c@example.com', role: 'owner' })).body).toMatchObject({ status: 403 })
    expect((await admin('POST', '/users', { email: 'c@example.com', role: 'viewer', rights: ['steps.shell'] })).body).toMatchObject({
      status: 403,
    })
    for (const password of ['short', 'passwordpassword', 'aaaaaaaaaaaaaa', 'c-c-example-trunkline']) {
      expect((await admin('POST', '/users', { email: 'c@example.com', role: 'viewer', password })).body, password).toMatchObject({
        code: 'weak_password',
      })
    }
    const bea = await anybody('POST', '/auth/login', { email: 'bea@example.com', password: 'bright-orange-lamp' })
    const asBea = scene.as(bea.body.token)
    expect((await asBea('GET', '/auth/me')).body.role).toBe('operator')
    // a change of role ends what was given out before
    expect((await admin('PATCH', `/users/${made.body.id}`, { role: 'viewer' })).body).toMatchObject({ role: 'viewer' })
    expect((await asBea('GET', '/auth/me')).status).toBe(401)
    expect((await admin('DELETE', `/users/${made.body.id}`)).status).toBe(200)
    expect((await anybody('POST', '/auth/login', { email: 'bea@example.com', password: 'bright-orange-lamp' })).body.code).toBe(
      'login_failed',
    )
  })

  test('keep an owner who can log in, and choose their own password', async () => {
    const { id } = (await owner('GET', '/auth/me')).body.user
    for (const change of [{ role: 'admin' }, { isEnabled: false }]) {
      expect((await owner('PATCH', `/users/${id}`, change)).body).toMatchObject({ status: 409, code: 'last_owner' })
    }
    expect((await owner('DELETE', `/users/${id}`)).body.code).toBe('last_owner')
    expect((await admin('PATCH', `/users/${id}`, { name: 'x' })).status).toBe(403)
    const someone = await scene.user('viewer')
    expect((await someone('POST', '/auth/password', { current: 'wrong', next: 'bright-orange-lamp' })).body.code).toBe('login_failed')
    expect((await someone('POST', '/auth/password', { current: scenePassword, next: 'bright-orange-lamp' })).status).toBe(200)
    expect((await someone('GET', '/auth/me')).status).toBe(401)
    expect((await anybody('POST', '/auth/login', { email: someone.email, password: 'bright-orange-lamp' })).status).toBe(200)
  })
})

test('an API key is shown once, may no more than its owner, and can be revoked', async () => {
  expect((await operator('POST', '/api-keys', { name: 'ci', role: 'admin' })).status).toBe(403)
  const made = await operator('POST', '/api-keys', { name: 'ci', role: 'viewer', scopes: { queues: ['work'] } })
  const { key, id, prefix } = made.body
  expect(key).toMatch(new RegExp(`^tlk_${prefix}_[\\w-]{43}$`))
  expect((await operator('GET', '/api-keys')).text).not.toContain(key)
  const program = scene.as(key)
  expect((await program('GET', '/auth/me')).body).toMatchObject({ subject: `key:${prefix}`, role: 'viewer', scopes: { queues: ['work'] } })
  expect((await program('POST', '/jobs', { task: 'later' })).status).toBe(403)
  const foreign = await admin('POST', '/api-keys', { name: 'other' })
  expect((await operator('DELETE', `/api-keys/${foreign.body.id}`)).body.code).toBe('key_not_found')
  expect((await operator('DELETE', `/api-keys/${id}`)).status).toBe(200)
  expect((await program('GET', '/auth/me')).status).toBe(401)
  expect((await operator('POST', '/api-keys', { name: 'old', expiresAt: '2020-01-01T00:00:00Z' })).body.code).toBe('invalid_request')
})

test('failures are grouped by cause, given a state, and retried together', async () => {
  const ids: string[] = []
  for (const n of [1, 22, 333]) ids.push((await operator('POST', '/jobs', { task: 'flaky', payload: { n } })).body.id)
  for (const id of ids) await ended(id)
  const [group] = (await operator('GET', '/jobs/errors')).body.data
  expect(group).toMatchObject({ task: 'flaky', state: 'new', count: 3, message: 'no row <n> in <text>' })
  expect(group.hours.reduce((sum: number, h: any) => sum + h.count, 0)).toBe(3)
  const of = `/jobs/errors/${group.fingerprint}`
  expect((await operator('PATCH', of, { state: 'resolved', note: 'fixed in 1.2' })).body).toMatchObject({
    state: 'resolved',
    note: 'fixed in 1.2',
  })
  expect((await operator('POST', `${of}/retry`)).body).toMatchObject({ accepted: 3, skipped: 0 })
  await until(async () => (await operator('GET', '/jobs/errors')).body.data[0]?.count === 3, 'three failures again')
  expect((await operator('GET', '/jobs/errors?state=regressed')).body.data[0]).toMatchObject({ fingerprint: group.fingerprint })
  expect((await operator('PATCH', of, { state: 'ignored', ignoredUntil: '2100-01-01T00:00:00Z' })).body.state).toBe('ignored')
  expect((await operator('PATCH', '/jobs/errors/0000000000000000', { state: 'resolved' })).body.code).toBe('failure_not_found')
})

test('an inbox tells the end of what was started by hand, once, as its owner wants it', async () => {
  await keeper.runOnce()
  const first = (await operator('GET', '/jobs/notifications')).body
  const failures = first.data.filter((n: any) => n.kind === 'job_failed')
  // each of the three ran, failed, was retried in bulk: the retry is not the start of a job
  expect(failures.map((n: any) => n.title)).toEqual(['flaky failed', 'flaky failed', 'flaky failed'])
  expect((await operator('PUT', '/jobs/notifications/preferences', { jobs: 'failed' })).status).toBe(200)
  const { id } = (await operator('POST', '/jobs', { task: 'later' })).body
  await ended(id)
  await keeper.runOnce()
  const later = (await operator('GET', '/jobs/notifications')).body
  expect(later.unread).toBe(first.unread)
  expect((await operator('POST', `/jobs/notifications/${later.data[0].id}/read`)).status).toBe(200)
  expect((await operator('GET', '/jobs/notifications?unread=true')).body.unread).toBe(first.unread - 1)
  expect((await admin('POST', `/jobs/notifications/${later.data[0].id}/read`)).body.code).toBe('notification_not_found')
  expect((await operator('POST', '/jobs/notifications/read-all')).body).toEqual({ read: first.unread - 1 })
})

test('a bulk call on more than 1,000 jobs is a job, with a result for each of them', async () => {
  await worker.enqueueMany(
    'later',
    Array.from({ length: 1203 }, (_, n) => n),
    { delay: '1h', tags: ['many'] },
  )
  const filter = { state: 'pending', tags: ['many'] }
  const count = await operator('POST', '/jobs/bulk/cancel', { filter, dryRun: true })
  expect(count.body).toMatchObject({ dryRun: true, total: 1203, byState: { pending: 1203 } })
  const started = await operator('POST', '/jobs/bulk/cancel', { filter })
  expect(started).toMatchObject({ status: 202, body: { total: 1203 } })
  const { jobId } = started.body
  expect(await ended(jobId)).toMatchObject({ state: 'completed', task: 'bulk_update', outcome: { updates: 1203, skipped: 0 } })
  const page = (await operator('GET', `/jobs/bulk/${jobId}/results?limit=1000`)).body
  expect(page).toMatchObject({ verb: 'cancel', done: 1203, total: 1203, nextCursor: '1000', data: { length: 1000 } })
  expect((await operator('GET', `/jobs/bulk/${jobId}/results?limit=1000&cursor=1000`)).body).toMatchObject({
    nextCursor: null,
    data: { length: 203 },
  })
  expect((await operator('GET', '/jobs?state=pending&tags=many')).body.data).toEqual([])
  const lines = (await admin('GET', `/audit?target=job:${jobId}`)).body.data
  expect(lines).toMatchObject([{ action: 'job.bulk.cancel', outcome: 'done', after: { total: 1203 } }])
  expect((await operator('POST', '/jobs/bulk/cancel', { filter: {} })).status).toBe(400)
  expect((await operator('POST', '/jobs/bulk/cancel', { filter: { task: 'no.such' } })).body.code).toBe('unknown_task')
})

test('a bulk call means the jobs that were there when its list was looked at', async () => {
  await worker.enqueueMany('later', [1, 2], { delay: '1h', tags: ['seen'] })
  const { asOf } = (await operator('GET', '/jobs?state=pending&tags=seen')).body
  await worker.enqueue('later', 3, { delay: '1h', tags: ['seen'] })
  const filter = { state: 'pending', tags: ['seen'] }
  expect((await operator('POST', '/jobs/bulk/cancel', { filter, dryRun: true })).body.total).toBe(3)
  expect((await operator('POST', '/jobs/bulk/cancel', { filter, asOf })).body).toMatchObject({ total: 2, accepted: 2 })
  expect((await operator('POST', '/jobs/bulk/cancel', { filter, asOf: 'x' })).body.code).toBe('invalid_cursor')
  expect((await operator('POST', '/jobs/bulk/cancel', { jobIds: ['1'], asOf })).status).toBe(400)
})

test('a bulk call by a query touches what the query means, and nothing that came later', async () => {
  await worker.enqueueMany('later', [1, 2, 3], { delay: '1h', tags: ['asked'] })
  const filter = { q: 'state:scheduled tag:asked', tasks: ['lat*'] }
  const { asOf, ...counted } = (await operator('POST', '/jobs/bulk/cancel', { filter, dryRun: true })).body
  expect(counted).toMatchObject({ total: 3, byState: { pending: 3 } })
  const { id } = await worker.enqueue('later', 4, { delay: '1h', tags: ['asked'] })
  expect((await operator('POST', '/jobs/bulk/cancel', { filter, asOf })).body).toMatchObject({ total: 3, accepted: 3 })
  expect((await operator('GET', `/jobs/${id}`)).body.state).toBe('pending')
  for (const [wrong, code] of [
    [{ q: 'state:faild' }, 'invalid_query'],
    [{ q: 'error:deadlock' }, 'query_too_broad'],
    [{ q: 'tag:asked', state: 'pending' }, 'invalid_request'],
    [{ q: ' ' }, 'invalid_option'],
    [{ q: 'args.n:1 age:<1h' }, 'forbidden'],
    [{ args: { n: 1 }, createdAfter: new Date().toISOString() }, 'forbidden'],
  ] as const) {
    expect((await operator('POST', '/jobs/bulk/cancel', { filter: wrong })).body.code, JSON.stringify(wrong)).toBe(code)
  }
  expect((await operator('GET', `/jobs/${id}`)).body.state).toBe('pending')
})

test('a bulk cancel or update is undone for five minutes: jobs that were touched since are left as they are', async () => {
  const jobs = await worker.enqueueMany('later', [1, 2, 3, 4], { queue: 'parked', delay: '1h', tags: ['undo'], priority: 7 })
  const [a = '', b = '', c = '', d = ''] = jobs.map((job) => job.id)
  const runAt = async (id: string) => (await operator('GET', `/jobs/${id}`)).body.runAt
  const before = await runAt(a)
  const key = { 'idempotency-key': 'bulk-1' }
  const cancel = { filter: { q: 'tag:undo' } }
  const [cancelled, again] = await Promise.all([
    operator('POST', '/jobs/bulk/cancel', cancel, key),
    operator('POST', '/jobs/bulk/cancel', cancel, key),
  ])
  expect(cancelled.body).toMatchObject({ total: 4, accepted: 4, skipped: 0 })
  expect(again.body).toEqual(cancelled.body)
  expect(Date.parse(cancelled.body.undoUntil)).toBeGreaterThan(Date.now() + 200_000)
  expect((await operator('POST', '/jobs/bulk/retry', { jobIds: [a] }, key)).body.code).toBe('idempotency_conflict')
  // one comes back by a retry, one comes back and is cancelled again: neither is as the call left it
  await worker.retry(b)
  await worker.retry(c)
  await worker.cancel(c)
  const { bulkId } = cancelled.body
  const undone = await operator('POST', '/jobs/bulk/undo', { bulkId }, { 'idempotency-key': 'bulk-2' })
  expect(undone.body).toMatchObject({ total: 4, accepted: 2, skipped: 2, undoUntil: null })
  const reasons = Object.fromEntries(undone.body.results.map((r: any) => [r.jobId, r.answer ?? r.code]))
  expect(reasons).toEqual({ [a]: 'restored', [b]: 'wrong_state', [c]: 'wrong_state', [d]: 'restored' })
  expect((await operator('POST', '/jobs/bulk/undo', { bulkId }, { 'idempotency-key': 'bulk-2' })).body).toEqual(undone.body)
  expect((await operator('GET', `/jobs/${a}`)).body).toMatchObject({ state: 'pending', reason: 'scheduled', priority: 7, runAt: before })
  expect((await operator('GET', `/jobs/${c}`)).body.state).toBe('cancelled')

  const changes = { priority: -3, queue: 'elsewhere', runAt: '2100-01-01T00:00:00Z', tags: ['changed'] }
  const updated = await operator('POST', '/jobs/bulk/update', { jobIds: [a, d], changes })
  expect(updated.body).toMatchObject({ accepted: 2, skipped: 0 })
  await worker.update(d, { priority: 50 })
  const restored = await operator('POST', '/jobs/bulk/undo', { bulkId: updated.body.bulkId })
  expect(restored.body).toMatchObject({ accepted: 1, skipped: 1 })
  const asItWas = { priority: 7, queue: 'parked', runAt: before, tags: ['undo'], state: 'pending' }
  expect((await operator('GET', `/jobs/${a}`)).body).toMatchObject(asItWas)
  expect((await operator('GET', `/jobs/${d}`)).body).toMatchObject({
    priority: 50,
    queue: 'elsewhere',
    tags: ['changed'],
    state: 'pending',
  })

  const refused = async (id: string) => (await operator('POST', '/jobs/bulk/undo', { bulkId: id })).body
  const deleted = await admin('POST', '/jobs/bulk/delete', { jobIds: [c] })
  expect(deleted.body).toMatchObject({ accepted: 1, undoUntil: null })
  expect(await refused(deleted.body.bulkId)).toMatchObject({ status: 409, code: 'undo_refused' })
  await db.rows(`update trunkline.bulk_run set ended_at = now() - interval '301 s' where id = $1`, [bulkId])
  expect(await refused(bulkId)).toMatchObject({ code: 'undo_refused', detail: expect.stringContaining('could be undone until') })
  expect((await refused('999999')).code).toBe('bulk_not_found')
  expect(await worker.reconcile()).toEqual([])
  // the change and its line in the audit are one transaction: without the line there is no change
  const lines = (await admin('GET', '/audit?action=job.bulk.*&limit=10')).body.data
  expect(lines.map((line: any) => [line.action, line.outcome])).toContainEqual(['job.bulk.delete', 'done'])
  await db.rows('alter table trunkline.audit add constraint test_no_cancel check (action <> $$job.bulk.cancel$$) not valid')
  expect((await operator('POST', '/jobs/bulk/cancel', { jobIds: [a] })).status).toBe(500)
  await db.rows('alter table trunkline.audit drop constraint test_no_cancel')
  expect((await operator('GET', `/jobs/${a}`)).body.state).toBe('pending')
})

test('whatever is made under an idempotency key is made once, also by two at the same time', async () => {
  const key = { 'idempotency-key': 'once-1' }
  const body = { name: 'made once' }
  const [a, b] = await Promise.all([operator('POST', '/api-keys', body, key), operator('POST', '/api-keys', body, key)])
  expect([a.status, b.status]).toEqual([201, 201])
  expect(b.body).toEqual(a.body)
  expect((await operator('POST', '/api-keys', { name: 'another' }, key)).body).toMatchObject({ status: 409, code: 'idempotency_conflict' })
  const [kept] = await db.rows('select answer from trunkline.idempotent_request')
  expect(kept.answer.toString('latin1')).not.toContain(a.body.key)
  const { id } = (await operator('POST', '/jobs', { task: 'later' })).body
  await ended(id)
  const first = await operator('POST', `/jobs/${id}/rerun`, {}, { 'idempotency-key': 'once-2' })
  const again = await operator('POST', `/jobs/${id}/rerun`, {}, { 'idempotency-key': 'once-2' })
  expect(again).toMatchObject({ status: 202, body: { id: first.body.id }, headers: { location: first.headers.location } })
})

test('the façade answers as the older API did', async () => {
  const { id } = (await operator('POST', '/jobs', { task: 'later', payload: { password: 'open sesame', n: 1 } })).body
  await ended(id)
  const job = (await operator('GET', `/api/erp/jobs/${id}`)).body
  expect(job).toMatchObject({
    success: true,
    data: {
      id,
      job_type: 'later',
      status: 'completed',
      progress: 100,
      payload: { password: '•••', n: 1 },
      result: { token: '•••' },
      created_by: `user:${operator.email}`,
    },
  })
  expect((await operator('GET', `/api/erp/jobs/${id}/status`)).body).toMatchObject({ success: true, id, status: 'completed', error: null })
  expect((await operator('GET', '/api/erp/jobs?limit=2')).body).toMatchObject({ success: true, data: { length: 2 } })
  expect((await operator('GET', '/api/erp/jobs/stats')).body).toMatchObject({ success: true, data: { running: 0 } })
  expect((await operator('GET', '/api/erp/jobs/notifications')).body).toMatchObject({ success: true })
  expect((await operator('GET', '/api/erp/jobs/999999')).body).toEqual({
    success: false,
    error: 'there is no job 999999',
    code: 'job_not_found',
  })
  expect((await anybody('GET', '/api/erp/jobs')).body).toMatchObject({ success: false, code: 'unauthenticated' })
})

test('the audit names who, what and from where; a changed, removed or inserted line is found', async () => {
  const [line] = (await admin('GET', '/audit?action=user.update&outcome=done')).body.data
  expect(line).toMatchObject({
    actor: `user:${admin.email}`,
    how: 'token',
    address: '127.0.0.1',
    before: { role: 'operator' },
    after: { role: 'viewer' },
  })
  expect(JSON.stringify((await admin('GET', '/audit?limit=500')).body)).not.toMatch(/bright-orange-lamp|argon2/)
  await keeper.runOnce()
  expect((await admin('GET', '/audit/verify')).body).toMatchObject({ isWhole: true, bad: [] })
  // only somebody who rules the server can do this
  await db.rows('alter table trunkline.audit disable trigger all')
  await db.rows(`update trunkline.audit set actor = 'user:somebody-else' where no = $1`, [line.no])
  const { bad, links } = await verifyAudit(database)
  expect(bad).toEqual([{ link: expect.any(String), auditNo: line.no, problem: 'the line, or the link before it, was changed' }])
  await db.rows(`update trunkline.audit set actor = $2 where no = $1`, [line.no, line.actor])
  expect((await verifyAudit(database)).bad).toEqual([])
  await db.rows(`delete from trunkline.audit where no = $1`, [line.no])
  expect((await verifyAudit(database)).bad).toMatchObject([{ auditNo: line.no, problem: 'the line is gone' }])
  // cut off at the end: only an anchor tells
  const [anchor] = await db.rows(`select link::text, encode(hash, 'hex') hash from trunkline.audit_link l order by l.link desc limit 1`)
  await db.rows('alter table trunkline.audit_link disable trigger all')
  await db.rows('delete from trunkline.audit_link where link = $1', [anchor.link])
  expect((await verifyAudit(database, anchor)).bad.map((b) => b.problem)).toContain('the chain does not hold this anchor')
  expect(Number(anchor.link)).toBe(links)
})
