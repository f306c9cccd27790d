import { TrunklineError, toMilliseconds } from '@trunkline/contract'
import type { PauseOptions, PreviewOptions, ScheduleOptions, ScheduleView } from '@trunkline/engine'
import type { Command } from 'commander'
import { cliActor, wantsJson, wholeNumber, withTrunkline } from '../command.ts'
import { parsePayload } from '../payload.ts'
import { plain, printJson, printTable } from '../print.ts'

interface RhythmFlags {
  cron?: string
  every?: string
  calendar?: string
  at?: string
  timezone?: string
  starts?: string
  ends?: string
  gap?: string
  fold?: string
  except?: string[]
}

interface ScheduleFlags extends RhythmFlags {
  task?: string
  template?: string
  payload?: string
  description?: string
  priority?: number
  queue?: string
  missed?: string
  overlap?: string
  jitter?: number
  failureLimit?: number
  disabled?: boolean
  enabled?: boolean
}

const collect = (value: string, all: string[] = []) => [...all, value]

function withRhythm(command: Command): Command {
  return command
    .option('--cron <expression>', 'five fields, six with a second before them, or @daily and the like')
    .option('--every <duration>', 'an interval, such as 15m')
    .option('--calendar <json>', 'minutes, hours, weekdays, monthDays, months; what is left out means every one')
    .option('--at <time>', 'once, at this time (RFC 3339)')
    .option('--timezone <zone>', 'IANA name (default UTC)')
    .option('--starts <time>', 'no slot before it')
    .option('--ends <time>', 'no slot after it')
    .option('--gap <policy>', 'a time that does not exist: skip, first (default), shift')
    .option('--fold <policy>', 'a time that occurs twice: first (default), second, both')
    .option('--except <date or time>', 'leave out 2030-12-24, 12:30, or 2030-12-24T12:30; may be repeated', collect)
}

function withSchedule(command: Command): Command {
  return withRhythm(command)
    .option('--task <task>', 'the task of its jobs')
    .option('--template <id or name>', 'or a template')
    .option('--payload <json>', 'payload of its jobs, or @file, or - for standard input; texts may hold {{slot}}')
    .option('--description <text>', 'for people')
    .option('--priority <n>', '-100 to 100, higher runs first', wholeNumber)
    .option('--queue <queue>', "default: the task's")
    .option('--missed <policy>', 'slots nobody fired in time: skip, last (default), all')
    .option('--overlap <policy>', 'while an earlier run has not ended: allow, skip (default), queue, cancel')
    .option('--jitter <ms>', 'start up to so much later', wholeNumber)
    .option('--failure-limit <n>', 'failed runs in a row that pause it (default 5; 0 = never)', wholeNumber)
    .option('--disabled', 'do not fire')
    .option('--enabled', 'fire')
}

/** `trunkline schedules`: what makes jobs on time. */
export function schedulesCommand(program: Command): void {
  const schedules = program.command('schedules').description('list, make and steer what makes jobs on time')
  schedules.command('list', { isDefault: true }).description('schedules with their next and last run').action(list)
  schedules.command('show <schedule>').description('a schedule and its last runs; by id or name').action(show)
  withSchedule(schedules.command('create <name>').description('make a schedule; one that would never run is refused')).action(create)
  withSchedule(
    schedules.command('edit <schedule>').description('change what is given, leave the rest').option('--name <name>', 'another name'),
  ).action(edit)
  withRhythm(schedules.command('preview').description('what a rhythm means: words, the next slots, changes of the clocks'))
    .option('--count <n>', 'slots to show (default 10)', wholeNumber)
    .option('--from <time>', 'from when on (default now)')
    .option('--schedule <id or name>', 'show what would change of this one')
    .action(preview)
  schedules
    .command('calendar')
    .description('every firing to come of all schedules')
    .option('--from <time>', 'default now')
    .option('--to <time>', 'default in seven days')
    .option('--timezone <zone>', 'zone of the times shown (default UTC)')
    .option('--limit <n>', 'firings to list (default 100)', wholeNumber)
    .action(calendar)
  schedules.command('run <schedule>').description('make a job at once; the rhythm stays as it is').action(run)
  schedules
    .command('pause <schedule>')
    .description('fire nothing; what runs goes on')
    .option('--reason <text>', 'what people are told')
    .option('--for <duration>', 'resume it after this much time, such as 2h')
    .option('--until <time>', 'resume it at this time (RFC 3339)')
    .action(pause)
  schedules.command('resume <schedule>').description('fire again').action(resume)
  schedules.command('skip <schedule>').description('leave out the next slot').action(skip)
  schedules.command('clone <schedule> [name]').description('the same under another name, switched off').action(clone)
  schedules
    .command('backfill <schedule>')
    .description('make the jobs of a past range; slots that have one are left alone')
    .requiredOption('--from <time>', 'RFC 3339')
    .requiredOption('--to <time>', 'RFC 3339, not included')
    .option('--dry-run', 'only count')
    .action(backfill)
  schedules.command('delete <schedule>').description('delete a schedule and its history; its jobs stay').action(remove)
}

function exceptionOf(text: string): { date?: string; time?: string } {
  const [first = '', second] = text.split('T')
  if (second !== undefined) return { date: first, time: second }
  return first.includes(':') ? { time: first } : { date: first }
}

function readCalendar(text: string): NonNullable<ScheduleOptions['calendar']> {
  try {
    return JSON.parse(text)
  } catch {
    throw new TrunklineError('invalid_schedule', {
      field: 'calendar',
      problem: 'it is no JSON; such as {"hours":[2],"monthDays":["last"]}',
    })
  }
}

/** Leaves out what was not said. */
const given = <T extends object>(options: T) => Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))

function rhythmOf(flags: RhythmFlags): Partial<ScheduleOptions> {
  const { cron, every, calendar: grid, at, timezone, starts, ends, gap, fold, except } = flags
  return given({
    cronExpression: cron,
    intervalMs: every === undefined ? undefined : toMilliseconds(every, 'every'),
    calendar: grid === undefined ? undefined : readCalendar(grid),
    runAt: at,
    timezone,
    startsAt: starts,
    endsAt: ends,
    dst: gap === undefined && fold === undefined ? undefined : given({ gap, fold }),
    exceptions: except?.map(exceptionOf),
  })
}

function optionsOf(flags: ScheduleFlags): Partial<ScheduleOptions> {
  const { task, template, payload, description, priority, queue, missed, overlap, jitter, failureLimit, disabled, enabled } = flags
  return {
    ...rhythmOf(flags),
    ...given({
      task,
      templateId: template,
      payload: payload === undefined ? undefined : parsePayload(payload),
      description,
      priority,
      options: queue === undefined ? undefined : { queue },
      missed,
      overlap,
      jitterMs: jitter,
      failureLimit,
      isEnabled: disabled ? false : enabled ? true : undefined,
    }),
  }
}

function stateText({ isEnabled, paused, nextRunAt }: ScheduleView): string {
  if (!isEnabled) return 'off'
  if (paused) return `paused${paused.until ? ` until ${paused.until.toISOString()}` : ''}${paused.reason ? `: ${paused.reason}` : ''}`
  return nextRunAt ? '' : 'over'
}

function printSchedule(view: ScheduleView, command: Command): void {
  if (wantsJson(command)) return printJson(view)
  const next = view.nextRunAt ? `next at ${view.nextRunAt.toISOString()}` : 'no next run'
  console.log(plain(`${view.id}  ${view.name}: ${view.words}; ${stateText(view) || next}`))
}

async function list(_options: object, command: Command): Promise<void> {
  await withTrunkline(command, async ({ schedules }) => {
    const found = await schedules.list({ limit: 10_000 })
    if (wantsJson(command)) return printJson({ data: found })
    printTable(
      ['NAME', 'TASK', 'WORDS', 'NEXT', 'LAST', ''],
      found.map((s) => [s.name, s.task, s.words, s.nextRunAt?.toISOString(), s.lastRun?.state, stateText(s)]),
      'no schedules; make one with: trunkline schedules create',
    )
  })
}

async function show(id: string, _options: object, command: Command): Promise<void> {
  await withTrunkline(command, async ({ schedules }) => {
    const view = await schedules.get(id)
    const runs = await schedules.runs(view.id)
    if (wantsJson(command)) return printJson({ ...view, runs })
    printSchedule(view, command)
    printTable(
      ['SLOT', 'STATE', 'JOB', 'LATE MS', 'TOOK MS', ''],
      runs.map((r) => [
        r.slot.toISOString(),
        r.state,
        r.jobId,
        r.latenessMs,
        r.durationMs,
        r.error ?? r.reason ?? (r.isManual ? 'run by hand' : ''),
      ]),
      'it has not run yet',
    )
  })
}

async function create(name: string, flags: ScheduleFlags, command: Command): Promise<void> {
  await withTrunkline(command, async ({ schedules, templates }) => {
    const options = optionsOf(flags)
    if (options.templateId) options.templateId = (await templates.get(options.templateId)).id
    printSchedule(await schedules.create({ ...options, name }, cliActor()), command)
  })
}

async function edit(id: string, { name, ...flags }: ScheduleFlags & { name?: string }, command: Command): Promise<void> {
  await withTrunkline(command, async ({ schedules, templates }) => {
    const changes = { ...optionsOf(flags), ...(name === undefined ? {} : { name }) }
    if (changes.templateId) changes.templateId = (await templates.get(changes.templateId)).id
    printSchedule(await schedules.edit(id, changes, { by: cliActor() }), command)
  })
}

async function preview(flags: RhythmFlags & { count?: number; from?: string; schedule?: string }, command: Command): Promise<void> {
  await withTrunkline(command, async ({ schedules }) => {
    const { count, from, schedule } = flags
    const options = { ...rhythmOf(flags), ...given({ count, from, scheduleId: schedule }) } as PreviewOptions
    const seen = await schedules.preview(options)
    if (wantsJson(command)) return printJson(seen)
    console.log(plain(seen.words))
    printTable(
      ['UTC', 'LOCAL', ''],
      seen.slots.map((s) => [s.at.toISOString(), s.localTime, s.mark ?? '']),
      'no slots',
    )
    for (const change of seen.clockChanges) console.log(plain(`${change.at.toISOString()}  ${change.note}`))
    if (seen.difference)
      console.log(`an edit would add ${seen.difference.added.length} slots and take away ${seen.difference.removed.length}`)
  })
}

async function calendar(flags: { from?: string; to?: string; timezone?: string; limit?: number }, command: Command): Promise<void> {
  await withTrunkline(command, async ({ schedules }) => {
    const { from = new Date(), to = new Date(Date.now() + 7 * 86_400_000), limit = 100, timezone } = flags
    const seen = await schedules.calendar({ from, to, limit, ...(timezone === undefined ? {} : { timezone }) })
    if (wantsJson(command)) return printJson(seen)
    printTable(
      ['UTC', `LOCAL (${seen.timezone})`, 'SCHEDULE', 'TASK', ''],
      seen.firings.map((f) => [f.at.toISOString(), f.localTime, f.name, f.task, f.mark ?? '']),
      'nothing fires in this time',
    )
    console.log(`${seen.isEstimate ? 'about ' : ''}${seen.total} firings of ${seen.schedules} schedules`)
    for (const c of seen.collisions.slice(0, 5))
      console.log(plain(`${c.at.toISOString()}: ${c.firings} at once (${c.names.slice(0, 3).join(', ')} …); ${c.suggestion} is quieter`))
    for (const c of seen.clockChanges) console.log(plain(`${c.at.toISOString()} ${c.timezone}: ${c.note}`))
  })
}

async function run(id: string, _options: object, command: Command): Promise<void> {
  await withTrunkline(command, async ({ schedules }) => {
    const made = await schedules.run(id, { by: cliActor() })
    if (wantsJson(command)) printJson(made)
    else console.log(`job ${made.jobId}`)
  })
}

async function pause(id: string, options: PauseOptions, command: Command): Promise<void> {
  await withTrunkline(command, async ({ schedules }) => printSchedule(await schedules.pause(id, { ...options, by: cliActor() }), command))
}

async function resume(id: string, _options: object, command: Command): Promise<void> {
  await withTrunkline(command, async ({ schedules }) => printSchedule(await schedules.resume(id, { by: cliActor() }), command))
}

async function skip(id: string, _options: object, command: Command): Promise<void> {
  await withTrunkline(command, async ({ schedules }) => printSchedule(await schedules.skipNext(id, { by: cliActor() }), command))
}

async function clone(id: string, name: string | undefined, _options: object, command: Command): Promise<void> {
  await withTrunkline(command, async ({ schedules }) => {
    printSchedule(await schedules.clone(id, { ...(name === undefined ? {} : { name }), by: cliActor() }), command)
  })
}

async function backfill(id: string, { from, to, dryRun }: { from: string; to: string; dryRun?: boolean }, command: Command): Promise<void> {
  await withTrunkline(command, async ({ schedules }) => {
    const done = await schedules.backfill(id, { from, to, dryRun: dryRun === true, by: cliActor() })
    if (wantsJson(command)) return printJson(done)
    console.log(`${done.slots} slots, ${done.existing} have a job; ${done.dryRun ? 'would make' : 'made'} ${done.jobs} jobs`)
  })
}

async function remove(id: string, _options: object, command: Command): Promise<void> {
  await withTrunkline(command, async ({ schedules }) => {
    const { name } = await schedules.get(id)
    await schedules.delete(id, { by: cliActor() })
    if (wantsJson(command)) printJson({ ok: true })
    else console.log(plain(`schedule ${name} is deleted; its jobs stay`))
  })
}
