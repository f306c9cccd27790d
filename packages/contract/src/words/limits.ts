/**
 * The limits every entrance enforces (CONTRACT section 2). Sizes are bytes of UTF-8.
 */
export const limits = {
  /** Payload of a job. */
  payloadBytes: 1024 * 1024,
  /** Result of a job. */
  resultBytes: 1024 * 1024,
  /** One log line: message and context together. */
  logLineBytes: 32 * 1024,
  /** A stored error: message and stack together. */
  errorBytes: 32 * 1024,
  /** Nesting depth of a payload, a result or a log context. */
  depth: 64,
  /** Characters of a queue or task name. */
  nameLength: 128,
  /** Users' priorities; higher runs first. */
  minPriority: -100,
  maxPriority: 100,
  maxAttempts: 1000,
  /** Timeouts and delays: 10 years in milliseconds. */
  durationMs: 10 * 365 * 86_400_000,
  /** Jobs in one `enqueueMany`. */
  batch: 100_000,
  tags: 20,
  /** Characters of a tag. */
  tagLength: 64,
  /** Characters of a unique or idempotency key. */
  keyLength: 500,
  /** Jobs that one bulk call may select. */
  bulk: 100_000,
  /** Jobs that one job may depend on. */
  dependsOn: 10_000,
  /** Jobs that one call may add to a flow. */
  flow: 10_000,
  /** A bulk action can be undone for so long after its end, ms. */
  bulkUndoMs: 5 * 60_000,
  /** Searchable payload paths of a task. */
  searchable: 16,
} as const

/** Queue and task names: 1 to 128 of these characters. */
export const namePattern = /^[A-Za-z0-9_.:/-]{1,128}$/

/** What a job gets when nothing else is said (CONTRACT section 2). */
export const defaults = {
  queue: 'default',
  priority: 0,
  attempts: 5,
  concurrency: 5,
} as const
