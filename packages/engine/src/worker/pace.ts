/** How much to claim: bounded by run time, so that a slow job never holds quick ones behind it. */
export interface Pace {
  /** Says how long a call took, in ms, how many jobs it had, and how many it could have had. */
  ran(ms: number, jobs: number, room: number): void
  /**
   * How many jobs to claim now; 0 = none yet.
   * @param free slots without a job
   * @param buffered jobs claimed and not started
   * @param open jobs claimed and not ended in the database
   */
  wanted(free: number, buffered: number, open: number): number
  /** How many more jobs could begin at once. */
  startable(free: number, buffered: number): number
}

/** Options of {@link createPace}. */
export interface PaceOptions {
  slots: number
  /** How many jobs one call of each task takes. */
  batches: readonly number[]
}

/** Above this mean run time a worker claims only what it can start at once. */
const slowMs = 50
/** Otherwise about this much work is fetched ahead. */
const aheadMs = 25
/** Jobs of one claim at the most; a bigger batch may fill itself. */
const usual = 500

/** Makes the pace of a worker. */
export function createPace({ slots, batches }: PaceOptions): Pace {
  const most = Math.max(usual, ...batches)
  let mean: number | null = null
  /** Jobs that a free slot takes at once: as its calls have shown, at first as its tasks say. */
  let width = batches.reduce((sum, n) => sum + n, 0) / batches.length

  const startable = (free: number, buffered: number) => Math.ceil(Math.max(0, free) * width) - buffered

  return {
    startable: (free, buffered) => Math.max(0, startable(free, buffered)),
    ran(ms, jobs, room) {
      const each = ms / jobs
      mean = mean === null ? each : mean + (each - mean) * (each > mean ? 0.1 : 0.02)
      width += (room - width) * 0.05
    },
    wanted(free, buffered, open) {
      const ahead = mean === null || mean > slowMs ? 0 : Math.min(most, Math.floor((slots * aheadMs) / Math.max(mean, 0.01)))
      // what waits to be stored is bounded as well, or a slow database would be flooded with more
      if (open >= 4 * ahead + slots * Math.ceil(width) + most) return 0
      const room = startable(free, buffered) + ahead
      // no small claims while there is still enough to do
      return buffered > ahead / 2 ? 0 : Math.min(most, room)
    },
  }
}
