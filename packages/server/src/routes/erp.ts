import { formatDuration } from '@trunkline/contract'
import {
  decimalId,
  erpBackupStarted,
  erpDone,
  erpJob,
  erpJobs,
  erpNewBackup,
  erpNotifications,
  erpProblem,
  erpStats,
  erpStatus,
  limit,
} from '@trunkline/contract/http'
import type { JobView } from '@trunkline/engine'
import { z } from 'zod'
import { checkTarget } from '../door/may.ts'
import { listNotifications, readNotifications } from '../door/notifications.ts'
import { covers } from '../door/principal.ts'
import { redactText } from '../door/redact.ts'
import { type Route, route } from '../route.ts'
import type { Service } from '../service.ts'
import { jobData, makeJob } from './jobs.ts'
import { inboxOf } from './notifications.ts'

type Status = 'pending' | 'running' | 'completed' | 'failed' | 'cancelled'

/** Here a blocked job counts as pending. */
const statusOf = ({ state }: JobView): Status => (state === 'blocked' ? 'pending' : state)
const progressOf = (job: JobView) => (job.state === 'completed' ? 100 : (job.progress?.percent ?? job.progress?.current ?? 0))
const iso = (time: Date | null) => time?.toISOString() ?? null

function summaryOf(job: JobView): z.output<typeof erpJobs>['data'][number] {
  return {
    id: job.id,
    job_type: job.task,
    status: statusOf(job),
    progress: progressOf(job),
    created_at: job.createdAt.toISOString(),
    completed_at: iso(job.finishedAt),
  }
}

/** Durations of results read "2m15s" here. */
function resultOf(result: unknown): unknown {
  if (result === null || typeof result !== 'object' || Array.isArray(result)) return result ?? null
  const { duration } = result as { duration?: unknown }
  return typeof duration === 'number' ? { ...result, duration: formatDuration(duration) } : result
}

/** The façade for clients of the older API: its paths, its snake_case, its errors. */
export function erpRoutes(service: Service): Route[] {
  const { trunkline, database, schemas, settings } = service
  const make = makeJob(service)
  const at = (path: string) => settings.erpPrefix + path
  const common = { root: true, tag: 'façade', problems: erpProblem } as const
  const viewer = { role: 'viewer', object: 'job' } as const
  const jobPath = z.strictObject({ id: decimalId })
  return [
    route({
      ...common,
      method: 'POST',
      url: at('/backups/create'),
      summary: 'Make a backup',
      access: { role: 'operator', object: 'job' },
      action: 'backup.create',
      body: erpNewBackup,
      answers: { 202: erpBackupStarted },
      async run(call) {
        await checkTarget(trunkline, call.principal, { task: 'backup_create', payload: null })
        const { description } = call.body
        const { id } = await make(call, 'backup_create', description === undefined ? {} : { label: description }, {})
        return { success: true, message: 'Backup job created; follow it by its job_id', job_id: id, status: 'pending' }
      },
    }),
    route({
      ...common,
      method: 'GET',
      url: at('/jobs'),
      summary: 'The latest jobs',
      access: { role: 'viewer', object: 'jobs' },
      query: z.strictObject({ limit: limit() }),
      answers: { 200: erpJobs },
      async run({ query, within, principal }) {
        const jobs = await trunkline.list({ limit: query.limit, within })
        const queues = (await trunkline.queues()).filter((q) => covers(principal.scopes.queues, q.queue))
        const total = queues.reduce((n, q) => n + q.due + q.scheduled + q.running + q.completed + q.failed + q.cancelled, 0)
        return { success: true, data: jobs.map(summaryOf), total: jobs.length < query.limit ? jobs.length : Math.max(total, jobs.length) }
      },
    }),
    route({
      ...common,
      method: 'GET',
      url: at('/jobs/stats'),
      summary: 'Jobs by status',
      access: { role: 'viewer', object: 'queues' },
      answers: { 200: erpStats },
      async run({ principal }) {
        const data = { pending: 0, running: 0, completed: 0, failed: 0, cancelled: 0 }
        for (const q of await trunkline.queues()) {
          if (!covers(principal.scopes.queues, q.queue)) continue
          data.pending += q.due + q.scheduled
          for (const state of ['running', 'completed', 'failed', 'cancelled'] as const) data[state] += q[state]
        }
        return { success: true, data }
      },
    }),
    route({
      ...common,
      method: 'GET',
      url: at('/jobs/notifications'),
      summary: 'The caller’s inbox',
      access: { role: 'signed-in', object: 'self' },
      answers: { 200: erpNotifications },
      async run({ principal }) {
        const { notifications } = await listNotifications(database, inboxOf(principal), { unread: false, limit: 50 })
        const data = notifications.map(({ id, job_id, title, message, read_at, created_at }) => ({
          id,
          job_id,
          title,
          message,
          is_read: read_at !== null,
          created_at: created_at.toISOString(),
        }))
        return { success: true, data }
      },
    }),
    route({
      ...common,
      method: 'POST',
      url: at('/jobs/notifications/:id/read'),
      summary: 'Mark a notification as read',
      access: { role: 'signed-in', object: 'self' },
      action: 'notification.read',
      params: z.strictObject({ id: z.uuid('the id of a notification') }),
      answers: { 200: erpDone },
      async run(call) {
        await call.change(`notification:${call.params.id}`, ({ tx }) =>
          readNotifications(database, inboxOf(call.principal), call.params.id, tx),
        )
        return { success: true }
      },
    }),
    route({
      ...common,
      method: 'GET',
      url: at('/jobs/:id'),
      summary: 'A job',
      access: viewer,
      params: jobPath,
      answers: { 200: erpJob },
      async run({ params, principal, within }) {
        const job = await trunkline.get(params.id, { within })
        const { payload = null, result = null } = await jobData(job, principal, schemas)
        return {
          success: true,
          data: {
            ...summaryOf(job),
            payload,
            result: resultOf(result),
            error_message: job.error ? redactText(job.error.message) : null,
            total: job.progress?.total ?? null,
            started_at: iso(job.startedAt),
            created_by: job.createdBy,
          },
        }
      },
    }),
    route({
      ...common,
      method: 'GET',
      url: at('/jobs/:id/status'),
      summary: 'How far a job is',
      access: viewer,
      params: jobPath,
      answers: { 200: erpStatus },
      async run({ params, principal, within }) {
        const job = await trunkline.get(params.id, { within })
        const { result = null } = await jobData(job, principal, schemas)
        return {
          success: true,
          id: job.id,
          status: statusOf(job),
          progress: progressOf(job),
          total: job.progress?.total ?? null,
          result: resultOf(result),
          error: job.error ? redactText(job.error.message) : null,
        }
      },
    }),
  ]
}
