import { type Claim, type ClaimRequest, claim, claimLimited, isolationLane, lanesOf } from '../jobs/claim.ts'
import type { Link } from '../postgres/link.ts'

/** One queue as a worker reads it: which lanes hold work, and where each was last read to. */
export interface QueueReader {
  readonly queueId: number
  /**
   * Takes up to `wanted` jobs; null when nothing is due. An empty answer is only believed after a sweep, which looks at all
   * lanes from their start.
   * @param free how many jobs could begin at once
   * @param alone may a crash suspect be taken now?
   */
  take(wanted: number, free: number, alone: boolean): Promise<Claim | null>
  /**
   * A producer has just said that there is work somewhere: most likely one job in a lane that was read before, and it need
   * not wait for a sweep. No more than one, lest a better lane waits; asks nothing where no lane is known.
   */
  guess(): Promise<Claim | null>
  /** Takes nothing, but has the server plan the claim: on a new connection that takes longer than the claim itself. */
  rehearse(): Promise<void>
  /** When nothing was taken because of a limit: in how many ms to ask again. */
  againMs(): number | null
}

/** A sweep is due after this long at the latest … */
const sweepEveryMs = 1000
/** … or after so many times its own cost. */
const sweepCostFactor = 20
/** Hints are used once a claim without them took longer. */
const hintAboveMs = 3

/** Makes the reader of one queue. */
export function createQueueReader(link: Link, queueId: number, workerId: () => number): QueueReader {
  let lanes: number[] = []
  /** Those that held work when some last did. */
  let usual: number[] = []
  let suspects = false
  let limited = false
  let again: number | null = null
  const hints = new Map<number, string>()
  let hinted = false
  let sweptAt = Number.NEGATIVE_INFINITY
  let sweepMs = 0
  let perChunk = 100
  let turn = 0

  async function sweep(): Promise<void> {
    const begun = performance.now()
    const found = await lanesOf(link, queueId)
    suspects = found.lanes.includes(isolationLane)
    lanes = found.lanes.filter((lane) => lane !== isolationLane)
    limited = found.limited
    if (lanes.length > 0) usual = lanes
    hints.clear()
    sweptAt = performance.now()
    sweepMs = sweptAt - begun
  }

  async function ask(values: ClaimRequest, free: number, backwards: boolean): Promise<Claim | null> {
    if (!limited) return await claim(link, values)
    const answer = await claimLimited(link, values, free, backwards)
    again = answer.againMs
    return answer.claim
  }

  async function request(wanted: number, of: readonly number[], free = wanted, backwards = false): Promise<Claim | null> {
    const chunks = Math.min(wanted, Math.ceil(wanted / perChunk) + 1)
    const values: ClaimRequest = {
      queueId,
      wanted,
      lanes: of,
      hints: of.map((lane) => (hinted ? (hints.get(lane) ?? '0') : '0')),
      chunks,
      workerId: workerId(),
    }
    const begun = performance.now()
    const got = await ask(values, free, backwards)
    const ms = performance.now() - begun
    if (got) {
      perChunk = Math.max(1, (got.jobs.length + got.missing.length) / got.chunks)
      // hints pay where many dead index entries lie before the first live one; a small, slow claim is the sign of it
      if (!hinted && ms > hintAboveMs + wanted * 0.02) hinted = true
      else if (hinted && hints.size === 0 && ms < hintAboveMs) hinted = false
      for (const [lane, seq] of got.hints) hints.set(lane, seq)
    }
    return got
  }

  /** The claim finds the lanes itself, since it may have let jobs in; an empty answer is believed without hints only. */
  async function takeLimited(wanted: number, free: number): Promise<Claim | null> {
    const got = await request(wanted, [...hints.keys()], free, turn % 8 === 0)
    if (got || hints.size === 0 || again !== null) return got
    hints.clear()
    return await request(wanted, [], free)
  }

  async function guess(): Promise<Claim | null> {
    return !limited && lanes.length === 0 && usual.length > 0 ? await request(1, usual) : null
  }

  async function take(wanted: number, free: number, alone: boolean): Promise<Claim | null> {
    turn++
    again = null
    const due = performance.now() - sweptAt > Math.max(sweepEveryMs, sweepCostFactor * sweepMs)
    if (due || (lanes.length === 0 && !limited)) await sweep()
    if (suspects && alone && turn % 5 === 0) {
      const got = await request(1, [isolationLane])
      if (got) return got
    }
    if (!limited && lanes.length > 0) {
      // one claim in eight reads the lanes from behind, so that a lane kept full starves nobody
      const order = lanes.length > 1 && turn % 8 === 0 ? lanes.toReversed() : lanes
      let got = await request(wanted, order)
      if (got) return got
      await sweep()
      got = !limited && lanes.length > 0 ? await request(wanted, lanes) : null
      if (got) return got
    }
    if (limited) {
      const got = await takeLimited(wanted, free)
      if (got) return got
    }
    return suspects && alone ? await request(1, [isolationLane]) : null
  }

  async function rehearse(): Promise<void> {
    await request(0, [])
    await sweep()
  }

  return { queueId, take, guess, rehearse, againMs: () => again }
}
