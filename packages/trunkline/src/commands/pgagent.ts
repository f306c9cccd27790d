import { formatDuration, TrunklineError } from '@trunkline/contract'
import { type Database, openDatabase } from '@trunkline/engine/postgres'
import {
  cancelRun,
  clearHistory,
  deleteJob,
  exportSql,
  history,
  installSchema,
  listJobs,
  maskSecrets,
  nextRuns,
  type PgAgentJob,
  type PgAgentRun,
  readJob,
  releaseJob,
  runNow,
  runStep,
  setEnabled,
  unwatch,
  watch,
} from '@trunkline/pgagent'
import type { Command } from 'commander'
import { cliActor, settingsOf, wantsJson, wholeNumber } from '../command.ts'
import { checkPgAgentSchema } from '../pgagent-agents.ts'
import { pgAgentDatabase } from '../platform.ts'
import { plain, printJson, printTable } from '../print.ts'
import type { Settings } from '../settings.ts'
import { runAgent, words } from './pgagent-agent.ts'
import { importCommand } from './pgagent-import.ts'
import { upgradeCommand } from './pgagent-upgrade.ts'

/** `trunkline pgagent`: runs the jobs of a schema `pgagent` as it stands, and looks after them. */
export function pgagentCommand(program: Command): void {
  const pgagent = program.command('pgagent').description('run the jobs of a pgAgent schema as it stands, and look after them')
  pgagent
    .command('agent', { isDefault: true })
    .description(
      'run due jobs, also of registered servers that are served (pgagent.serve), until it is stopped; what runs is waited for, a second Ctrl-C ends it',
    )
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
  importCommand(pgagent, open, idOf)
  upgradeCommand(pgagent, open)
  const one = (name: string, what: string, argument: string, work: (database: Database, id: number) => Promise<unknown>, said: string) =>
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
  one('delete', 'delete a job with its steps, schedules and log', 'job', deleteJob, 'is deleted')
  one(
    'clear',
    'delete the log of a job, but of what runs',
    'job',
    (database, id) => clearHistory(database, id, null),
    'has no history any more',
  )
  pgagent
    .command('run-step <job> <step>')
    .description('run one step alone, by an agent of ours; the next run of the job stays as it is')
    .action(async (job: string, step: string, _options: object, command: Command) =>
      act((database) => runStep(database, idOf(job, 'job'), idOf(step, 'step'), cliActor()), `step ${plain(step)} is asked for`)(
        {},
        command,
      ),
    )
  pgagent.command('show <job>').description('a job: its steps, its next runs').action(show)
  pgagent.command('sql <job>').description('a job as SQL that makes it again elsewhere, without passwords').action(showSql)
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
    if (!install) await checkPgAgentSchema(database)
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
    for (const line of `${step.notices ?? ''}${step.output ?? ''}`.split('\n').filter(Boolean).slice(0, 50))
      console.log(`    ${plain(line)}`)
  }
}

async function show(job: string, _options: object, command: Command): Promise<void> {
  const settings = settingsOf(command)
  const database = await open(settings)
  try {
    const found = await readJob(database, idOf(job, 'job'))
    const clock = found.timezone ?? settings.pgagent.timezone
    const next = found.isEnabled ? nextRuns(found.schedules, clock, Date.now(), 5).map((at) => new Date(at)) : []
    if (wantsJson(command)) {
      const steps = found.steps.map(({ connectionString, ...step }) => ({ ...step, connectionString: maskSecrets(connectionString) }))
      return printJson({ ...found, steps, next })
    }
    console.log(plain(`job ${found.id} ${found.name}, ${found.class}${found.isEnabled ? '' : ', disabled'}, clock ${clock}`))
    for (const { id, name, kind, isEnabled, onError } of found.steps)
      console.log(plain(`  step ${id} ${name}: ${kind}, on error ${onError}${isEnabled ? '' : ', disabled'}`))
    for (const at of next) console.log(`  next ${when(at)} UTC`)
  } finally {
    await database.close()
  }
}

async function showSql(job: string, _options: object, command: Command): Promise<void> {
  const database = await open(settingsOf(command))
  try {
    const sql = exportSql(await readJob(database, idOf(job, 'job')))
    if (wantsJson(command)) printJson({ sql })
    else process.stdout.write(sql)
  } finally {
    await database.close()
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
