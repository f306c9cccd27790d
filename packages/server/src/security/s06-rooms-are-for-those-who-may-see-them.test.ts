import { expect, test } from 'vitest'
import { until } from '../../../../test/support/database.ts'
import { serverScene } from '../../../../test/support/server-scene.ts'
import { socketListeners } from '../../../../test/support/socket-listener.ts'
import { defineTask } from '../../../engine/src/index.ts'

const scene = await serverScene()
const { db, server } = scene
const listener = socketListeners(await server.start())
const trunkline = await db.connect()
const work = defineTask('work', { run: ({ input }) => (input.fail ? Promise.reject(new Error('no')) : undefined) })
await trunkline.work([work], { queues: ['a', 'b'], pollMs: 20 })
const scopes = { queues: ['a'], tasks: null, servers: null }

test('of ten thousand jobs in another queue, whoever may see one queue only hears nothing, in any room', async () => {
  const scoped = await scene.user('viewer', { scopes })
  const me = await listener({ token: scoped.token })
  const all = await listener({ token: (await scene.user('admin')).token })
  for (const room of ['subscribeAll', 'subscribeSystem']) {
    expect(await me.ask(room)).toMatchObject({ ok: false, error: { code: 'forbidden' } })
  }
  const foreign = await trunkline.enqueue(work, {}, { queue: 'b', delay: '1h' })
  for (const room of ['subscribeJob', 'subscribeLogs']) {
    expect(await me.ask(room, { jobId: foreign.id })).toMatchObject({ ok: false, error: { code: 'job_not_found' } })
  }
  expect(await me.ask('subscribeQueue', { queue: 'b' })).toMatchObject({ ok: false, error: { code: 'unknown_queue' } })
  expect(await me.ask('subscribeList', { filter: {} })).toMatchObject({ ok: true })
  expect(await me.ask('subscribeOverview')).toMatchObject({ ok: true })
  // whatever a client calls a room, rooms have names that the server makes
  expect(await me.ask('subscribeQueue', { queue: 'all:@*' })).toMatchObject({ ok: false })
  await all.ask('subscribeAll')
  for (let i = 0; i < 10; i++) {
    await trunkline.enqueueMany(
      work,
      Array.from({ length: 1000 }, () => ({})),
      { queue: 'b' },
    )
  }
  await trunkline.enqueue(work, { fail: true }, { queue: 'b', maxAttempts: 1 })
  await until(async () => (await trunkline.queues()).find((q) => q.queue === 'b')?.due === 0, 'the end of the load', 60_000)
  await until(() => all.of('queueStats').some((e) => e.queue === 'b' && e.completed >= 10_000), 'an administrator to hear of it', 20_000)
  const own = await trunkline.enqueue(work, {}, { queue: 'a' })
  await until(() => me.of('jobCompleted', own.id).length === 1, 'one’s own job')
  expect(me.heard.filter(([, e]) => e.queue === 'b' || e.jobId === foreign.id)).toEqual([])
}, 120_000)

test('a scope that was narrowed is felt within five seconds, and so is a token that is worth nothing any more', async () => {
  const scoped = await scene.user('viewer', { scopes })
  const me = await listener({ token: scoped.token })
  await me.ask('subscribeList', { filter: {} })
  await me.ask('subscribeOverview')
  await db.rows(`update trunkline.account set scopes = '{"queues":["nothing"]}' where email = $1`, [scoped.email])
  const silent = async () => {
    const { id } = await trunkline.enqueue(work, {}, { queue: 'a', delay: '1h' })
    // nothing tells that something will not come: several times as long as a room may take
    await new Promise((resolve) => setTimeout(resolve, 300))
    return !me.heard.some(([, e]) => e.jobId === id)
  }
  await until(silent, 'what is no longer theirs to be silent', 5000)
  const count = me.heard.length
  await (await trunkline.enqueue(work, {}, { queue: 'a' })).result()
  expect(me.heard.slice(count).filter(([, e]) => e.queue === 'a')).toEqual([])
  await db.rows(`update trunkline.account set generation = generation + 1 where email = $1`, [scoped.email])
  await until(() => !me.socket.connected, 'the socket to be cut', 5000)
}, 30_000)
