import type { Random } from '../chaos/random.ts'

/** Lets actors take turns: exactly one of them runs at a time, and a seed decides which one is next. */
export interface Scheduler {
  /** An actor asks for its turn before each of its statements. */
  turn(): Promise<void>
  /** Starts an actor; it runs when it gets its first turn. */
  start(act: () => Promise<void>): void
  /** Gives turns until every actor has ended. Answers how many turns that took. */
  run(): Promise<number>
}

/** Makes a {@link Scheduler}. */
export function createScheduler(random: Random): Scheduler {
  const waiting: (() => void)[] = []
  let alive = 0
  let failure: unknown
  /** Resolved when the actor that runs waits for its next turn, or has ended. */
  let rest: () => void = () => {}

  const turn = () =>
    new Promise<void>((resolve) => {
      waiting.push(resolve)
      rest()
    })

  return {
    turn,
    start(act) {
      alive++
      void turn()
        .then(act)
        .catch((error) => {
          failure ??= error
        })
        .finally(() => {
          alive--
          rest()
        })
    },
    async run() {
      let turns = 0
      while (alive > 0) {
        const next = waiting.splice(random.between(0, waiting.length - 1), 1)[0]
        if (!next) throw new Error('actors are alive, and none of them waits for a turn')
        turns++
        await new Promise<void>((resolve) => {
          rest = resolve
          next()
        })
        if (failure) throw failure
      }
      return turns
    },
  }
}
