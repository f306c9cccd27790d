/** Numbers that a seed decides. */
export interface Random {
  /** From 0 up to 1. */
  next(): number
  /** A whole number from `least` up to and including `most`. */
  between(least: number, most: number): number
  pick<T>(of: readonly T[]): T
  shuffle<T>(of: readonly T[]): T[]
}

/** Makes a generator (mulberry32): a stream of its own for each name under a seed, so that one does not disturb the other. */
export function createRandom(seed: number, name = ''): Random {
  let state = seed >>> 0
  for (const char of name) state = Math.imul(state ^ (char.codePointAt(0) ?? 0), 0x9e3779b1) >>> 0
  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
  const between = (least: number, most: number) => least + Math.floor(next() * (most - least + 1))
  return {
    next,
    between,
    pick(of) {
      if (of.length === 0) throw new Error('nothing to pick from')
      return of[between(0, of.length - 1)] as (typeof of)[number]
    },
    shuffle(of) {
      const left = [...of]
      for (let i = left.length - 1; i > 0; i--) {
        const j = between(0, i)
        const moved = left[i] as (typeof left)[number]
        left[i] = left[j] as (typeof left)[number]
        left[j] = moved
      }
      return left
    },
  }
}
