import { TrunklineError } from '@trunkline/contract'
import { type Database, openDatabase } from '@trunkline/engine/postgres'
import { applyImport, isSameServer, planImport, undoImport } from '@trunkline/pgagent'
import type { Command } from 'commander'
import { cliActor, settingsOf, wantsJson } from '../command.ts'
import { chosenJobs, type ImportFlags, runImport } from '../import-plans.ts'
import { connect, databaseOptions } from '../platform.ts'
import type { Settings } from '../settings.ts'

/**
 * `trunkline pgagent import`: jobs of pgAgent as native schedules with steps.
 * @param open answers the database of the schema `pgagent`, looked at
 * @param idOf reads the number of a job
 */
export function importCommand(
  pgagent: Command,
  open: (settings: Settings) => Promise<Database>,
  idOf: (text: string, field: string) => number,
): void {
  pgagent
    .command('import [jobs...]')
    .description('show what jobs would be as native schedules with steps, with the next runs of both sides; nothing is changed')
    .option('--apply', 'cut the jobs over: native schedules run them, in pgAgent they are disabled')
    .option('--undo', 'take the cut-over of the jobs back')
    .option('--all', 'with --apply: all jobs that can be, instead of those that are named')
    .action(async (jobs: string[], flags: ImportFlags, command: Command) => {
      const usage = (problem: string) => new TrunklineError('usage', { problem, where: 'pgagent import' })
      const ids = chosenJobs(jobs, flags, usage, (text) => idOf(text, 'job'))
      const settings = settingsOf(command)
      const database = await open(settings)
      const trunkline = await connect(settings)
      const { timezone, step_user: stepUser } = settings.pgagent
      try {
        const acts = {
          original: 'pgAgent',
          plan: async (of: readonly number[] | null) =>
            await planImport(trunkline, database, of, { timezone, stepUser, onOwnServer: await isOnOwnServer(database, settings) }),
          apply: (plan: Parameters<typeof applyImport>[2]) => applyImport(trunkline, database, plan, cliActor()),
          undo: (id: number) => undoImport(trunkline, database, id, cliActor()),
        }
        await runImport(acts, ids, flags, wantsJson(command))
      } finally {
        await trunkline.close()
        await database.close()
      }
    })
}

/** SQL steps of native jobs reach the server of the queue alone. */
async function isOnOwnServer(database: Database, settings: Settings): Promise<boolean> {
  const own = openDatabase(await databaseOptions(settings))
  try {
    return await isSameServer(own, database)
  } finally {
    await own.close()
  }
}
