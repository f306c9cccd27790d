import { isAtLeast, isTrunklineError, jobsNamespace, type SubscribeAnswer, TrunklineError } from '@trunkline/contract'
import { statement } from '@trunkline/engine/postgres'
import type { Server, Socket } from 'socket.io'
import { checkQueue } from '../door/may.ts'
import { type Principal, withinOf } from '../door/principal.ts'
import { explain } from '../door/problems.ts'
import { redactText } from '../door/redact.ts'
import type { Service } from '../service.ts'
import { admitKnown } from './admit.ts'
import { type Broadcast, createBroadcast, eventsOf, lineOf } from './broadcast.ts'
import { digest, type What } from './digest.ts'
import { createOutbox } from './outbox.ts'
import { type Room, type RoomKind, roomOf } from './room.ts'
import { findFallen } from './standing.ts'
import { type JobStanding, readStandings } from './states.ts'
import { type Subject, subscriptions } from './subscriptions.ts'

const notificationsStatement = statement(import.meta.url, 'fresh-notifications.sql')
const lastLineStatement = statement(import.meta.url, 'last-line.sql')

/** The namespace `/jobs`. */
export interface JobsNamespace {
  /** Seconds since everything of the change feed was told. */
  feedLagSeconds(): number
  start(): void
  stop(): Promise<void>
}

/** Options of {@link createJobsNamespace}. */
export interface JobsNamespaceOptions {
  io: Server
  service: Service
  /** Who connects. @throws `unauthenticated` */
  identify: (socket: Socket) => Promise<Principal>
  /** How the server itself is, for administrators. */
  system: () => Record<string, unknown>
  onError: (error: Error) => void
}

/** Subscriptions of one socket. */
const mostRooms = 200
const standingEveryMs = 2000
const replayed = { changes: 5000, jobs: 1000, lines: 5000 }

/** Whoever comes hears how a job stands: also that it is over. */
const now: ReadonlySet<What> = new Set(['ended'])

const kinds: Record<Subject, RoomKind> = {
  Queue: 'queue',
  Job: 'job',
  Logs: 'logs',
  Overview: 'overview',
  List: 'list',
  All: 'all',
  System: 'system',
}

interface Seat {
  principal: Principal
  /** By name; what was asked for, to ask again when the role has changed. */
  rooms: Map<string, { room: Room; subject: Subject; asked: any }>
}

/** Makes the namespace. */
export function createJobsNamespace({ io, service, identify, system, onError }: JobsNamespaceOptions): JobsNamespace {
  const { trunkline, database, identity } = service
  const namespace = io.of(jobsNamespace)
  const rooms = new Map<string, { room: Room; members: Set<Socket> }>()
  const seats = new Map<Socket, Seat>()
  /** Notifications that were told, with the time. */
  const told = new Map<string, number>()
  const size = (name: string) => rooms.get(name)?.members.size ?? 0
  const outbox = createOutbox({
    size,
    send: (name, { event, payload }) => void namespace.to(name).emit(event, payload),
  })
  const broadcast: Broadcast = createBroadcast({
    service,
    rooms: () => [...rooms.values()].map(({ room }) => room),
    size,
    outbox,
    system,
    onError,
  })
  let timer: NodeJS.Timeout | undefined
  let startedAt = 0

  function enter(socket: Socket, seat: Seat, subject: Subject, room: Room, asked: any): void {
    let there = rooms.get(room.name)
    if (!there) {
      there = { room, members: new Set() }
      rooms.set(room.name, there)
    }
    there.members.add(socket)
    seat.rooms.set(room.name, { room, subject, asked })
    void socket.join(room.name)
  }

  function leave(socket: Socket, seat: Seat, name: string): void {
    seat.rooms.delete(name)
    void socket.leave(name)
    const there = rooms.get(name)
    if (!there) return
    there.members.delete(socket)
    if (there.members.size > 0) return
    rooms.delete(name)
    const { kind, key } = there.room
    if (kind === 'logs' && ![...rooms.values()].some(({ room }) => room.kind === 'logs' && room.key === key)) broadcast.forgets(key)
  }

  /** The room that was asked for. @throws `forbidden`, `unknown_queue`, `job_not_found` where the caller has no view of it */
  async function find(principal: Principal, subject: Subject, asked: any): Promise<Room> {
    switch (subject) {
      case 'Queue':
        checkQueue(principal, asked.queue)
        return roomOf('queue', asked.queue, principal)
      case 'Job':
      case 'Logs':
        await trunkline.get(asked.jobId, { within: withinOf(principal) })
        return roomOf(kinds[subject], asked.jobId, principal)
      case 'List': {
        if (asked.filter.queue !== undefined) checkQueue(principal, asked.filter.queue)
        return roomOf('list', JSON.stringify(asked.filter), principal, asked.filter)
      }
      case 'All':
      case 'System':
        if (!isAtLeast(principal.role, 'admin')) {
          throw new TrunklineError('forbidden', { what: `subscribe${subject}`, needed: 'the role admin', received: principal.role })
        }
        return roomOf(kinds[subject], '', principal)
      case 'Overview':
        return roomOf('overview', '', principal)
    }
  }

  /** What one socket has missed, or how its job stands: sent to it alone. True where it is too much to be told. */
  async function catchUp(socket: Socket, subject: Subject, room: Room, asked: any): Promise<boolean> {
    if (subject === 'Logs') return await catchUpLog(socket, asked)
    const seq = await broadcast.seq()
    const tell = (job: JobStanding, what: ReadonlySet<What>) => {
      for (const event of eventsOf(job, what)) socket.emit(event, { ...job, seq, at: new Date().toISOString() })
    }
    if (subject === 'Job') {
      for (const job of (await readStandings(database, [asked.jobId])).values()) {
        if (room.admits(job)) tell(job, now)
      }
      return false
    }
    if (asked?.after === undefined || subject === 'System') return false
    const { changes } = await trunkline.changes({ after: asked.after, limit: replayed.changes })
    const found = digest(changes)
    if (changes.length === replayed.changes || found.bulks > 0 || found.jobs.size > replayed.jobs) return true
    for (const [id, job] of await readStandings(database, [...found.jobs.keys()])) {
      if (room.means(job) && room.admits(job)) tell(job, found.jobs.get(id) ?? now)
    }
    return false
  }

  async function catchUpLog(socket: Socket, { jobId, after }: { jobId: string; after?: string }): Promise<boolean> {
    let last = after
    let sent = 0
    while (last !== undefined && sent < replayed.lines) {
      const lines = (await trunkline.logs(jobId, { after: last, limit: 1000 })).map(lineOf)
      if (lines.length === 0) break
      socket.emit('jobLog', { jobId, lines, seq: await broadcast.seq(), at: new Date().toISOString() })
      last = lines.at(-1)?.no
      sent += lines.length
    }
    const gap = sent >= replayed.lines
    if (last === undefined || gap) last = (await database.run<{ no: string }>(lastLineStatement, [jobId]))[0]?.no
    broadcast.listens(jobId, last ?? '0')
    return gap
  }

  async function subscribe(socket: Socket, seat: Seat, subject: Subject, given: unknown): Promise<SubscribeAnswer> {
    const asked = read(subject, given)
    const room = await find(seat.principal, subject, asked)
    if (!seat.rooms.has(room.name) && seat.rooms.size >= mostRooms) {
      throw new TrunklineError('too_many_subscriptions', { received: seat.rooms.size + 1, allowed: mostRooms })
    }
    // entered first: what happens while it is told of the past is told as well
    enter(socket, seat, subject, room, asked)
    try {
      const seq = await broadcast.seq()
      const gap = await catchUp(socket, subject, room, asked)
      return gap ? { ok: true, seq, gap } : { ok: true, seq }
    } catch (error) {
      if (isTrunklineError(error, 'cursor_expired')) return { ok: true, seq: await broadcast.seq(), gap: true }
      leave(socket, seat, room.name)
      throw error
    }
  }

  async function unsubscribe(socket: Socket, seat: Seat, subject: Subject, given: unknown): Promise<SubscribeAnswer> {
    const { name } = roomFor(seat.principal, subject, read(subject, given))
    leave(socket, seat, name)
    return { ok: true, seq: await broadcast.seq() }
  }

  function answer(socket: Socket, work: (given: unknown) => Promise<SubscribeAnswer>): (...received: unknown[]) => void {
    return (...received) => {
      const reply = received.findLast((part) => typeof part === 'function') as ((answer: SubscribeAnswer) => void) | undefined
      const given = typeof received[0] === 'function' ? undefined : received[0]
      void work(given)
        .catch((error): SubscribeAnswer => {
          const { problem, isFault } = explain(error, socket.id)
          if (isFault) onError(error as Error)
          return { ok: false, error: { code: problem.code, message: problem.detail ?? problem.title } }
        })
        .then((said) => reply?.(said))
    }
  }

  function seatDown(socket: Socket): void {
    const seat: Seat = { principal: socket.data.principal, rooms: new Map() }
    seats.set(socket, seat)
    if (seat.principal.accountId !== null) void socket.join(`user:${seat.principal.accountId}`)
    socket.on('disconnect', () => {
      for (const name of [...seat.rooms.keys()]) leave(socket, seat, name)
      seats.delete(socket)
    })
    for (const subject of Object.keys(subscriptions) as Subject[]) {
      socket.on(
        `subscribe${subject}`,
        answer(socket, (given) => subscribe(socket, seat, subject, given)),
      )
      socket.on(
        `unsubscribe${subject}`,
        answer(socket, (given) => unsubscribe(socket, seat, subject, given)),
      )
    }
    broadcast
      .seq()
      .then((seq) => socket.emit('connected', { seq, at: new Date().toISOString() }))
      .catch(onError)
  }

  /** Whose session, key or token is over is cut; whose role or scope has changed is asked again, and leaves what it may no longer hear. */
  async function lookAtStanding(): Promise<void> {
    const all = [...seats]
    if (all.length === 0) return
    const { over, changed } = await findFallen(
      database,
      all.map(([, seat]) => seat.principal),
    )
    if (over.size + changed.size === 0) return
    identity.forget()
    for (const [socket, seat] of all) {
      if (over.has(seat.principal)) socket.disconnect(true)
      if (!changed.has(seat.principal)) continue
      try {
        seat.principal = await identify(socket)
      } catch (error) {
        if (!isTrunklineError(error, 'unauthenticated')) throw error
        socket.disconnect(true)
        continue
      }
      for (const [name, { subject, asked }] of [...seat.rooms]) {
        const room = await find(seat.principal, subject, asked).catch(() => null)
        if (room?.name === name) continue
        leave(socket, seat, name)
        if (room) enter(socket, seat, subject, room, asked)
      }
    }
  }

  /** Each user hears of what came into their inbox while they are connected; what came before is in the inbox. */
  async function lookAtInboxes(): Promise<void> {
    const accounts = [...new Set([...seats.values()].flatMap(({ principal }) => principal.accountId ?? []))]
    if (accounts.length === 0) return
    for (const { id, account_id, job_id, created_at, message, kind, title } of await database.run(notificationsStatement, [accounts])) {
      if (told.has(id) || created_at.getTime() < startedAt) continue
      told.set(id, Date.now())
      const payload = { id, kind, title, message: redactText(message), jobId: job_id, createdAt: created_at.toISOString() }
      namespace.to(`user:${account_id}`).emit('notification', { ...payload, seq: await broadcast.seq(), at: new Date().toISOString() })
    }
    for (const [id, at] of told) if (at < Date.now() - 60_000) told.delete(id)
  }

  admitKnown(namespace, identify, onError)
  namespace.on('connection', seatDown)

  return {
    feedLagSeconds: () => broadcast.lagSeconds(),
    start() {
      if (timer) return
      broadcast.start()
      startedAt = Date.now() - 5000
      let busy = false
      timer = setInterval(async () => {
        if (busy) return
        busy = true
        await lookAtStanding().catch(onError)
        await lookAtInboxes().catch(onError)
        busy = false
      }, standingEveryMs)
      timer.unref()
    },
    async stop() {
      clearInterval(timer)
      timer = undefined
      outbox.stop()
      await broadcast.stop()
    },
  }
}

/** The room that was asked for, without a look at rights: to leave it. */
function roomFor(principal: Principal, subject: Subject, asked: any): Room {
  const key = subject === 'Queue' ? asked.queue : subject === 'List' ? JSON.stringify(asked.filter) : (asked?.jobId ?? '')
  return roomOf(kinds[subject], key, principal, asked?.filter)
}

/** @throws `invalid_request` */
function read(subject: Subject, given: unknown): any {
  const found = subscriptions[subject].safeParse(given ?? (subject === 'Queue' || subject === 'Job' || subject === 'Logs' ? {} : undefined))
  if (found.success) return found.data ?? {}
  const [issue] = found.error.issues
  throw new TrunklineError('invalid_request', {
    field: issue?.path.join('.') || `subscribe${subject}`,
    problem: `is refused: ${issue?.message}`,
  })
}
