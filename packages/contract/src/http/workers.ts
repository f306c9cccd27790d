import { z } from 'zod'
import { anything, flag, instant, listOf } from './shapes.ts'

/** A worker process. */
export const worker = z
  .object({
    id: z.string(),
    name: z.string(),
    host: z.string(),
    pid: z.number(),
    version: z.string(),
    state: z.enum(['starting', 'running', 'stopping', 'stopped', 'lost']),
    startedAt: instant,
    endedAt: instant.nullable(),
    isStale: z.boolean(),
    drift: z.boolean(),
    singleton: z.string().nullable(),
    stopWanted: z.boolean(),
    beatAgeMs: z.number(),
    concurrency: z.number(),
    queues: z.array(z.string()),
    tasks: z.array(z.string()),
    running: z.array(z.string()),
    held: z.number(),
    rssBytes: z.number().nullable(),
    cpuPercent: z.number().nullable(),
    loopLagMs: z.number().nullable(),
  })
  .meta({ id: 'Worker' })

export const workerList = listOf(worker).meta({ id: 'WorkerList' })
export const workerQuery = z.strictObject({ past: flag.default(false) })

/** `POST /workers/start`. */
export const startWorkers = z
  .strictObject({
    count: z.number().int().min(1).max(50).default(1),
    supervisor: z
      .string()
      .regex(/^[1-9]\d{0,8}$/, 'the decimal number of a supervisor')
      .optional(),
  })
  .meta({ id: 'StartWorkers' })
export const workersWanted = z.object({ supervisor: z.string(), wanted: z.number() })

/** `POST /workers/cleanup`. */
export const cleanup = z.strictObject({ staleMs: z.number().int().min(1000).max(86_400_000).optional() }).meta({ id: 'Cleanup' })
export const cleanedUp = z.object({ workers: z.array(z.string()), jobs: z.number(), poisoned: z.number(), forgotten: z.number() })

/** A task, with the JSON Schema of its payload. */
export const task = z
  .object({
    task: z.string(),
    description: z.string().nullable(),
    queue: z.string(),
    priority: z.number(),
    maxAttempts: z.number(),
    timeoutMs: z.number().nullable(),
    inputSchema: anything,
    searchable: z.array(z.string()),
    workers: z.number(),
    updatedAt: instant,
  })
  .meta({ id: 'Task' })
export const taskList = listOf(task).meta({ id: 'TaskList' })
