/**
 * What runs in each slot, in memory that the heartbeat thread shares: it reports the ids really started, and sees a handler
 * that blocks the event loop, whatever this thread does. Per slot: job id (0: free), lease, when it started and when its grace
 * ends (epoch ms; 0: never). Behind the slots: when the main thread last said that it lives, and the worker's number.
 */
export const slotFields = 4

/** The shared slots of one worker. */
export interface Slots {
  readonly memory: SharedArrayBuffer
  /** Marks a slot as taken. `hardDeadline` is when even a blocked handler is given up. */
  enter(slot: number, id: number, leaseId: number, hardDeadline: number): void
  /** Sets when even a blocked handler is given up. */
  setDeadline(slot: number, hardDeadline: number): void
  leave(slot: number): void
  /** Says that the main thread lives. */
  tick(): void
  setWorker(id: number): void
}

/** Makes the slots of a worker with `count` slots. */
export function createSlots(count: number): Slots {
  const memory = new SharedArrayBuffer((count * slotFields + 2) * 8)
  const view = new Float64Array(memory)
  const tickAt = count * slotFields
  return {
    memory,
    enter(slot, id, leaseId, hardDeadline) {
      const at = slot * slotFields
      view[at + 1] = leaseId
      view[at + 2] = Date.now()
      view[at + 3] = hardDeadline
      view[at] = id
    },
    setDeadline(slot, hardDeadline) {
      view[slot * slotFields + 3] = hardDeadline
    },
    leave(slot) {
      view[slot * slotFields] = 0
    },
    tick() {
      view[tickAt] = Date.now()
    },
    setWorker(id) {
      view[tickAt + 1] = id
    },
  }
}
