import { TrunklineError } from '@trunkline/contract'
import {
  type Child,
  type ChildSpec,
  type ChildStatus,
  newChild,
  type SupervisorEvent,
  startOne,
  statusOf,
  stopOne,
} from './supervisor/child.ts'

export { type ChildSpec, replaceMe, retireMe, type SupervisorEvent } from './supervisor/child.ts'

/** Options of {@link createSupervisor}. */
export interface SupervisorOptions {
  children: ChildSpec[]
  onEvent?: (event: SupervisorEvent) => void
  /** How long a child may take to stop before it is killed. Default 75,000 ms: a worker drains for up to 60 s. */
  stopTimeoutMs?: number
}

/** Keeps processes running: starts them again with back-off when they end, and stops them cleanly. */
export interface Supervisor {
  /**
   * Resolves when every child has reported that it is ready.
   * @throws `internal` when one ends 5 times before it ever was, or is stopped before
   */
  start(): Promise<void>
  /** One SIGTERM to each, SIGKILL after `stopTimeoutMs`; resolves when all are gone. Twice, at once or unstarted is fine. */
  stop(): Promise<void>
  /** Like `start`, for one. @throws `invalid_option` for an unknown name, and what `start` throws */
  startChild(name: string): Promise<void>
  /** Like `stop`, for one; it stays stopped until it is started again. @throws `invalid_option` for an unknown name */
  stopChild(name: string): Promise<void>
  /** Takes a child in and starts it, like `startChild`. @throws `invalid_option` for a name that is taken, and what `start` throws */
  add(spec: ChildSpec): Promise<void>
  /** Stops a child and forgets it; an unknown name is fine. */
  remove(name: string): Promise<void>
  /** Stops it, then starts it. @throws what `startChild` throws */
  restart(name: string): Promise<void>
  status(): ChildStatus[]
  [Symbol.asyncDispose](): Promise<void>
}

/** Makes a supervisor; it starts nothing before `start`. */
export function createSupervisor(options: SupervisorOptions): Supervisor {
  const { onEvent = () => {}, stopTimeoutMs = 75_000 } = options
  const children = new Map(options.children.map((spec) => [spec.name, newChild(spec)]))

  function find(name: string): Child {
    const child = children.get(name)
    if (child) return child
    throw new TrunklineError('invalid_option', { field: 'name', received: name, allowed: [...children.keys()].join(', ') })
  }
  const startChild = async (name: string) => await startOne(find(name), onEvent)
  const stopChild = async (name: string) => await stopOne(find(name), onEvent, stopTimeoutMs)
  const stop = async () => {
    await Promise.all([...children.keys()].map(stopChild))
  }
  return {
    async start() {
      await Promise.all([...children.keys()].map(startChild))
    },
    stop,
    startChild,
    stopChild,
    async add(spec) {
      if (children.has(spec.name)) {
        throw new TrunklineError('invalid_option', { field: 'name', received: spec.name, allowed: 'a name that is not taken' })
      }
      children.set(spec.name, newChild(spec))
      await startChild(spec.name)
    },
    async remove(name) {
      if (!children.has(name)) return
      await stopChild(name)
      children.delete(name)
    },
    async restart(name) {
      await stopChild(name)
      await startChild(name)
    },
    status: () => [...children.values()].map(statusOf),
    [Symbol.asyncDispose]: stop,
  }
}

/** For the child's side: says that it is ready, with facts for its event. Without a supervisor it does nothing. */
export function reportReady(facts: Record<string, unknown> = {}): void {
  // a supervisor that died a moment ago is the business of onSupervisorGone
  if (process.connected) process.send?.({ type: 'ready', facts }, undefined, undefined, () => {})
}

/**
 * For the child's side: calls back once when its supervisor is gone, killed for instance, also when that happened before the
 * call. Without a supervisor it never does. It does not keep the process alive.
 */
export function onSupervisorGone(callback: () => void): void {
  if (process.connected) {
    process.once('disconnect', callback)
    process.channel?.unref()
  } else if (process.connected === false) setImmediate(callback)
}
