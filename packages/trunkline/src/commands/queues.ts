import type { PauseOptions, QueueView, Trunkline } from '@trunkline/engine'
import type { Command } from 'commander'
import { wantsJson, withTrunkline } from '../command.ts'
import { plain, printJson, printTable } from '../print.ts'

/** `trunkline queues`: what waits where; pause and resume. */
export function queuesCommand(program: Command): void {
  const queues = program.command('queues').description('list queues, pause and resume them')
  queues.command('list', { isDefault: true }).description('queues with their jobs by place, their workers and pauses').action(list)
  queues
    .command('pause <queue>')
    .description('start no job of a queue; what runs goes on')
    .option('--reason <text>', 'what people are told')
    .option('--for <duration>', 'resume it after this much time, such as 10m')
    .option('--until <time>', 'resume it at this time (RFC 3339)')
    .action(pause)
  queues.command('resume <queue>').description('start jobs of a queue again').action(resume)
}

function pauseText({ paused }: QueueView): string | null {
  if (!paused) return null
  const until = paused.until ? `paused until ${paused.until.toISOString()}` : 'paused until it is resumed'
  return `${until}${paused.by ? ` by ${paused.by}` : ''}${paused.reason ? `: ${paused.reason}` : ''}`
}

async function list(_options: object, command: Command): Promise<void> {
  await withTrunkline(command, async (trunkline) => {
    const queues = await trunkline.queues()
    if (wantsJson(command)) return printJson({ data: queues })
    const row = (q: QueueView) => [
      q.queue,
      q.due,
      q.scheduled,
      q.blocked,
      q.running,
      q.completed,
      q.failed,
      q.cancelled,
      q.workers,
      pauseText(q) ?? '',
    ]
    printTable(
      ['QUEUE', 'DUE', 'SCHEDULED', 'BLOCKED', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED', 'WORKERS', ''],
      queues.map(row),
      'no queues; one is there once a job or a worker has named it',
    )
  })
}

async function printQueue(trunkline: Trunkline, name: string, command: Command): Promise<void> {
  const queue = (await trunkline.queues()).find((q) => q.queue === name)
  if (!queue) return
  if (wantsJson(command)) printJson(queue)
  else console.log(plain(`queue ${name} ${pauseText(queue) ?? 'gives out jobs'}`))
}

async function pause(queue: string, options: PauseOptions, command: Command): Promise<void> {
  await withTrunkline(command, async (trunkline) => {
    await trunkline.pause(queue, { ...options, by: 'cli' })
    await printQueue(trunkline, queue, command)
  })
}

async function resume(queue: string, _options: object, command: Command): Promise<void> {
  await withTrunkline(command, async (trunkline) => {
    await trunkline.resume(queue)
    await printQueue(trunkline, queue, command)
  })
}
