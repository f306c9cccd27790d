/** What {@link progressText} needs to know of a job's progress. */
export interface ProgressNumbers {
  stage: string | null
  current: number
  total: number | null
}

const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 1 })

/**
 * Progress as a sentence, the same in console, command line and log: with a known total and without one.
 * @example progressText({ stage: 'Processing users', current: 1250, total: 5000 }) // 'Processing users (1,250 / 5,000)'
 * @example progressText({ stage: 'Scanning', current: 1250, total: null }) // 'Scanning (1,250 processed)'
 */
export function progressText({ stage, current, total }: ProgressNumbers): string {
  const name = stage ?? 'Working'
  if (total !== null) return `${name} (${grouped.format(current)} / ${grouped.format(total)})`
  return current > 0 ? `${name} (${grouped.format(current)} processed)` : name
}

/** Whole percent, 0 to 100, or null while the total is unknown. */
export function percentOf(current: number, total: number | null): number | null {
  if (total === null || total <= 0) return null
  return Math.min(100, Math.max(0, Math.floor((100 * current) / total)))
}
