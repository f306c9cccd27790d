import { numbers, texts } from '../postgres/arrays.ts'
import type { Link } from '../postgres/link.ts'
import { statement } from '../postgres/statement.ts'

/** Exported for the heartbeat thread, which gives up a job whose handler blocks the event loop. */
export const giveUpStatement = statement(import.meta.url, 'give-up.sql')

/** How a try ends without ending the job. */
export const giveUpKind = { failed: 1, snoozed: 2, handedBack: 3 } as const

/** The end of one try. */
export interface GivenUp {
  readonly id: number
  readonly leaseId: number
  /** Executions before this one. */
  readonly attempt: number
  readonly kind: number
  readonly delayMs: number
  readonly startedAt: number
  readonly endedAt: number
  /** JSON text. */
  readonly error: string | null
  /** Failed tries allowed, where a rule of the task says another number than the job. */
  readonly allowed?: number | null
}

/** What became of them. */
export interface GivenUpCount {
  /** Still ours. */
  n: number
  /** Failed for good: the attempts were used up. */
  final: number
  cancelled: number
}

/** Ends tries in mixed kinds: failed (a retry, or the end), snoozed, handed back. */
export async function giveUp(link: Link, workerId: number, tries: readonly GivenUp[]): Promise<GivenUpCount> {
  const now = performance.now()
  const column = (pick: (t: GivenUp) => number) => numbers(tries.map(pick))
  const [row] = await link.run(giveUpStatement, [
    workerId,
    column((t) => t.leaseId),
    column((t) => t.id),
    column((t) => t.kind),
    column((t) => Math.round(t.delayMs)),
    column((t) => Math.round((now - t.startedAt) * 1000)),
    column((t) => Math.round((t.endedAt - t.startedAt) * 1000)),
    texts(tries.map((t) => t.error)),
    numbers(tries.map((t) => t.allowed ?? null)),
  ])
  return { n: row?.[0] ?? 0, final: row?.[1] ?? 0, cancelled: row?.[2] ?? 0 }
}
