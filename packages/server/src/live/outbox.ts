/** One event on its way to a room. */
export interface Outgoing {
  event: string
  payload: Record<string, unknown>
}

/** What goes to each room, gathered for a moment: of several events of one kind about one thing only the last is sent. */
export interface Outbox {
  /**
   * @param about what the event is about within its kind; a later one takes its place
   */
  put(room: string, about: string, outgoing: Outgoing): void
  /** Rooms that were promised more than fits since they were last asked. */
  overflown(): string[]
  stop(): void
}

/** Options of {@link createOutbox}. */
export interface OutboxOptions {
  /** Members of a room; the more there are, the rarer it is sent to. */
  size: (room: string) => number
  send: (room: string, outgoing: Outgoing) => void
}

/** A room hears at most so often: 20 times a second … */
const leastMs = 50
/** … and larger ones more seldom: a thousand members twice a second, ten thousand every two seconds. */
const msForEachMember = 0.2
/** Events in one sending at the most; what is beyond is told by `queueStats` with `bulk`. */
const mostAtOnce = 200

/** Makes an {@link Outbox}. */
export function createOutbox({ size, send }: OutboxOptions): Outbox {
  const waiting = new Map<string, Map<string, Outgoing>>()
  const sentAt = new Map<string, number>()
  const timers = new Map<string, NodeJS.Timeout>()
  let over = new Set<string>()

  function flush(room: string): void {
    timers.delete(room)
    const parcel = waiting.get(room)
    waiting.delete(room)
    if (!parcel) return
    sentAt.set(room, performance.now())
    if (sentAt.size > 50_000) sentAt.clear()
    for (const outgoing of parcel.values()) send(room, outgoing)
  }

  return {
    put(room, about, outgoing) {
      const members = size(room)
      if (members === 0) return
      let parcel = waiting.get(room)
      if (!parcel) {
        parcel = new Map()
        waiting.set(room, parcel)
      }
      const key = `${outgoing.event} ${about}`
      // at the end: what came last is sent last
      parcel.delete(key)
      if (parcel.size >= mostAtOnce) over.add(room)
      else parcel.set(key, outgoing)
      if (timers.has(room)) return
      const pause = Math.max(leastMs, members * msForEachMember)
      const due = (sentAt.get(room) ?? Number.NEGATIVE_INFINITY) + pause
      timers.set(room, setTimeout(flush, Math.max(0, due - performance.now()), room))
    },
    overflown() {
      const rooms = [...over]
      over = new Set()
      return rooms
    },
    stop() {
      for (const timer of timers.values()) clearTimeout(timer)
      timers.clear()
      waiting.clear()
    },
  }
}
