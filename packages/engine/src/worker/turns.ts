/** Whose turn it is: shares the jobs that a worker takes among its queues by their weights. */
export interface Turns {
  /** Places of the queues in the order in which they are asked. */
  order(): number[]
  /** So many jobs of this queue were taken. */
  took(place: number, jobs: number): void
}

/**
 * Stride scheduling: each queue has a pass that grows with the jobs taken from it, divided by its weight, and the queue with the
 * smallest goes first. A queue that had nothing for a while does not save up turns: it begins again where the others are.
 * @param weights one for each queue, above 0
 */
export function createTurns(weights: readonly number[]): Turns {
  const passes = weights.map(() => 0)
  /** Where the queue that was served last began. */
  let now = 0
  let last = -1
  const passOf = (place: number) => Math.max(now, passes[place] as number)
  // of equals the one behind the last, so that none waits for ever beside another with little to do
  const behind = (place: number) => (place - last - 1 + weights.length) % weights.length

  return {
    order: () => weights.map((_, place) => place).sort((a, b) => passOf(a) - passOf(b) || behind(a) - behind(b)),
    took(place, jobs) {
      now = passOf(place)
      passes[place] = now + jobs / (weights[place] as number)
      last = place
    },
  }
}
