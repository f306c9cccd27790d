import { randomUUID } from 'node:crypto'
import { Validator } from '@seriousme/openapi-schema-validator'
import { isAtLeast, type Role, roles } from '@trunkline/contract'
import { defineTask, type Trunkline } from '@trunkline/engine'
import { installSchema } from '@trunkline/pgagent'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Caller, serverScene } from '../../../../test/support/server-scene.ts'
import { addAccount } from '../door/accounts.ts'
import { addApiKey } from '../door/api-keys.ts'
import { register } from '../register.ts'
import type { Route } from '../route.ts'

// every route × every role × own and foreign object, made from the route table itself: a route that has no row here fails

const scene = await serverScene()
const { db, server } = scene
const { database } = server.service
const task = (name: string, queue: string) => defineTask(name, { queue, run: () => null })
const mine = { queue: 'mine', task: 'mine.run' }
const theirs = { queue: 'theirs', task: 'theirs.run' }
type Side = typeof mine

/** What a row may use: fresh objects on one side. */
interface World {
  side: Side
  /** A job that waits for tomorrow. */
  waiting(): Promise<string>
  /** A flow, made by a stranger. */
  flow(): Promise<string>
  /** A job that was cancelled. */
  ended(): Promise<string>
}

interface Request {
  url: string
  body?: unknown
}

const inAnHour = { delay: '1h' }

function worldOf(at: Trunkline, side: Side): World {
  const waiting = async () => (await at.enqueue(side.task, { n: 1 }, inAnHour)).id
  return {
    side,
    waiting,
    flow: async () => (await at.flows.add({ jobs: [{ task: side.task, delay: '1h' }] })).id,
    async ended() {
      const id = await waiting()
      await at.cancel(id)
      return id
    },
  }
}

const byId =
  (suffix = '', body?: unknown) =>
  async (w: World) => ({ url: `/jobs/${await w.waiting()}${suffix}`, ...(body ? { body } : {}) })
const plain = (url: string, body?: unknown) => async (): Promise<Request> => ({ url, ...(body === undefined ? {} : { body }) })
const fingerprint = 'abcdef0123456789'

async function failed(w: World): Promise<void> {
  const id = await w.ended()
  await db.rows(
    `update trunkline.outcome set status = 3, error = jsonb_build_object('message', 'x', 'fingerprint', $2::text) where id = $1`,
    [id, fingerprint],
  )
}

const daily = ({ side }: World) => ({ name: `${side.task} ${randomUUID()}`, task: side.task, cronExpression: '0 3 * * *' })
const schedule =
  (suffix = '', body?: unknown) =>
  async (w: World): Promise<Request> => ({
    url: `/jobs/schedules/${(await worker.schedules.create(daily(w))).id}${suffix}`,
    ...(body ? { body } : {}),
  })
const template = async (w: World) => {
  const { name, task: of } = daily(w)
  return (await worker.templates.create({ name, task: of })).id
}
const range = { from: '2020-01-01T00:00:00Z', to: '2020-01-02T00:00:00Z' }

const user = async (): Promise<string> => {
  const email = `${randomUUID()}@example.com`
  return (await addAccount(database, { email, password: null, role: 'viewer' })).id
}
const key = async (): Promise<string> => (await addApiKey(database, { name: 'k', accountId: await user(), role: 'viewer' })).prefix

const way = () => {
  const { hostname, port, username, password } = new URL(db.url)
  return { host: hostname, port: Number(port), database: db.name, user: username, password: decodeURIComponent(password) || 'none' }
}
const newServer = ({ side }: World) => ({ sid: `${side.queue}-${randomUUID()}`, name: side.queue, connection: way() })
/** A registered server; `mine-…` lies within the scope. */
const pgServer =
  (suffix = '', body?: unknown) =>
  async (w: World): Promise<Request> => {
    const { body: made } = await (people.get('owner') as Caller)('POST', '/pgagent/servers', newServer(w))
    return { url: `/pgagent/servers/${made.sid}${suffix}`, ...(body ? { body } : {}) }
  }

/** A job on a registered server; `held` by an agent that is gone, `running`, or free. */
const pgJob =
  (suffix: (ids: { job: number; step: number; run: number }) => string, body?: unknown, state: 'free' | 'held' | 'running' = 'free') =>
  async (w: World): Promise<Request> => {
    const { url } = await pgServer()(w)
    const [{ job, step, run }] = await db.rows(
      `with j as (insert into pgagent.pga_job(jobjclid, jobname) values (1, 'nightly') returning jobid),
        s as (insert into pgagent.pga_jobstep(jstjobid, jstname, jstkind, jstcode, jstdbname) select jobid, 's', 's', 'select 1', 'x' from j returning jstid)
      select jobid job, jstid step, nextval('pgagent.pga_joblog_jlgid_seq')::int run from j, s`,
    )
    await db.rows(`insert into pgagent.pga_joblog(jlgid, jlgjobid, jlgstatus) values ($1, $2, $3)`, [
      run,
      job,
      state === 'running' ? 'r' : 's',
    ])
    if (state === 'held') {
      await db.rows(`insert into pgagent.pga_jobagent(jagpid, jagstation) values (1, 'gone') on conflict do nothing`)
      await db.rows(`update pgagent.pga_job set jobagentid = 1 where jobid = $1`, [job])
    }
    return { url: url + suffix({ job, step, run }), ...(body ? { body } : {}) }
  }
const pgSteps = { name: 'n', steps: [{ name: 's', kind: 'batch', code: 'true' }] }

const rows: Record<string, (w: World) => Promise<Request>> = {
  'POST /auth/login': plain('/auth/login', { email: 'nobody@example.com', password: 'x' }),
  'POST /auth/logout': plain('/auth/logout'),
  'POST /auth/password': plain('/auth/password', { current: 'wrong', next: 'correct-horse-battery-10' }),
  'GET /auth/me': plain('/auth/me'),
  'GET /auth/oidc/start': plain('/auth/oidc/start'),
  'GET /auth/oidc/callback': plain('/auth/oidc/callback'),
  'POST /jobs': async ({ side }) => ({ url: '/jobs', body: { task: side.task, delayMs: 3_600_000 } }),
  'GET /jobs': plain('/jobs'),
  'GET /jobs/search': plain('/jobs/search?q=state:pending'),
  'GET /jobs/stats': plain('/jobs/stats'),
  'GET /jobs/events': plain('/jobs/events?after=0'),
  'GET /jobs/:id': byId(),
  'GET /jobs/:id/status': byId('/status'),
  'GET /jobs/:id/logs': byId('/logs'),
  'GET /jobs/:id/timeline': byId('/timeline'),
  'GET /jobs/:id/steps': byId('/steps'),
  'GET /jobs/:id/why': byId('/why'),
  'POST /jobs/:id/retry': async (w) => ({ url: `/jobs/${await w.ended()}/retry` }),
  'POST /jobs/:id/cancel': byId('/cancel'),
  'POST /jobs/:id/rerun': async (w) => ({ url: `/jobs/${await w.ended()}/rerun` }),
  'POST /jobs/:id/promote': byId('/promote'),
  'PATCH /jobs/:id': byId('', { priority: 3 }),
  'DELETE /jobs/:id': byId(),
  'POST /jobs/bulk/retry': async (w) => ({ url: '/jobs/bulk/retry', body: { jobIds: [await w.ended()] } }),
  'POST /jobs/bulk/cancel': async (w) => ({ url: '/jobs/bulk/cancel', body: { jobIds: [await w.waiting()] } }),
  'POST /jobs/bulk/rerun': async (w) => ({ url: '/jobs/bulk/rerun', body: { jobIds: [await w.ended()] } }),
  'POST /jobs/bulk/update': async (w) => ({ url: '/jobs/bulk/update', body: { jobIds: [await w.waiting()], changes: { priority: 1 } } }),
  'POST /jobs/bulk/delete': async (w) => ({ url: '/jobs/bulk/delete', body: { jobIds: [await w.waiting()] } }),
  'POST /jobs/bulk/undo': async (w) => {
    const { bulkId } = await worker.bulk('update', { ids: [await w.waiting()] }, { changes: { priority: 3 }, undoable: true })
    return { url: '/jobs/bulk/undo', body: { bulkId } }
  },
  'GET /jobs/bulk/:id/results': async (w) => {
    const id = await w.waiting()
    await db.rows(`insert into trunkline.bulk_run(job_id, verb, ids) values ($1, 'cancel', '{1}')`, [id])
    return { url: `/jobs/bulk/${id}/results` }
  },
  'POST /jobs/flows': async (w) => ({
    url: '/jobs/flows',
    body: {
      jobs: [
        { name: 'a', task: w.side.task },
        { task: w.side.task, dependsOn: ['a'] },
      ],
    },
  }),
  'GET /jobs/flows': plain('/jobs/flows'),
  'GET /jobs/flows/:id': async (w) => ({ url: `/jobs/flows/${await w.flow()}` }),
  'POST /jobs/flows/:id/cancel': async (w) => ({ url: `/jobs/flows/${await w.flow()}/cancel` }),
  'POST /jobs/flows/:id/retry': async (w) => ({ url: `/jobs/flows/${await w.flow()}/retry` }),
  'GET /jobs/schedules': plain('/jobs/schedules?limit=500'),
  'POST /jobs/schedules': async (w) => ({ url: '/jobs/schedules', body: daily(w) }),
  'POST /jobs/schedules/preview': plain('/jobs/schedules/preview', { cronExpression: '0 3 * * *' }),
  'GET /jobs/schedules/calendar': plain('/jobs/schedules/calendar?from=2030-01-01T00:00:00Z&to=2030-01-08T00:00:00Z'),
  'GET /jobs/schedules/:id': schedule(),
  'PUT /jobs/schedules/:id': async (w) => ({ ...(await schedule()(w)), body: daily(w) }),
  'DELETE /jobs/schedules/:id': schedule(),
  'POST /jobs/schedules/:id/run': schedule('/run'),
  'POST /jobs/schedules/:id/pause': schedule('/pause', { forMs: 1 }),
  'POST /jobs/schedules/:id/resume': schedule('/resume'),
  'POST /jobs/schedules/:id/skip': schedule('/skip'),
  'POST /jobs/schedules/:id/clone': async (w) => ({ ...(await schedule('/clone')(w)), body: { name: daily(w).name } }),
  'POST /jobs/schedules/:id/backfill': schedule('/backfill', range),
  'GET /jobs/schedules/:id/runs': schedule('/runs'),
  'GET /jobs/templates': plain('/jobs/templates?limit=500'),
  'POST /jobs/templates': async (w) => ({ url: '/jobs/templates', body: { name: daily(w).name, task: w.side.task } }),
  'GET /jobs/templates/:id': async (w) => ({ url: `/jobs/templates/${await template(w)}` }),
  'PUT /jobs/templates/:id': async (w) => ({
    url: `/jobs/templates/${await template(w)}`,
    body: { name: daily(w).name, task: w.side.task },
  }),
  'DELETE /jobs/templates/:id': async (w) => ({ url: `/jobs/templates/${await template(w)}` }),
  'GET /jobs/errors': plain('/jobs/errors'),
  'PATCH /jobs/errors/:fingerprint': async (w) => {
    await failed(w)
    return { url: `/jobs/errors/${fingerprint}`, body: { state: 'ongoing' } }
  },
  'POST /jobs/errors/:fingerprint/retry': async (w) => {
    await failed(w)
    return { url: `/jobs/errors/${fingerprint}/retry` }
  },
  'GET /jobs/notifications': plain('/jobs/notifications'),
  'POST /jobs/notifications/:id/read': plain(`/jobs/notifications/${randomUUID()}/read`),
  'POST /jobs/notifications/read-all': plain('/jobs/notifications/read-all'),
  'PUT /jobs/notifications/preferences': plain('/jobs/notifications/preferences', { jobs: 'failed' }),
  'GET /backups': plain('/backups'),
  'POST /backups': plain('/backups', {}),
  'GET /backups/:filename/comparison': plain('/backups/a.dump/comparison?database=restored'),
  'POST /backups/:filename/verify': plain('/backups/a.dump/verify'),
  'POST /backups/:filename/restore': plain('/backups/a.dump/restore', { database: 'restored' }),
  'DELETE /backups/:filename': plain('/backups/a.dump'),
  'GET /queues': plain('/queues'),
  'GET /queues/:queue': async ({ side }) => ({ url: `/queues/${side.queue}` }),
  'POST /queues/:queue/pause': async ({ side }) => ({ url: `/queues/${side.queue}/pause`, body: { forMs: 1 } }),
  'PUT /queues/:queue/thresholds': async ({ side }) => ({ url: `/queues/${side.queue}/thresholds`, body: { waiting: { warning: 1000 } } }),
  'POST /queues/:queue/resume': async ({ side }) => ({ url: `/queues/${side.queue}/resume` }),
  'GET /queues/:queue/limits': async ({ side }) => ({ url: `/queues/${side.queue}/limits` }),
  'PUT /queues/:queue/limits': async ({ side }) => ({ url: `/queues/${side.queue}/limits`, body: { concurrencyPerKey: null } }),
  'GET /workers': plain('/workers'),
  'POST /workers/start': plain('/workers/start', {}),
  'POST /workers/:id/stop': plain('/workers/999999/stop'),
  'POST /workers/cleanup': plain('/workers/cleanup', {}),
  'GET /retention': plain('/retention'),
  'PUT /retention': plain('/retention', { failedMs: false, tasks: { 'theirs.run': { completedMs: 31_536_000_000 } } }),
  'DELETE /retention': plain('/retention'),
  'POST /retention/preview': plain('/retention/preview', { completedMs: 86_400_000 }),
  'GET /tasks': plain('/tasks'),
  'GET /tasks/:task': async ({ side }) => ({ url: `/tasks/${side.task}` }),
  'GET /users': plain('/users'),
  'POST /users': async () => ({ url: '/users', body: { email: `${randomUUID()}@example.com`, role: 'viewer' } }),
  'GET /users/:id': async () => ({ url: `/users/${await user()}` }),
  'PATCH /users/:id': async () => ({ url: `/users/${await user()}`, body: { name: 'Anna' } }),
  'DELETE /users/:id': async () => ({ url: `/users/${await user()}` }),
  'GET /api-keys': plain('/api-keys'),
  'POST /api-keys': plain('/api-keys', { name: 'mine' }),
  'DELETE /api-keys/:id': async () => ({ url: `/api-keys/${await key()}` }),
  'GET /pgagent/servers': async (w) => {
    await pgServer()(w)
    return { url: '/pgagent/servers' }
  },
  'POST /pgagent/servers': async (w) => ({ url: '/pgagent/servers', body: newServer(w) }),
  'GET /pgagent/servers/:sid': pgServer(),
  'PATCH /pgagent/servers/:sid': pgServer('', { name: 'new' }),
  'DELETE /pgagent/servers/:sid': pgServer(),
  'POST /pgagent/servers/:sid/test': pgServer('/test'),
  'POST /pgagent/servers/:sid/install': pgServer('/install', { watch: false }),
  'GET /pgagent/servers/:sid/classes': pgServer('/classes'),
  'POST /pgagent/servers/:sid/preview': pgServer('/preview', { schedules: [{ name: 'daily', calendar: { hours: [3], minutes: [0] } }] }),
  'POST /pgagent/servers/:sid/check-sql': pgServer('/check-sql', { sql: 'select 1; vacuum' }),
  'GET /pgagent/servers/:sid/jobs': pgServer('/jobs'),
  'POST /pgagent/servers/:sid/jobs': pgServer('/jobs', { name: 'n' }),
  'GET /pgagent/servers/:sid/jobs/:jobId': pgJob(({ job }) => `/jobs/${job}`),
  'PUT /pgagent/servers/:sid/jobs/:jobId': pgJob(({ job }) => `/jobs/${job}`, pgSteps),
  'DELETE /pgagent/servers/:sid/jobs/:jobId': pgJob(({ job }) => `/jobs/${job}`),
  'POST /pgagent/servers/:sid/jobs/:jobId/clone': pgJob(({ job }) => `/jobs/${job}/clone`, { name: 'c' }),
  'POST /pgagent/servers/:sid/jobs/:jobId/enable': pgJob(({ job }) => `/jobs/${job}/enable`),
  'POST /pgagent/servers/:sid/jobs/:jobId/disable': pgJob(({ job }) => `/jobs/${job}/disable`),
  'POST /pgagent/servers/:sid/jobs/:jobId/run': pgJob(({ job }) => `/jobs/${job}/run`),
  'POST /pgagent/servers/:sid/jobs/:jobId/release': pgJob(({ job }) => `/jobs/${job}/release`, undefined, 'held'),
  'POST /pgagent/servers/:sid/jobs/:jobId/steps/:stepId/run': pgJob(({ job, step }) => `/jobs/${job}/steps/${step}/run`),
  'GET /pgagent/servers/:sid/jobs/:jobId/next': pgJob(({ job }) => `/jobs/${job}/next`),
  'GET /pgagent/servers/:sid/jobs/:jobId/sql': pgJob(({ job }) => `/jobs/${job}/sql`),
  'GET /pgagent/servers/:sid/jobs/:jobId/rehearsal': pgJob(({ job }) => `/jobs/${job}/rehearsal`),
  // of the server of the settings alone; what comes of it there: pgagent/jobs.test.ts
  'POST /pgagent/servers/:sid/jobs/:jobId/import': pgJob(({ job }) => `/jobs/${job}/import`),
  'POST /pgagent/servers/:sid/jobs/:jobId/import/undo': pgJob(({ job }) => `/jobs/${job}/import/undo`),
  'GET /pgagent/servers/:sid/jobs/:jobId/runs': pgJob(({ job }) => `/jobs/${job}/runs`),
  'DELETE /pgagent/servers/:sid/jobs/:jobId/runs': pgJob(({ job }) => `/jobs/${job}/runs`),
  'GET /pgagent/servers/:sid/runs': pgServer('/runs'),
  'GET /pgagent/servers/:sid/runs/:runId': pgJob(({ run }) => `/runs/${run}`),
  'POST /pgagent/servers/:sid/runs/:runId/cancel': pgJob(({ run }) => `/runs/${run}/cancel`, undefined, 'running'),
  'GET /audit': plain('/audit'),
  'GET /audit/verify': plain('/audit/verify'),
  'GET /system': plain('/system'),
  'GET /healthz': plain('/healthz'),
  'GET /readyz': plain('/readyz'),
  'GET /metrics': plain('/metrics'),
  'POST /api/erp/backups/create': plain('/api/erp/backups/create', {}),
  'GET /api/erp/jobs': plain('/api/erp/jobs'),
  'GET /api/erp/jobs/stats': plain('/api/erp/jobs/stats'),
  'GET /api/erp/jobs/notifications': plain('/api/erp/jobs/notifications'),
  'POST /api/erp/jobs/notifications/:id/read': plain(`/api/erp/jobs/notifications/${randomUUID()}/read`),
  'GET /api/erp/jobs/:id': async (w) => ({ url: `/api/erp/jobs/${await w.waiting()}` }),
  'GET /api/erp/jobs/:id/status': async (w) => ({ url: `/api/erp/jobs/${await w.waiting()}/status` }),
}

/** What a call with a sufficient role answers where that is no success: the row says nothing that could succeed. */
const otherwise: Record<string, number> = {
  'POST /auth/login': 401,
  'POST /auth/password': 401,
  'GET /auth/oidc/start': 404,
  'GET /auth/oidc/callback': 404,
  'POST /jobs/notifications/:id/read': 404,
  'POST /api/erp/jobs/notifications/:id/read': 404,
  'POST /pgagent/servers/:sid/jobs/:jobId/import': 409,
  'POST /pgagent/servers/:sid/jobs/:jobId/import/undo': 409,
  'POST /workers/start': 409,
  'POST /workers/:id/stop': 404,
}

/** One's own keys only, unless administrator. */
const exceptions: Record<string, (role: Role) => number | undefined> = {
  'DELETE /api-keys/:id': (role) => (isAtLeast(role, 'admin') ? undefined : 404),
}

const keyOf = ({ method, url }: Route) => `${method} ${url}`
const people = new Map<Role, Caller>()
const scoped = new Map<Role, Caller>()
const worker = await db.connect()
const own = worldOf(worker, mine)
const foreign = worldOf(worker, theirs)

beforeAll(async () => {
  await installSchema(database)
  await worker.work([
    task(mine.task, mine.queue),
    task(theirs.task, theirs.queue),
    task('backup_create', 'mine'),
    task('backup_verify', 'mine'),
    task('backup_restore', 'mine'),
    task('backup_delete', 'mine'),
  ])
  for (const role of roles) {
    people.set(role, await scene.user(role, { rights: ['steps.sql', 'steps.shell'] }))
    scoped.set(
      role,
      await scene.user(role, {
        scopes: { queues: [mine.queue], tasks: ['mine.*', 'backup_*'], servers: ['mine-*'] },
        rights: ['steps.sql', 'steps.shell'],
      }),
    )
  }
})

const unscopedOnly = new Set([
  'GET /jobs/events',
  'GET /audit',
  'GET /audit/verify',
  'PUT /retention',
  'DELETE /retention',
  'POST /retention/preview',
])

describe.each(server.routes.map((route) => [keyOf(route), route] as const))('%s', (name, route) => {
  const { access } = route
  const row = rows[name] as (w: World) => Promise<Request>

  async function ask(caller: Caller, world: World) {
    const { url, body } = await row(world)
    return await caller(route.method, url, body)
  }

  test('without credentials', async () => {
    const { status } = await ask(scene.anybody, own)
    const open = access.role === 'anyone' || access.role === 'local'
    if (open) expect(status).toBe(otherwise[name] ?? 200)
    else expect(status).toBe(401)
  })

  test.each(roles)('as %s', async (role) => {
    // a logout ends the token: everybody brings their own
    const caller = name === 'POST /auth/logout' ? await scene.user(role) : (people.get(role) as Caller)
    const { status, body } = await ask(caller, foreign)
    const needed = access.role === 'anyone' || access.role === 'local' || access.role === 'signed-in' ? 'viewer' : access.role
    if (!isAtLeast(role, needed)) expect({ status, code: body.code }).toEqual({ status: 403, code: 'forbidden' })
    else {
      const special = exceptions[name]?.(role) ?? otherwise[name]
      if (special) expect(status, JSON.stringify(body)).toBe(special)
      else expect(status, JSON.stringify(body)).toBeLessThan(300)
    }
  })

  test('with a scope: own objects as without, foreign ones are not there', async () => {
    const role = access.role === 'anyone' || access.role === 'local' || access.role === 'signed-in' ? 'viewer' : access.role
    const caller = name === 'POST /auth/logout' ? await scene.user(role) : (scoped.get(role) as Caller)
    const here = await ask(caller, own)
    const wanted = unscopedOnly.has(name) ? 403 : (exceptions[name]?.(role) ?? otherwise[name])
    // what is given away may be no more than one has
    const reach = /users/.test(name) && route.method !== 'GET' ? 403 : wanted
    if (reach) expect(here.status, JSON.stringify(here.body)).toBe(reach)
    else expect(here.status, JSON.stringify(here.body)).toBeLessThan(300)

    if (['job', 'queue', 'task', 'server'].includes(access.object) && !/backups/.test(name)) {
      const there = await ask(caller, foreign)
      expect(there.status, JSON.stringify(there.body)).toBe(404)
    }
    if (['jobs', 'queues', 'tasks', 'servers'].includes(access.object)) {
      const there = await ask(caller, foreign)
      if (route.method === 'GET') expect(there.text).not.toContain('theirs')
      else if (name.includes('/errors/')) expect([200, 404]).toContain(there.status)
      else expect(there.body).toMatchObject({ accepted: 0, skipped: 1, results: [{ ok: false, code: 'job_not_found' }] })
    }
  })
})

test('every route has a row here, and every row its route', () => {
  expect(server.routes.map(keyOf).sort()).toEqual(Object.keys(rows).sort())
})

test('the OpenAPI document is valid, and names exactly the routes that are exercised here', async () => {
  const { body } = await scene.anybody('GET', '/api/docs/json')
  expect(body.openapi).toMatch(/^3\.1\./)
  expect(await new Validator().validate(structuredClone(body))).toMatchObject({ valid: true })
  const named = Object.entries<object>(body.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
  const served = server.routes.map(({ method, url, root }) => `${method} ${(root ? url : `/api/v1${url}`).replace(/:(\w+)/g, '{$1}')}`)
  expect(named.sort()).toEqual(served.sort())
})

test('a route that does not say who may call it does not register', () => {
  const registrar = { service: server.service, limits: {} as never, refused: async () => {} }
  const bare = { method: 'GET', url: '/open', summary: 'x', tag: 'x', answers: {}, run: async () => ({}) }
  expect(() => register(server.app, registrar, bare as never)).toThrow('does not say who may call it')
  const nameless = { ...bare, method: 'POST', access: { role: 'viewer', object: 'none' } }
  expect(() => register(server.app, registrar, nameless as never)).toThrow('has no name for the audit')
})
