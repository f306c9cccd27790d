import {
  type JobEvent,
  type JobLogEvent,
  type JobsServerEvents,
  jobEventNames,
  jobsNamespace,
  type SubscribeAnswer,
} from '@trunkline/contract'
import type { Socket } from 'socket.io-client'
import type { Http } from './http.ts'
import { openSocket } from './open-socket.ts'

/** What one can subscribe to, and what each takes. */
export interface Subscriptions {
  Queue: { queue: string }
  Job: { jobId: string }
  Logs: { jobId: string; after?: string }
  Overview: undefined
  List: { filter: { queue?: string; task?: string; tags?: readonly string[] } }
  All: undefined
  System: undefined
}

/** Whether events come: `live`; `connecting`; or `refused`, and why. */
export type LiveState =
  | { state: 'live' }
  | { state: 'connecting' }
  | { state: 'refused'; code: string; message: string }
  | { state: 'closed' }

/** A subscription; ends with `stop`. */
export interface Subscription {
  stop(): void
}

/** What a subscriber hears. */
export interface Listener {
  onEvent?: (name: keyof JobsServerEvents, event: any) => void
  /** From now on nothing is missed. What was read before may be older than the first event: read it once more. */
  onBegin?: () => void
  /** Something was missed, or may have been: read everything again. Also called when a subscription begins anew after a break. */
  onGap?: () => void
  onRefused?: (error: { code: string; message: string }) => void
}

/** Realtime events over one socket, which is opened with the first subscription and closed with the last. */
export interface Live {
  subscribe<S extends keyof Subscriptions>(subject: S, asked: Subscriptions[S], listener: Listener): Subscription
  state(): LiveState
  /** Tells of changes of the state; returns what ends it. */
  onState(listener: (state: LiveState) => void): () => void
  /** Tells of what came into the caller's inbox, while a socket is open; returns what ends it. */
  onNotification(listener: (event: Record<string, unknown>) => void): () => void
  /** Opens the socket anew, as somebody who has logged in again. */
  reconnect(): void
  close(): void
}

interface Room {
  subject: keyof Subscriptions
  asked: any
  listeners: Set<Listener>
  /** Where it is in the feed, or of a log the last line. */
  after: string | null
  /** Has the server said that it is in? */
  isIn: boolean
}

/** Which events belong to a room. */
function belongs(room: Room, name: keyof JobsServerEvents, event: any): boolean {
  const aboutJob = (jobEventNames as readonly string[]).includes(name)
  switch (room.subject) {
    case 'Job':
      return aboutJob && event.jobId === room.asked.jobId
    case 'Logs':
      return name === 'jobLog' && event.jobId === room.asked.jobId
    case 'Queue':
      return (aboutJob || name === 'queueStats' || name === 'queueStateChange' || name === 'alert') && event.queue === room.asked.queue
    case 'List': {
      const { queue, task, tags = [] } = room.asked.filter
      if (name === 'queueStats') return event.bulk === true && (queue === undefined || queue === event.queue)
      const job = event as JobEvent
      if (!aboutJob) return false
      return (
        (queue === undefined || job.queue === queue) &&
        (task === undefined || job.task === task) &&
        tags.every((t: string) => job.tags?.includes(t))
      )
    }
    case 'Overview':
      return name === 'queueStats' || name === 'queueStateChange' || name === 'workerUpdate' || name === 'alert'
    case 'System':
      return name === 'systemStats' || name === 'workerUpdate' || name === 'alert'
    case 'All':
      return true
  }
}

/** Makes {@link Live}. */
export function createLive(http: Http): Live {
  const rooms = new Map<string, Room>()
  const watchers = new Set<(state: LiveState) => void>()
  const inbox = new Set<(event: Record<string, unknown>) => void>()
  let socket: Socket | null = null
  let state: LiveState = { state: 'closed' }

  function become(next: LiveState): void {
    state = next
    for (const watcher of [...watchers]) watcher(next)
  }

  function open(): Socket {
    const made = openSocket(http, jobsNamespace)
    made.on('connect', () => {
      become({ state: 'live' })
      for (const room of rooms.values()) ask(room, room.after !== null)
    })
    made.on('disconnect', (reason) => {
      if (reason === 'io client disconnect') return
      become({ state: 'connecting' })
      // the server has cut it (a role that was lost, a reader that was too slow): it comes back only when it is asked to
      if (reason === 'io server disconnect') setTimeout(() => socket === made && made.connect(), 1000)
    })
    made.on('connect_error', (error: Error & { data?: { code: string } }) => {
      if (!error.data) return become({ state: 'connecting' })
      become({ state: 'refused', code: error.data.code, message: error.message })
      // a token may have been renewed meanwhile
      setTimeout(() => socket === made && made.connect(), 5000)
    })
    made.onAny((name: keyof JobsServerEvents, event) => hear(name, event))
    return made
  }

  function hear(name: keyof JobsServerEvents, event: any): void {
    if (name === 'notification') for (const listener of [...inbox]) listener(event)
    for (const room of rooms.values()) {
      if (!belongs(room, name, event)) continue
      if (room.subject === 'Logs') {
        // told twice where two subscribed at different times: lines have numbers
        const fresh = (event as JobLogEvent).lines.filter((line) => room.after === null || BigInt(line.no) > BigInt(room.after))
        const last = fresh.at(-1)
        if (!last) continue
        room.after = last.no
        for (const listener of [...room.listeners]) listener.onEvent?.(name, { ...event, lines: fresh })
        continue
      }
      if (event.seq !== undefined) room.after = event.seq
      for (const listener of [...room.listeners]) listener.onEvent?.(name, event)
    }
  }

  function ask(room: Room, again: boolean): void {
    const { subject, asked } = room
    const after = room.after === null ? {} : { after: room.after }
    const given = subject === 'System' ? [] : [{ ...asked, ...after }]
    socket
      ?.timeout(10_000)
      .emitWithAck(`subscribe${subject}`, ...given)
      .then((answer: SubscribeAnswer) => {
        if (!answer.ok) {
          for (const listener of [...room.listeners]) listener.onRefused?.(answer.error)
          return
        }
        if (room.after === null && subject !== 'Logs') room.after = answer.seq
        const isNew = !room.isIn
        room.isIn = true
        if (isNew) for (const listener of [...room.listeners]) listener.onBegin?.()
        if (answer.gap || again) for (const listener of [...room.listeners]) if (answer.gap || subject !== 'Logs') listener.onGap?.()
      })
      .catch(() => {})
  }

  function join(key: string, subject: keyof Subscriptions, asked: any): Room {
    const found = rooms.get(key)
    if (found) return found
    const { after = null, ...rest } = asked ?? {}
    const room: Room = { subject, asked: asked === undefined ? undefined : rest, listeners: new Set(), after, isIn: false }
    rooms.set(key, room)
    if (socket === null) {
      become({ state: 'connecting' })
      socket = open()
    } else if (socket.connected) ask(room, false)
    return room
  }

  function part(key: string, room: Room): void {
    rooms.delete(key)
    if (socket?.connected) socket.emit(`unsubscribe${room.subject}`, ...(room.asked === undefined ? [] : [room.asked]))
    if (rooms.size > 0) return
    // a page that changes from one view to another keeps its socket
    setTimeout(() => {
      if (rooms.size === 0) close()
    }, 1000)
  }

  function close(): void {
    socket?.disconnect()
    socket = null
    rooms.clear()
    become({ state: 'closed' })
  }

  return {
    subscribe(subject, asked, listener) {
      const key = `${subject} ${JSON.stringify(asked ?? null)}`
      const shared = rooms.has(key)
      const room = join(key, subject, asked)
      room.listeners.add(listener)
      // who joins a room that is there gets how its job stands as well
      if (shared && socket?.connected && subject === 'Job') ask(room, false)
      if (room.isIn) queueMicrotask(() => room.listeners.has(listener) && listener.onBegin?.())
      let ended = false
      return {
        stop() {
          if (ended) return
          ended = true
          room.listeners.delete(listener)
          if (room.listeners.size === 0 && rooms.get(key) === room) part(key, room)
        },
      }
    },
    state: () => state,
    onState(listener) {
      watchers.add(listener)
      return () => void watchers.delete(listener)
    },
    onNotification(listener) {
      inbox.add(listener)
      return () => void inbox.delete(listener)
    },
    reconnect() {
      socket?.disconnect().connect()
    },
    close,
  }
}
