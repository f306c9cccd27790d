/** What a worker tells of itself and its jobs. The sentences for it live with who prints them. */
export type WorkerEvent =
  | { type: 'worker_started'; workerId: number; queues: string[]; tasks: string[]; concurrency: number }
  /** A pooler in transaction mode stands before the database: without a direct way nobody can be woken, and jobs are looked for every second. */
  | { type: 'pooler'; direct: boolean }
  /** A newer version has migrated the schema in a way this one may not work with: the worker hands back and stops. */
  | { type: 'schema_too_new'; workerId: number; applied: number; known: number }
  | { type: 'worker_stopping'; workerId: number; running: number }
  | { type: 'worker_stopped'; workerId: number }
  /** Somebody asked for its end: `trunkline workers stop`, `stopWorker`. */
  | { type: 'worker_asked_to_stop'; workerId: number }
  /** Its memory is above its limit: it drains and asks to be replaced. */
  | { type: 'worker_recycling'; workerId: number; rssBytes: number; limitBytes: number }
  /** Others took this process for dead; it has registered anew. */
  | { type: 'worker_lost'; workerId: number }
  | { type: 'job_started'; jobId: string; task: string; attempt: number }
  | {
      type: 'job_ended'
      jobId: string
      task: string
      attempt: number
      how: 'completed' | 'failed' | 'cancelled' | 'retrying' | 'snoozed' | 'handed_back'
      ms: number
      error?: string
    }
  /** What this execution wrote was refused: another one has the job, or it has ended. */
  | { type: 'lease_lost'; jobIds: string[] }
  /** The handler did not end within the grace after its abort. */
  | { type: 'handler_stuck'; jobId: string; task: string; why: string }
  | { type: 'unknown_task'; jobId: string; taskId: number }
  | { type: 'database_error'; where: string; error: Error }

/** Is told of each event; must not throw. */
export type WorkerEventListener = (event: WorkerEvent) => void
