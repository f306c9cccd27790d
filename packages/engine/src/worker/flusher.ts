import { type Completion, complete, verdict } from '../jobs/complete.ts'
import { type GivenUp, giveUp } from '../jobs/give-up.ts'
import type { Link } from '../postgres/link.ts'
import { isTransient } from '../postgres/transient.ts'

/** Stores the ends of executions in few statements. */
export interface Flusher {
  complete(end: Completion): void
  giveUp(end: GivenUp): void
  /** Resolves when everything pushed so far is stored or was refused. */
  drain(): Promise<void>
  /** Gives up trying: what is not stored by now is dropped and recovered by others. */
  stop(): void
}

/** Options of {@link createFlusher}. */
export interface FlusherOptions {
  /** Connection with the pins of `join`. */
  link: Link
  workerId: () => number
  /** Told of each end that is settled: stored, or refused. */
  onSettled: (ends: readonly { id: number; leaseId: number }[]) => void
  onRefused: (ids: number[]) => void
  onError: (error: Error) => void
}

/** Ends in one statement. */
const most = 1000
/** So many are flushed without waiting for more. */
const enough = 200
/** One-job flushes cost 1,156 B of WAL each, batches of 20 cost 251 B a job. */
const gatherMs = 2

/** Makes a {@link Flusher}. */
export function createFlusher(options: FlusherOptions): Flusher {
  const { onSettled, onRefused, onError } = options
  const completions: Completion[] = []
  const tries: GivenUp[] = []
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | null = null
  let stopped = false

  function plan(): void {
    if (running || stopped) return
    if (completions.length + tries.length >= enough) start()
    else timer ??= setTimeout(start, gatherMs)
  }

  function start(): void {
    clearTimeout(timer)
    timer = undefined
    running ??= flush().finally(() => {
      running = null
      if (completions.length + tries.length > 0) plan()
    })
  }

  async function flush(): Promise<void> {
    const ends = completions.splice(0, most)
    const given = tries.splice(0, most)
    await Promise.all([
      ends.length > 0 ? persist(ends, storeCompletions) : undefined,
      given.length > 0 ? persist(given, storeTries) : undefined,
    ])
  }

  /** Repeats until the database has answered: sending again is harmless, because only what the lease still holds is ended. */
  async function persist<T extends { id: number; leaseId: number }>(
    ends: T[],
    store: (ends: T[], again: boolean) => Promise<void>,
  ): Promise<void> {
    for (let turn = 0; !stopped; turn++) {
      try {
        await store(ends, turn > 0)
        break
      } catch (error) {
        onError(error as Error)
        if (!isTransient(error) && ends.length > 1) {
          // one end that the database cannot store must not hold back the others
          for (const end of ends) await persist([end], store)
          return
        }
        if (!isTransient(error)) break
        await new Promise((resolve) => setTimeout(resolve, Math.min(2000, 50 * 2 ** turn) * (0.5 + Math.random() / 2)))
      }
    }
    onSettled(ends)
  }

  async function judge(ends: readonly { id: number; attempt: number }[]): Promise<void> {
    const mine = await verdict(options.link, options.workerId(), ends)
    const lost = ends.filter((e) => !mine.has(e.id)).map((e) => e.id)
    if (lost.length > 0) onRefused(lost)
  }

  async function storeCompletions(ends: Completion[]): Promise<void> {
    const n = await complete(options.link, options.workerId(), ends)
    if (n < ends.length) await judge(ends)
  }

  async function storeTries(given: GivenUp[], again: boolean): Promise<void> {
    const { n } = await giveUp(options.link, options.workerId(), given)
    // a hand-back or snooze leaves no row that says who did it: after a lost answer nobody can tell, and nothing is wrong
    const failed = given.filter((g) => g.kind === 1)
    if (n < given.length && failed.length > 0 && !again) await judge(failed)
  }

  return {
    complete(end) {
      completions.push(end)
      plan()
    },
    giveUp(end) {
      tries.push(end)
      plan()
    },
    async drain() {
      while ((completions.length > 0 || tries.length > 0 || running) && !stopped) {
        if (!running) start()
        await running
      }
    },
    stop() {
      stopped = true
      clearTimeout(timer)
    },
  }
}
