import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import cookie from '@fastify/cookie'
import helmet from '@fastify/helmet'
import { TrunklineError } from '@trunkline/contract'
import { Trunkline } from '@trunkline/engine'
import { type DatabaseOptions, openDatabase } from '@trunkline/engine/postgres'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { createSerializerCompiler, validatorCompiler } from 'fastify-type-provider-zod'
import { addConsoleFiles } from './console/files.ts'
import { addLogin } from './console/login.ts'
import { addDocs } from './docs.ts'
import { createRefusals } from './door/audit.ts'
import { followConnections } from './door/connections.ts'
import { createIdentity, type Identity } from './door/identity.ts'
import { createIssuers } from './door/issuers.ts'
import { readJsonBody } from './door/json-body.ts'
import { createLimiter } from './door/limits.ts'
import { explain } from './door/problems.ts'
import { secretOf } from './door/secret.ts'
import { createSigningKeys } from './door/signing-keys.ts'
import { createSockets, type Sockets } from './live/sockets.ts'
import { createMetrics } from './metrics.ts'
import { createPgAgentServers, type DefaultPgAgent } from './pgagent/servers.ts'
import { apiPrefix } from './prefix.ts'
import { checkQuery, readQuery } from './query.ts'
import { register } from './register.ts'
import type { Route } from './route.ts'
import { apiKeyRoutes } from './routes/api-keys.ts'
import { auditRoutes } from './routes/audit.ts'
import { authRoutes } from './routes/auth.ts'
import { backupRoutes } from './routes/backups.ts'
import { bulkRoutes } from './routes/bulk.ts'
import { erpRoutes } from './routes/erp.ts'
import { failureRoutes } from './routes/failures.ts'
import { flowRoutes } from './routes/flows.ts'
import { jobRoutes } from './routes/jobs.ts'
import { notificationRoutes } from './routes/notifications.ts'
import { oidcRoutes } from './routes/oidc.ts'
import { pgAgentJobRoutes } from './routes/pgagent-jobs.ts'
import { pgAgentServerRoutes } from './routes/pgagent-servers.ts'
import { queueRoutes } from './routes/queues.ts'
import { retentionRoutes } from './routes/retention.ts'
import { scheduleRoutes } from './routes/schedules.ts'
import { searchRoutes } from './routes/search.ts'
import { systemRoutes } from './routes/system.ts'
import { templateRoutes } from './routes/templates.ts'
import { userRoutes } from './routes/users.ts'
import { workerRoutes } from './routes/workers.ts'
import { createSchemas } from './schemas.ts'
import type { CompareBackup, ListBackups, Service } from './service.ts'
import type { ServerSettings } from './settings.ts'

/** Something that happened to the server. */
export type ServerEvent =
  | { type: 'database_error'; where: 'api'; error: Error }
  | { type: 'request_failed'; requestId: string; route: string; error: Error }

/** Options of {@link createServer}. */
export interface ServerOptions {
  /** Where the queue is. The server opens connections of its own, which give up sooner than those of workers. */
  database: DatabaseOptions
  settings: ServerSettings
  /** Where the secret lies that seals signing keys, unless the settings have one. */
  dataDir: string
  version: string
  allowUnsafe?: boolean
  /** How finished backups are listed. Without it the routes of backups say that they are not configured. */
  backups?: ListBackups
  /** How a backup is compared with a database. Without it the route for it says that it is not configured. */
  compareBackup?: CompareBackup
  /** The schema `pgagent` of the settings: the server `default`. Without it there is none. */
  pgagent?: DefaultPgAgent
  /** Where the built console lies. Without it there is no page at /admin/jobs. */
  consoleDir?: string
  onEvent?: (event: ServerEvent) => void
}

/** The HTTP service. */
export interface Server {
  /** For tests, and for what is attached to the same listener (sockets). */
  readonly app: FastifyInstance
  readonly service: Service
  readonly sockets: Sockets
  /** All rows of the route table. */
  readonly routes: readonly Route[]
  /** Listens; resolves with the address. @throws `port_taken` */
  start(): Promise<string>
  /** Answers what is under way, for five seconds at the most, then closes. Twice or unstarted is fine. */
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

// a database that is away is told within 3 s: the first connection or answer that does not come ends the call
const connectTimeoutMs = 2500
const queryTimeoutMs = 2500
const poolSize = 10
const bodyLimit = 1024 * 1024
const longestUrl = 8192
/** Whoever has had no answer by then gets none when the server stops. */
const graceMs = 5000

const contentSecurity = {
  'default-src': ["'self'"],
  'script-src': ["'self'"],
  'style-src': ["'self'"],
  'img-src': ["'self'", 'data:'],
  'connect-src': ["'self'"],
  'object-src': ["'none'"],
  'frame-ancestors': ["'none'"],
  'base-uri': ["'none'"],
  'form-action': ["'self'"],
}

function newApp(settings: ServerSettings, onEvent: (event: ServerEvent) => void): FastifyInstance {
  const { tls, basePath, trustedProxies } = settings
  const app = Fastify({
    bodyLimit,
    routerOptions: { maxParamLength: 256, querystringParser: readQuery },
    requestTimeout: 30_000,
    keepAliveTimeout: 72_000,
    // an id that a caller chose could be anything
    requestIdHeader: false,
    genReqId: () => randomUUID(),
    trustProxy: trustedProxies.length > 0 ? trustedProxies : false,
    exposeHeadRoutes: false,
    // an address that cannot be read reaches no route
    frameworkErrors: (error: unknown, request: FastifyRequest, reply: FastifyReply) =>
      answerError(error, request, reply, settings.erpPrefix, onEvent),
    return503OnClosing: true,
    forceCloseConnections: 'idle',
    ...(basePath ? { rewriteUrl: (request: { url?: string }) => withoutBase(request.url ?? '/', basePath) } : {}),
    ...(tls ? { https: { cert: readTls(tls.cert, 'tls.cert'), key: readTls(tls.key, 'tls.key'), minVersion: 'TLSv1.2' as const } } : {}),
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
  } as object) as unknown as FastifyInstance
  return app
}

function withoutBase(url: string, base: string): string {
  return url === base ? '/' : url.startsWith(`${base}/`) ? url.slice(base.length) : url
}

function readTls(file: string, field: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    throw new TrunklineError('invalid_setting', {
      field: `server.${field}`,
      where: 'the settings',
      received: (error as Error).message,
      allowed: 'a PEM file that can be read',
    })
  }
}

/** The names that a route knows in its body or its query. */
function namesOf(declared: Route | undefined, place: string): string[] {
  const schema = place === 'body' ? declared?.body : place === 'query' ? declared?.query : undefined
  return Object.keys((schema as { shape?: object } | undefined)?.shape ?? {})
}

/** Whatever was thrown, as a problem; in the façade as its clients know it. */
function answerError(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  erpPrefix: string,
  onEvent: (event: ServerEvent) => void,
): FastifyReply {
  const { problem, retryAfter, isFault } = explain(error, request.id, (place) => namesOf(request.routeOptions.config?.route, place))
  if (isFault)
    onEvent({ type: 'request_failed', requestId: request.id, route: request.routeOptions.url ?? 'no route', error: error as Error })
  if (retryAfter !== null) reply.header('retry-after', String(retryAfter))
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer')
  const isErp = request.url.startsWith(`${erpPrefix}/`)
  return reply
    .status(problem.status)
    .type(isErp ? 'application/json' : 'application/problem+json')
    .serializer((body: unknown) => JSON.stringify(body))
    .send(isErp ? { success: false, error: problem.detail, code: problem.code } : problem)
}

/** Body parser, errors, headers: what holds for every answer, also of routes that are not there. */
function addManners(app: FastifyInstance, erpPrefix: string, onEvent: (event: ServerEvent) => void): void {
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(createSerializerCompiler())
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'string', bodyLimit }, (_request, body, done) => {
    try {
      done(null, readJsonBody(body as string))
    } catch (error) {
      done(error as Error)
    }
  })
  app.decorateRequest('principal', null)
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id)
    if (request.url.startsWith('/api')) reply.header('cache-control', 'no-store')
    checkQuery(request.query)
    if (request.url.length > longestUrl)
      throw new TrunklineError('invalid_request', { field: 'url', problem: `is longer than ${longestUrl} characters` })
  })
  app.setErrorHandler((error, request, reply) => answerError(error, request, reply, erpPrefix, onEvent))
}

/** What answers where no route is: 405 with the methods that are there, else 404. */
function addNotFound(app: FastifyInstance, routes: readonly Route[]): void {
  const patterns = routes.map(({ method, url, root }) => {
    const path = (root ? url : apiPrefix + url)
      .split('/')
      .map((part) => (part.startsWith(':') ? '[^/]+' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')))
    return { method, pattern: new RegExp(`^${path.join('/')}/?$`) }
  })
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0] ?? ''
    const there = patterns.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method)
    if (there.length > 0) {
      reply.header('allow', there.join(', '))
      throw new TrunklineError('method_not_allowed', { received: request.method, allowed: there.join(', ') })
    }
    throw new TrunklineError('route_not_found', { received: `${request.method} ${path.slice(0, 100)}` })
  })
}

async function openService(options: ServerOptions, onError: (error: Error) => void): Promise<Service> {
  const { settings, dataDir, version } = options
  const connection = { ...options.database, connectTimeoutMs, queryTimeoutMs, poolSize, applicationName: 'trunkline server', onError }
  const trunkline = await Trunkline.connect({ ...connection, allowUnsafe: options.allowUnsafe ?? false })
  const database = openDatabase(connection)
  const secret = secretOf(settings.secret, dataDir)
  const hour = 3_600_000
  const keys = createSigningKeys(database, secret, {
    issuer: 'trunkline',
    audience: 'trunkline',
    lifetimeMs: settings.auth.tokenHours * hour,
  })
  const identity: Identity = createIdentity(database, {
    keys,
    issuers: createIssuers(settings.auth.issuers),
    sessionMs: settings.auth.sessionHours * hour,
  })
  return {
    trunkline,
    database,
    identity,
    keys,
    secret,
    schemas: createSchemas(trunkline),
    metrics: createMetrics(trunkline, database),
    backups: options.backups ?? null,
    compareBackup: options.compareBackup ?? null,
    pgagent: createPgAgentServers(database, secret, options.pgagent ?? null),
    settings,
    version,
    startedAt: new Date(),
  }
}

/**
 * Makes the HTTP service: connects to the database, registers every route. It listens with `start`.
 * @throws what `Trunkline.connect` throws, `invalid_setting`
 */
export async function createServer(options: ServerOptions): Promise<Server> {
  const { settings, onEvent = () => {} } = options
  if (settings.auth.oidc && !settings.publicUrl) {
    throw new TrunklineError('invalid_setting', {
      field: 'server.publicUrl',
      where: 'the settings',
      received: 'not set',
      allowed: 'the URL at which browsers reach this server, because server.auth.oidc is set',
    })
  }
  const onError = (error: Error) => onEvent({ type: 'database_error', where: 'api', error })
  const app = newApp(settings, onEvent)
  const service = await openService(options, onError)
  const minute = 60_000
  const { requestsPerMinute, loginsPerMinute, bulkPerMinute } = settings.limits
  const registrar = {
    service,
    limits: {
      all: createLimiter({ what: 'calls', most: requestsPerMinute, windowMs: minute }),
      login: createLimiter({ what: 'logins', most: loginsPerMinute, windowMs: minute }),
      bulk: createLimiter({ what: 'bulk calls', most: bulkPerMinute, windowMs: minute }),
    },
    refused: createRefusals(service.database, onError),
  }
  const routes = [
    ...authRoutes(service),
    ...oidcRoutes(service),
    ...jobRoutes(service),
    ...flowRoutes(service),
    ...bulkRoutes(service),
    ...failureRoutes(service),
    ...notificationRoutes(service),
    ...backupRoutes(service),
    ...erpRoutes(service),
    ...searchRoutes(service),
    ...scheduleRoutes(service),
    ...templateRoutes(service),
    ...queueRoutes(service),
    ...workerRoutes(service),
    ...retentionRoutes(service),
    ...userRoutes(service),
    ...apiKeyRoutes(service),
    ...auditRoutes(service),
    ...systemRoutes(service),
    ...pgAgentServerRoutes(service),
    ...pgAgentJobRoutes(service),
  ]
  addManners(app, settings.erpPrefix, onEvent)
  await app.register(cookie)
  await app.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives: contentSecurity },
    frameguard: { action: 'deny' },
    referrerPolicy: { policy: 'no-referrer' },
    strictTransportSecurity: settings.tls || settings.publicUrl?.startsWith('https:') ? { maxAge: 31_536_000 } : false,
  })
  app.addHook('onResponse', async (request, reply) => {
    service.metrics.answered(request.routeOptions.url ?? 'none', reply.statusCode, reply.elapsedTime / 1000)
  })
  await addDocs(app, service)
  for (const declared of routes) register(app, registrar, declared)
  addLogin(app, registrar)
  if (options.consoleDir) addConsoleFiles(app, settings, { folder: options.consoleDir, version: options.version })
  addNotFound(app, routes)
  await app.ready()
  const connections = followConnections(app.server)
  const sockets = createSockets(service, app.server, onError)
  service.metrics.watch(sockets)

  let stopping: Promise<void> | undefined
  const stopOnce = async () => {
    await sockets.stop()
    connections.end(graceMs)
    await app.close()
    await service.pgagent.close()
    await service.trunkline.close()
    await service.database.close()
  }
  const stop = () => {
    stopping ??= stopOnce()
    return stopping
  }
  return {
    app,
    service,
    sockets,
    routes,
    async start() {
      const { host, port } = settings
      try {
        await app.listen({ host, port })
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error
        throw new TrunklineError('port_taken', { received: port, where: host, advice: port + 1 })
      }
      sockets.start()
      const address = app.server.address()
      const bound = typeof address === 'object' && address ? address.port : port
      const shown = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host
      return `${settings.tls ? 'https' : 'http'}://${shown}:${bound}${settings.basePath}`
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
