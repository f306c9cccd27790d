import { TrunklineError } from '@trunkline/contract'
import {
  cleanedUp,
  cleanup,
  done,
  name,
  startWorkers,
  task,
  taskList,
  type worker,
  workerList,
  workerQuery,
  workersWanted,
} from '@trunkline/contract/http'
import type { TaskView, WorkerView } from '@trunkline/engine'
import { z } from 'zod'
import { covers, type Principal } from '../door/principal.ts'
import { type Route, route } from '../route.ts'
import type { Service } from '../service.ts'
import { said } from './jobs.ts'

const workerPath = z.strictObject({ id: z.string().regex(/^[1-9]\d{0,8}$/, 'the decimal number of a worker') })

function workerAnswer(view: WorkerView, { scopes }: Principal): z.output<typeof worker> {
  return {
    ...view,
    startedAt: view.startedAt.toISOString(),
    endedAt: view.endedAt?.toISOString() ?? null,
    queues: view.queues.filter((q) => covers(scopes.queues, q)),
    tasks: view.tasks.filter((t) => covers(scopes.tasks, t)),
    // whose jobs these are is not known here
    running: scopes.queues === null && scopes.tasks === null ? view.running : [],
  }
}

const taskAnswer = (view: TaskView): z.output<typeof task> => ({
  ...view,
  inputSchema: view.inputSchema ?? null,
  updatedAt: view.updatedAt.toISOString(),
})

/** Workers and the tasks they serve. */
export function workerRoutes({ trunkline }: Service): Route[] {
  return [
    route({
      method: 'GET',
      url: '/workers',
      summary: 'Live workers, oldest first; with past=true also those that ended within 7 days',
      tag: 'workers',
      access: { role: 'viewer', object: 'none' },
      query: workerQuery,
      answers: { 200: workerList },
      async run({ query, principal }) {
        const { cursor: asOf } = await trunkline.changes()
        const data = (await trunkline.workers({ past: query.past })).map((w) => workerAnswer(w, principal))
        return { data, nextCursor: null, asOf, total: data.length, totalIsEstimate: false }
      },
    }),
    route({
      method: 'POST',
      url: '/workers/start',
      summary: 'Ask a supervisor for more workers',
      tag: 'workers',
      access: { role: 'admin', object: 'none' },
      action: 'worker.start',
      body: startWorkers,
      answers: { 202: workersWanted },
      async run(call) {
        const options = said(call.body)
        return await call.change('worker', async (verbs, note) => {
          const wanted = await verbs.startWorkers(options).catch((error) => {
            // there is none that could: say what to type instead
            if (error?.code !== 'no_supervisor') throw error
            throw new TrunklineError('workers_not_supervised', { field: 'supervisor', command: 'trunkline worker' })
          })
          note.after = wanted
          call.reply.status(202)
          return wanted
        })
      },
    }),
    route({
      method: 'POST',
      url: '/workers/:id/stop',
      summary: 'Ask a worker to stop: it drains, and is not started again',
      tag: 'workers',
      access: { role: 'admin', object: 'none' },
      action: 'worker.stop',
      params: workerPath,
      answers: { 202: done },
      run: async (call) =>
        await call.change(`worker:${call.params.id}`, async (verbs) => {
          await verbs.stopWorker(call.params.id)
          call.reply.status(202)
          return { ok: true }
        }),
    }),
    route({
      method: 'POST',
      url: '/workers/cleanup',
      summary: 'Give up stale workers at once and forget those that have ended',
      tag: 'workers',
      access: { role: 'admin', object: 'none' },
      action: 'worker.cleanup',
      body: cleanup,
      answers: { 200: cleanedUp },
      async run(call) {
        const options = said(call.body)
        return await call.change('worker', async (verbs, note) => {
          const done = await verbs.cleanupWorkers(options)
          note.after = done
          return done
        })
      },
    }),
    route({
      method: 'GET',
      url: '/tasks',
      summary: 'Tasks that workers have published, with the JSON Schemas of their payloads',
      tag: 'tasks',
      access: { role: 'viewer', object: 'tasks' },
      answers: { 200: taskList },
      async run({ principal }) {
        const { cursor: asOf } = await trunkline.changes()
        const data = (await trunkline.tasks()).filter((t) => covers(principal.scopes.tasks, t.task)).map(taskAnswer)
        return { data, nextCursor: null, asOf, total: data.length, totalIsEstimate: false }
      },
    }),
    route({
      method: 'GET',
      url: '/tasks/:task',
      summary: 'A task',
      tag: 'tasks',
      access: { role: 'viewer', object: 'task' },
      params: z.strictObject({ task: name }),
      answers: { 200: task },
      async run({ params, principal }) {
        const found = (await trunkline.tasks()).find((t) => t.task === params.task)
        if (found && covers(principal.scopes.tasks, found.task)) return taskAnswer(found)
        throw new TrunklineError('task_not_found', { field: 'task', received: params.task })
      },
    }),
  ]
}
