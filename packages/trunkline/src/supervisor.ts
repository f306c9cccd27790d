import { type ChildProcess, spawn } from 'node:child_process'
import { TrunklineError } from '@trunkline/contract'

/** A process to keep running. */
export interface ChildSpec {
  name: string
  command: string
  args: string[]
  env?: NodeJS.ProcessEnv
}

/** Where a child is in its life; `waiting` = it ended and is started again after a pause. */
export type ChildState = 'starting' | 'running' | 'waiting' | 'stopping' | 'stopped'

/** What a supervisor tells. The sentences for it live with who prints them. */
export type SupervisorEvent =
  | { type: 'started' | 'ready' | 'stopping' | 'stopped'; name: string; pid: number }
  | { type: 'exited'; name: string; pid: number; code: number | null; signal: string | null }
  | { type: 'restarting'; name: string; afterMs: number }

/** Options of {@link createSupervisor}. */
export interface SupervisorOptions {
  children: ChildSpec[]
  onEvent?: (event: SupervisorEvent) => void
  /** How long a child may take to stop before it is killed. Default 75,000 ms: a worker drains for up to 60 s. */
  stopTimeoutMs?: number
}

/** A child as `status` shows it. */
export interface ChildStatus {
  name: string
  pid: number | null
  state: ChildState
  restarts: number
  since: Date
}

/** Keeps processes running: starts them again with back-off when they end, and stops them cleanly. */
export interface Supervisor {
  /** Resolves when every child has reported that it is ready. @throws `internal` when one ends 5 times before it ever was */
  start(): Promise<void>
  stop(): Promise<void>
  startChild(name: string): Promise<void>
  stopChild(name: string): Promise<void>
  restart(name: string): Promise<void>
  status(): ChildStatus[]
  [Symbol.asyncDispose](): Promise<void>
}

/** Exit code of a child that asks to be replaced at once, such as a worker with a handler that cannot be ended. */
export const replaceMe = 75

const firstPauseMs = 200
const longestPauseMs = 10_000
/** A child that lived so long begins anew with the shortest pause. */
const provenMs = 30_000
const givenUpAfter = 5

interface Child {
  spec: ChildSpec
  process: ChildProcess | null
  state: ChildState
  restarts: number
  failures: number
  since: Date
  wanted: boolean
  timer: NodeJS.Timeout | undefined
  everReady: boolean
  onReady: ((error?: Error) => void)[]
  onGone: (() => void)[]
}

/** Makes a supervisor; it starts nothing before `start`. */
export function createSupervisor(options: SupervisorOptions): Supervisor {
  const { onEvent = () => {}, stopTimeoutMs = 75_000 } = options
  const children = new Map<string, Child>()
  for (const spec of options.children) {
    children.set(spec.name, {
      spec,
      process: null,
      state: 'stopped',
      restarts: 0,
      failures: 0,
      since: new Date(),
      wanted: false,
      timer: undefined,
      everReady: false,
      onReady: [],
      onGone: [],
    })
  }

  function find(name: string): Child {
    const child = children.get(name)
    if (child) return child
    throw new TrunklineError('invalid_option', { field: 'name', received: name, allowed: [...children.keys()].join(', ') })
  }

  function enter(child: Child, state: ChildState): void {
    child.state = state
    child.since = new Date()
  }

  function launch(child: Child): void {
    const { name, command, args, env } = child.spec
    const started = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], env: env ?? process.env })
    const pid = started.pid ?? 0
    child.process = started
    enter(child, 'starting')
    onEvent({ type: 'started', name, pid })
    started.on('message', (message: { type?: string }) => {
      if (message?.type !== 'ready' || child.process !== started) return
      child.everReady = true
      enter(child, 'running')
      onEvent({ type: 'ready', name, pid })
      for (const done of child.onReady.splice(0)) done()
    })
    let over = false
    const end = (code: number | null, signal: string | null) => {
      if (over) return
      over = true
      exited(child, pid, code, signal)
    }
    started.on('error', () => end(null, 'could not be started'))
    started.on('exit', end)
  }

  function exited(child: Child, pid: number, code: number | null, signal: string | null): void {
    const { name } = child.spec
    const lived = Date.now() - child.since.getTime()
    child.process = null
    onEvent({ type: 'exited', name, pid, code, signal })
    for (const done of child.onGone.splice(0)) done()
    if (!child.wanted) {
      enter(child, 'stopped')
      onEvent({ type: 'stopped', name, pid })
      return
    }
    child.failures = child.state === 'running' && lived > provenMs ? 1 : child.failures + 1
    if (!child.everReady && child.failures >= givenUpAfter) {
      child.wanted = false
      enter(child, 'stopped')
      for (const done of child.onReady.splice(0))
        done(
          new TrunklineError('internal', {
            problem: `the ${name} process ended ${child.failures} times before it was ready; its messages stand above`,
          }),
        )
      return
    }
    const most = Math.min(longestPauseMs, firstPauseMs * 2 ** (child.failures - 1))
    const afterMs = code === replaceMe ? 0 : Math.round(most * (0.5 + Math.random() / 2))
    enter(child, 'waiting')
    child.restarts++
    onEvent({ type: 'restarting', name, afterMs })
    child.timer = setTimeout(() => launch(child), afterMs)
  }

  function startChild(name: string): Promise<void> {
    const child = find(name)
    child.wanted = true
    return new Promise((resolve, reject) => {
      if (child.state === 'running') return resolve()
      child.onReady.push((error) => (error ? reject(error) : resolve()))
      if (child.state === 'stopped') launch(child)
    })
  }

  async function stopChild(name: string): Promise<void> {
    const child = find(name)
    child.wanted = false
    clearTimeout(child.timer)
    const running = child.process
    if (!running) return enter(child, 'stopped')
    enter(child, 'stopping')
    onEvent({ type: 'stopping', name, pid: running.pid ?? 0 })
    const gone = new Promise<void>((resolve) => child.onGone.push(resolve))
    running.kill('SIGTERM')
    const timer = setTimeout(() => running.kill('SIGKILL'), stopTimeoutMs)
    await gone
    clearTimeout(timer)
  }

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
    async restart(name) {
      await stopChild(name)
      await startChild(name)
    },
    status: () =>
      [...children.values()].map(({ spec, process: running, state, restarts, since }) => ({
        name: spec.name,
        pid: running?.pid ?? null,
        state,
        restarts,
        since,
      })),
    [Symbol.asyncDispose]: stop,
  }
}

/** For the child's side: says that it is ready. */
export function reportReady(): void {
  process.send?.({ type: 'ready' })
}

/** For the child's side: calls back when its supervisor is gone, killed for instance. Without a supervisor it never does. */
export function onSupervisorGone(callback: () => void): void {
  if (process.channel) process.once('disconnect', callback)
}
