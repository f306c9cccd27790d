import { didYouMean, TrunklineError } from '@trunkline/contract'
import { Command, CommanderError } from 'commander'
import { auditCommand } from './commands/audit.ts'
import { backupCommand } from './commands/backup.ts'
import { changesCommand } from './commands/changes.ts'
import { doctorCommand } from './commands/doctor.ts'
import { enqueueCommand } from './commands/enqueue.ts'
import { flowsCommand } from './commands/flows.ts'
import { jobsCommand } from './commands/jobs.ts'
import { keysCommand } from './commands/keys.ts'
import { migrateCommand } from './commands/migrate.ts'
import { pgCronCommand } from './commands/pg-cron.ts'
import { pgagentCommand } from './commands/pgagent.ts'
import { queuesCommand } from './commands/queues.ts'
import { retentionCommand } from './commands/retention.ts'
import { schedulesCommand } from './commands/schedules.ts'
import { serverCommand } from './commands/server.ts'
import { templatesCommand } from './commands/templates.ts'
import { upCommand } from './commands/up.ts'
import { usersCommand } from './commands/users.ts'
import { workerCommand } from './commands/worker.ts'
import { workersCommand } from './commands/workers.ts'
import { version } from './platform.ts'
import { printError } from './print.ts'

/** Exit codes: done, failed, misuse. */
const exit = { done: 0, failed: 1, misuse: 2 }

const misuse = new Set<string>([
  'usage',
  'unknown_setting',
  'invalid_setting',
  'invalid_option',
  'unknown_option',
  'invalid_job_id',
  'invalid_name',
  'invalid_duration',
  'invalid_priority',
  'invalid_run_at',
  'invalid_cursor',
  'query_too_broad',
  'weak_password',
  'invalid_query',
  'flow_cycle',
  'invalid_schedule',
  'schedule_never_runs',
])

function build(): Command {
  const program = new Command('trunkline')
    .description('A durable job queue in one PostgreSQL schema.')
    .version(version)
    .option('--config <file>', 'settings file (default: trunkline.yaml, where it exists)')
    .option('--database-url <url>', 'PostgreSQL to use (or DATABASE_URL); without it the embedded server of the data directory')
    .option('--data-dir <folder>', 'data of the embedded server, backups (or TRUNKLINE_DATA_DIR; default .trunkline)')
    .option('--schema <name>', 'schema of the queue (default trunkline)')
    .option('--unsafe', 'go on although the server could lose accepted jobs (fsync off)')
    .option('--json', 'print data for programs')
    .configureHelp({ showGlobalOptions: true })
  for (const add of [
    upCommand,
    serverCommand,
    workerCommand,
    migrateCommand,
    enqueueCommand,
    jobsCommand,
    flowsCommand,
    queuesCommand,
    schedulesCommand,
    templatesCommand,
    workersCommand,
    changesCommand,
    backupCommand,
    usersCommand,
    keysCommand,
    auditCommand,
    retentionCommand,
    pgagentCommand,
    pgCronCommand,
    doctorCommand,
  ])
    add(program)
  return program
}

/** The command that was meant, as far as its words are known, and the first word that is not. */
function meant(program: Command, args: string[]): { command: Command; path: string; unknown: string | undefined } {
  const withValue = new Set(program.options.filter((o) => o.required).map((o) => o.long))
  let command = program
  const path: string[] = []
  for (const [i, word] of args.entries()) {
    if (word.startsWith('-') || withValue.has(args[i - 1])) continue
    const next = command.commands.find((c) => c.name() === word)
    if (!next) return { command, path: path.join(' '), unknown: command.commands.length > 0 ? word : undefined }
    command = next
    path.push(word)
  }
  return { command, path: path.join(' '), unknown: undefined }
}

/** The message of the parser, with the nearest command where it does not know one. */
function explained(error: CommanderError, program: Command, args: string[]): TrunklineError {
  const { command, path, unknown } = meant(program, args)
  let problem = error.message.replace(/^error: /, '')
  if (unknown !== undefined && (error.code === 'commander.unknownCommand' || error.code === 'commander.excessArguments')) {
    const there = command.commands.map((c) => c.name())
    problem = `unknown command "${unknown}"${didYouMean(unknown, there) || `; there are: ${there.join(', ')}`}`
  }
  return new TrunklineError('usage', { problem, where: path })
}

/** Runs the command line; sets the exit code. */
export async function main(argv: string[]): Promise<void> {
  const program = build()
  const json = argv.includes('--json')
  // whoever reads us has seen enough: "trunkline changes --follow | head"
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(exit.done)
    throw error
  })
  // set on every command, so that a wrong option of a sub-command comes here as well
  const tame = (command: Command) => {
    command
      .exitOverride()
      .configureOutput({ writeErr: () => {} })
      .showSuggestionAfterError(true)
    for (const sub of command.commands) tame(sub)
  }
  tame(program)
  try {
    await program.parseAsync(argv)
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return
      if (error.code === 'commander.help') {
        console.error(meant(program, argv.slice(2)).command.helpInformation())
        process.exitCode = exit.misuse
        return
      }
      printError(explained(error, program, argv.slice(2)), json)
      process.exitCode = exit.misuse
      return
    }
    printError(error, json)
    process.exitCode = error instanceof TrunklineError && misuse.has(error.code) ? exit.misuse : exit.failed
  }
}
