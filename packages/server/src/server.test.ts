import { defineTask, FatalError, type TaskContext } from '@trunkline/engine'
import { describe, expect, test } from 'vitest'
import { until } from '../../../test/support/database.ts'
import { serverScene } from '../../../test/support/server-scene.ts'

const scene = await serverScene()
const { anybody, db } = scene
const owner = await scene.user('owner', { rights: ['payload.read'] })
const operator = await scene.user('operator')
const viewer = await scene.user('viewer')
const etl = await scene.user('operator', { scopes: { queues: ['etl-*'] } })
function greet({ input, log }: TaskContext<any>): object {
  log.info(`hello ${input.name}`)
  return { greeted: true }
}
const worker = await db.connect()
await worker.work([
  defineTask('greet', { queue: 'etl-in', run: greet }),
  defineTask('break', { queue: 'other', run: () => Promise.reject(new FatalError('it broke')) }),
])

const ended = (id: string) =>
  until(async () => {
    const { body } = await owner('GET', `/jobs/${id}`)
    return ['completed', 'failed', 'cancelled'].includes(body.state) && body
  }, `the end of job ${id}`)

describe('a job over HTTP', () => {
  test('is made once per idempotency key, runs, and tells its status, log, timeline and why', async () => {
    const made = await operator(
      'POST',
      '/jobs',
      { task: 'greet', payload: { name: 'Anna' }, tags: ['nightly'] },
      { 'idempotency-key': 'k1' },
    )
    expect(made).toMatchObject({ status: 202, body: { state: 'pending', made: 'new', createdBy: `user:${operator.email}` } })
    const { id } = made.body
    expect(made.headers.location).toBe(`/api/v1/jobs/${id}`)
    const again = await operator(
      'POST',
      '/jobs',
      { task: 'greet', payload: { name: 'Anna' }, tags: ['nightly'] },
      { 'idempotency-key': 'k1' },
    )
    expect(again.body).toMatchObject({ id, made: 'existing' })
    // the same key of somebody else is another key
    const others = await owner('POST', '/jobs', { task: 'greet', payload: { name: 'Anna' } }, { 'idempotency-key': 'k1' })
    expect(others.body).toMatchObject({ made: 'new' })
    const other = await operator('POST', '/jobs', { task: 'greet', payload: { name: 'Bob' } }, { 'idempotency-key': 'k1' })
    expect(other).toMatchObject({ status: 409, body: { code: 'idempotency_conflict' } })

    expect(await ended(id)).toMatchObject({ state: 'completed', attempt: 1 })
    expect((await viewer('GET', `/jobs/${id}/status`)).body).toMatchObject({ id, state: 'completed', attempt: 1 })
    const logs = await until(async () => (await viewer('GET', `/jobs/${id}/logs?search=HELLO`)).body.data[0])
    expect(logs).toMatchObject({ level: 'info', message: 'hello Anna', attempt: 1 })
    const file = await viewer('GET', `/jobs/${id}/logs?download=text`)
    expect(file.text).toContain('hello Anna')
    expect(file.headers['content-disposition']).toBe(`attachment; filename="job-${id}.log"`)
    const { transitions, attempts } = (await viewer('GET', `/jobs/${id}/timeline`)).body
    expect(transitions.map((t: any) => t.event)).toEqual(['added', 'started', 'completed'])
    expect(attempts).toMatchObject([{ attempt: 1, state: 'completed' }])
    expect((await viewer('GET', `/jobs/${id}/why`)).body).toMatchObject({
      reason: 'completed',
      sentence: expect.stringContaining('completed'),
    })
  })

  test('shows payload and result only where they were asked for, to whoever made it or has the right', async () => {
    const { id } = (await operator('POST', '/jobs', { task: 'greet', payload: { name: 'Cleo' } })).body
    await ended(id)
    expect((await owner('GET', `/jobs/${id}`)).body).not.toHaveProperty('payload')
    for (const who of [owner, operator]) {
      expect((await who('GET', `/jobs/${id}?includeData=true`)).body).toMatchObject({
        payload: { name: 'Cleo' },
        result: { greeted: true },
      })
    }
    expect((await viewer('GET', `/jobs/${id}?includeData=true`)).body).not.toHaveProperty('payload')
  })

  test('is retried, re-run, promoted, changed, cancelled and deleted; a refusal says why', async () => {
    const { id } = (await operator('POST', '/jobs', { task: 'break' })).body
    expect(await ended(id)).toMatchObject({ state: 'failed', reason: 'fatal', error: { message: 'it broke' } })
    expect(await operator('POST', `/jobs/${id}/retry`)).toMatchObject({ status: 200, body: { id, state: 'pending' } })
    await ended(id)
    const rerun = await operator('POST', `/jobs/${id}/rerun`, { payload: { x: 1 }, delayMs: 3_600_000 })
    expect(rerun).toMatchObject({ status: 202, body: { rerunOf: id, state: 'pending', reason: 'scheduled' } })
    const next = rerun.body.id
    expect(rerun.headers.location).toBe(`/api/v1/jobs/${next}`)
    const changed = await operator('PATCH', `/jobs/${next}`, { priority: 7, tags: ['b', 'a'] })
    expect(changed.body).toMatchObject({ priority: 7, tags: ['b', 'a'] })
    expect((await operator('POST', `/jobs/${next}/retry`)).body).toMatchObject({ status: 409, code: 'wrong_state' })
    expect((await operator('POST', `/jobs/${next}/promote`)).status).toBe(200)
    await ended(next)
    const { id: last } = (await operator('POST', '/jobs', { task: 'break', delayMs: 3_600_000 })).body
    expect((await operator('POST', `/jobs/${last}/cancel`)).body).toMatchObject({ answer: 'cancelled', job: { state: 'cancelled' } })
    expect((await operator('DELETE', `/jobs/${last}`)).body).toMatchObject({ status: 403, code: 'forbidden' })
    expect((await owner('DELETE', `/jobs/${last}`)).body).toEqual({ ok: true })
    expect((await owner('GET', `/jobs/${last}`)).body).toMatchObject({ status: 404, code: 'job_not_found' })
    const audit = await db.rows(`select action, outcome, code from trunkline.audit where target = $1 or target like $2 order by no`, [
      `job:${last}`,
      `/api/v1/jobs/${last}%`,
    ])
    expect(audit).toEqual([
      { action: 'job.create', outcome: 'done', code: null },
      { action: 'job.cancel', outcome: 'done', code: null },
      { action: 'job.delete', outcome: 'refused', code: 'forbidden' },
      { action: 'job.delete', outcome: 'done', code: null },
    ])
  })

  test('of another scope is not there, whatever is tried', async () => {
    const mine = (await etl('POST', '/jobs', { task: 'greet', payload: { name: 'Eve' }, delayMs: 3_600_000 })).body.id
    const foreign = (await owner('POST', '/jobs', { task: 'break', delayMs: 3_600_000 })).body.id
    expect((await etl('GET', `/jobs/${mine}`)).status).toBe(200)
    for (const [method, path] of [
      ['GET', ''],
      ['GET', '/status'],
      ['GET', '/logs'],
      ['GET', '/timeline'],
      ['GET', '/why'],
      ['POST', '/retry'],
      ['POST', '/cancel'],
      ['POST', '/rerun'],
      ['POST', '/promote'],
    ] as const) {
      expect((await etl(method, `/jobs/${foreign}${path}`)).body, `${method} ${path}`).toMatchObject({ status: 404, code: 'job_not_found' })
    }
    for (const state of ['', '?state=pending', '?state=completed', '?state=running', '?state=failed']) {
      const { data } = (await etl('GET', `/jobs${state}`)).body
      expect(data.filter((j: any) => !j.queue.startsWith('etl-'))).toEqual([])
    }
    expect((await etl('GET', '/queues')).body.data.map((q: any) => q.queue)).toEqual(['etl-in'])
    expect((await etl('POST', '/queues/other/pause')).body).toMatchObject({ status: 404, code: 'unknown_queue' })
    expect((await etl('POST', '/jobs', { task: 'break' })).body).toMatchObject({ status: 404, code: 'unknown_queue' })
    const bulk = await etl('POST', '/jobs/bulk/cancel', { jobIds: [mine, foreign] })
    expect(bulk.body).toMatchObject({
      accepted: 1,
      skipped: 1,
      results: [
        { jobId: mine, ok: true },
        { jobId: foreign, code: 'job_not_found' },
      ],
    })
    expect((await owner('GET', `/jobs/${foreign}`)).body.state).toBe('pending')
  })
})

test('a job that is made within a trace keeps its place there; a header that names none is not worth a refusal', async () => {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
  const later = { task: 'break', delayMs: 3_600_000 }
  const { id } = (await operator('POST', '/jobs', later, { traceparent })).body
  const other = await operator('POST', '/jobs', later, { traceparent: 'nonsense' })
  expect(other.status).toBe(202)
  expect(await db.rows('select job_id, traceparent from trunkline.trace')).toEqual([{ job_id: id, traceparent }])
})

test('lists have pages, and a place in the feed to go on from', async () => {
  const page = (await viewer('GET', '/jobs?limit=2')).body
  expect(page).toMatchObject({ nextCursor: page.data[1].id, totalIsEstimate: false })
  const next = (await viewer('GET', `/jobs?limit=2&cursor=${page.nextCursor}`)).body
  expect(Number(next.data[0].id)).toBeLessThan(Number(page.data[1].id))
  const { id } = (await operator('POST', '/jobs', { task: 'break', delayMs: 3_600_000, tags: ['z', 'y'] })).body
  const { data } = (await viewer('GET', `/jobs/events?after=${encodeURIComponent(page.asOf)}`)).body
  expect(data.filter((e: any) => e.kind === 'added').map((e: any) => String(e.body[2]))).toEqual([id])
  expect((await viewer('GET', '/jobs?tags[]=z&tags=y')).body.data.map((j: any) => j.id)).toEqual([id])
  expect((await viewer('GET', '/jobs/stats')).body.total.pending).toBeGreaterThan(0)
})

test('queues are paused and resumed, workers seen, started and stopped', async () => {
  expect((await operator('POST', '/queues/other/pause', { reason: 'repair', forMs: 60_000 })).body).toMatchObject({
    paused: { reason: 'repair', by: `user:${operator.email}` },
  })
  expect((await operator('POST', '/queues/other/resume')).body).toMatchObject({ paused: null })
  expect((await operator('POST', '/queues/nothing/resume')).body).toMatchObject({ status: 404, code: 'unknown_queue' })
  const [first] = (await viewer('GET', '/workers')).body.data
  expect(first).toMatchObject({ state: 'running', tasks: ['greet', 'break'] })
  // nobody keeps workers running here: the answer says what to type
  expect((await owner('POST', '/workers/start', { count: 1 })).body).toMatchObject({
    status: 409,
    hint: expect.stringContaining('trunkline worker'),
  })
  expect((await owner('POST', '/workers/cleanup')).body).toMatchObject({ workers: [] })
  expect((await viewer('GET', '/tasks/greet')).body).toMatchObject({ task: 'greet', queue: 'etl-in' })
  expect((await owner('POST', `/workers/${first.id}/stop`)).status).toBe(202)
  expect((await owner('GET', '/system')).body).toMatchObject({ database: { schema: 'trunkline' } })
})

test('figures for Prometheus say what waits, what happened, and how fast the API is', async () => {
  const { text, headers } = await viewer('GET', '/metrics')
  expect(headers['content-type']).toMatch(/^text\/plain/)
  expect(text).toMatch(/trunkline_job_events_total\{queue="etl-in",task="greet",event="completed"\} [1-9]/)
  expect(text).toMatch(/trunkline_jobs\{queue="other",state="failed"\} [1-9]/)
  expect(text).toMatch(/trunkline_http_seconds_count\{route="\/api\/v1\/jobs\/:id",status="200"\} \d/)
  expect(text).toMatch(/nodejs_eventloop_lag_seconds \d/)
  expect(text).toMatch(/trunkline_sockets 0\n/)
  expect(text).toMatch(/trunkline_feed_lag_seconds \d/)
  expect(text).toMatch(/trunkline_database_pool\{use="idle"\} [1-9]/)
  // each job that ended is in the histograms once, however many look at the same time
  const runs = async () => {
    const [one] = await Promise.all([viewer('GET', '/metrics'), viewer('GET', '/metrics')])
    return Number(/trunkline_job_run_seconds_count\{queue="measured"\} (\d+)/.exec(one.text)?.[1] ?? 0)
  }
  const begun = await runs()
  await db.rows(`insert into trunkline.queue(name) values ('measured')`)
  await db.rows(`with j as (insert into trunkline.job(id, queue_id, task_id, created_at, run_at, payload)
      select nextval('trunkline.id'), (select id from trunkline.queue where name = 'measured'), (select min(id) from trunkline.task),
        now() - interval '20 s', now() - interval '4.2 s', '{}' from generate_series(1, 3) returning id, queue_id, task_id, run_at)
    insert into trunkline.outcome(id, status, attempt, queue_id, task_id, started_at, finished_at)
      select id, 2, 1, queue_id, task_id, run_at + interval '4 s', run_at + interval '4.2 s' from j`)
  expect(await until(async () => (await runs()) - begun, 'what ended to be seen', 10_000)).toBe(3)
  expect(await runs()).toBe(3)
  const after = (await viewer('GET', '/metrics')).text
  expect(after).toMatch(/trunkline_job_wait_seconds_bucket\{le="1",queue="measured"\} 0/)
  expect(after).toMatch(/trunkline_job_wait_seconds_bucket\{le="5",queue="measured"\} 3/)
  expect(after).toMatch(/trunkline_job_run_seconds_bucket\{le="0.1",queue="measured"\} 0/)
  expect(after).toMatch(/trunkline_job_run_seconds_bucket\{le="0.5",queue="measured"\} 3/)
})

test('a cookie needs its CSRF value for changes, and never comes with a bearer', async () => {
  const login = await anybody('POST', '/auth/login', { email: operator.email, password: 'correct-horse-battery-9', session: true })
  expect(login.body).not.toHaveProperty('token')
  const cookie = String(login.headers['set-cookie'])
  expect(cookie).toMatch(/^trunkline_session=[\w-]{43}; Path=\/; Expires=.*; HttpOnly; SameSite=Strict$/)
  const session = { cookie: cookie.split(';')[0] as string }
  const { csrfToken } = (await anybody('GET', '/auth/me', undefined, session)).body
  expect(csrfToken).toBe(login.body.csrfToken)
  expect((await anybody('POST', '/queues/other/pause', {}, session)).body).toMatchObject({ status: 403, code: 'csrf_missing' })
  expect((await anybody('POST', '/queues/other/pause', {}, { ...session, 'x-trunkline-csrf': 'guess' })).status).toBe(403)
  const csrf = { ...session, 'x-trunkline-csrf': csrfToken }
  expect((await anybody('POST', '/queues/other/resume', {}, csrf)).status).toBe(200)
  expect((await operator('GET', '/auth/me', undefined, session)).body).toMatchObject({ status: 400, code: 'invalid_request' })
  expect((await anybody('POST', '/auth/logout', {}, csrf)).status).toBe(200)
  expect((await anybody('GET', '/auth/me', undefined, session)).body).toMatchObject({ status: 401, code: 'unauthenticated' })
})

test('a token that was given back is refused', async () => {
  const { body } = await anybody('POST', '/auth/login', { email: viewer.email.toUpperCase(), password: 'correct-horse-battery-9' })
  const mine = scene.as(body.token)
  expect((await mine('GET', '/auth/me')).body).toMatchObject({ role: 'viewer', user: { email: viewer.email } })
  expect((await mine('POST', '/auth/logout')).status).toBe(200)
  expect((await mine('GET', '/auth/me')).status).toBe(401)
})

test('an error names each field that is wrong, and the nearest right name', async () => {
  const { status, headers, body } = await operator('POST', '/jobs', { task: 'greet', priorty: 1, priority: '5' })
  expect(status).toBe(400)
  expect(headers['content-type']).toContain('application/problem+json')
  expect(body).toMatchObject({ code: 'invalid_request', requestId: headers['x-request-id'] })
  expect(body.errors).toEqual([
    { field: 'priority', problem: expect.stringContaining('expected number') },
    { field: 'priorty', problem: 'is not known here, did you mean "priority"?' },
  ])
  expect((await operator('PUT', '/jobs')).body).toMatchObject({ status: 405, code: 'method_not_allowed' })
  expect((await operator('GET', '/jobz')).body).toMatchObject({ status: 404, code: 'route_not_found' })
})

describe('a flow over HTTP', () => {
  test('is made once per idempotency key, runs in order, shows its jobs, and belongs to who made it', async () => {
    const other = await db.connect()
    await other.work([
      defineTask('flow.greet', { queue: 'flows', run: greet }),
      defineTask('flow.break', { queue: 'flows', run: () => Promise.reject(new FatalError('it broke')) }),
    ])
    const asked = {
      name: 'greetings',
      jobs: [
        { name: 'last', task: 'flow.greet', payload: { name: 'Zoe' }, dependsOn: ['first', { name: 'doomed', onFailure: 'run' }] },
        { name: 'first', task: 'flow.greet', payload: { name: 'Anna' } },
        { name: 'doomed', task: 'flow.break' },
        { name: 'never', task: 'flow.greet', payload: { name: 'Eve' }, dependsOn: ['doomed'] },
      ],
    }
    const made = await operator('POST', '/jobs/flows', asked, { 'idempotency-key': 'f1' })
    expect(made).toMatchObject({ status: 202, body: { name: 'greetings', total: 4, createdBy: `user:${operator.email}` } })
    const { id, jobs } = made.body
    expect(made.headers.location).toBe(`/api/v1/jobs/flows/${id}`)
    expect((await operator('POST', '/jobs/flows', asked, { 'idempotency-key': 'f1' })).body).toMatchObject({ id, jobs })
    expect(await ended(jobs.last)).toMatchObject({ state: 'completed', flowId: id, dependsOn: expect.arrayContaining([jobs.first]) })
    expect(await ended(jobs.never)).toMatchObject({ state: 'cancelled', error: { code: 'parent_failed' } })
    const { body } = await viewer('GET', `/jobs/flows/${id}`)
    expect(body).toMatchObject({ state: 'failed', percent: 100, counts: { completed: 2, failed: 1, cancelled: 1 } })
    expect(body.jobs.map((node: any) => [node.name, node.job.state]).sort()).toEqual([
      ['doomed', 'failed'],
      ['first', 'completed'],
      ['last', 'completed'],
      ['never', 'cancelled'],
    ])
    expect((await viewer('GET', '/jobs/flows?limit=1')).body).toMatchObject({ data: [{ id }], nextCursor: id })
    // a scope that does not reach all of its jobs
    expect((await etl('GET', `/jobs/flows/${id}`)).status).toBe(404)
    expect((await operator('POST', `/jobs/flows/${id}/retry`)).body).toEqual({ changed: 2, others: 0 })
    const waiting = await operator('POST', '/jobs', {
      task: 'flow.greet',
      payload: { name: 'Bob' },
      dependsOn: [{ jobId: jobs.never, onFailure: 'wait' }],
    })
    expect(waiting).toMatchObject({ status: 202, body: { state: 'blocked', flowId: id } })
    expect((await operator('POST', `/jobs/flows/${id}/cancel`)).status).toBe(200)
    const cycle = await operator('POST', '/jobs/flows', { jobs: [{ name: 'a', task: 'flow.greet', dependsOn: ['a'] }] })
    expect(cycle).toMatchObject({ status: 400, body: { code: 'flow_cycle' } })
    expect((await operator('POST', '/jobs', { task: 'flow.greet', dependsOn: ['99999999'] })).body).toMatchObject({ code: 'job_not_found' })
    expect((await operator('POST', '/jobs', { task: 'flow.greet', dependsOn: ['x'] })).status).toBe(400)
  })
})
