import { show, TrunklineError, toMilliseconds } from '@trunkline/contract'
import type { PauseOptions, QueueView, Threshold, Trunkline } from '@trunkline/engine'
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
  queues
    .command('thresholds <queue>')
    .description('from where on a queue is called warning or critical, in place of the thresholds it has')
    .option('--waiting <counts>', 'due jobs: a warning, or warning,critical such as 1000,5000')
    .option('--oldest <durations>', 'for how long the oldest due job waits, such as 5m,30m')
    .option('--failures <percents>', 'of the jobs that ended within ten minutes, such as 5,25')
    .option('--workers <counts>', 'fewer live workers than this, such as 2,1')
    .option('--none', 'takes all thresholds away')
    .action(thresholds)
  queues.command('resume <queue>').description('start jobs of a queue again').action(resume)
}

function pauseText({ paused }: QueueView): string | null {
  if (!paused) return null
  const until = paused.until ? `paused until ${paused.until.toISOString()}` : 'paused until it is resumed'
  return `${until}${paused.by ? ` by ${paused.by}` : ''}${paused.reason ? `: ${paused.reason}` : ''}`
}

const ofText = {
  waiting: ['waiting', Number],
  oldest: ['oldestMs', (text: string) => toMilliseconds(text, '--oldest')],
  failures: ['failurePercent', Number],
  workers: ['workers', Number],
} as const

type ThresholdOptions = { [option in keyof typeof ofText]?: string } & { none?: boolean }

/** `5m,30m` as `{ warning, critical }`. */
function readThreshold(text: string, read: (text: string) => number): Threshold {
  const [warning, critical, ...more] = text.split(',').map((part) => read(part.trim()))
  if (warning === undefined || more.length > 0)
    throw new TrunklineError('invalid_option', { field: 'thresholds', received: show(text), allowed: 'warning, or warning,critical' })
  return { warning, ...(critical === undefined ? {} : { critical }) }
}

async function thresholds(queue: string, options: ThresholdOptions, command: Command): Promise<void> {
  const given = Object.entries(ofText).flatMap(([option, [measure, read]]) => {
    const text = options[option as keyof typeof ofText]
    return text === undefined ? [] : [[measure, readThreshold(text, read)] as const]
  })
  if (options.none ? given.length > 0 : given.length === 0)
    throw new TrunklineError('invalid_option', {
      field: 'thresholds',
      received: options.none ? '--none with others' : 'none of them',
      allowed: '--waiting, --oldest, --failures, --workers, or --none alone',
    })
  await withTrunkline(command, async (trunkline) => {
    await trunkline.setThresholds(queue, options.none ? null : Object.fromEntries(given), { by: 'cli' })
    await printQueue(trunkline, queue, command)
  })
}

function healthText({ health }: QueueView): string | null {
  if (!health) return null
  return `${health.level}${health.crossed.map((c) => `; ${c.measure} ${c.value}, limit ${c.limit}`).join('')}`
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
      [healthText(q), pauseText(q)].filter((text) => text !== null).join('; '),
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
  else
    console.log(
      plain(`queue ${name} ${[pauseText(queue) ?? 'gives out jobs', healthText(queue)].filter((text) => text !== null).join('; ')}`),
    )
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
