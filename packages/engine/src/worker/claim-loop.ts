import { type Claim, isolationLane } from '../jobs/claim.ts'
import type { Link } from '../postgres/link.ts'
import { statement } from '../postgres/statement.ts'
import { isTransient } from '../postgres/transient.ts'
import { createQueueReader, type QueueReader } from './lanes.ts'
import { createTurns } from './turns.ts'

const idleStatement = statement(import.meta.url, 'idle.sql')

/** Claims jobs as long as there is room, and sleeps when there is nothing to do. */
export interface ClaimLoop {
  start(): void
  /** There may be work: a hint of a producer, or a connection that had been away. */
  wake(): void
  /** There may be room again. */
  roomMade(): void
  /** The row that says "this worker sleeps" may be gone: it is unlogged (a restart or failover empties it), and belongs to a worker number. */
  forgetIdle(): void
  /** Claims no more; resolves when the last claim is through. */
  stop(): Promise<void>
}

/** Options of {@link createClaimLoop}. */
export interface ClaimLoopOptions {
  link: Link
  queueIds: readonly number[]
  /** Shares of the queues, in their order. Default: all alike. */
  weights?: readonly number[]
  workerId: () => number
  /** How many jobs to claim now; 0 = none yet. */
  wanted: () => number
  /** How many jobs could begin at once. */
  free: () => number
  /** May a crash suspect be taken now? One at a time. */
  suspectAllowed: () => boolean
  accept: (claim: Claim, suspect: boolean) => void
  listening: () => boolean
  /** Gives back leases of this worker that it does not know of. No claim is on its way meanwhile. */
  reclaim: () => Promise<unknown>
  /** Fixed pause between looks, for tests. */
  pollMs?: number | undefined
  onError: (error: Error) => void
}

/** So many claims in a row with an answer, and producers need not notify: a single job between two naps is not worth the writes. */
const busyAfter = 3

/**
 * How long to sleep before the next look, in ms, when nothing was found for `idleMs`. A back-stop only where the listener is
 * proven: hints wake the worker. One can be missed by a hair, so the first looks come quickly, each after twice the time. And one is never sent when the
 * producer's transaction wrote its job while the worker was busy and commits later: a pause of a tenth of the idle time adds
 * at most a tenth to what that transaction took itself. Five minutes at the most make some 400 looks a day, so twenty idle
 * workers stay below 10,000 on a queue.
 */
export function idlePause(idleMs: number, listening: boolean): number {
  if (idleMs < 100) return Math.max(20, idleMs)
  return listening ? Math.min(300_000, Math.max(1000, idleMs / 10)) : 1000
}

/** Makes the loop; it claims nothing before `start`. */
export function createClaimLoop(options: ClaimLoopOptions): ClaimLoop {
  const { link, queueIds, workerId, wanted, accept, onError } = options
  const readers = queueIds.map((id) => createQueueReader(link, id, workerId))
  const turns = createTurns(options.weights ?? queueIds.map(() => 1))
  let saidIdle: boolean | null = null
  let wakes = 0
  /** How many of them the last turn had seen. */
  let heard = 0
  let wakeUp: (() => void) | null = null
  let streak = 0
  let idleSince = 0
  let stopped = false
  let running: Promise<void> = Promise.resolve()

  function sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer)
        wakeUp = null
        resolve()
      }
      const timer = setTimeout(done, ms)
      wakeUp = done
    })
  }

  async function say(idle: boolean): Promise<void> {
    if (saidIdle === idle) return
    await link.run(idleStatement, [workerId(), `{${queueIds.join(',')}}`, idle])
    saidIdle = idle
  }

  /** Asks each queue once, beginning with the one whose turn it is; who was woken tries the likely places of all queues first. */
  async function take(n: number, woken: boolean): Promise<boolean> {
    return (
      (woken && (await ask((reader) => reader.guess()))) ||
      (await ask((reader) => reader.take(n, options.free(), options.suspectAllowed())))
    )
  }

  async function ask(question: (reader: QueueReader) => Promise<Claim | null>): Promise<boolean> {
    for (const place of turns.order()) {
      const got = await question(readers[place] as QueueReader)
      if (!got) continue
      turns.took(place, got.jobs.length + got.missing.length)
      accept(
        got,
        got.hints.some(([lane]) => lane === isolationLane),
      )
      return true
    }
    return false
  }

  function pause(): number {
    const idle = options.pollMs ?? idlePause(performance.now() - idleSince, options.listening())
    return Math.min(idle, ...readers.map((reader) => reader.againMs() ?? idle))
  }

  async function turn(n: number): Promise<void> {
    const woken = wakes !== heard
    const seen = wakes
    heard = wakes
    if (await take(n, woken)) {
      idleSince = performance.now()
      if (++streak >= busyAfter) await say(false)
      return
    }
    streak = 0
    // said first, then looked once more: a producer that had looked before saw a busy worker and has not notified.
    // Who does not listen says nothing: a notification would slow down the producer's commit and reach nobody
    if (saidIdle !== true && options.listening()) return await say(true)
    if (seen === wakes) await sleep(pause())
  }

  async function loop(): Promise<void> {
    idleSince = performance.now()
    let failures = 0
    let uncertain = false
    await readers[0]?.rehearse().catch(onError)
    while (!stopped) {
      const n = wanted()
      try {
        // the claim whose answer was lost may have been stored: its jobs would wait for the slow sweep
        if (uncertain) await options.reclaim()
        uncertain = false
        if (n > 0) await turn(n)
        else await sleep(1000)
        failures = 0
      } catch (error) {
        if (stopped) return
        onError(error as Error)
        saidIdle = null
        uncertain = true
        const most = isTransient(error) ? Math.min(5000, 100 * 2 ** failures++) : 5000
        await sleep(most * (0.5 + Math.random() / 2))
      }
    }
  }

  return {
    start() {
      running = loop()
    },
    wake() {
      wakes++
      wakeUp?.()
    },
    roomMade() {
      if (wakeUp && wanted() > 0) wakeUp()
    },
    forgetIdle() {
      saidIdle = null
    },
    async stop() {
      stopped = true
      wakeUp?.()
      await running
    },
  }
}
