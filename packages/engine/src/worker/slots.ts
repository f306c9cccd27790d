/**
 * What runs in each slot, in memory that the heartbeat thread shares: it reports the ids really started, and sees a handler
 * that blocks the event loop, whatever this thread does. Per slot: when it started and when its grace ends (epoch ms; 0: never),
 * how many jobs it was given, and for each of them its id (0: ended) and lease. Behind the slots: when the main thread last said
 * that it lives, and the worker's number.
 */
export interface Slots {
  readonly memory: SharedArrayBuffer
  /** Marks a slot as taken by these jobs. `hardDeadline` is when even a blocked handler is given up. */
  enter(slot: number, jobs: readonly { id: number; leaseId: number }[], hardDeadline: number): void
  /** This job has ended, the others of its slot go on. */
  ended(slot: number, id: number): void
  /** This job has another lease. */
  moved(id: number, leaseId: number): void
  leave(slot: number): void
  /** Says that the main thread lives. */
  tick(): void
  setWorker(id: number): void
}

/** Numbers of a slot with room for `batch` jobs. */
export function slotLength(batch: number): number {
  return 3 + 2 * batch
}

/** Makes the slots of a worker with `count` slots, each for up to `batch` jobs. */
export function createSlots(count: number, batch: number): Slots {
  const length = slotLength(batch)
  const memory = new SharedArrayBuffer((count * length + 2) * 8)
  const view = new Float64Array(memory)
  const tickAt = count * length

  /** Where the id of a job stands in a slot; −1 when it is not there. */
  function find(slot: number, id: number): number {
    const first = slot * length + 3
    for (let at = first; at < first + 2 * (view[first - 1] as number); at += 2) if (view[at] === id) return at
    return -1
  }

  return {
    memory,
    enter(slot, jobs, hardDeadline) {
      const at = slot * length
      view[at] = Date.now()
      view[at + 1] = hardDeadline
      for (const [i, { id, leaseId }] of jobs.entries()) {
        view[at + 3 + 2 * i] = id
        view[at + 4 + 2 * i] = leaseId
      }
      view[at + 2] = jobs.length
    },
    ended(slot, id) {
      const at = find(slot, id)
      if (at >= 0) view[at] = 0
    },
    moved(id, leaseId) {
      for (let slot = 0; slot < count; slot++) {
        const at = find(slot, id)
        if (at >= 0) view[at + 1] = leaseId
      }
    },
    leave(slot) {
      view[slot * length + 2] = 0
    },
    tick() {
      view[tickAt] = Date.now()
    },
    setWorker(id) {
      view[tickAt + 1] = id
    },
  }
}
