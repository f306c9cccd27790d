import { isTrunklineError, type PgAgentListenAnswer, pgAgentNamespace, TrunklineError } from '@trunkline/contract'
import { sid } from '@trunkline/contract/http'
import type { Server, Socket } from 'socket.io'
import { z } from 'zod'
import type { Principal } from '../door/principal.ts'
import { explain } from '../door/problems.ts'
import type { Service } from '../service.ts'
import { admitKnown } from './admit.ts'
import { createPgAgentFeed, type PgAgentFeed } from './pgagent-feed.ts'
import { findFallen } from './standing.ts'

const asked = z.strictObject({ sid, after: z.string().max(64).optional() })
const clientIdOf = z.string().regex(/^[A-Za-z0-9_-]{8,64}$/)

/** Servers that one socket listens to. */
const mostServers = 50
const standingEveryMs = 2000
/** So long a client that is gone keeps its place. */
const heldMs = 120_000

/** Options of {@link createPgAgentNamespace}. */
export interface PgAgentNamespaceOptions {
  io: Server
  service: Service
  /** Who connects. @throws `unauthenticated` */
  identify: (socket: Socket) => Promise<Principal>
  onError: (error: Error) => void
}

/** The namespace `/pgagent`. */
export interface PgAgentNamespace {
  start(): void
  stop(): Promise<void>
}

interface Seat {
  principal: Principal
  /** By `sid`. */
  feeds: Map<string, PgAgentFeed>
  /** Where it surely was with each, and where it was told to be since: a broken connection is noticed late. */
  safe: Map<string, string>
  mark: Map<string, string>
  /** Subject and the id that the client chose; null where it chose none. */
  key: string | null
}

/** A client that may come back: to which servers it listened, and where it was with each. */
interface Held {
  places: Map<string, string>
  until: number
}

/** Makes the namespace: live status of pgAgent's jobs, one listener a server for all clients. */
export function createPgAgentNamespace({ io, service, identify, onError }: PgAgentNamespaceOptions): PgAgentNamespace {
  const { pgagent, database, identity } = service
  const namespace = io.of(pgAgentNamespace)
  const feeds = new Map<string, PgAgentFeed>()
  const seats = new Map<Socket, Seat>()
  const held = new Map<string, Held>()
  let timer: NodeJS.Timeout | undefined
  let stopped = false

  function feedOf(id: string): PgAgentFeed {
    let feed = feeds.get(id)
    if (!feed) {
      feed = createPgAgentFeed(id, pgagent, {
        onUpdate: (event) => namespace.to(id).emit('job_status_update', event),
        onState: (event) => namespace.to(id).emit('listener_state', event),
      })
      feeds.set(id, feed)
    }
    return feed
  }

  /** A listener lives as long as somebody listens, or may come back. */
  function endUnused(): void {
    const now = Date.now()
    for (const [key, { until }] of held) if (until < now) held.delete(key)
    const used = new Set([...seats.values()].flatMap((seat) => [...seat.feeds.keys()]))
    for (const { places } of held.values()) for (const id of places.keys()) used.add(id)
    for (const [id, feed] of feeds) {
      if (used.has(id)) continue
      feeds.delete(id)
      feed.stop().catch(onError)
    }
  }

  async function listen(socket: Socket, seat: Seat, given: z.output<typeof asked>): Promise<PgAgentListenAnswer> {
    await pgagent.find(seat.principal, given.sid)
    if (!seat.feeds.has(given.sid) && seat.feeds.size >= mostServers)
      throw new TrunklineError('too_many_subscriptions', { received: seat.feeds.size + 1, allowed: mostServers })
    const feed = feedOf(given.sid)
    const missed = given.after === undefined ? [] : feed.since(given.after)
    // in one go with the look at what was missed: nothing is told twice or not at all
    for (const event of missed ?? []) socket.emit('job_status_update', event)
    seat.feeds.set(given.sid, feed)
    seat.safe.set(given.sid, feed.seq())
    seat.mark.set(given.sid, feed.seq())
    void socket.join(given.sid)
    const seq = feed.seq()
    socket.emit('listener_state', feed.state())
    feed.start()
    return missed === null ? { ok: true, seq, gap: true } : { ok: true, seq }
  }

  function leave(socket: Socket, seat: Seat, id: string): void {
    seat.feeds.delete(id)
    void socket.leave(id)
    endUnused()
  }

  function answer(socket: Socket, work: (given: z.output<typeof asked>) => Promise<PgAgentListenAnswer>): (...received: unknown[]) => void {
    return (...received) => {
      const reply = received.findLast((part) => typeof part === 'function') as ((answer: PgAgentListenAnswer) => void) | undefined
      void read(received[0])
        .then(work)
        .catch((error): PgAgentListenAnswer => {
          const { problem, isFault } = explain(error, socket.id)
          if (isFault) onError(error as Error)
          return { ok: false, error: { code: problem.code, message: problem.detail ?? problem.title } }
        })
        .then((said) => reply?.(said))
    }
  }

  /** A client that comes back under its id gets what it listened to, and what it missed. */
  async function restore(socket: Socket, seat: Seat): Promise<string[]> {
    const { key } = seat
    if (key === null) return []
    // the connection that broke may not have been missed yet
    for (const [other, of] of [...seats]) if (other !== socket && of.key === key) other.disconnect(true)
    const was = held.get(key)
    held.delete(key)
    const restored: string[] = []
    for (const [id, after] of was?.places ?? []) {
      const answered = await listen(socket, seat, { sid: id, after }).catch(() => null)
      if (answered?.ok) restored.push(id)
    }
    return restored
  }

  function seatDown(socket: Socket): void {
    const principal = socket.data.principal as Principal
    const given = clientIdOf.safeParse((socket.handshake.auth as { clientId?: unknown }).clientId)
    const seat: Seat = {
      principal,
      feeds: new Map(),
      safe: new Map(),
      mark: new Map(),
      key: given.success ? `${principal.subject} ${given.data}` : null,
    }
    seats.set(socket, seat)
    // what was sent before the ping that is answered now has arrived
    const heard = () => {
      for (const [id, feed] of seat.feeds) {
        seat.safe.set(id, seat.mark.get(id) ?? '')
        seat.mark.set(id, feed.seq())
      }
    }
    socket.conn.on('heartbeat', heard)
    socket.on('disconnect', () => {
      socket.conn.off('heartbeat', heard)
      seats.delete(socket)
      const places = new Map([...seat.feeds.keys()].map((id) => [id, seat.safe.get(id) ?? '']))
      if (seat.key !== null && places.size > 0 && held.size < 10_000 && !stopped) held.set(seat.key, { places, until: Date.now() + heldMs })
      endUnused()
    })
    const begin = answer(socket, (given) => listen(socket, seat, given))
    const end = answer(socket, async (given) => {
      const seq = seat.feeds.get(given.sid)?.seq() ?? ''
      leave(socket, seat, given.sid)
      return { ok: true, seq }
    })
    socket.on('start_job_status_listener', begin)
    socket.on('stop_job_status_listener', end)
    restore(socket, seat)
      .then((restored) => socket.emit('connected', { restored, at: new Date().toISOString() }))
      .catch(onError)
  }

  /** Whose session, key or token is over is cut; whose scope has changed leaves the servers they may no longer see. */
  async function lookAtStanding(): Promise<void> {
    const all = [...seats]
    if (all.length === 0) return
    const fallen = await findFallen(
      database,
      all.map(([, seat]) => seat.principal),
    )
    for (const [socket, seat] of all) {
      if (fallen.over.has(seat.principal)) socket.disconnect(true)
      if (!fallen.changed.has(seat.principal)) continue
      identity.forget()
      try {
        seat.principal = await identify(socket)
      } catch (error) {
        if (!isTrunklineError(error, 'unauthenticated')) throw error
        socket.disconnect(true)
        continue
      }
      for (const id of [...seat.feeds.keys()]) await pgagent.find(seat.principal, id).catch(() => leave(socket, seat, id))
    }
  }

  admitKnown(namespace, identify, onError)
  namespace.on('connection', seatDown)

  return {
    start() {
      if (timer) return
      let busy = false
      timer = setInterval(async () => {
        if (busy) return
        busy = true
        await lookAtStanding().catch(onError)
        for (const feed of feeds.values()) await feed.check().catch(onError)
        endUnused()
        busy = false
      }, standingEveryMs)
      timer.unref()
    },
    async stop() {
      stopped = true
      clearInterval(timer)
      timer = undefined
      held.clear()
      await Promise.all([...feeds.values()].map((feed) => feed.stop()))
      feeds.clear()
    },
  }
}

/** @throws `invalid_request` */
async function read(given: unknown): Promise<z.output<typeof asked>> {
  const found = asked.safeParse(typeof given === 'function' ? {} : given)
  if (found.success) return found.data
  const [issue] = found.error.issues
  throw new TrunklineError('invalid_request', { field: issue?.path.join('.') || 'sid', problem: `is refused: ${issue?.message}` })
}
