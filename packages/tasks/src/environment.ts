import type { Storage } from '@trunkline/engine'

/** What the built-in tasks may use. Whoever starts the worker decides, not the payload of a job. */
export interface TaskEnvironment {
  /** The server that backups, restores, SQL and maintenance work on. */
  connectionString: string
  /** Where backups are kept. */
  storage: Storage
  /** Schema of the queue, which no task may touch. Default `trunkline`. */
  schema?: string
  /** `shell_run` is refused unless it is allowed here, and refused as root unless that is allowed too. */
  shell?: { allowed: boolean; allowRoot?: boolean }
  /** May `http_request` reach private and loopback addresses? Default true. */
  http?: { allowPrivate: boolean }
  /** Paths of the tools; default: PATH, then Debian's folders. */
  pgDump?: string
  pgRestore?: string
}
