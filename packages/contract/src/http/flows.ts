import { z } from 'zod'
import { limits } from '../words/limits.ts'
import { job, newJob } from './jobs.ts'
import { decimalId, instant, limit, listOf, text } from './shapes.ts'

const onFailure = z.enum(['cancel', 'run', 'wait']).optional().meta({
  description:
    'What becomes of the job when this parent fails or is cancelled: it is cancelled too (default), runs anyway, or waits for its retry',
})
const flowJobName = text(limits.nameLength, 1)

/** A job of a flow. */
export const flowJob = newJob
  .omit({ uniqueKey: true, uniqueMode: true, uniqueWindowMs: true, uniqueMaxWaitMs: true, dependsOn: true })
  .extend({
    name: flowJobName.optional().meta({ description: 'What others of the flow call it' }),
    dependsOn: z
      .array(z.union([flowJobName, z.strictObject({ name: flowJobName, onFailure }), z.strictObject({ jobId: decimalId, onFailure })]))
      .max(limits.dependsOn)
      .optional()
      .meta({ description: 'What must end first: names of jobs of the flow, or jobs that exist' }),
  })
  .meta({ id: 'FlowJob' })

/** `POST /jobs/flows`. */
export const newFlow = z
  .strictObject({ name: text(200).optional(), jobs: z.array(flowJob).min(1).max(limits.flow) })
  .meta({ id: 'NewFlow' })

/** A flow. */
export const flow = z
  .object({
    id: z.string(),
    name: z.string().nullable(),
    state: z.enum(['running', 'completed', 'failed', 'cancelled']),
    counts: z.object({
      pending: z.number(),
      blocked: z.number(),
      running: z.number(),
      completed: z.number(),
      failed: z.number(),
      cancelled: z.number(),
    }),
    total: z.number(),
    percent: z.number().meta({ description: 'Whole percent of jobs that have ended' }),
    createdAt: instant,
    createdBy: z.string().nullable(),
    finishedAt: instant.nullable(),
  })
  .meta({ id: 'Flow' })

/** Answer of `POST /jobs/flows`. */
export const madeFlow = flow
  .extend({ jobs: z.record(z.string(), z.string()).meta({ description: 'Job ids by name' }) })
  .meta({ id: 'MadeFlow' })

/** A flow with its jobs, page by page. */
export const flowDetail = flow
  .extend({
    jobs: z.array(
      z.object({
        name: z.string().nullable(),
        job,
        dependsOn: z.array(z.object({ jobId: z.string(), onFailure: z.enum(['cancel', 'run', 'wait']), open: z.boolean() })),
      }),
    ),
    nextCursor: z.string().nullable(),
  })
  .meta({ id: 'FlowDetail' })

/** `GET /jobs/flows`, `GET /jobs/flows/:id`. */
export const flowQuery = z.strictObject({ cursor: decimalId.optional(), limit: limit() })

export const flowList = listOf(flow).meta({ id: 'FlowList' })

/** What a cancellation or retry of a flow did. */
export const flowChange = z
  .object({
    changed: z.number().meta({ description: 'Jobs that were cancelled, or run or wait again' }),
    others: z.number().meta({ description: 'Running jobs that were asked to end; or jobs that could not be retried' }),
  })
  .meta({ id: 'FlowChange' })
