import { isTerminal, TrunklineError } from '@trunkline/contract'
import type { JobView, LogEntry, Trunkline } from '@trunkline/engine'
import { interruption } from './command.ts'
import { plain, printJson, progressLine, stateText } from './print.ts'

/** Options of {@link follow}. */
export interface FollowOptions {
  json: boolean
  /** What to print at a good end. Default: the result. */
  done?: (job: JobView) => string
  /** With `json`: what is printed beside the job. */
  beside?: object
}

const everyMs = 150

function bar(job: JobView): string {
  const percent = job.progress?.percent
  if (percent === null || percent === undefined) return progressLine(job)
  const width = 24
  const full = Math.round((percent / 100) * width)
  return `[${'█'.repeat(full)}${'░'.repeat(width - full)}] ${progressLine(job)}`
}

function lineText(line: LogEntry): string {
  const percent = (line.context as { percent?: number } | null)?.percent
  const attempt = line.attempt > 1 ? `attempt ${line.attempt}: ` : ''
  return plain(`${percent === undefined ? '      ' : `${String(percent).padStart(3)} % `} ${attempt}${line.message}`)
}

/** Prints progress that the log has not shown yet: a stage stands there with the percentage it began with. */
function printChange(job: JobView, shown: string): string {
  const { stage = null, percent = null } = job.progress ?? {}
  const text = job.state === 'running' && percent !== null ? progressLine(job) : job.state === 'pending' ? stateText(job) : shown
  if (text === shown || shown === stage) return text
  console.log(text)
  return text
}

/**
 * Shows the progress of a job until it ends: its log and a live bar on a terminal, plain lines in a pipe. Ctrl-C stops
 * looking; the job goes on.
 * @throws `job_failed`, `cancelled` as the job ended
 */
export async function follow(trunkline: Trunkline, id: string, options: FollowOptions): Promise<void> {
  const { json } = options
  const live = process.stdout.isTTY === true && !json
  const stop = interruption()
  let shown = ''
  let after = '0'
  for (;;) {
    const job = await trunkline.get(id)
    // the log has every point, also those that passed between two looks
    for (const line of await trunkline.logs(id, { after })) {
      after = line.no
      shown = line.message
      if (!json) console.log((live ? '\r\x1b[K' : '') + lineText(line))
    }
    if (live) process.stdout.write(`\r\x1b[K${bar(job).slice(0, (process.stdout.columns ?? 80) - 1)}`)
    else if (!json) shown = printChange(job, shown)
    if (isTerminal(job.state)) {
      if (live) process.stdout.write('\n')
      return finish(job, options)
    }
    if (stop.aborted) {
      console.log(`\njob ${id} goes on; look again with: trunkline jobs logs -f ${id}`)
      return
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
}

function finish(job: JobView, { json, done, beside }: FollowOptions): void {
  if (json) printJson({ ...job, ...beside })
  if (job.state === 'failed') throw new TrunklineError('job_failed', { job: job.id, problem: job.error?.message ?? '' })
  if (job.state === 'cancelled') throw new TrunklineError('cancelled', { job: job.id, by: '' })
  if (!json) console.log(done ? done(job) : plain(JSON.stringify(job.result)))
}
