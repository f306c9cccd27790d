import { didYouMean, TrunklineError } from '@trunkline/contract'
import type { Task } from '@trunkline/engine'
import type { Command } from 'commander'
import { interruption, settingsOf, wholeNumber } from '../command.ts'
import { narrator } from '../narrate.ts'
import { codeVersion, connect, keeperOptions, tasksFor } from '../platform.ts'
import type { Settings } from '../settings.ts'
import { onSupervisorGone, replaceMe, reportReady, retireMe } from '../supervisor.ts'

interface WorkerFlags {
  concurrency?: number
  queues?: string
  weights?: string
  tasks?: string
  singleton?: string | true
  memoryLimit?: number
  keeper?: boolean
  supervised?: boolean
}

/** `trunkline worker`: runs jobs of the built-in tasks. */
export function workerCommand(program: Command): void {
  program
    .command('worker')
    .description('run jobs of the built-in tasks until it is stopped; running jobs are drained')
    .option('--concurrency <n>', 'jobs at the same time (default 5)', wholeNumber)
    .option('--queues <names>', 'queues to serve, separated by commas (default: those of the tasks)')
    .option('--weights <shares>', 'how its jobs are shared among the queues, such as mail=3,reports=1 (default: 1 each)')
    .option('--tasks <names>', 'tasks to serve, separated by commas (default: all)')
    .option('--singleton [name]', 'refuse to start while another worker with this name lives (default name: worker)')
    .option('--memory-limit <mb>', 'when it uses more memory after a job, drain and end, to be started again', wholeNumber)
    .option('--keeper', 'also do the chores of the schema')
    .option('--supervised', 'end the process, to be started again, when a handler cannot be ended')
    .action(async (flags: WorkerFlags, command: Command) => {
      const { concurrency, queues, tasks, memoryLimit } = flags
      const weights = flags.weights === undefined ? undefined : readWeights(flags.weights)
      const singleton = flags.singleton === true ? 'worker' : flags.singleton
      await run(settingsOf(command, { worker: { concurrency, queues, weights, tasks, memoryLimit, singleton } }), flags)
    })
}

/** @throws `invalid_option` */
function readWeights(text: string): Record<string, number> {
  const shares = text.split(',').map((part) => /^([^=]+)=(\d+(?:\.\d+)?)$/.exec(part.trim()))
  if (shares.some((share) => !share)) {
    throw new TrunklineError('invalid_option', {
      field: '--weights',
      received: text,
      allowed: 'queues with their shares, such as mail=3,reports=1',
    })
  }
  return Object.fromEntries(shares.map((share) => [share?.[1], Number(share?.[2])]))
}

/** @throws `unknown_task` with the nearest there is */
function chosen(all: Task[], names: string[] | undefined): Task[] {
  if (!names) return all
  const known = all.map((task) => task.name)
  for (const name of names) {
    if (known.includes(name)) continue
    const values = { field: 'tasks', received: name, meant: didYouMean(name, known), allowed: known.join(', ') }
    throw new TrunklineError('unknown_task', values)
  }
  return all.filter((task) => names.includes(task.name))
}

async function run(settings: Settings, flags: WorkerFlags): Promise<void> {
  const say = narrator('worker')
  const stop = interruption()
  const { concurrency, queues, weights, heartbeat, grace, drain, memoryLimit, singleton } = settings.worker
  const tasks = chosen(await tasksFor(settings), settings.worker.tasks)
  const trunkline = await connect(settings, { onError: (error) => say({ type: 'database_error', where: 'pool', error }) })
  let end: (why: 'replace' | 'asked' | 'stop' | 'outgrown') => void = () => {}
  const ended = new Promise<'replace' | 'asked' | 'stop' | 'outgrown'>((resolve) => {
    end = resolve
  })
  const worker = await trunkline
    .work(tasks, {
      concurrency,
      heartbeatMs: heartbeat,
      graceMs: grace,
      drainMs: drain,
      version: codeVersion(),
      keeper: flags.keeper ? { ...keeperOptions(settings), onEvent: narrator('keeper') } : false,
      stuck: flags.supervised ? 'replace' : 'release',
      onReplace: () => end('replace'),
      onStopAsked: () => end('asked'),
      onEvent(event) {
        say(event)
        if (event.type === 'schema_too_new') end('outgrown')
      },
      ...(queues ? { queues } : {}),
      ...(weights ? { weights } : {}),
      ...(singleton ? { singleton } : {}),
      ...(memoryLimit ? { memoryLimitMb: memoryLimit } : {}),
    })
    .catch(async (error) => {
      await trunkline.close()
      throw error
    })
  onSupervisorGone(() => process.exit(1))
  reportReady()
  const interrupted = () => {
    end('stop')
    // a second signal does not wait for the jobs any longer
    process.once('SIGTERM', () => process.exit(1)).once('SIGINT', () => process.exit(1))
  }
  if (stop.aborted) interrupted()
  stop.addEventListener('abort', interrupted)
  const why = await ended
  await worker.stop()
  await trunkline.close()
  // the handler that could not be ended may keep the process alive for ever
  process.exit(why === 'replace' ? replaceMe : why === 'outgrown' ? 1 : why === 'asked' && flags.supervised ? retireMe : 0)
}
