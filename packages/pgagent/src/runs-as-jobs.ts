import { FatalError, type Job, type Trunkline } from '@trunkline/engine'
import type { Database } from '@trunkline/engine/postgres'
import type { AgentEvent } from './agent.ts'
import { persist } from './persist.ts'
import { type PgAgentRunPayload, pgAgentQueue, pgAgentRun } from './run-task.ts'

/** Shows the runs of an agent as jobs of Trunkline. */
export interface RunsAsJobs {
  /** Give it every event of the agent. */
  hear(event: AgentEvent): void
  /** After the agent: its jobs end with their runs; then nothing of it works any more. */
  stop(): Promise<void>
}

/** Options of {@link showRunsAsJobs}. */
export interface RunsAsJobsOptions {
  /** Id of the server (sid). Default `default`. */
  server?: string
  /** Where its schema `pgagent` is. */
  database: Database
  /** Runs at a time, as the agent has it. */
  maxParallel: number
  /** What the worker of these jobs reports as its version. Default `unknown`. */
  version?: string
  onError: (error: Error) => void
}

/** Jobs that are not told to have ended by then are left to the next agent. */
const lastWaitMs = 10_000

/**
 * Has a job `pgagent_run` for each run: it is found, watched, alerted of and cancelled as every job. They are served here, beside
 * the agent, since they last as long as their runs and would take the places of other jobs at a common worker. The runs themselves
 * do not wait for it.
 */
export async function showRunsAsJobs(trunkline: Trunkline, options: RunsAsJobsOptions): Promise<RunsAsJobs> {
  const { server = 'default', database, maxParallel, version = 'unknown', onError } = options
  const task = pgAgentRun(async (asked) => {
    if (asked === server) return database
    throw new FatalError(`the agent here serves ${server}, not ${asked}`)
  })
  // each server has a queue of its own: who takes a job must know the way to its runs
  const queue = server === 'default' ? pgAgentQueue : `${pgAgentQueue}/${server}`
  const worker = await trunkline.work([task], { queues: [queue], version, concurrency: maxParallel, keeper: false, drainMs: 500 })
  const giveUp = new AbortController()
  const open = new Set<Promise<void>>()

  async function show({ jobId, job: jobName, runId }: Extract<AgentEvent, { type: 'run_started' }>): Promise<void> {
    const payload: PgAgentRunPayload = { server, jobId: String(jobId), jobName: jobName.slice(0, 200), runId: String(runId) }
    const once = { queue, tags: ['pgagent'], idempotencyKey: `pgagent ${server} ${runId}` }
    const job: Job = await persist(() => trunkline.enqueue(task, payload, once), giveUp.signal)
    // how it ended is told by the job itself
    await job.result({ signal: giveUp.signal }).catch(() => {})
  }

  return {
    hear(event) {
      if (event.type !== 'run_started') return
      const shown = show(event).catch(onError)
      open.add(shown)
      void shown.finally(() => open.delete(shown))
    },
    async stop() {
      const timer = setTimeout(() => giveUp.abort(), lastWaitMs)
      await Promise.all(open)
      clearTimeout(timer)
      await worker.stop()
    },
  }
}
