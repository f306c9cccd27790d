import { setTimeout as sleep } from 'node:timers/promises'
import { isTrunklineError } from '@trunkline/contract'
import { defineTask, FatalError, type JobLogger, type Task } from '@trunkline/engine'
import { type Database, statement } from '@trunkline/engine/postgres'
import { z } from 'zod'
import { cancelRun, type PgAgentStatus } from './jobs.ts'

const runSoFar = statement(import.meta.url, 'run-so-far.sql')

const id = z.string().regex(/^[1-9]\d{0,8}$/, 'a decimal number')

/** The payload of `pgagent_run`. */
const input = z.strictObject({
  server: z.string().min(1).max(63).default('default').describe('Id of the server (sid) whose pgAgent schema it is'),
  jobId: id.describe('The job of pgAgent'),
  jobName: z.string().max(200).optional().describe('Its name, for people'),
  runId: id.describe('The run: jlgid of its row in pga_joblog'),
})

/** What identifies a run. */
export type PgAgentRunPayload = z.input<typeof input>

/** The queue of jobs that stand for runs of pgAgent: they wait for others most of the time, and take nobody's place. */
export const pgAgentQueue = 'pgagent'

interface StepSoFar {
  id: number
  step: string
  status: PgAgentStatus
  result: number | null
  ms: number | null
  output: string | null
  notices: string | null
}

interface RunSoFar {
  status: PgAgentStatus
  job: string
  step_count: number
  steps: StepSoFar[]
}

const lookMs = 250
/** Lines of one step's output in the log of the job; the whole of it is in pgAgent's own log. */
const mostLines = 1000

const words: Record<PgAgentStatus, string> = { r: 'runs', s: 'succeeded', f: 'failed', i: 'ignored', d: 'aborted' }

function logStep(log: JobLogger, { status, result, ms, output, notices }: StepSoFar): void {
  const lines = `${notices ?? ''}${output ?? ''}`.split(/\r?\n/).filter(Boolean)
  for (const line of lines.slice(0, mostLines)) log.info(line)
  if (lines.length > mostLines) log.warn(`${lines.length - mostLines} more lines of output are in pgAgent's log`)
  const sentence = `${words[status]}, result ${result ?? 'none'}, ${ms ?? 0} ms`
  if (status === 'f' || status === 'd') log.error(sentence)
  else log.info(sentence)
}

/** Logs what has happened since the last look. Keeps the steps that have ended in `ended`, and begins a stage for each. */
function follow(log: JobLogger, run: RunSoFar, ended: StepSoFar[], stages: Set<number>): void {
  for (const step of run.steps) {
    if (!stages.has(step.id)) {
      stages.add(step.id)
      log.setStage(step.step)
      log.setProgress(ended.length, run.step_count)
    }
    if (step.status === 'r') continue
    logStep(log, step)
    ended.push(step)
    log.setProgress(ended.length, run.step_count)
  }
}

function endOf(run: RunSoFar, ended: readonly StepSoFar[]): unknown {
  const steps = ended.map(({ output: _, notices: __, ...step }) => ({ ...step, status: words[step.status] }))
  if (run.status === 's' || run.status === 'i') return { status: words[run.status], steps }
  if (run.status === 'd') throw new FatalError('the run was aborted: its agent is gone')
  const failed = ended.findLast((step) => step.status === 'f')
  const said = failed?.output?.trim().split('\n')[0]
  throw new FatalError(failed ? `step ${failed.step} failed${said ? `: ${said}` : ''}` : 'the run failed')
}

/**
 * `pgagent_run`: a run of pgAgent as a job. The agent, ours or the original one, runs it; the job tells of it as long as it lasts:
 * stages and progress by its steps, their output in the log, its end as the end of the job. To cancel the job ends the run, where
 * an agent of ours has it. A worker that takes the job over goes on telling.
 * @param open answers the database of a server's schema `pgagent`, which stays open. @throws what names a server that there is not
 */
export function pgAgentRun(open: (server: string) => Promise<Database>): Task {
  return defineTask('pgagent_run', {
    description: 'Follow a run of pgAgent',
    queue: pgAgentQueue,
    input,
    searchable: ['jobId', 'runId', 'jobName'],
    async run({ input: { server, runId }, log, signal, job }) {
      const database = await open(server)
      const ended: StepSoFar[] = []
      const stages = new Set<number>()
      let asked = false
      for (;;) {
        const from = (ended.at(-1)?.id ?? 0) + 1
        const [run] = await database.run<RunSoFar>(runSoFar, [runId, from])
        if (!run) throw new FatalError(`run ${runId} is gone: its job was deleted, or its log was cleared`)
        if (stages.size === 0) log.info(`run ${runId} of job ${run.job}`)
        follow(log, run, ended, stages)
        if (run.status !== 'r') return endOf(run, ended)
        if (signal.aborted && !asked) {
          asked = true
          // a worker that only stops leaves the run alone: another one goes on telling
          if (!isTrunklineError(signal.reason, 'cancelled') && !isTrunklineError(signal.reason, 'timeout')) throw signal.reason
          await cancelRun(database, Number(runId), `job ${job.id}`).catch((error) => {
            if (!isTrunklineError(error, 'pgagent_refused')) throw error
          })
        }
        await sleep(lookMs, undefined, asked ? {} : { signal }).catch(() => {})
      }
    },
  }) as Task
}
