import { localText, type Rhythm, type Slots, show, TrunklineError, zoneOf } from '@trunkline/contract'
import { readTime } from '../jobs/enqueue.ts'
import { slotsOfSchedule } from './fire.ts'
import { noteOf } from './preview.ts'
import { rhythmOf, type ScheduleView } from './schedule.ts'

/** A window of time to look at. */
export interface CalendarOptions {
  from: Date | string
  /** Not included; at most 400 days after `from`. */
  to: Date | string
  /** The zone of the reader. Default UTC. */
  timezone?: string
  /** Firings that are listed. Default 5,000, at most 50,000; all are counted. */
  limit?: number
  /** A schedule that fires more often than this in the window is not listed firing by firing, only among the dense ones. */
  perSchedule?: number
  /** Also schedules that are switched off or paused without an end. Default false. */
  all?: boolean
}

/** A firing to come. */
export interface Firing {
  at: Date
  /** In the zone of the reader. */
  localTime: string
  scheduleId: string
  name: string
  task: string
  mark: 'gap' | 'fold' | null
}

/** Many schedules at one moment. */
export interface Collision {
  at: Date
  firings: number
  /** At most ten. */
  names: string[]
  /** The quietest minute of that hour, over the whole window: `:07`. */
  suggestion: string
}

/** Every firing of all schedules in a window, and what they will cost. */
export interface CalendarAnswer {
  from: Date
  to: Date
  timezone: string
  schedules: number
  firings: Firing[]
  /** Firings in all. Of schedules that fire very often they are reckoned, not listed one by one. */
  total: number
  isEstimate: boolean
  /** Schedules that are reckoned: they fire once in so many ms. */
  dense: { scheduleId: string; name: string; everyMs: number; firings: number }[]
  /** By hour: firings, and how many workers they keep busy on average, from real durations. */
  load: { at: Date; firings: number; workers: number }[]
  /** Most firings that run at one time, from real durations. */
  peak: { at: Date; running: number } | null
  collisions: Collision[]
  /** Schedules whose runs will not have ended when the next one is due. */
  overlaps: { scheduleId: string; name: string; times: number; durationMs: number; overlap: string }[]
  /** Changes of the clocks in the zones of schedules they touch. */
  clockChanges: { at: Date; timezone: string; kind: 'gap' | 'fold'; schedules: string[]; note: string }[]
}

/** Firings looked at one by one in all: 10,000 schedules over a month take less than two seconds. */
const budget = 400_000
const hourMs = 3_600_000
const dayMs = 24 * hourMs

interface Seen {
  view: ScheduleView
  slots: Slots
  rhythm: Rhythm
  at: number[]
  /** Once in so many ms; 0 = every firing is in `at`. */
  everyMs: number
  firings: number
}

function readWindow({ from, to, limit = 5000 }: CalendarOptions): { start: number; end: number } {
  const start = readTime(from, 'from').getTime()
  const end = readTime(to, 'to').getTime()
  if (end <= start || end - start > 400 * dayMs) {
    throw new TrunklineError('invalid_option', { field: 'to', received: show(to), allowed: 'a time after from, at most 400 days' })
  }
  if (!Number.isInteger(limit) || limit < 0 || limit > 50_000) {
    throw new TrunklineError('invalid_option', { field: 'limit', received: show(limit), allowed: 'a whole number from 0 to 50000' })
  }
  return { start, end }
}

function look(view: ScheduleView, start: number, end: number, most: number): Seen {
  const rhythm = rhythmOf(view)
  const slots = slotsOfSchedule({ id: view.id, version: view.version, rhythm, created_at: view.createdAt })
  // what a pause covers fires nothing
  const from = Math.max(start, view.paused?.until?.getTime() ?? start)
  const at = slots.between(from, end, most)
  if (at.length < most) return { view, slots, rhythm, at, everyMs: 0, firings: at.length }
  const [first = start, last = end] = [at[0], at.at(-1)]
  const everyMs = Math.max(1000, Math.round((last - first) / Math.max(1, at.length - 1)))
  return { view, slots, rhythm, at, everyMs, firings: Math.max(at.length, Math.round((end - from) / everyMs)) }
}

/** Firings of the window, of each hour, of each moment; one pass over what was looked at. */
function count(seen: readonly Seen[], start: number, end: number, durationOf: (task: string) => number) {
  const hours = Array.from({ length: Math.ceil((end - start) / hourMs) }, (_, i) => ({
    at: new Date(start + i * hourMs),
    firings: 0,
    busyMs: 0,
  }))
  const moments = new Map<number, number>()
  const minutes = new Int32Array(60)
  const edges: number[] = []
  for (const { view, at, everyMs } of seen) {
    const ms = durationOf(view.task)
    for (const slot of at) {
      const hour = hours[Math.floor((slot - start) / hourMs)] as (typeof hours)[number]
      hour.firings++
      hour.busyMs += ms
      moments.set(slot, (moments.get(slot) ?? 0) + 1)
      minutes[Math.floor(slot / 60_000) % 60] = (minutes[Math.floor(slot / 60_000) % 60] as number) + 1
      // twice the time, and a bit that says whether it begins: ends come first
      if (ms > 0) edges.push(slot * 2 + 1, (slot + ms) * 2)
    }
    const last = at.at(-1)
    if (everyMs === 0 || last === undefined) continue
    for (let i = Math.floor((last - start) / hourMs) + 1; i < hours.length; i++) {
      const hour = hours[i] as (typeof hours)[number]
      hour.firings += Math.round(hourMs / everyMs)
      hour.busyMs += (hourMs / everyMs) * ms
    }
  }
  return { hours, moments, minutes, edges }
}

function peakOf(edges: number[]): CalendarAnswer['peak'] {
  const sorted = Float64Array.from(edges).sort()
  let running = 0
  let peak: CalendarAnswer['peak'] = null
  for (const edge of sorted) {
    running += edge % 2 === 1 ? 1 : -1
    if (running > (peak?.running ?? 0)) peak = { at: new Date(Math.floor(edge / 2)), running }
  }
  return peak
}

function collisionsOf(seen: readonly Seen[], moments: ReadonlyMap<number, number>, minutes: Int32Array): Collision[] {
  const most = [...moments].filter(([, n]) => n > 1).sort(([a, n], [b, m]) => m - n || a - b)
  let quietest = 0
  for (let i = 1; i < 60; i++) if ((minutes[i] as number) < (minutes[quietest] as number)) quietest = i
  const wanted = new Map(most.slice(0, 20).map(([at, firings]) => [at, { firings, names: [] as string[] }]))
  for (const { view, at } of seen) {
    for (const slot of at) {
      const found = wanted.get(slot)
      if (found && found.names.length < 10) found.names.push(view.name)
    }
  }
  return [...wanted].map(([at, { firings, names }]) => ({
    at: new Date(at),
    firings,
    names,
    suggestion: `:${String(quietest).padStart(2, '0')}`,
  }))
}

function overlapsOf(seen: readonly Seen[], durationOf: (task: string) => number): CalendarAnswer['overlaps'] {
  return seen.flatMap(({ view, at, everyMs, firings }) => {
    const durationMs = durationOf(view.task)
    let times = everyMs > 0 && durationMs > everyMs ? firings - at.length : 0
    for (let i = 1; i < at.length; i++) if ((at[i] as number) - (at[i - 1] as number) < durationMs) times++
    return times === 0 ? [] : [{ scheduleId: view.id, name: view.name, times, durationMs, overlap: view.overlap }]
  })
}

function clockChangesOf(seen: readonly Seen[], start: number, end: number): CalendarAnswer['clockChanges'] {
  const found = new Map<string, CalendarAnswer['clockChanges'][number]>()
  for (const { view, slots, rhythm } of seen) {
    for (const change of slots.clockChanges(start, end)) {
      if (!change.isTouched) continue
      const note = noteOf(change, slots, rhythm.dst)
      const key = `${view.timezone} ${change.at} ${note}`
      const known = found.get(key)
      if (known) {
        if (known.schedules.length < 10) known.schedules.push(view.name)
      } else found.set(key, { at: new Date(change.at), timezone: view.timezone, kind: change.kind, schedules: [view.name], note })
    }
  }
  return [...found.values()].sort((a, b) => a.at.getTime() - b.at.getTime())
}

/**
 * Every firing of schedules in a window, by the computation that the scheduler goes by.
 * @param durations average duration of each task, ms
 * @throws `invalid_option`, `invalid_run_at`
 */
export function calendarOf(
  views: readonly ScheduleView[],
  options: CalendarOptions,
  now: Date,
  durations: ReadonlyMap<string, number>,
): CalendarAnswer {
  const { start, end } = readWindow(options)
  const { timezone = 'UTC', limit = 5000, all = false } = options
  const zone = zoneOf(timezone)
  const shown = views.filter((view) => all || (view.isEnabled && (view.paused === null || view.paused.until !== null)))
  const most = Math.max(40, Math.min(5000, Math.floor(budget / Math.max(1, shown.length))))
  // what has passed is history: only what is to come is foretold
  const from = Math.max(start, now.getTime())
  const seen = from >= end ? [] : shown.map((view) => look(view, from, end, most)).filter(({ at }) => at.length > 0)
  const durationOf = (task: string) => durations.get(task) ?? 0
  const { hours, moments, minutes, edges } = count(seen, start, end, durationOf)
  const isDense = ({ at, everyMs }: Seen) => everyMs > 0 || at.length > (options.perSchedule ?? Infinity)
  const listed = seen
    .filter(({ at }) => at.length <= (options.perSchedule ?? Infinity))
    .flatMap((of) => of.at.map((at) => ({ at, of })))
    .sort((a, b) => a.at - b.at)
    .slice(0, limit)
  return {
    from: new Date(start),
    to: new Date(end),
    timezone,
    schedules: shown.length,
    firings: listed.map(({ at, of: { view, slots } }) => ({
      at: new Date(at),
      localTime: localText(at + zone.offsetAt(at)),
      scheduleId: view.id,
      name: view.name,
      task: view.task,
      mark: slots.markOf(at),
    })),
    total: seen.reduce((sum, { firings }) => sum + firings, 0),
    isEstimate: seen.some(({ everyMs }) => everyMs > 0),
    dense: seen.filter(isDense).map(({ view, at, everyMs, firings }) => ({
      scheduleId: view.id,
      name: view.name,
      everyMs: everyMs || Math.round(((at.at(-1) as number) - (at[0] as number)) / Math.max(1, at.length - 1)),
      firings,
    })),
    load: hours.map(({ at, firings, busyMs }) => ({ at, firings, workers: Math.round((busyMs / hourMs) * 1000) / 1000 })),
    peak: peakOf(edges),
    collisions: collisionsOf(seen, moments, minutes),
    overlaps: overlapsOf(seen, durationOf),
    clockChanges: clockChangesOf(seen, from, end),
  }
}
