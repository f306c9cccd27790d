/** Edit distance with neighbouring swaps (optimal string alignment), for did-you-mean. */
function distance(a: string, b: string): number {
  let before: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1
      let best = Math.min((previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (previous[j - 1] ?? 0) + cost)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, (before[j - 2] ?? 0) + 1)
      row.push(best)
    }
    before = previous
    previous = row
  }
  return previous[b.length] ?? 0
}

/**
 * The allowed word nearest to what was typed, or undefined when nothing is near enough to be meant.
 * @param typed what was received; only its first 128 characters are looked at
 * @param allowed the words that would have been right
 * @example nearest('backup_craete', ['backup_create', 'sql_run']) // 'backup_create'
 */
export function nearest(typed: string, allowed: Iterable<string>): string | undefined {
  const word = typed.slice(0, 128).toLowerCase()
  let found: string | undefined
  let least = Math.max(2, Math.floor(word.length / 3)) + 1
  for (const candidate of allowed) {
    const d = distance(word, candidate.toLowerCase())
    if (d < least) {
      least = d
      found = candidate
    }
  }
  return found
}

/** `, did you mean "x"?` or an empty string: the tail of a sentence about an unknown word. */
export function didYouMean(typed: string, allowed: Iterable<string>): string {
  const word = nearest(typed, allowed)
  return word === undefined ? '' : `, did you mean "${word}"?`
}
