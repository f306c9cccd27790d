import { createServer, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, describe, expect, expectTypeOf, test } from 'vitest'
import { until } from '../../../test/support/database.ts'
import { serverScene } from '../../../test/support/server-scene.ts'
import { defineTask } from '../../engine/src/index.ts'
import { ApiError, createClient, type WatchedJob } from './index.ts'

const scene = await serverScene()
const address = await scene.server.start()
const trunkline = await scene.db.connect()
const operator = await scene.user('operator', { rights: ['payload.read'] })
const admin = await scene.user('admin')
const walk = defineTask('client.walk', {
  async run({ input, log }: { input: { fail?: boolean; steps: number }; log: any }) {
    log.setTotal(input.steps, 'steps')
    for (let i = 0; i < input.steps; i++) {
      log.incrementProgress()
      log.info(`step ${i}`)
      await new Promise((resolve) => setTimeout(resolve, 60))
    }
    if (input.fail) throw new Error('stumbled')
    return { walked: input.steps }
  },
})
const worker = await trunkline.work([walk], { pollMs: 20 })
const client = createClient({ baseUrl: address, token: operator.token })

/** The same server behind something that lets requests through and no socket. */
const narrow = createServer((request, response) => {
  if (request.url?.startsWith('/socket.io')) {
    response.writeHead(502).end()
    return
  }
  const { hostname, port } = new URL(address)
  const onward = httpRequest({ hostname, port, path: request.url, method: request.method, headers: request.headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 500, answer.headers)
    answer.pipe(response)
  })
  onward.on('error', () => response.destroy())
  request.pipe(onward)
})
narrow.on('upgrade', (_request, socket) => socket.destroy())
await new Promise<void>((resolve) => narrow.listen(0, '127.0.0.1', resolve))

afterAll(async () => {
  client.close()
  await worker.stop()
  narrow.closeAllConnections()
  await new Promise((resolve) => narrow.close(resolve))
})

interface Watched {
  changes: WatchedJob[]
  ends: WatchedJob[]
  errors: ApiError[]
  stop: () => void
}

function watch(of: typeof client, jobId: string, pollInterval = 100): Watched {
  const watched: Watched = { changes: [], ends: [], errors: [], stop: () => {} }
  watched.stop = of.watchJob(jobId, {
    pollInterval,
    onChange: (job) => watched.changes.push(job),
    onEnd: (job) => watched.ends.push(job),
    onError: (error) => watched.errors.push(error),
  })
  return watched
}

describe('requests', () => {
  test('make, read, list, change and delete jobs; answers have the types of the contract', async () => {
    const later = await client.jobs.enqueue({ task: 'client.walk', payload: { steps: 1 }, delayMs: 3_600_000, tags: ['client'] })
    expectTypeOf(later.state).toEqualTypeOf<'pending' | 'running' | 'completed' | 'failed' | 'cancelled' | 'blocked'>()
    expect(later).toMatchObject({ state: 'pending', reason: 'scheduled', made: 'new', tags: ['client'] })
    expect(await client.jobs.update(later.id, { priority: 7 })).toMatchObject({ priority: 7 })
    expect((await client.jobs.why(later.id)).sentence).toMatch(/asked for/)
    expect((await client.jobs.list({ tags: ['client'], state: 'pending' })).data.map((j) => j.id)).toEqual([later.id])
    expect(await client.jobs.cancel(later.id)).toMatchObject({ answer: 'cancelled' })
    expect(await client.jobs.bulk.retry({ jobIds: [later.id], dryRun: true })).toMatchObject({ dryRun: true, total: 1 })
    await expect(client.jobs.delete(later.id)).rejects.toMatchObject({ status: 403, code: 'forbidden' })
    await createClient({ baseUrl: address, token: admin.token }).jobs.delete(later.id)
    await expect(client.jobs.get(later.id)).rejects.toMatchObject({ status: 404, code: 'job_not_found', requestId: expect.any(String) })
    const key = { idempotencyKey: 'once' }
    const first = await client.jobs.enqueue({ task: 'client.walk', payload: { steps: 1 } }, key)
    expect(await client.jobs.enqueue({ task: 'client.walk', payload: { steps: 1 } }, key)).toMatchObject({ id: first.id })
    const bulk = { jobIds: [first.id, later.id] }
    const [done, again] = [await client.jobs.bulk.cancel(bulk, key), await client.jobs.bulk.cancel(bulk, key)]
    expect(again).toEqual(done)
    await expect(client.jobs.bulk.cancel({ jobIds: ['1'] }, key)).rejects.toMatchObject({ code: 'idempotency_conflict' })
    expect((await client.queues.list()).data.map((q) => q.queue)).toContain('default')
    expect((await client.workers.list()).data.map((w) => w.id)).toContain(String(worker.id))
    expect((await client.tasks.list()).data.map((t) => t.task)).toContain('client.walk')
    expect(await client.auth.me()).toMatchObject({ role: 'operator' })
  })

  test('that are refused say which field, by a code, with the next step', async () => {
    const error = await client.jobs.enqueue({ task: 'client.wlak', priority: 1000 } as never).catch((e) => e)
    expect(error).toBeInstanceOf(ApiError)
    expect(error).toMatchObject({ status: 400, code: 'invalid_request', errors: [{ field: 'priority' }] })
    await expect(client.jobs.enqueue({ task: 'client.wlak' })).rejects.toMatchObject({
      code: 'unknown_task',
      message: expect.stringContaining('client.walk'),
    })
    await expect(createClient({ baseUrl: address }).jobs.stats()).rejects.toMatchObject({ status: 401 })
    await expect(createClient({ baseUrl: 'http://127.0.0.1:1' }).jobs.stats()).rejects.toMatchObject({ status: 0, code: 'network' })
    const stopped = AbortSignal.abort()
    await expect(client.jobs.get('1', { signal: stopped })).rejects.toMatchObject({ name: 'AbortError' })
  })

  test('a browser session needs no token: the cookie is kept by fetch, the CSRF value is fetched by itself', async () => {
    let cookie = ''
    const withCookies = async (url: any, init: any) => {
      const answer = await fetch(url, { ...init, headers: { ...init.headers, ...(cookie ? { cookie } : {}) } })
      cookie = answer.headers.get('set-cookie')?.split(';')[0] ?? cookie
      return answer
    }
    const page = createClient({ baseUrl: address, fetch: withCookies as typeof fetch })
    await page.auth.login({ email: operator.email, password: 'correct-horse-battery-9', session: true })
    expect(await page.jobs.enqueue({ task: 'client.walk', payload: { steps: 1 }, delayMs: 60_000 })).toMatchObject({ made: 'new' })
    await page.auth.logout()
    await expect(page.jobs.stats()).rejects.toMatchObject({ status: 401 })
  })
})

test('every route of the server has a call, and every call a route', async () => {
  const called: string[] = []
  const recorder = createClient({
    baseUrl: 'http://127.0.0.1:1',
    token: 'none',
    fetch: async (url, options) => {
      called.push(`${options?.method} ${new URL(String(url)).pathname.replace('/api/v1', '')}`)
      return Response.json({})
    },
  })
  const { live, watchJob, watchPgAgent, request, close, ...groups } = recorder
  // a body or options; where a path wants an id, it is one
  const given = Object.defineProperty({}, 'toString', { value: () => '1' })
  const callAll = async (group: object): Promise<void> => {
    for (const member of Object.values(group)) {
      if (typeof member === 'function') await member('1', given, given)
      else if (typeof member === 'object') await callAll(member)
    }
  }
  await callAll(groups)
  // a browser goes there itself; what lies at the root is for orchestrators; the façade is for clients of its own
  const elsewhere = ({ url, root }: { url: string; root?: boolean }) => root === true || url.startsWith('/auth/oidc/')
  const routes = scene.server.routes.filter((one) => !elsewhere(one)).map(({ method, url }) => `${method} ${url.replace(/:\w+/g, '1')}`)
  expect([...new Set(called)].toSorted()).toEqual([...new Set(routes)].toSorted())
})

describe('watching a job', () => {
  test('by socket: each state and progress, and its end once', async () => {
    const job = await client.jobs.enqueue({ task: 'client.walk', payload: { steps: 8 } })
    const watched = watch(client, job.id, 60_000)
    await until(() => watched.ends.length > 0)
    expect(watched.ends).toHaveLength(1)
    expect(watched.ends[0]).toMatchObject({ id: job.id, state: 'completed', maxAttempts: 5 })
    expect(watched.changes.some((j) => j.state === 'running' && (j.progress?.current ?? 0) > 0)).toBe(true)
    expect(client.live.state()).toEqual({ state: 'live' })
    // one that is over is told of at once, once
    const again = watch(client, job.id, 60_000)
    await until(() => again.ends.length > 0)
    expect(again.ends).toHaveLength(1)
  })

  test('by polling, where no socket gets through; it fails with its reason', async () => {
    const { port } = narrow.address() as AddressInfo
    const poor = createClient({ baseUrl: `http://127.0.0.1:${port}`, token: () => operator.token })
    const job = await poor.jobs.enqueue({ task: 'client.walk', payload: { steps: 5, fail: true }, maxAttempts: 1 })
    const watched = watch(poor, job.id)
    await until(() => watched.ends.length > 0)
    expect(watched.ends).toMatchObject([{ state: 'failed', reason: 'attempts_used', error: { message: 'stumbled' } }])
    expect(watched.changes.some((j) => j.state === 'running')).toBe(true)
    expect(poor.live.state().state).not.toBe('live')
    poor.close()
  })

  test('that is not there is an error, once; after stop nothing is called', async () => {
    const watched = watch(client, '999999999')
    await until(() => watched.errors.length > 0)
    expect(watched.errors).toMatchObject([{ code: 'job_not_found' }])
    const job = await client.jobs.enqueue({ task: 'client.walk', payload: { steps: 3 } })
    const stopped = watch(client, job.id)
    stopped.stop()
    await trunkline.job(job.id).result()
    expect([stopped.changes, stopped.ends, stopped.errors]).toEqual([[], [], []])
  })
})

test('a log is followed from its first line, each line once, whoever joins later', async () => {
  const job = await client.jobs.enqueue({ task: 'client.walk', payload: { steps: 10 } })
  const seen: string[] = []
  const one = client.live.subscribe(
    'Logs',
    { jobId: job.id, after: '0' },
    { onEvent: (_n, e) => seen.push(...e.lines.map((l: any) => l.message)) },
  )
  await until(() => seen.length > 2)
  const late: string[] = []
  const two = client.live.subscribe('Logs', { jobId: job.id }, { onEvent: (_n, e) => late.push(...e.lines.map((l: any) => l.message)) })
  await until(() => seen.includes('step 9'))
  expect(seen.filter((m) => m.startsWith('step'))).toEqual(Array.from({ length: 10 }, (_, i) => `step ${i}`))
  expect(new Set(late).size).toBe(late.length)
  one.stop()
  two.stop()
})
