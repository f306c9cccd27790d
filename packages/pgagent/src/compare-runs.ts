import type { PreviewOptions, Trunkline } from '@trunkline/engine'

/** So many runs are compared. */
export const shownRuns = 50

/** A time at which one of the two sides, or both, start the job. */
export interface ComparedRun {
  at: Date
  inOriginal: boolean
  inTrunkline: boolean
  /** What the clocks do then, where they do something. */
  mark: 'gap' | 'fold' | null
}

/**
 * The next runs of both sides together, as far as both have been looked at.
 * @param theirs the next {@link shownRuns} of the original after `from`, ascending, ms
 */
export async function compareRuns(
  trunkline: Trunkline,
  theirs: readonly number[],
  from: number,
  rhythm: Omit<PreviewOptions, 'from' | 'count'>,
): Promise<{ runs: ComparedRun[]; differing: number }> {
  const { slots } = await trunkline.schedules.preview({ ...rhythm, from: new Date(from), count: shownRuns })
  const ours = new Map(slots.map(({ at, mark }) => [at.getTime(), mark]))
  const ends = [
    theirs.length < shownRuns ? Number.POSITIVE_INFINITY : theirs.at(-1),
    slots.length < shownRuns ? Number.POSITIVE_INFINITY : slots.at(-1)?.at.getTime(),
  ]
  const until = Math.min(...ends.map((end) => end ?? Number.POSITIVE_INFINITY))
  const all = [...new Set([...theirs, ...ours.keys()])].filter((at) => at <= until).toSorted((a, b) => a - b)
  const there = new Set(theirs)
  const runs = all.map((at) => ({ at: new Date(at), inOriginal: there.has(at), inTrunkline: ours.has(at), mark: ours.get(at) ?? null }))
  return { runs, differing: runs.filter(({ inOriginal, inTrunkline }) => inOriginal !== inTrunkline).length }
}
