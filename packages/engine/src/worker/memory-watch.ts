/** Looks at the memory of the process between jobs. */
export interface MemoryWatch {
  /** A job has ended. */
  look(): void
}

/** Reading RSS costs tens of µs: too much for each of thousands of jobs a second. */
const everyMs = 100

/** Calls `onAbove` once, with the bytes, when the resident memory is above `limit` bytes after a job. */
export function createMemoryWatch(limit: number, onAbove: (rssBytes: number) => void): MemoryWatch {
  let lookedAt = Number.NEGATIVE_INFINITY
  let above = limit === Number.POSITIVE_INFINITY
  return {
    look() {
      if (above || performance.now() - lookedAt < everyMs) return
      lookedAt = performance.now()
      const rss = process.memoryUsage.rss()
      if (rss <= limit) return
      above = true
      onAbove(rss)
    },
  }
}
