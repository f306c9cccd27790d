import { formatDuration, TrunklineError } from '@trunkline/contract'
import type { Trunkline, WorkerView } from '@trunkline/engine'
import type { Command } from 'commander'
import { wantsJson, wholeNumber, withTrunkline } from '../command.ts'
import { ago, printJson, printTable, sizeText } from '../print.ts'

/** `trunkline workers`: who runs jobs, and how many of them. */
export function workersCommand(program: Command): void {
  const workers = program.command('workers').description('list, start and stop workers')
  workers
    .command('list', { isDefault: true })
    .description('workers that have registered, with their load and what they run')
    .option('--past', 'also those that ended within the last 7 days')
    .action(list)
  workers
    .command('start')
    .description('ask a running "trunkline up" for more workers')
    .option('--count <n>', 'how many more (default 1)', wholeNumber)
    .option('--supervisor <id>', 'number of the process that starts them (default: the one started last)')
    .action(start)
  workers
    .command('stop [ids...]')
    .description('ask workers to drain and stop, wherever they run; they are not started again')
    .option('--all', 'all live workers')
    .option('--wait', 'wait until they have stopped')
    .action(stop)
  workers.command('cleanup').description('give up workers that are not heard of, and forget those that have ended').action(cleanup)
}

function marks(w: WorkerView): string {
  const found = [w.isStale && 'stale', w.stopWanted && w.state !== 'stopping' && 'stop wanted', w.drift && 'other version']
  return [w.state, ...found.filter(Boolean)].join(', ')
}

function row(w: WorkerView): unknown[] {
  const live = w.endedAt === null
  return [
    w.id,
    w.name,
    marks(w),
    live ? `${w.running.length}/${w.concurrency}` : null,
    live ? w.held : null,
    live ? formatDuration(w.beatAgeMs) : null,
    w.rssBytes === null ? null : sizeText(w.rssBytes),
    w.cpuPercent === null ? null : `${Math.round(w.cpuPercent)} %`,
    w.loopLagMs === null ? null : formatDuration(w.loopLagMs),
    ago(w.startedAt),
    ...(w.endedAt ? [ago(w.endedAt)] : ['–']),
    w.version,
    w.singleton,
    w.queues.join(' '),
  ]
}

async function list({ past = false }: { past?: boolean }, command: Command): Promise<void> {
  await withTrunkline(command, async (trunkline) => {
    const workers = await trunkline.workers({ past })
    if (wantsJson(command)) return printJson({ data: workers })
    const headings = [
      'ID',
      'NAME',
      'STATE',
      'SLOTS',
      'HELD',
      'BEAT',
      'MEMORY',
      'CPU',
      'LAG',
      'STARTED',
      'ENDED',
      'VERSION',
      'SINGLETON',
      'QUEUES',
    ]
    printTable(headings, workers.map(row), 'no workers; start one with: trunkline worker')
  })
}

async function start(options: { count?: number; supervisor?: string }, command: Command): Promise<void> {
  await withTrunkline(command, async (trunkline) => {
    const asked = await trunkline.startWorkers(options)
    if (wantsJson(command)) return printJson(asked)
    console.log(`supervisor ${asked.supervisor} is asked for ${asked.wanted} workers; see them with: trunkline workers`)
  })
}

async function stop(ids: string[], options: { all?: boolean; wait?: boolean }, command: Command): Promise<void> {
  if ((ids.length === 0) === (options.all !== true)) {
    throw new TrunklineError('usage', { problem: 'give the numbers of the workers to stop, or --all', where: 'workers stop' })
  }
  await withTrunkline(command, async (trunkline) => {
    const wanted = options.all ? (await trunkline.workers()).map((w) => w.id) : ids
    for (const id of wanted) await stopOne(trunkline, id, options.all === true)
    if (options.wait) await untilEnded(trunkline, wanted)
    if (wantsJson(command)) return printJson({ data: (await trunkline.workers({ past: true })).filter((w) => wanted.includes(w.id)) })
    if (wanted.length === 0) return console.log('no workers')
    console.log(`${options.wait ? 'stopped' : 'asked to stop'}: ${wanted.join(', ')}`)
  })
}

/** One of all that ended by itself meanwhile is what was wanted. */
async function stopOne(trunkline: Trunkline, id: string, lenient: boolean): Promise<void> {
  await trunkline.stopWorker(id).catch((error) => {
    if (!lenient || error.code !== 'worker_not_found') throw error
  })
}

async function untilEnded(trunkline: Trunkline, ids: string[]): Promise<void> {
  while ((await trunkline.workers()).some((w) => ids.includes(w.id))) await new Promise((resolve) => setTimeout(resolve, 250))
}

async function cleanup(_options: object, command: Command): Promise<void> {
  await withTrunkline(command, async (trunkline) => {
    const done = await trunkline.cleanupWorkers()
    if (wantsJson(command)) return printJson(done)
    const poisoned = done.poisoned > 0 ? `, ${done.poisoned} of them ended by crash_limit` : ''
    if (done.workers.length > 0) console.log(`gave up workers ${done.workers.join(', ')}; recovered ${done.jobs} jobs${poisoned}`)
    else console.log('every worker is heard of')
    console.log(`forgot ${done.forgotten} workers that had ended`)
  })
}
