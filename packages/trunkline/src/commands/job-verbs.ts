import { TrunklineError } from '@trunkline/contract'
import type { BulkOptions, BulkReport, BulkTarget, BulkVerb, JobChanges, RerunOptions, Trunkline } from '@trunkline/engine'
import type { Command } from 'commander'
import { interruption, wantsJson, wholeNumber, withTrunkline } from '../command.ts'
import { checkAsker, confirmed } from '../confirm.ts'
import { addTargetOptions, repeated, type TargetFlags, targetOf } from '../job-selection.ts'
import { answerText, countsText, summaryLines, verbWords } from '../narrate-bulk.ts'
import { parsePayload } from '../payload.ts'
import { plain, printJson, printProblem } from '../print.ts'

interface VerbFlags extends TargetFlags {
  dryRun?: boolean
  yes?: boolean
}

interface SetFlags extends VerbFlags {
  setPriority?: number
  setQueue?: string
  setRunAt?: string
  setDelay?: string
  setTag?: string[]
  setMaxAttempts?: number
  payload?: string
}

/** Adds the verbs that take job ids or a filter: cancel, retry, rerun, promote, update, delete. */
export function addJobVerbs(jobs: Command): void {
  verb(jobs, 'cancel', 'cancel waiting jobs, ask running ones to end')
  verb(jobs, 'retry', 'run failed or cancelled jobs again, with fresh attempts')
  verb(jobs, 'rerun', 'run ended jobs once more, as new jobs that are linked to them', (flags) => ({ rerun: rerunOf(flags) }))
    .option('--payload <json>', 'another payload (- reads it from standard input, @file from a file)')
    .option('--set-priority <n>', 'of the new jobs: -100 to 100, higher runs first', wholeNumber)
    .option('--set-queue <name>', 'their queue')
    .option('--set-run-at <time>', 'not before this time (RFC 3339)')
    .option('--set-delay <duration>', 'not before this much time has passed, such as 10m')
    .option('--set-max-attempts <n>', 'failed tries until they fail', wholeNumber)
    .option('--set-tag <tag>', 'their tags instead of the old ones; several times for several', repeated)
  verb(jobs, 'promote', 'put jobs that wait for their time in line now')
  verb(jobs, 'update', 'change priority, queue or time of waiting jobs, or the tags of any', (flags) => ({ changes: changesOf(flags) }))
    .option('--set-priority <n>', '-100 to 100, higher runs first', wholeNumber)
    .option('--set-queue <name>', 'another queue')
    .option('--set-run-at <time>', 'not before this time (RFC 3339); a past one means now')
    .option('--set-tag <tag>', 'all of their tags from now on; several times for several', repeated)
  verb(jobs, 'delete', 'cancel waiting jobs and hide them, hide ended ones')
  jobs
    .command('undo <bulkId>')
    .description('put jobs back to what they were before a cancel or update of many, within 5 minutes after it')
    .action(undo)
}

function verb(jobs: Command, name: BulkVerb, description: string, options: (flags: SetFlags) => BulkOptions = () => ({})): Command {
  const command = jobs.command(`${name} [ids...]`).description(`${description}; by ids, by a query or by a filter`)
  return addTargetOptions(command, 'at most so many of the query or filter, up to 100,000')
    .option('--dry-run', 'only count what the verb would be tried on, by state')
    .option('-y, --yes', 'do not ask before a query or filter is carried out')
    .action((ids: string[], flags: SetFlags) => run(name, ids, flags, () => options(flags), command))
}

function given<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>
}

function rerunOf({ payload, setPriority, setQueue, setRunAt, setDelay, setTag, setMaxAttempts }: SetFlags): RerunOptions {
  const values = { priority: setPriority, queue: setQueue, runAt: setRunAt, delay: setDelay, tags: setTag, maxAttempts: setMaxAttempts }
  return { ...given(values), ...(payload === undefined ? {} : { payload: parsePayload(payload) }) } as RerunOptions
}

/** @throws `usage` where nothing changes */
function changesOf({ setPriority, setQueue, setRunAt, setTag }: SetFlags): JobChanges {
  const changes = given({ priority: setPriority, queue: setQueue, runAt: setRunAt, tags: setTag })
  if (Object.keys(changes).length > 0) return changes as JobChanges
  throw new TrunklineError('usage', {
    problem: 'say what to change: --set-priority, --set-queue, --set-run-at, --set-tag',
    where: 'jobs update',
  })
}

async function run(name: BulkVerb, ids: string[], flags: SetFlags, options: () => BulkOptions, command: Command): Promise<void> {
  const target = targetOf(ids, flags, name)
  const ask = !('ids' in target) && !flags.yes && !flags.dryRun
  if (ask) checkAsker(`jobs ${name}`)
  const all: BulkOptions = { ...options(), by: 'cli', undoable: true, ...(flags.limit === undefined ? {} : { limit: flags.limit }) }
  await withTrunkline(command, async (trunkline) => {
    const json = wantsJson(command)
    if (flags.dryRun) return printCounts(await trunkline.bulk(name, target, { ...all, dryRun: true }), json)
    const exact = ask ? await askedFor(trunkline, name, target, all) : target
    if (exact === null) return
    const { limit: _, ...rest } = all
    const report = await carryOut(trunkline, name, exact, ask ? rest : all)
    if (json) printJson(report)
    else printReport(name, report, ids.length > 0)
    if (report.results.length < report.total || (ids.length > 0 && report.skipped > 0)) process.exitCode = 1
  })
}

function printCounts(report: BulkReport, json: boolean): void {
  if (json) printJson(report)
  else console.log(`${countsText(report)}; nothing was touched`)
}

/** Shows what is meant and asks; the answer means exactly the jobs that were counted. Null = nothing is to be done. */
async function askedFor(trunkline: Trunkline, name: BulkVerb, target: BulkTarget, options: BulkOptions): Promise<BulkTarget | null> {
  const counted = await trunkline.bulk(name, target, { ...options, dryRun: true })
  if (counted.total === 0) return { ids: [] }
  if (await confirmed(`${name} ${countsText(counted)}?`)) return { ids: counted.ids }
  console.error('nothing was done')
  process.exitCode = 1
  return null
}

async function carryOut(trunkline: Trunkline, name: BulkVerb, target: BulkTarget, options: BulkOptions): Promise<BulkReport> {
  const live = process.stderr.isTTY === true
  let shown = false
  const report = await trunkline.bulk(name, target, {
    ...options,
    signal: interruption(),
    onProgress({ done, total }) {
      if (!live || (done >= total && !shown)) return
      shown = true
      process.stderr.write(`\r\x1b[K${verbWords[name].doing} ${done.toLocaleString('en-US')} / ${total.toLocaleString('en-US')}`)
    },
  })
  if (shown) process.stderr.write('\r\x1b[K')
  return report
}

/** A job that has moved on since makes the exit code 1, as one that refuses does. */
async function undo(bulkId: string, _flags: object, command: Command): Promise<void> {
  await withTrunkline(command, async (trunkline) => {
    const report = await trunkline.undoBulk(bulkId, { by: 'cli', signal: interruption() })
    if (wantsJson(command)) printJson(report)
    else for (const line of summaryLines('undo', report, true)) console.log(plain(line))
    if (report.accepted < report.total) process.exitCode = 1
  })
}

function printReport(name: BulkVerb, report: BulkReport, byId: boolean): void {
  for (const answer of report.results) {
    if (answer.ok && (byId || name === 'rerun')) console.log(plain(answerText(name, answer)))
    if (!answer.ok && byId) printProblem(answer.reason, answer.hint, answer.code)
  }
  if (byId && report.total === 1) return
  for (const line of summaryLines(name, report, !byId)) console.log(plain(line))
}
