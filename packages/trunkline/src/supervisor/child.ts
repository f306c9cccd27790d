import { type ChildProcess, spawn } from 'node:child_process'
import { TrunklineError } from '@trunkline/contract'

/** A process to keep running. */
export interface ChildSpec {
  /** Unique among the children. */
  name: string
  command: string
  args: string[]
  /** The whole environment of the child. Default: ours. */
  env?: NodeJS.ProcessEnv
}

/** Where a child is in its life; `waiting` = it ended and is started again after a pause. */
export type ChildState = 'starting' | 'running' | 'waiting' | 'stopping' | 'stopped'

/** What a supervisor tells. The sentences for it live with who prints them. */
export type SupervisorEvent =
  | { type: 'started' | 'stopping' | 'stopped'; name: string; pid: number }
  /** `facts`: what the child says of itself. */
  | { type: 'ready'; name: string; pid: number; facts?: Record<string, unknown> }
  /** `signal`: its name, or the system's word (such as `ENOENT`) for a program that could not be started; then `pid` is 0. */
  | { type: 'exited'; name: string; pid: number; code: number | null; signal: string | null }
  | { type: 'restarting'; name: string; afterMs: number }
  /** It has stopped because it was asked to from elsewhere, and stays so. */
  | { type: 'retired'; name: string; pid: number }

/** A child as `status` shows it. */
export interface ChildStatus {
  name: string
  pid: number | null
  state: ChildState
  restarts: number
  since: Date
}

/** Exit code of a child that asks to be replaced at once, such as a worker with a handler that cannot be ended. */
export const replaceMe = 75

/** Exit code of a child that was asked to stop by somebody else and is not to be started again. */
export const retireMe = 76

const firstPauseMs = 200
const longestPauseMs = 10_000
/** A child that lived so long begins anew with the shortest pause. */
const provenMs = 30_000
const givenUpAfter = 5

/** What is known of a child. */
export interface Child {
  readonly spec: ChildSpec
  process: ChildProcess | null
  state: ChildState
  since: Date
  /** By the clock that nobody sets. */
  readySince: number
  restarts: number
  failures: number
  wanted: boolean
  everReady: boolean
  timer: NodeJS.Timeout | undefined
  onReady: ((error?: Error) => void)[]
  onGone: (() => void)[]
}

/** Where events go. */
type Tell = (event: SupervisorEvent) => void

/** A child that has not been started. */
export function newChild(spec: ChildSpec): Child {
  return {
    spec,
    process: null,
    state: 'stopped',
    since: new Date(),
    readySince: 0,
    restarts: 0,
    failures: 0,
    wanted: false,
    everReady: false,
    timer: undefined,
    onReady: [],
    onGone: [],
  }
}

/** What `status` shows of it. */
export function statusOf({ spec, process: running, state, restarts, since }: Child): ChildStatus {
  return { name: spec.name, pid: running?.pid ?? null, state, restarts, since }
}

function enter(child: Child, state: ChildState): void {
  child.state = state
  child.since = new Date()
}

/** Starts it, unless it runs; resolves when it is ready. */
export function startOne(child: Child, tell: Tell): Promise<void> {
  child.wanted = true
  return new Promise((resolve, reject) => {
    if (child.state === 'running') return resolve()
    child.onReady.push((error) => (error ? reject(error) : resolve()))
    if (child.state !== 'stopped') return
    child.failures = 0
    launch(child, tell)
  })
}

/** Stops it and waits until it is gone; `timeoutMs` after its SIGTERM it is killed. */
export async function stopOne(child: Child, tell: Tell, timeoutMs: number): Promise<void> {
  child.wanted = false
  clearTimeout(child.timer)
  refuse(child, `the ${child.spec.name} process was stopped before it was ready`)
  const running = child.process
  if (!running) {
    if (child.state !== 'stopped') enter(child, 'stopped')
    return
  }
  const gone = new Promise<void>((resolve) => child.onGone.push(resolve))
  // once only: to many programs a second SIGTERM means "at once, whatever is running"
  if (child.state !== 'stopping') {
    enter(child, 'stopping')
    tell({ type: 'stopping', name: child.spec.name, pid: running.pid ?? 0 })
    running.kill('SIGTERM')
    const timer = setTimeout(() => running.kill('SIGKILL'), timeoutMs)
    child.onGone.push(() => clearTimeout(timer))
  }
  await gone
}

function launch(child: Child, tell: Tell): void {
  const { name, command, args, env } = child.spec
  const started = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], env: env ?? process.env })
  const pid = started.pid ?? 0
  child.process = started
  enter(child, 'starting')
  tell({ type: 'started', name, pid })
  started.on('message', (message: { type?: string; facts?: Record<string, unknown> } | null) => {
    // one that is being stopped by now stays so
    if (message?.type !== 'ready' || child.process !== started || child.state !== 'starting') return
    child.everReady = true
    child.readySince = performance.now()
    enter(child, 'running')
    tell({ type: 'ready', name, pid, ...(message.facts ? { facts: message.facts } : {}) })
    for (const done of child.onReady.splice(0)) done()
  })
  started.on('error', (error: NodeJS.ErrnoException) => {
    // also raised by a signal that did not arrive; only without a number there is no process
    if (started.pid === undefined) exited(child, tell, { pid, code: null, signal: error.code ?? error.message })
  })
  started.on('exit', (code, signal) => exited(child, tell, { pid, code, signal }))
}

function exited(child: Child, tell: Tell, how: { pid: number; code: number | null; signal: string | null }): void {
  const { name } = child.spec
  const { pid, code, signal } = how
  const before = child.state
  child.process = null
  enter(child, 'stopped')
  tell({ type: 'exited', name, ...how })
  if (before === 'stopping' || !child.wanted) tell({ type: 'stopped', name, pid })
  for (const done of child.onGone.splice(0)) done()
  if (!child.wanted) return
  // it was asked for again while it was being stopped
  if (before === 'stopping') return launch(child, tell)
  if (code === retireMe) {
    child.wanted = false
    refuse(child, `the ${name} process was asked to stop before it was ready`)
    return tell({ type: 'retired', name, pid })
  }
  const proven = before === 'running' && performance.now() - child.readySince > provenMs
  child.failures = proven ? 1 : child.failures + 1
  if (!child.everReady && child.failures >= givenUpAfter) {
    child.wanted = false
    tell({ type: 'stopped', name, pid })
    const last = signal ?? `code ${code}`
    return refuse(child, `the ${name} process ended ${child.failures} times before it was ready (${last}); its messages stand above`)
  }
  const most = Math.min(longestPauseMs, firstPauseMs * 2 ** (child.failures - 1))
  const afterMs = code === replaceMe ? 0 : Math.round(most * (0.5 + Math.random() / 2))
  enter(child, 'waiting')
  child.restarts++
  tell({ type: 'restarting', name, afterMs })
  child.timer = setTimeout(() => launch(child, tell), afterMs)
}

/** Tells those who wait for `ready` that it will not come. */
function refuse(child: Child, problem: string): void {
  for (const done of child.onReady.splice(0)) done(new TrunklineError('internal', { problem }))
}
