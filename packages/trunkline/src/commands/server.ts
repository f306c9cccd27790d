import type { Command } from 'commander'
import { interruption, settingsOf } from '../command.ts'
import { narrator } from '../narrate.ts'
import { connect, keeperOptions } from '../platform.ts'
import { onSupervisorGone, reportReady } from '../supervisor.ts'

/** `trunkline server`: the server side; today the keeper, which does the chores of the schema. */
export function serverCommand(program: Command): void {
  program
    .command('server')
    .description('run the server side: the keeper (due jobs, recovery from dead workers, counters, partitions)')
    .action(async (_options: object, command: Command) => {
      const settings = settingsOf(command)
      const say = narrator('server')
      const stop = interruption()
      const trunkline = await connect(settings, { onError: (error) => say({ type: 'database_error', where: 'pool', error }) })
      trunkline.keeper({ ...keeperOptions(settings), onEvent: say }).start()
      onSupervisorGone(() => process.exit(1))
      reportReady()
      if (!stop.aborted) await new Promise((resolve) => stop.addEventListener('abort', resolve))
      await trunkline.close()
      process.exit(0)
    })
}
