import { setTimeout as sleep } from 'node:timers/promises'
import { isTrunklineError } from '@trunkline/contract'
import type { Change, Trunkline } from '@trunkline/engine'

/** Follows the change feed while somebody wants it. */
export interface FeedTail {
  /** Where it is: everything before was told. Resolves once it has begun. */
  seq(): Promise<string>
  /** Seconds since it had told everything; 0 before it has begun. */
  lagSeconds(): number
  start(): void
  stop(): Promise<void>
}

/** Options of {@link createFeedTail}. */
export interface FeedTailOptions {
  trunkline: Trunkline
  /** New changes, in the order in which they are delivered; the next ones wait for it. `lost`: some are not kept any more. */
  onChanges: (changes: readonly Change[], seq: string, lost: boolean) => Promise<void>
  onError: (error: Error) => void
}

/** Between two looks; an event reaches its room within a few of them. */
const pauseMs = 50
const page = 1000

/** Makes a {@link FeedTail}. */
export function createFeedTail({ trunkline, onChanges, onError }: FeedTailOptions): FeedTail {
  let cursor: string | null = null
  let caughtUpAt: number | null = null
  let stopped = true
  let running: Promise<void> = Promise.resolve()
  let stopping = new AbortController()
  let begun = withBeginning()

  function withBeginning() {
    let tell: () => void = () => {}
    const promise = new Promise<void>((resolve) => {
      tell = resolve
    })
    return { promise, tell }
  }

  /** Ends early when everything stops. */
  const pause = (ms: number) => sleep(ms, undefined, { signal: stopping.signal }).catch(() => {})

  async function look(): Promise<boolean> {
    if (cursor === null) {
      cursor = (await trunkline.changes()).cursor
      begun.tell()
      return true
    }
    const found = await trunkline.changes({ after: cursor, limit: page })
    if (found.changes.length > 0) await onChanges(found.changes, found.cursor, false)
    // only now: what could not be told is told the next time
    cursor = found.cursor
    if (found.changes.length < page) caughtUpAt = performance.now()
    return found.changes.length === page
  }

  async function follow(): Promise<void> {
    let failures = 0
    while (!stopped) {
      try {
        const more = await look()
        failures = 0
        if (!more) await pause(pauseMs)
      } catch (error) {
        if (isTrunklineError(error, 'cursor_expired')) {
          // the feed was trimmed while the database was away for longer than it is kept
          cursor = (await trunkline.changes().catch(() => null))?.cursor ?? null
          if (cursor !== null) await onChanges([], cursor, true).catch(onError)
          continue
        }
        onError(error as Error)
        await pause(Math.min(2000, 100 * 2 ** failures++))
      }
    }
  }

  return {
    async seq() {
      await begun.promise
      return cursor as string
    },
    lagSeconds: () => (caughtUpAt === null ? 0 : (performance.now() - caughtUpAt) / 1000),
    start() {
      if (!stopped) return
      stopped = false
      stopping = new AbortController()
      running = follow()
    },
    async stop() {
      stopped = true
      stopping.abort()
      await running
      begun.tell()
      begun = withBeginning()
      cursor = null
      caughtUpAt = null
    },
  }
}
