import { TrunklineError } from '@trunkline/contract'
import { type Database, openDatabase } from '@trunkline/engine/postgres'
import { applyCronImport, type ImportPlan, planCronImport, undoCronImport } from '@trunkline/pgagent'
import type { Command } from 'commander'
import { cliActor, settingsOf, wantsJson } from '../command.ts'
import { chosenJobs, type ImportFlags, runImport } from '../import-plans.ts'
import { connect, databaseOptions } from '../platform.ts'
import type { Settings } from '../settings.ts'

interface Flags extends ImportFlags {
  database?: string
}

const usage = (problem: string) => new TrunklineError('usage', { problem, where: 'pg-cron import' })

/** `trunkline pg-cron import`: jobs of pg_cron as native schedules. */
export function pgCronCommand(program: Command): void {
  program
    .command('pg-cron')
    .description('take over the jobs of pg_cron')
    .command('import [jobs...]')
    .description('show what jobs would be as native schedules, with the next runs of both sides; nothing is changed')
    .option('--database <name>', 'the database that has the extension, on Trunkline’s own server (default: as cron.database_name says)')
    .option('--apply', 'cut the jobs over: native schedules run them, in pg_cron they are inactive')
    .option('--undo', 'take the cut-over of the jobs back')
    .option('--all', 'with --apply: all jobs that can be, instead of those that are named')
    .action(async (jobs: string[], flags: Flags, command: Command) => {
      const ids = chosenJobs(jobs, flags, usage, (text) => {
        if (/^\d{1,9}$/.test(text)) return Number(text)
        throw new TrunklineError('invalid_option', { field: 'job', received: text, allowed: 'the number of a job' })
      })
      const settings = settingsOf(command)
      const cron = await openCron(settings, flags.database)
      const trunkline = await connect(settings)
      try {
        const acts = {
          original: 'pg_cron',
          plan: (of: readonly number[] | null) => planCronImport(trunkline, cron, of),
          apply: (plan: ImportPlan) => applyCronImport(trunkline, cron, plan, cliActor()),
          undo: (id: number) => undoCronImport(trunkline, cron, id, cliActor()),
        }
        await runImport(acts, ids, flags, wantsJson(command))
      } finally {
        await trunkline.close()
        await cron.close()
      }
    })
}

/** @throws `usage` where there is no pg_cron, or one too old to switch its jobs */
async function openCron(settings: Settings, name: string | undefined): Promise<Database> {
  const options = await databaseOptions(settings)
  const url = new URL(options.connectionString)
  if (name === undefined) {
    const own = openDatabase(options)
    const [row] = await own
      .query<{ name: string | null }>(`select current_setting('cron.database_name', true) as name`)
      .finally(() => own.close())
    if (row?.name) url.pathname = `/${encodeURIComponent(row.name)}`
  } else url.pathname = `/${encodeURIComponent(name)}`
  const cron = openDatabase({ connectionString: url.href, applicationName: 'trunkline pg_cron' })
  try {
    const [row] = await cron.query<{ there: boolean; may: boolean; name: string }>(
      `select to_regclass('cron.job') is not null there, exists (select from pg_proc where pronamespace = to_regnamespace('cron') and proname = 'alter_job') may,
         current_database() as name`,
    )
    if (!row?.there) throw usage(`there is no table cron.job in database ${row?.name}; name the database of pg_cron with --database`)
    if (!row.may) throw usage(`pg_cron in database ${row.name} has no cron.alter_job; its version must be 1.4 or later`)
    return cron
  } catch (error) {
    await cron.close()
    throw error
  }
}
