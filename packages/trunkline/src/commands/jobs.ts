import { formatDuration, isTerminal, isTrunklineError, TrunklineError } from '@trunkline/contract'
import type { JobListOptions, JobView, LogEntry, SearchOrder, StepView, Trunkline, Why } from '@trunkline/engine'
import type { Command } from 'commander'
import { interruption, wantsJson, withTrunkline } from '../command.ts'
import { addFilterOptions, type FilterFlags, filterOf } from '../job-selection.ts'
import { ago, logText, plain, printError, printJson, printTable, progressLine, stateText } from '../print.ts'
import { addJobVerbs } from './job-verbs.ts'

/** `trunkline jobs`: look at jobs and control them. */
export function jobsCommand(program: Command): void {
  const jobs = program.command('jobs').description('look at jobs and control them')
  addFilterOptions(
    jobs
      .command('list [query...]')
      .description(
        "newest jobs; pending ones in the order in which they will run. With a query such as 'state:failed age:<24h': newest first",
      ),
    'at most so many, up to 500 (default 50)',
  )
    .option('--before <id>', 'only ids below this one; not for pending ones')
    .option('--cursor <text>', 'the next page of a query')
    .option('--sort <order>', 'of a query: createdAt, startedAt, finishedAt, duration or priority; with - before it, lowest first')
    .action(list)
  jobs.command('show <id>').description('one job with everything known of it').action(showJob)
  jobs
    .command('logs <id>')
    .description('the log of a job, all attempts')
    .option('-f, --follow', 'go on until the job has ended')
    .option('--stage <name>', 'only lines of this stage, such as a step')
    .action(logs)
  jobs.command('steps <id>').description('the steps of a job, and where each of them is').action(showSteps)
  jobs.command('why <ids...>').description('why a job is not running, or how it ended').action(explain)
  addJobVerbs(jobs)
}

type ListFlags = FilterFlags & Pick<JobListOptions, 'limit' | 'before'> & { cursor?: string; sort?: string }

async function list(query: string[], flags: ListFlags, command: Command): Promise<void> {
  const { limit, before, cursor, sort } = flags
  const page = { ...(limit === undefined ? {} : { limit }), ...(before === undefined ? {} : { before }) }
  const isFilter = Object.keys(filterOf(flags)).length > 0
  if (query.length > 0) return await listFound(query.join(' '), flags, command)
  if (cursor !== undefined || sort !== undefined) {
    throw new TrunklineError('usage', { problem: '--cursor and --sort belong to a query', where: 'jobs list' })
  }
  await withTrunkline(command, async (trunkline) => {
    const found = await trunkline.list({ ...filterOf(flags), ...page })
    if (wantsJson(command)) return printJson({ data: found })
    printJobs(found, isFilter ? 'no job fits' : 'no jobs; make one with: trunkline enqueue <task> <payload>')
  })
}

async function listFound(q: string, flags: ListFlags, command: Command): Promise<void> {
  const { limit, before, cursor, sort } = flags
  if (before !== undefined || Object.keys(filterOf(flags)).length > 0) {
    throw new TrunklineError('usage', {
      problem: 'give a query or flags, not both; the query says all that flags can: state:, task:, queue:, tag:, created:, …',
      where: 'jobs list',
    })
  }
  const order =
    sort === undefined
      ? {}
      : { sortBy: sort.replace(/^-/, '') as SearchOrder, sortOrder: sort.startsWith('-') ? ('asc' as const) : ('desc' as const) }
  await withTrunkline(command, async (trunkline) => {
    const found = await trunkline.search({
      q,
      ...order,
      ...(limit === undefined ? {} : { limit }),
      ...(cursor === undefined ? {} : { cursor }),
    })
    const { jobs, nextCursor, total, totalIsEstimate } = found
    if (wantsJson(command)) return printJson({ data: jobs, nextCursor, total, totalIsEstimate })
    printJobs(jobs, nextCursor === null ? 'no job fits' : 'none so far')
    const of = total === null || total <= jobs.length ? '' : `${jobs.length} of ${totalIsEstimate ? 'about ' : ''}${total}; `
    if (nextCursor !== null) console.log(`${of}more with: --cursor ${nextCursor}`)
  })
}

function printJobs(found: readonly JobView[], none: string): void {
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
  printTable(['ID', 'TASK', 'QUEUE', 'STATE', 'TRY', 'CREATED', 'TOOK', ''], found.map(row), none)
}

async function showJob(id: string, _options: object, command: Command): Promise<void> {
  await withTrunkline(command, async (trunkline) => {
    const job = await trunkline.get(id)
    if (wantsJson(command)) return printJson(job)
    const reason = job.state === 'running' ? null : await trunkline.why(id)
    const rows: [string, unknown][] = [
      ['job', job.id],
      ['task', job.task],
      ['queue', job.queue],
      ['state', stateText(job)],
      ['why', reason?.sentence],
      ['priority', job.priority],
      ['attempt', `${job.attempt} of ${job.maxAttempts}`],
      ['tags', job.tags.length > 0 ? job.tags.join(', ') : null],
      ['key', job.key],
      ['rerun of', job.rerunOf && `job ${job.rerunOf}`],
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

async function logs(id: string, options: { follow?: boolean; stage?: string }, command: Command): Promise<void> {
  await withTrunkline(command, async (trunkline) => {
    const stop = interruption()
    const print = (line: LogEntry) => console.log(wantsJson(command) ? JSON.stringify(line) : logText(line))
    let after = '0'
    for (;;) {
      // the state first: what is written until the end is then surely read below
      const { state } = await trunkline.get(id)
      const read = () => trunkline.logs(id, { after, ...(options.stage === undefined ? {} : { stage: options.stage }) })
      for (let page = await read(); page.length > 0; page = await read()) {
        page.forEach(print)
        after = page.at(-1)?.no ?? after
      }
      if (!options.follow || isTerminal(state) || stop.aborted) return
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
  })
}

async function showSteps(id: string, _options: object, command: Command): Promise<void> {
  await withTrunkline(command, async (trunkline) => {
    await trunkline.get(id)
    const steps = await trunkline.steps(id)
    if (wantsJson(command)) return printJson({ data: steps })
    const row = ({ name, task, state, tries, startedAt, durationMs, error }: StepView) => {
      const took = durationMs === null ? null : formatDuration(durationMs)
      return [name, task, state, tries, startedAt && ago(startedAt), took, (error?.message ?? '').slice(0, 60)]
    }
    printTable(['STEP', 'TASK', 'STATE', 'TRIES', 'STARTED', 'TOOK', ''], steps.map(row), 'no steps')
  })
}

/** Every job answers for itself: one that is not there stops nothing. */
async function explain(ids: string[], _options: object, command: Command): Promise<void> {
  const json = wantsJson(command)
  await withTrunkline(command, async (trunkline) => {
    const found: Why[] = []
    for (const id of ids) {
      const answer = await whyOrError(trunkline, id, json)
      if (!answer) continue
      found.push(answer)
      if (!json) console.log(plain(ids.length === 1 ? answer.sentence : `job ${id}: ${answer.sentence}`))
    }
    if (json && ids.length > 1) printJson({ data: found })
    else if (json && found[0]) printJson(found[0])
    if (found.length < ids.length) process.exitCode = 1
  })
}

async function whyOrError(trunkline: Trunkline, id: string, json: boolean): Promise<Why | null> {
  return await trunkline.why(id).catch((error) => {
    if (!isTrunklineError(error, 'job_not_found')) throw error
    printError(error, json)
    return null
  })
}
