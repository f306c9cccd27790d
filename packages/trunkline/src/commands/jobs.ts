import { formatDuration, isTerminal, type JobState } from '@trunkline/contract'
import type { JobFilter, JobView, LogEntry } from '@trunkline/engine'
import type { Command } from 'commander'
import { interruption, wantsJson, wholeNumber, withTrunkline } from '../command.ts'
import { ago, logText, plain, printJson, printTable, progressLine, stateText } from '../print.ts'

/** `trunkline jobs`: look at jobs and control them. */
export function jobsCommand(program: Command): void {
  const jobs = program.command('jobs').description('look at jobs and control them')
  jobs
    .command('list')
    .description('newest jobs; pending ones in the order in which they will run')
    .option('--state <state>', 'pending, running, completed, failed, cancelled, blocked')
    .option('--task <name>', 'only this task')
    .option('--queue <name>', 'only this queue')
    .option('--limit <n>', 'at most so many, up to 500', wholeNumber, 50)
    .option('--before <id>', 'only ids below this one')
    .action(list)
  jobs.command('show <id>').description('one job with everything known of it').action(showJob)
  jobs
    .command('logs <id>')
    .description('the log of a job, all attempts')
    .option('-f, --follow', 'go on until the job has ended')
    .action(logs)
  jobs.command('cancel <ids...>').description('cancel waiting jobs, ask running ones to end').action(cancel)
  jobs.command('retry <ids...>').description('run failed or cancelled jobs again, with fresh attempts').action(retry)
}

async function list(options: JobFilter & { state?: JobState }, command: Command): Promise<void> {
  await withTrunkline(command, async (trunkline) => {
    const found = await trunkline.list(options)
    if (wantsJson(command)) return printJson({ data: found })
    const row = (job: JobView) => [
      job.id,
      job.task,
      job.queue,
      stateText(job),
      `${job.attempt}/${job.maxAttempts}`,
      ago(job.createdAt),
      job.durationMs === null ? null : formatDuration(job.durationMs),
      job.progress && !isTerminal(job.state) ? progressLine(job) : (job.error?.message ?? '').slice(0, 60),
    ]
    printTable(
      ['ID', 'TASK', 'QUEUE', 'STATE', 'TRY', 'CREATED', 'TOOK', ''],
      found.map(row),
      'no jobs; make one with: trunkline enqueue <task> <payload>',
    )
  })
}

async function showJob(id: string, _options: object, command: Command): Promise<void> {
  await withTrunkline(command, async (trunkline) => {
    const job = await trunkline.get(id)
    if (wantsJson(command)) return printJson(job)
    const rows: [string, unknown][] = [
      ['job', job.id],
      ['task', job.task],
      ['queue', job.queue],
      ['state', stateText(job)],
      ['priority', job.priority],
      ['attempt', `${job.attempt} of ${job.maxAttempts}`],
      ['progress', job.progress && progressLine(job)],
      ['outcome', job.outcome && JSON.stringify(job.outcome)],
      ['created', job.createdAt.toISOString()],
      ['by', job.createdBy],
      ['run at', job.runAt.toISOString()],
      ['started', job.startedAt?.toISOString()],
      ['finished', job.finishedAt?.toISOString()],
      ['took', job.durationMs === null ? null : formatDuration(job.durationMs)],
      ['worker', job.workerId],
      ['payload', JSON.stringify(job.payload)],
      ['result', job.result === null ? null : JSON.stringify(job.result)],
      ['error', job.error?.message],
      ['hint', job.error?.hint],
    ]
    for (const [name, value] of rows) if (value !== null && value !== undefined) console.log(`${name.padEnd(9)} ${plain(value)}`)
    if (job.error?.stack)
      console.log(
        job.error.stack
          .split('\n')
          .map((line) => `  ${plain(line)}`)
          .join('\n'),
      )
  })
}

async function logs(id: string, options: { follow?: boolean }, command: Command): Promise<void> {
  await withTrunkline(command, async (trunkline) => {
    const stop = interruption()
    const print = (line: LogEntry) => console.log(wantsJson(command) ? JSON.stringify(line) : logText(line))
    let after = '0'
    for (;;) {
      // the state first: what is written until the end is then surely read below
      const { state } = await trunkline.get(id)
      for (let page = await trunkline.logs(id, { after }); page.length > 0; page = await trunkline.logs(id, { after })) {
        page.forEach(print)
        after = page.at(-1)?.no ?? after
      }
      if (!options.follow || isTerminal(state) || stop.aborted) return
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
  })
}

const said: Record<string, string> = { cancelled: 'cancelled', asked: 'runs; its worker was told to end it', ended: 'had ended already' }

async function cancel(ids: string[], _options: object, command: Command): Promise<void> {
  await withTrunkline(command, async (trunkline) => {
    for (const id of ids) {
      const answer = await trunkline.cancel(id, { by: 'cli' })
      if (wantsJson(command)) console.log(JSON.stringify({ jobId: id, answer }))
      else console.log(`job ${id} ${said[answer]}`)
    }
  })
}

async function retry(ids: string[], _options: object, command: Command): Promise<void> {
  await withTrunkline(command, async (trunkline) => {
    for (const id of ids) {
      await trunkline.retry(id)
      if (wantsJson(command)) console.log(JSON.stringify({ jobId: id, ok: true }))
      else console.log(`job ${id} runs again`)
    }
  })
}
