import type { Server } from '@trunkline/server'
import { compareBackup, listBackups } from '@trunkline/tasks'
import type { Command } from 'commander'
import { interruption, settingsOf } from '../command.ts'
import { narrator } from '../narrate.ts'
import {
  backupStorage,
  connect,
  consoleDir,
  databaseOptions,
  keeperOptions,
  pgAgentDatabase,
  taskEnvironment,
  version,
} from '../platform.ts'
import type { Settings } from '../settings.ts'
import { onSupervisorGone, reportReady } from '../supervisor.ts'
import { welcomeFirstOwner } from '../welcome.ts'

/** `trunkline server`: the HTTP API, and the keeper, which does the chores of the schema. */
export function serverCommand(program: Command): void {
  program
    .command('server')
    .description('run the server side: the HTTP API, and the keeper (due jobs, recovery from dead workers, counters, partitions)')
    .action(async (_options: object, command: Command) => {
      const settings = settingsOf(command)
      const say = narrator('server')
      const stop = interruption()
      const trunkline = await connect(settings, { onError: (error) => say({ type: 'database_error', where: 'pool', error }) })
      trunkline.keeper({ ...keeperOptions(settings), onEvent: say }).start()
      await welcomeFirstOwner(settings)
      const server = await openServer(settings, say)
      const address = await server.start()
      onSupervisorGone(() => process.exit(1))
      reportReady({ address })
      if (!process.connected)
        console.log(`Console at ${address}/admin/jobs, API at ${address}/api/v1, documentation at ${address}/api/docs`)
      if (!stop.aborted) await new Promise((resolve) => stop.addEventListener('abort', resolve))
      await server.stop()
      await trunkline.close()
      process.exit(0)
    })
}

async function openServer(settings: Settings, say: ReturnType<typeof narrator>): Promise<Server> {
  // loaded here: the other commands do without it
  const { createServer } = await import('@trunkline/server')
  const folder = consoleDir()
  return await createServer({
    ...(folder ? { consoleDir: folder } : {}),
    database: await databaseOptions(settings),
    settings: settings.server,
    dataDir: settings.dataDir,
    version,
    allowUnsafe: settings.allowUnsafe,
    ...(settings.pgagent.enabled
      ? {
          pgagent: {
            database: await pgAgentDatabase(settings),
            timezone: settings.pgagent.timezone,
            stepUser: settings.pgagent.step_user,
          },
        }
      : {}),
    backups: () => listBackups(backupStorage(settings)),
    compareBackup: async (filename, database) => await compareBackup(await taskEnvironment(settings), filename, database),
    onEvent: say,
  })
}
