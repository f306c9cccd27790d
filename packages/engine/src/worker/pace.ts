/** How much to claim: bounded by run time, so that a slow job never holds quick ones behind it. */
export interface Pace {
  /** Says how long a job took, in ms. */
  ran(ms: number): void
  /**
   * How many jobs to claim now; 0 = none yet.
   * @param free slots without a job
   * @param buffered jobs claimed and not started
   * @param open jobs claimed and not ended in the database
   */
  wanted(free: number, buffered: number, open: number): number
}

/** Above this mean run time a worker claims only what it can start at once. */
const slowMs = 50
/** Otherwise about this much work is fetched ahead. */
const aheadMs = 25
/** Jobs of one claim at the most. */
const most = 500

/** Makes the pace of a worker with `slots` slots. */
export function createPace(slots: number): Pace {
  let mean: number | null = null

  return {
    ran(ms) {
      mean = mean === null ? ms : mean + (ms - mean) * (ms > mean ? 0.1 : 0.02)
    },
    wanted(free, buffered, open) {
      const ahead = mean === null || mean > slowMs ? 0 : Math.min(most, Math.floor((slots * aheadMs) / Math.max(mean, 0.01)))
      // what waits to be stored is bounded as well, or a slow database would be flooded with more
      if (open >= 4 * ahead + slots + most) return 0
      const room = Math.max(0, free) + ahead - buffered
      // no small claims while there is still enough to do
      return buffered > ahead / 2 ? 0 : Math.min(most, room)
    },
  }
}
