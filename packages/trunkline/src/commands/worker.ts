import type { Command } from 'commander'
import { interruption, settingsOf, wholeNumber } from '../command.ts'
import { narrator } from '../narrate.ts'
import { codeVersion, connect, tasksFor } from '../platform.ts'
import { onSupervisorGone, replaceMe, reportReady } from '../supervisor.ts'

/** `trunkline worker`: runs jobs of the built-in tasks. */
export function workerCommand(program: Command): void {
  program
    .command('worker')
    .description('run jobs of the built-in tasks until it is stopped; running jobs are drained')
    .option('--concurrency <n>', 'jobs at the same time (default 5)', wholeNumber)
    .option('--queues <names>', 'queues to serve, separated by commas (default: those of the tasks)')
    .option('--keeper', 'also do the chores of the schema')
    .option('--supervised', 'end the process, to be started again, when a handler cannot be ended')
    .action(async (options: { concurrency?: number; queues?: string; keeper?: boolean; supervised?: boolean }, command: Command) => {
      const settings = settingsOf(command, { worker: { concurrency: options.concurrency, queues: options.queues } })
      const say = narrator('worker')
      const stop = interruption()
      const trunkline = await connect(settings, { onError: (error) => say({ type: 'database_error', where: 'pool', error }) })
      const { concurrency, queues, heartbeat, grace, drain } = settings.worker
      let replace = () => {}
      const replaced = new Promise<'replace'>((resolve) => {
        replace = () => resolve('replace')
      })
      let outgrow = () => {}
      const outgrown = new Promise<'outgrown'>((resolve) => {
        outgrow = () => resolve('outgrown')
      })
      const worker = await trunkline.work(await tasksFor(settings), {
        concurrency,
        heartbeatMs: heartbeat,
        graceMs: grace,
        drainMs: drain,
        version: codeVersion(),
        keeper: options.keeper === true,
        stuck: options.supervised ? 'replace' : 'release',
        onReplace: replace,
        onEvent: (event) => {
          say(event)
          if (event.type === 'schema_too_new') outgrow()
        },
        ...(queues ? { queues } : {}),
      })
      onSupervisorGone(() => process.exit(1))
      reportReady()
      const stopped = new Promise<'stop'>((resolve) => {
        if (stop.aborted) resolve('stop')
        stop.addEventListener('abort', () => resolve('stop'))
      })
      // a second signal does not wait for the jobs any longer
      void stopped.then(() => process.once('SIGTERM', () => process.exit(1)).once('SIGINT', () => process.exit(1)))
      const why = await Promise.race([stopped, replaced, outgrown])
      await worker.stop()
      await trunkline.close()
      // the handler that could not be ended may keep the process alive for ever
      process.exit(why === 'replace' ? replaceMe : why === 'outgrown' ? 1 : 0)
    })
}
