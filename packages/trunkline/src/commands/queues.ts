import { formatDuration, show, TrunklineError, toMilliseconds } from '@trunkline/contract'
import type {
  GateView,
  PauseOptions,
  QueueLimits,
  QueueLimitsView,
  QueueView,
  RateLimit,
  RateView,
  Threshold,
  Trunkline,
} from '@trunkline/engine'
import type { Command } from 'commander'
import { wantsJson, withTrunkline } from '../command.ts'
import { plain, printJson, printTable } from '../print.ts'

/** `trunkline queues`: what waits where; pause and resume; limits. */
export function queuesCommand(program: Command): void {
  const queues = program.command('queues').description('list queues, pause and resume them, limit what runs')
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
  queues
    .command('limits <queue>')
    .description('show or set how many jobs of a queue run at once, and how many start in a time; none takes a limit away')
    .option('--concurrency <n>', 'jobs of the queue that run at once')
    .option('--rate <n/time>', 'jobs of the queue that start in a time, such as 100/1m')
    .option('--burst <n>', 'with --rate: so many may start at once after a pause')
    .option('--concurrency-per-key <n>', 'jobs of one concurrency key that run at once')
    .option('--rate-per-key <n/time>', 'jobs of one rate key that start in a time')
    .option('--burst-per-key <n>', 'with --rate-per-key: so many may start at once after a pause')
    .action(limits)
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
      q.held,
      q.blocked,
      q.running,
      q.completed,
      q.failed,
      q.cancelled,
      q.workers,
      [healthText(q), pauseText(q)].filter((text) => text !== null).join('; '),
    ]
    printTable(
      ['QUEUE', 'DUE', 'SCHEDULED', 'HELD', 'BLOCKED', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED', 'WORKERS', ''],
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

interface LimitOptions {
  concurrency?: string
  rate?: string
  burst?: string
  concurrencyPerKey?: string
  ratePerKey?: string
  burstPerKey?: string
}

function count(text: string | undefined, field: string): number | null | undefined {
  if (text === undefined) return undefined
  if (text === 'none') return null
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text)
  throw new TrunklineError('invalid_option', { field, received: text, allowed: 'a whole number from 1 to 1000000, or none' })
}

function rate(text: string | undefined, burst: string | undefined, field: string): RateLimit | null | undefined {
  if (burst !== undefined && (text === undefined || text === 'none')) {
    const [place, allowed] = [`--burst${field.slice('--rate'.length)}`, `together with ${field}`]
    throw new TrunklineError('invalid_option', { field: place, received: burst, allowed })
  }
  if (text === undefined) return undefined
  if (text === 'none') return null
  const [, limit, per] = /^([1-9]\d{0,6})\/(.+)$/.exec(text) ?? []
  if (!limit || !per) {
    throw new TrunklineError('invalid_option', { field, received: text, allowed: 'a number and a time, such as 100/1m, or none' })
  }
  const most = count(burst, `--burst${field.slice('--rate'.length)}`)
  return { limit: Number(limit), per: /^\d/.test(per) ? per : `1${per}`, ...(most ? { burst: most } : {}) } as RateLimit
}

const rateText = (view: RateView | null) => (view ? `${view.limit} in ${formatDuration(view.perMs)} (burst ${view.burst})` : 'none')

function printLimits(view: QueueLimitsView, keys: readonly GateView[]): void {
  const running = view.running === null ? '' : `, ${view.running} run`
  console.log(plain(`queue                ${view.queue}`))
  console.log(plain(`at once              ${view.concurrency ?? 'none'}${running}`))
  console.log(plain(`starts               ${rateText(view.rate)}`))
  console.log(plain(`at once per key      ${view.concurrencyPerKey ?? 'none'}`))
  console.log(plain(`starts per key       ${rateText(view.ratePerKey)}`))
  console.log(plain(`held                 ${view.held}`))
  if (keys.length === 0) return
  const row = ({ kind, key, held, heldBy, nextAt }: GateView) => [kind, key, held, heldBy.join(', '), nextAt?.toISOString() ?? '']
  printTable(['LIMIT', 'KEY', 'HELD', 'HELD BY', 'NEXT'], keys.map(row), '')
}

async function limits(queue: string, options: LimitOptions, command: Command): Promise<void> {
  const asked: { [K in keyof QueueLimits]: QueueLimits[K] | undefined } = {
    concurrency: count(options.concurrency, '--concurrency'),
    concurrencyPerKey: count(options.concurrencyPerKey, '--concurrency-per-key'),
    rate: rate(options.rate, options.burst, '--rate'),
    ratePerKey: rate(options.ratePerKey, options.burstPerKey, '--rate-per-key'),
  }
  const given = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined)) as QueueLimits
  await withTrunkline(command, async (trunkline) => {
    if (Object.keys(given).length > 0) await trunkline.setLimits(queue, given, { by: 'cli' })
    const [view, keys] = await Promise.all([trunkline.limits(queue), trunkline.gates(queue)])
    if (wantsJson(command)) printJson({ ...view, keys })
    else printLimits(view, keys)
  })
}
