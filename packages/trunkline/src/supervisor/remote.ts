import type { SupervisorSeat } from '@trunkline/engine'
import type { Supervisor } from '../supervisor.ts'
import type { ChildSpec } from './child.ts'

/** Keeps as many worker processes as others ask for through the database (`trunkline workers start` and `stop`). */
export interface Remote {
  /** Starts the workers wanted now; resolves when they are ready. @throws what `Supervisor.start` throws */
  start(): Promise<void>
  /** A worker process has stopped because it was asked to: it is wanted no more. */
  retired(name: string): void
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** Options of {@link createRemote}. */
export interface RemoteOptions {
  supervisor: Supervisor
  /** Our row in the database. */
  seat: Pick<SupervisorSeat, 'beat' | 'leave'>
  /** How many workers there are at first. */
  wanted: number
  /** The process of a worker by name. */
  child: (name: string) => ChildSpec
  onError: (error: Error) => void
  /** How often the database is asked. Default 1,000 ms. */
  everyMs?: number
}

/** Makes a {@link Remote}; it does nothing before `start`. */
export function createRemote({ supervisor, seat, wanted, child, onError, everyMs = 1000 }: RemoteOptions): Remote {
  const names: string[] = []
  const leaving = new Set<string>()
  let retiredSince = 0
  let made = 0
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  let beating: Promise<void> = Promise.resolve()

  function add(): Promise<void> {
    made++
    const name = made === 1 ? 'worker' : `worker ${made}`
    names.push(name)
    return supervisor.add(child(name))
  }

  /** A child that never gets ready is given up by the supervisor: it is not there any more, and another one is tried. */
  async function addLater(): Promise<void> {
    const adding = add()
    const name = names.at(-1) as string
    await adding.catch((error) => {
      forget(name)
      if (!stopped) onError(error as Error)
    })
  }

  function forget(name: string): void {
    const at = names.indexOf(name)
    if (at >= 0) names.splice(at, 1)
    leaving.add(name)
    void supervisor.remove(name).finally(() => leaving.delete(name))
  }

  function reconcile(target: number): void {
    while (names.length < target && !stopped) void addLater()
    while (names.length > target) forget(names.at(-1) as string)
  }

  async function beat(): Promise<void> {
    const retired = retiredSince
    try {
      const target = await seat.beat(names.length, retired)
      retiredSince -= retired
      // one that retired while we asked is counted with the next beat: until then it is neither missed nor replaced
      if (!stopped) reconcile(Math.max(0, target - retiredSince))
    } catch (error) {
      onError(error as Error)
    }
    if (!stopped) timer = setTimeout(tick, everyMs)
  }

  function tick(): void {
    beating = beat()
  }

  async function stop(): Promise<void> {
    if (stopped) return
    stopped = true
    clearTimeout(timer)
    await beating
    await seat.leave().catch(onError)
  }

  return {
    async start() {
      const first = Array.from({ length: wanted }, add)
      tick()
      await Promise.all(first)
    },
    retired(name) {
      if (!names.includes(name)) return
      retiredSince++
      forget(name)
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
