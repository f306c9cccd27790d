import type { Server as HttpServer, IncomingMessage } from 'node:http'
import { TrunklineError } from '@trunkline/contract'
import { type Socket, Server as SocketServer } from 'socket.io'
import type { Principal } from '../door/principal.ts'
import { sessionCookie } from '../routes/auth.ts'
import type { Service } from '../service.ts'
import { createJobsNamespace } from './jobs-namespace.ts'
import { OneWriteAdapter } from './one-write-adapter.ts'
import { createPgAgentNamespace } from './pgagent-namespace.ts'
import { createSystemFigures } from './system-figures.ts'

/** The socket side of a server. */
export interface Sockets {
  readonly io: SocketServer
  /** Connected now. */
  count(): number
  /** Cut because they did not read. */
  cut(): number
  /** Seconds since everything of the change feed was told. */
  feedLagSeconds(): number
  start(): void
  stop(): Promise<void>
}

/** What a client that does not read may hold up in our memory. */
const mostBuffered = 1024 * 1024
/** Every socket is looked at so often, a tenth of them at a time: to look at ten thousand at once would hold up all of them. */
const lookAtReadersMs = 500
const lookParts = 10
/** Refused handshakes of one address in a minute, before more of them are refused unread. */
const mostRefusals = 20

/** Does a page of this origin belong to us? No origin: no browser. */
function allowed(service: Service, request: IncomingMessage): boolean {
  const { origin, host } = request.headers
  if (origin === undefined) return true
  if (service.settings.allowedOrigins.includes(origin)) return true
  try {
    const given = new URL(origin)
    const own = service.settings.publicUrl ? new URL(service.settings.publicUrl) : null
    return given.host === host || given.origin === own?.origin
  } catch {
    return false
  }
}

function cookieOf(request: IncomingMessage): string | undefined {
  const pairs = request.headers.cookie?.split(';') ?? []
  return pairs
    .map((pair) => pair.trim())
    .find((pair) => pair.startsWith(`${sessionCookie}=`))
    ?.slice(sessionCookie.length + 1)
}

/** Bytes that wait for a socket: in its connection, and in the queue before it. */
function waitingFor({ conn }: Socket): number {
  const { transport, writeBuffer } = conn as unknown as {
    transport: { socket?: { bufferedAmount?: number } }
    writeBuffer: { data?: { length?: number } }[]
  }
  return writeBuffer.reduce((sum, { data }) => sum + (data?.length ?? 0), transport.socket?.bufferedAmount ?? 0)
}

/** Attaches Socket.IO to the listener of the HTTP server. It works once `start` is called. */
export function createSockets(service: Service, server: HttpServer, onError: (error: Error) => void): Sockets {
  const refusals = new Map<string, { n: number; since: number }>()
  let cut = 0
  let timer: NodeJS.Timeout | undefined
  const addressOf = (request: IncomingMessage) => request.socket.remoteAddress ?? ''

  function refusedTooOften(address: string): boolean {
    const found = refusals.get(address)
    if (!found || Date.now() - found.since > 60_000) return false
    return found.n >= mostRefusals
  }

  function noteRefusal(address: string): void {
    const found = refusals.get(address)
    if (refusals.size > 10_000) refusals.clear()
    if (!found || Date.now() - found.since > 60_000) refusals.set(address, { n: 1, since: Date.now() })
    else found.n++
  }

  /** Engine.IO answers a WebSocket that it does not let in as a bad request; a forbidden one says so. */
  function refuse(request: IncomingMessage, why: string, decide: (why: string, success: boolean) => void): void {
    if (request.headers.upgrade)
      request.socket.end(`HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: ${why.length}\r\n\r\n${why}`)
    decide(why, false)
  }

  const io = new SocketServer(server, {
    path: `${service.settings.basePath}/socket.io`,
    serveClient: false,
    maxHttpBufferSize: 64 * 1024,
    perMessageDeflate: false,
    httpCompression: false,
    connectTimeout: 10_000,
    pingInterval: 25_000,
    pingTimeout: 20_000,
    adapter: OneWriteAdapter as never,
    allowRequest: (request, decide) => {
      if (!allowed(service, request)) return refuse(request, 'this origin is not allowed', decide)
      if (refusedTooOften(addressOf(request))) return refuse(request, 'too many refused connections; try again in a minute', decide)
      decide(null, true)
    },
  })
  // 15 kB a socket that nobody needs after the handshake; what is needed of it was taken
  io.engine.on('connection', (raw) => {
    raw.request = {
      headers: { cookie: raw.request.headers.cookie, origin: raw.request.headers.origin },
      socket: { remoteAddress: raw.request.socket.remoteAddress },
      connection: {},
      _query: raw.request._query,
    }
  })

  async function identify(socket: Socket): Promise<Principal> {
    const { token } = socket.handshake.auth as { token?: unknown }
    try {
      if (token !== undefined) {
        if (typeof token !== 'string') throw new TrunklineError('unauthenticated', { problem: 'auth.token is no text' })
        return await service.identity.ofBearer(token)
      }
      const cookie = cookieOf(socket.request)
      // a cookie comes along whoever wrote the page: it counts only where the browser says which page that is
      if (cookie !== undefined && socket.request.headers.origin !== undefined) return await service.identity.ofSession(cookie)
      throw new TrunklineError('unauthenticated', { problem: 'neither auth.token nor the session cookie of an allowed page came along' })
    } catch (error) {
      noteRefusal(socket.handshake.address)
      throw error
    }
  }

  function* connected(): Generator<Socket, undefined> {
    for (const name of ['/jobs', '/pgagent']) yield* io.of(name).sockets.values()
  }
  let readers = connected()

  /** Who stops reading is cut: what waits for it is our memory. */
  function lookAtReaders(): void {
    const all = io.of('/jobs').sockets.size + io.of('/pgagent').sockets.size
    for (let left = Math.ceil(all / lookParts); left > 0; left--) {
      const socket = readers.next().value
      if (!socket) {
        readers = connected()
        return
      }
      if (waitingFor(socket) <= mostBuffered) continue
      cut++
      socket.conn.close(true)
    }
  }

  const system = createSystemFigures()
  const jobs = createJobsNamespace({
    io,
    service,
    identify,
    system: () => ({ ...system(), sockets: io.engine.clientsCount, cutSockets: cut }),
    onError,
  })
  const pgagent = createPgAgentNamespace({ io, service, identify, onError })
  return {
    io,
    count: () => io.engine.clientsCount,
    cut: () => cut,
    feedLagSeconds: jobs.feedLagSeconds,
    start() {
      if (timer) return
      jobs.start()
      pgagent.start()
      timer = setInterval(lookAtReaders, lookAtReadersMs / lookParts)
      timer.unref()
    },
    async stop() {
      clearInterval(timer)
      timer = undefined
      await jobs.stop()
      await pgagent.stop()
      io.of('/jobs').disconnectSockets(true)
      io.of('/pgagent').disconnectSockets(true)
      // the listener itself is closed by its owner
      io.engine.close()
    },
  }
}
