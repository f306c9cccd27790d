import { formatDuration, TrunklineError } from '@trunkline/contract'
import { type Database, openDatabase } from '@trunkline/engine/postgres'
import {
  type AgentEvent,
  cancelRun,
  createAgent,
  history,
  installSchema,
  listJobs,
  type PgAgentJob,
  type PgAgentRun,
  type PgAgentStatus,
  releaseJob,
  runNow,
  setEnabled,
  unwatch,
  watch,
} from '@trunkline/pgagent'
import type { Command } from 'commander'
import { cliActor, interruption, settingsOf, wantsJson, wholeNumber } from '../command.ts'
import { pgAgentDatabase } from '../platform.ts'
import { plain, printJson, printTable } from '../print.ts'
import type { Settings } from '../settings.ts'
import { onSupervisorGone, reportReady } from '../supervisor.ts'

/** `trunkline pgagent`: runs the jobs of a schema `pgagent` as it stands, and looks after them. */
export function pgagentCommand(program: Command): void {
  const pgagent = program.command('pgagent').description('run the jobs of a pgAgent schema as it stands, and look after them')
  pgagent
    .command('agent', { isDefault: true })
    .description('run due jobs until it is stopped; what runs is waited for, a second Ctrl-C ends it')
    .option('--once', 'run what is due now, and end')
    .action(runAgent)
  pgagent
    .command('install')
    .description('make the schema pgagent where it is missing, ours beside it, and the triggers that tell of changes at once')
    .option('--no-watch', 'without the triggers: agents poll')
    .action(install)
  pgagent.command('unwatch').description('take our triggers off the tables of pgAgent').action(act(unwatch, 'the triggers are gone'))
  pgagent.command('jobs').description('the jobs, what runs, the last run and the next').action(jobs)
  pgagent
    .command('history [job]')
    .description('the latest runs of a job, or of all, with the output of each step')
    .option('--limit <n>', 'at most so many (default 20)', wholeNumber)
    .action(showHistory)
  const one = (name: string, what: string, argument: string, work: (database: Database, id: number) => Promise<void>, said: string) =>
    pgagent
      .command(`${name} <${argument}>`)
      .description(what)
      .action(async (text: string, _options: object, command: Command) =>
        act((database) => work(database, idOf(text, argument)), `${argument} ${plain(text)} ${said}`)({}, command),
      )
  one('run', 'run a job now; its schedule goes on as before', 'job', runNow, 'is due now')
  one('enable', 'enable a job', 'job', (database, id) => setEnabled(database, id, true), 'is enabled')
  one('disable', 'disable a job; a run that goes on ends', 'job', (database, id) => setEnabled(database, id, false), 'is disabled')
  one('cancel', 'end a run: its step is stopped', 'run', (database, id) => cancelRun(database, id, cliActor()), 'is asked to end')
  one('release', 'free a job that a dead agent holds; its run is closed as aborted', 'job', releaseJob, 'is free')
}

function idOf(text: string, field: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new TrunklineError('invalid_option', { field, received: text, allowed: `the number of a ${field}` })
}

/** The database of the schema, looked at before it is used. @throws `pgagent_missing` */
async function open(settings: Settings, { install = false } = {}): Promise<Database> {
  const database = openDatabase(await pgAgentDatabase(settings))
  try {
    const [row] = await database.query<{ there: boolean; name: string }>(
      `select to_regclass('pgagent.pga_job') is not null and to_regclass('trunkline_pgagent.cancel') is not null there, current_database() as name`,
    )
    if (!install && !row?.there) throw new TrunklineError('pgagent_missing', { where: `database ${row?.name}` })
    return database
  } catch (error) {
    await database.close()
    throw error
  }
}

function act(work: (database: Database) => Promise<unknown>, said: string) {
  return async (_options: object, command: Command): Promise<void> => {
    const database = await open(settingsOf(command))
    try {
      await work(database)
      if (wantsJson(command)) printJson({ done: true })
      else console.log(said)
    } finally {
      await database.close()
    }
  }
}

async function install({ watch: watched }: { watch: boolean }, command: Command): Promise<void> {
  const database = await open(settingsOf(command), { install: true })
  try {
    const { created } = await installSchema(database)
    if (watched) await watch(database)
    if (wantsJson(command)) return printJson({ created, watched })
    console.log(created ? 'the schema pgagent was made' : 'the schema pgagent was there and stays as it is')
    console.log(watched ? 'agents hear at once of what is due' : 'without triggers agents poll')
  } finally {
    await database.close()
  }
}

const levels = { DEBUG: 0, LOG: 1, WARNING: 2, ERROR: 3 } as const

/** An event as a line, with its level. */
function sentence(event: AgentEvent): [keyof typeof levels, string] {
  switch (event.type) {
    case 'registered':
      return ['LOG', `the agent is registered as ${event.pid}`]
    case 'dead_closed':
      return ['WARNING', `${event.runs} runs of agents that are gone were closed as aborted, ${event.sessions} sessions of theirs ended`]
    case 'run_started':
      return ['DEBUG', `job ${event.jobId} runs (run ${event.runId})`]
    case 'run_cancelled':
      return ['LOG', `run ${event.runId} of job ${event.jobId} is ended, as asked`]
    case 'run_ended': {
      const next = event.scheduleError ? `; its next run cannot be computed: ${event.scheduleError.message}` : ''
      return [
        event.status === 's' && !next ? 'LOG' : 'WARNING',
        `job ${event.jobId} ${words[event.status as PgAgentStatus]} (run ${event.runId})${next}`,
      ]
    }
    case 'error':
      return ['ERROR', event.error.message]
  }
}

const words: Record<PgAgentStatus, string> = { r: 'runs', s: 'succeeded', f: 'failed', i: 'had nothing to run', d: 'was aborted' }

function narrate(least: number) {
  return (event: AgentEvent): void => {
    const [level, text] = sentence(event)
    if (levels[level] >= least) console.log(`${new Date().toISOString()} pgagent ${level}: ${plain(text)}`)
  }
}

async function runAgent({ once }: { once?: boolean }, command: Command): Promise<void> {
  const settings = settingsOf(command)
  const of = settings.pgagent
  const stop = interruption()
  const database = await open(settings)
  const agent = createAgent({
    database,
    pollMs: of.poll_time * 1000,
    retryOnCrash: of.retry_on_crash,
    allowBatch: of.allow_batch,
    maxParallel: of.max_parallel,
    timezone: of.timezone,
    onEvent: narrate(of.log_level),
    stepUser: of.step_user === undefined ? undefined : { user: of.step_user, ...(of.step_password ? { password: of.step_password } : {}) },
  })
  if (once) {
    const n = await agent.runOnce()
    console.log(n === 0 ? 'no job is due' : `${n} ${n === 1 ? 'job has' : 'jobs have'} run`)
  } else {
    agent.start()
    onSupervisorGone(() => process.exit(1))
    reportReady()
    if (!stop.aborted) await new Promise((resolve) => stop.addEventListener('abort', resolve))
  }
  const kill = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => kill.abort())
  await agent.stop(kill.signal)
  await database.close()
}

const when = (time: Date | null) => time?.toISOString().replace('T', ' ').slice(0, 19) ?? '–'
const took = (ms: number | null) => (ms === null ? '–' : formatDuration(Math.round(ms)))

function stateOf(job: PgAgentJob): string {
  if (job.claimedByDead) return 'held by a dead agent'
  if (job.agent !== null) return 'runs'
  if (!job.isEnabled) return 'disabled'
  return job.isParked ? 'next run cannot be computed' : 'waits'
}

async function jobs(_options: object, command: Command): Promise<void> {
  const database = await open(settingsOf(command))
  try {
    const found = await listJobs(database)
    if (wantsJson(command)) return printJson({ data: found })
    printTable(
      ['JOB', 'NAME', 'CLASS', 'STATE', 'LAST RUN (UTC)', 'RESULT', 'TOOK', 'NEXT RUN (UTC)'],
      found.map((job) => {
        const { last } = job
        return [
          job.id,
          job.name,
          job.class,
          stateOf(job),
          when(job.lastRun),
          last ? words[last.status] : '–',
          took(last?.ms ?? null),
          when(job.nextRun),
        ]
      }),
      'no jobs; make one with pgAdmin, or by SQL: docs/pgagent.md',
    )
  } finally {
    await database.close()
  }
}

function printRun(run: PgAgentRun): void {
  console.log(plain(`run ${run.id} of job ${run.jobId} ${run.job}: ${words[run.status]}, ${when(run.startedAt)} UTC, ${took(run.ms)}`))
  for (const step of run.steps) {
    console.log(plain(`  ${step.step}: ${words[step.status]}, result ${step.result ?? '–'}, ${took(step.ms)}`))
    for (const line of (step.output ?? '').split('\n').filter(Boolean).slice(0, 50)) console.log(`    ${plain(line)}`)
  }
}

async function showHistory(job: string | undefined, { limit = 20 }: { limit?: number }, command: Command): Promise<void> {
  const database = await open(settingsOf(command))
  try {
    const found = await history(database, job === undefined ? null : idOf(job, 'job'), limit)
    if (wantsJson(command)) return printJson({ data: found })
    if (found.length === 0) console.log('no runs')
    for (const run of found) printRun(run)
  } finally {
    await database.close()
  }
}
