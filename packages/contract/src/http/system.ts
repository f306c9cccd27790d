import { z } from 'zod'
import { instant } from './shapes.ts'

/** `GET /system`. */
export const system = z
  .object({
    version: z.string(),
    startedAt: instant,
    node: z.string(),
    database: z.object({ version: z.string(), schema: z.string(), migration: z.number() }),
    warnings: z.array(z.object({ code: z.string(), sentence: z.string(), hint: z.string() })),
    supervisors: z.array(
      z.object({
        id: z.string(),
        host: z.string(),
        pid: z.number(),
        startedAt: instant,
        beatAgeMs: z.number(),
        workersWanted: z.number(),
        workersRunning: z.number(),
      }),
    ),
    process: z.object({ rssBytes: z.number(), loopLagMs: z.number() }),
  })
  .meta({ id: 'System' })

/** `GET /healthz`, `GET /readyz`: nothing about the inside. */
export const health = z.object({ status: z.enum(['ok', 'unavailable']) })
