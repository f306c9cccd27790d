import { afterAll, describe, expect, test, vi } from 'vitest'
import { until } from '../../../../test/support/database.ts'
import { serverScene } from '../../../../test/support/server-scene.ts'
import { socketListeners } from '../../../../test/support/socket-listener.ts'
import { defineTask } from '../../../engine/src/index.ts'

const scene = await serverScene({ allowedOrigins: ['https://console.example.com'] })
const { db, server } = scene
const address = await server.start()
const trunkline = await db.connect()
const admin = await scene.user('admin')
const viewer = await scene.user('viewer')

const step = defineTask('live.step', {
  async run({ input, log, signal }: { input: any; log: any; signal: AbortSignal }) {
    if (input.fail) throw new Error('no luck')
    log.setStage('Counting')
    log.setTotal(3, 'steps')
    for (let i = 0; i < 3; i++) {
      log.incrementProgress()
      log.info(`step ${i}`, { password: 'secret' })
      await new Promise((resolve) => setTimeout(resolve, 120))
    }
    signal.throwIfAborted()
    return { secret: 'result' }
  },
})
const worker = await trunkline.work([step], { queues: ['alpha', 'beta'], pollMs: 20 })

const listener = socketListeners(address)

afterAll(async () => {
  await worker.stop()
})

describe('a job', () => {
  test('is followed from its start to its end: states, progress, log lines; never its payload or its result', async () => {
    const me = await listener({ token: viewer.token })
    const job = await trunkline.enqueue(step, { password: 'secret' }, { queue: 'alpha', delay: '1h' })
    expect(await me.ask('subscribeJob', { jobId: job.id })).toMatchObject({ ok: true, seq: expect.any(String) })
    expect(await me.ask('subscribeLogs', { jobId: job.id })).toMatchObject({ ok: true })
    await trunkline.promote(job.id)
    await until(() => me.of('jobCompleted', job.id).length > 0)
    await until(() => me.of('jobLog', job.id).flatMap((e) => e.lines).length >= 3)
    expect(me.of('jobUpdate', job.id)[0]).toMatchObject({ state: 'pending', reason: 'scheduled', task: 'live.step', queue: 'alpha' })
    expect(me.heard.some(([, e]) => e.jobId === job.id && e.state === 'running')).toBe(true)
    expect(me.of('jobProgress', job.id).at(-1)).toMatchObject({ state: 'running', progress: { stage: 'Counting', total: 3 } })
    expect(me.of('jobCompleted', job.id)).toHaveLength(1)
    expect(me.of('jobCompleted', job.id)[0]).toMatchObject({ state: 'completed', attempt: 1, seq: expect.stringMatching(/^\d+/) })
    const lines = me.of('jobLog', job.id).flatMap((e) => e.lines)
    expect(lines.map((l: any) => l.message).filter((m: string) => m.startsWith('step'))).toEqual(['step 0', 'step 1', 'step 2'])
    expect(new Set(lines.map((l: any) => l.no)).size).toBe(lines.length)
    expect(JSON.stringify(me.heard)).not.toContain('secret')
    // whoever comes later gets how it ended, and the lines after the one they had
    const late = await listener({ token: viewer.token })
    await late.ask('subscribeJob', { jobId: job.id })
    await late.ask('subscribeLogs', { jobId: job.id, after: lines[0].no })
    expect(late.of('jobCompleted', job.id)).toHaveLength(1)
    // a line can still be on its way to both
    const numbers = (of: typeof me) => of.of('jobLog', job.id).flatMap((e) => e.lines.map((line: { no: string }) => line.no))
    await until(() => numbers(late).join() === numbers(me).slice(1).join(), 'the same lines')
    expect(await late.ask('unsubscribeJob', { jobId: job.id })).toMatchObject({ ok: true })
  })

  test('that fails says why in one line', async () => {
    const me = await listener({ token: viewer.token })
    await me.ask('subscribeQueue', { queue: 'alpha' })
    const job = await trunkline.enqueue(step, { fail: true }, { queue: 'alpha', maxAttempts: 1 })
    await until(() => me.of('jobFailed', job.id).length > 0)
    expect(me.of('jobAdded', job.id)).toHaveLength(1)
    expect(me.of('jobFailed', job.id)[0]).toMatchObject({ state: 'failed', reason: 'attempts_used', error: 'no luck' })
  })
})

describe('queues, lists and figures', () => {
  test('a queue tells its jobs, its figures and its pauses; another queue is not heard', async () => {
    const me = await listener({ token: viewer.token })
    await me.ask('subscribeQueue', { queue: 'beta' })
    await me.ask('subscribeOverview')
    const jobs = await trunkline.enqueueMany(step, [{ n: 1 }, { n: 2 }], { queue: 'beta' })
    const other = await trunkline.enqueue(step, {}, { queue: 'alpha' })
    for (const job of jobs) await until(() => me.of('jobCompleted', job.id).length === 1)
    expect(me.of('jobAdded').map((e) => e.jobId)).toEqual(jobs.map((j) => j.id))
    await until(() => me.of('queueStats').some((e) => e.queue === 'beta' && e.completed >= 2))
    await trunkline.pause('beta', { reason: 'a break' })
    await until(() => me.of('queueStateChange').some((e) => e.queue === 'beta' && e.state === 'paused'))
    await trunkline.resume('beta')
    await until(() => me.of('queueStateChange').some((e) => e.queue === 'beta' && e.state === 'active'))
    await other.result()
    expect(me.heard.some(([, e]) => e.jobId === other.id)).toBe(false)
  })

  test('a queue that crosses a threshold says so, to those who listen to it; set over HTTP, shown with the queue', async () => {
    const me = await listener({ token: admin.token })
    await me.ask('subscribeOverview')
    const set = await admin('PUT', '/queues/gamma/thresholds', { workers: { critical: 1 } })
    expect(set).toMatchObject({ status: 404, body: { code: 'unknown_queue' } })
    await trunkline.enqueue(step, {}, { queue: 'gamma', delay: '1h' })
    expect(await admin('PUT', '/queues/gamma/thresholds', { workers: { critical: 1, warn: 2 } })).toMatchObject({ status: 400 })
    expect(await admin('PUT', '/queues/gamma/thresholds', { workers: { critical: 1 } })).toMatchObject({
      status: 200,
      body: { health: { level: 'healthy', thresholds: { workers: { critical: 1 } } } },
    })
    await until(() => me.of('alert').length > 0)
    const crossed = [{ measure: 'workers', value: 0, limit: 1, level: 'critical' }]
    expect(me.of('alert')[0]).toMatchObject({ kind: 'queue_health', queue: 'gamma', was: 'healthy', level: 'critical', crossed })
    expect(me.of('queueStateChange').find((e) => e.queue === 'gamma')).toMatchObject({ health: 'critical', crossed })
    expect((await admin('GET', '/queues/gamma')).body.health).toMatchObject({ level: 'critical', crossed })
    expect((await admin('PUT', '/queues/gamma/thresholds', {})).body.health).toBeNull()
  })

  test('a schedule that is paused by its failures is told to those who may see it, without payloads; its firings send no list back to read', async () => {
    const scopes = { queues: ['alpha'], tasks: null, servers: null }
    const scoped = await scene.user('viewer', { scopes: { ...scopes, queues: ['beta'] } })
    const [all, alpha, beta, stranger] = await Promise.all([
      listener({ token: admin.token }),
      listener({ token: (await scene.user('viewer', { scopes })).token }),
      listener({ token: viewer.token }),
      listener({ token: scoped.token }),
    ])
    const before = await admin('GET', '/jobs/events')
    await all?.ask('subscribeAll')
    await alpha?.ask('subscribeQueue', { queue: 'alpha' })
    await beta?.ask('subscribeQueue', { queue: 'beta' })
    await stranger?.ask('subscribeOverview')
    const every = { task: 'live.step', payload: { fail: true, password: 'secret' }, intervalMs: 1000, overlap: 'allow' } as const
    const { id } = await trunkline.schedules.create({
      ...{ name: 'failing', ...every, failureLimit: 1, options: { queue: 'alpha', maxAttempts: 1 } },
    })
    await until(() => all?.of('alert').some((e) => e.kind === 'schedule_paused') && alpha?.of('alert').length)
    const told = {
      kind: 'schedule_paused',
      scheduleId: id,
      name: 'failing',
      task: 'live.step',
      queue: 'alpha',
      failures: expect.any(Number),
    }
    for (const who of [all, alpha]) {
      const [alert] = who?.of('alert').filter((e) => e.kind === 'schedule_paused') ?? []
      expect(alert).toMatchObject({ ...told, reason: expect.stringContaining('no luck'), seq: expect.any(String), at: expect.any(String) })
    }
    expect(alpha?.of('jobAdded')[0]).toMatchObject({ queue: 'alpha', createdBy: 'schedule:failing' })
    expect(alpha?.of('queueStats').filter((e) => e.bulk)).toEqual([])
    expect(JSON.stringify([all, alpha, beta, stranger].map((who) => who?.heard))).not.toContain('secret')
    for (const who of [beta, stranger]) expect(who?.of('alert').filter((e) => e.kind === 'schedule_paused')).toEqual([])
    const { body } = await admin('GET', `/jobs/events?limit=500&after=${encodeURIComponent(before.body.cursor)}`)
    const kinds = body.data.filter((e: any) => e.kind === 'schedule' && (e.body.schedule === id || e.body.schedules?.includes(id)))
    expect(kinds.map((e: any) => e.body.what)).toEqual(expect.arrayContaining(['created', 'fired', 'paused']))
    await trunkline.schedules.delete(id)
  })

  test('after a break a list gets what it has missed, and says when that is too much', async () => {
    const me = await listener({ token: viewer.token })
    const filter = { queue: 'alpha', tags: ['mine'] }
    const { seq } = await me.ask('subscribeList', { filter })
    me.socket.disconnect()
    const [job] = await trunkline.enqueueMany(step, [{}], { queue: 'alpha', tags: ['mine', 'more'] })
    const stranger = await trunkline.enqueue(step, {}, { queue: 'alpha', tags: ['other'] })
    await Promise.all([job?.result(), stranger.result()])
    me.socket.connect()
    await until(() => me.socket.connected)
    expect(await me.ask('subscribeList', { filter, after: seq })).toMatchObject({ ok: true })
    await until(() => me.heard.some(([, e]) => e.jobId === job?.id && e.state === 'completed'))
    expect(me.heard.some(([, e]) => e.jobId === stranger.id)).toBe(false)
    // a bulk of more than a hundred is not told one by one
    const before = (await me.ask('subscribeList', { filter })).seq
    await trunkline.enqueueMany(step, new Array(150).fill({}), { queue: 'elsewhere' })
    expect(await me.ask('subscribeList', { filter, after: before })).toMatchObject({ ok: true, gap: true })
    await until(() => me.of('queueStats').some((e) => e.bulk === true))
    expect(await me.ask('subscribeList', { filter, after: 'nonsense' })).toMatchObject({ ok: false, error: { code: 'invalid_cursor' } })
  })

  test('an administrator hears of workers and of the server itself', async () => {
    const me = await listener({ token: admin.token })
    expect(await me.ask('subscribeSystem')).toMatchObject({ ok: true })
    await until(() => me.of('systemStats').length > 0 && me.of('workerUpdate').length > 0)
    expect(me.of('systemStats')[0]).toMatchObject({
      sockets: expect.any(Number),
      residentBytes: expect.any(Number),
      processorPercent: expect.any(Number),
      eventLoopPercent: expect.any(Number),
    })
    expect(me.of('workerUpdate')[0]).toMatchObject({ workerId: String(worker.id), state: 'running' })
  })

  test('whoever has started a job hears in the inbox how it ended', async () => {
    const operator = await scene.user('operator')
    const me = await listener({ token: operator.token })
    const made = await operator('POST', '/jobs', { task: 'live.step', payload: { fail: true }, queue: 'alpha', maxAttempts: 1 })
    expect(made.status).toBe(202)
    const keeper = trunkline.keeper()
    keeper.start()
    await until(() => me.of('notification').some((e) => e.jobId === made.body.id))
    await keeper.stop()
    expect(me.of('notification')).toHaveLength(1)
  })

  test('a chatty handler and many jobs reach a room at most twenty times a second', async () => {
    const me = await listener({ token: admin.token })
    await me.ask('subscribeAll')
    const times: number[] = []
    me.socket.onAny((name) => name !== 'connected' && times.push(performance.now()))
    const jobs = await trunkline.enqueueMany(step, new Array(60).fill({}), { queue: 'alpha' })
    await Promise.all(jobs.map((j) => j.result()))
    for (const job of jobs) await until(() => me.of('jobCompleted', job.id).length === 1)
    // what arrives within 15 ms is one sending
    const sendings = times.filter((at, i) => i === 0 || at - (times[i - 1] as number) > 15)
    expect(sendings.length).toBeLessThanOrEqual(((times.at(-1) as number) - (times[0] as number)) / 45 + 2)
  })
})

describe('who may listen', () => {
  test.each([
    ['without credentials', {}],
    ['with a token that is none', { token: 'nonsense' }],
    ['with a number for a token', { token: 5 }],
    [
      'with a forged token',
      { token: `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"sub":"x"}').toString('base64url')}.` },
    ],
  ])('%s nobody comes in', async (_, auth) => {
    await expect(listener(auth)).rejects.toMatchObject({ data: { code: 'unauthenticated' } })
  })

  test('many sockets of one user, each with a token of its own, cost no question each: not when they come, not when they are cut', async () => {
    const { database, identity } = server.service
    const user = await scene.user('viewer')
    const [account] = await db.rows('select id, generation from trunkline.account where email = $1', [user.email])
    const tokens = await Promise.all(Array.from({ length: 40 }, async () => (await identity.token(account as any)).token))
    const many = await Promise.all(tokens.map((token) => listener({ token })))
    const asked = vi.spyOn(database, 'run')
    const times = (name: string) => asked.mock.calls.filter(([{ name: found }]) => found === `trunkline_${name}`).length
    await until(() => times('standing') >= 2, 'two looks at all of them', 10_000)
    expect(times('find_account_by_token')).toBe(0)
    await db.rows('update trunkline.account set generation = generation + 1 where id = $1', [account?.id])
    await until(() => many.every(({ socket }) => !socket.connected), 'all of them to be cut', 10_000)
    expect(times('find_account_by_token')).toBe(0)
    asked.mockRestore()
  }, 30_000)

  test('what is no subscription gets an answer with a code, and harms nobody', async () => {
    const me = await listener({ token: viewer.token })
    for (const [name, given] of [
      ['subscribeQueue', {}],
      ['subscribeQueue', { queue: "'; drop table trunkline.job; --" }],
      ['subscribeQueue', { queue: 'alpha', more: 1 }],
      ['subscribeJob', { jobId: 5 }],
      ['subscribeJob', { jobId: '0x10' }],
      ['subscribeJob', 'text'],
      ['subscribeJob', null],
      ['subscribeLogs', { jobId: '1', after: '-1' }],
      ['subscribeList', { filter: { __proto__: { x: 1 }, constructor: 1 } }],
      ['subscribeList', { filter: [] }],
      ['subscribeQueue', [[[[[[]]]]]]],
    ] as const) {
      expect(await me.ask(name, given), `${name} ${JSON.stringify(given)}`).toMatchObject({ ok: false, error: { code: 'invalid_request' } })
    }
    me.socket.emit('subscribeQueue')
    me.socket.emit('nonsense', { a: 1 })
    for (let i = 0; i < 200; i++) await me.ask('subscribeQueue', { queue: `q${i}` })
    expect(await me.ask('subscribeQueue', { queue: 'one.more' })).toMatchObject({ ok: false, error: { code: 'too_many_subscriptions' } })
    expect(scene.events.filter((e) => e.type === 'request_failed')).toEqual([])
    // a message beyond 64 kB ends the connection of its sender only
    me.socket.emit('subscribeQueue', { queue: 'x'.repeat(100_000) })
    await until(() => !me.socket.connected)
    const other = await listener({ token: viewer.token })
    expect(await other.ask('subscribeOverview')).toMatchObject({ ok: true })
  })
})
