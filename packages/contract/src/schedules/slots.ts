import { show, TrunklineError } from '../words/errors.ts'
import { limits } from '../words/limits.ts'
import { type CalendarGrid, type Exceptions, readCalendar, readExceptions, type SlotException } from './calendar-grid.ts'
import { type Grid, parseCron } from './cron.ts'
import { type LocalTimes, localTimes } from './local-times.ts'
import { type Transition, type Zone, zoneOf } from './zone.ts'

/** What becomes of a chosen local time that does not exist: left out, at the first instant after the gap, or later by the gap. */
export type GapPolicy = 'skip' | 'first' | 'shift'
/** What becomes of a chosen local time that occurs twice. */
export type FoldPolicy = 'first' | 'second' | 'both'

export const gapPolicies = ['skip', 'first', 'shift'] as const satisfies readonly GapPolicy[]
export const foldPolicies = ['first', 'second', 'both'] as const satisfies readonly FoldPolicy[]

/** How a schedule reads the two days of a year on which clocks change. Default: gap `first`, fold `first`. */
export interface DstPolicy {
  readonly gap?: GapPolicy | undefined
  readonly fold?: FoldPolicy | undefined
}

/** When a schedule fires: exactly one of the first four, and what bounds it. Times are RFC 3339. */
export interface Rhythm {
  readonly cronExpression?: string | undefined
  /** 1,000 ms to ten years, counted from `startsAt`. */
  readonly intervalMs?: number | undefined
  readonly calendar?: CalendarGrid | undefined
  /** Once. */
  readonly runAt?: string | undefined
  /** IANA name. Default UTC. */
  readonly timezone?: string | undefined
  /** No slot before it. An interval counts from here. */
  readonly startsAt?: string | null | undefined
  /** No slot after it. */
  readonly endsAt?: string | null | undefined
  readonly dst?: DstPolicy | undefined
  readonly exceptions?: readonly SlotException[] | undefined
}

/** A change of the clocks, and what it does to a schedule. */
export interface ClockChange {
  readonly at: number
  readonly kind: 'gap' | 'fold'
  /** The local times that do not exist, or occur twice: from, and up to. */
  readonly localFrom: number
  readonly localTo: number
  /** Does the schedule mean a time within it? */
  readonly isTouched: boolean
}

/** The slots of a rhythm: the one computation that scheduler, previews, calendar and words go by. Instants are ms. */
export interface Slots {
  readonly zone: Zone
  /** Null for intervals and one-off times. */
  readonly grid: Grid | null
  /** Does it run on elapsed time: every real slot once, whatever the clocks do? */
  readonly isElapsed: boolean
  /** The first slot after an instant; null when there is none any more. */
  next(after: number): number | null
  /** The last slot before an instant. `next` and `previous` answer the same slots. */
  previous(before: number): number | null
  /** Slots at or after `from` and before `to`, at most `most`. */
  between(from: number, to: number, most: number): number[]
  /** Was the slot moved out of a gap, or does its local time occur twice? */
  markOf(slot: number): 'gap' | 'fold' | null
  /** Changes of the clocks at or after `from` and before `to`. */
  clockChanges(from: number, to: number): ClockChange[]
}

const hour = 3_600_000
const day = 24 * hour
/** Between transitions we look so far at once. */
const window = 40 * day
/** More than any zone has been away from UTC, east and west. */
const east = 15 * hour
const west = 13 * hour
/** The largest change of a zone: Apia left out a day. */
const largest = 2 * day
/** Exceptions passed over in a row before an interval is taken for one that never fires. */
const mostPassed = 10_000
const firstInstant = 0
const lastInstant = Date.UTC(9999, 11, 31, 23, 59, 59)

function refuse(field: string, problem: string): never {
  throw new TrunklineError('invalid_schedule', { field, problem })
}

/** @throws `invalid_run_at` unless `value` is RFC 3339 text between 1970 and 9999 */
function instantOf(value: unknown, field: string): number {
  const pattern = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/
  const at = typeof value === 'string' && value.length < 40 && pattern.test(value) ? Date.parse(value) : Number.NaN
  if (at >= firstInstant && at <= lastInstant) return at
  throw new TrunklineError('invalid_run_at', { field, received: show(value) })
}

const kinds = ['cronExpression', 'intervalMs', 'calendar', 'runAt'] as const

function oneOf<T extends string>(value: T | undefined, allowed: readonly T[], field: string): T {
  if (value === undefined) return allowed[field === 'dst.gap' ? 1 : 0] as T
  if (allowed.includes(value)) return value
  refuse(field, `it is ${show(value)}; allowed: ${allowed.join(', ')}`)
}

/** What a rhythm means, read once. */
interface Bounds {
  readonly zone: Zone
  readonly from: number
  readonly to: number
  readonly exceptions: Exceptions
}

/**
 * Reads a rhythm.
 * @param anchor where an interval without `startsAt` counts from, ms; default 1970
 * @throws `invalid_schedule`, `invalid_run_at`, `invalid_option` (an unknown zone)
 * @example slotsOf({ cronExpression: '30 2 * * *', timezone: 'Europe/Berlin' }).next(Date.now())
 */
export function slotsOf(rhythm: Rhythm, anchor = 0): Slots {
  const given = kinds.filter((kind) => rhythm[kind] !== undefined && rhythm[kind] !== null)
  if (given.length !== 1) {
    refuse('cronExpression', `${given.length === 0 ? 'none' : `${given.length}`} of ${kinds.join(', ')} given; allowed: exactly one`)
  }
  const zone = zoneOf(rhythm.timezone ?? 'UTC')
  const bounds: Bounds = {
    zone,
    from: rhythm.startsAt == null ? firstInstant : instantOf(rhythm.startsAt, 'startsAt'),
    to: rhythm.endsAt == null ? lastInstant : instantOf(rhythm.endsAt, 'endsAt'),
    exceptions: readExceptions(rhythm.exceptions),
  }
  if (bounds.to < bounds.from) refuse('endsAt', 'it is before startsAt')
  const gap = oneOf(rhythm.dst?.gap, gapPolicies, 'dst.gap')
  const fold = oneOf(rhythm.dst?.fold, foldPolicies, 'dst.fold')
  if (rhythm.runAt !== undefined) return once(bounds, instantOf(rhythm.runAt, 'runAt'))
  if (rhythm.intervalMs !== undefined) {
    return interval(bounds, readInterval(rhythm.intervalMs), rhythm.startsAt == null ? anchor : bounds.from)
  }
  const grid = rhythm.cronExpression === undefined ? readCalendar(rhythm.calendar as CalendarGrid) : parseCron(rhythm.cronExpression)
  return gridSlots(bounds, grid, grid.hasChosenHour ? gap : 'skip', grid.hasChosenHour ? fold : 'both')
}

function readInterval(value: unknown): number {
  if (Number.isInteger(value) && (value as number) >= 1000 && (value as number) <= limits.durationMs) return value as number
  refuse('intervalMs', `it is ${show(value)}; allowed: a whole number from 1000 to ${limits.durationMs}`)
}

/** The parts that all kinds have, from `next` and `previous`. */
function slotsFrom(bounds: Bounds, parts: Pick<Slots, 'grid' | 'isElapsed' | 'next' | 'previous'> & Partial<Slots>): Slots {
  const { zone, from, to } = bounds
  const next = (after: number) => {
    const found = after >= to ? null : parts.next(Math.max(after, from - 1))
    return found !== null && found <= to ? found : null
  }
  return {
    zone,
    markOf: () => null,
    clockChanges: (since, until) =>
      zone.transitions(since, until).map(({ at, before, after }) => ({
        at,
        kind: after > before ? 'gap' : 'fold',
        localFrom: at + Math.min(before, after),
        localTo: at + Math.max(before, after),
        isTouched: false,
      })),
    ...parts,
    next,
    previous(before) {
      const found = before <= from ? null : parts.previous(Math.min(before, to + 1))
      return found !== null && found >= from ? found : null
    },
    between(since, until, most) {
      const found: number[] = []
      for (let slot = next(since - 1); slot !== null && slot < until && found.length < most; slot = next(slot)) found.push(slot)
      return found
    },
  }
}

function once(bounds: Bounds, at: number): Slots {
  return slotsFrom(bounds, {
    grid: null,
    isElapsed: true,
    next: (after) => (at > after ? at : null),
    previous: (before) => (at < before ? at : null),
  })
}

function interval(bounds: Bounds, every: number, anchor: number): Slots {
  const { zone, exceptions } = bounds
  const none = exceptions.days.size + exceptions.minutes.size + exceptions.moments.size === 0

  const local = (slot: number) => slot + zone.offsetAt(slot)
  const isDateLeftOut = (slot: number) => exceptions.days.has(Math.floor(local(slot) / day))
  function isMinuteLeftOut(slot: number): boolean {
    const minute = Math.floor(local(slot) / 60_000)
    return exceptions.moments.has(minute) || exceptions.minutes.has(minute - Math.floor(minute / 1440) * 1440)
  }

  /** Slots to pass over from one that is left out: with both ends of less than a day (a minute) left out, all between them are. */
  function passing(slot: number, direction: 1 | -1): number {
    const isWholeDay = isDateLeftOut(slot)
    const steps = Math.floor((isWholeDay ? 22 * hour : 60_000) / every)
    const end = slot + direction * steps * every
    return steps > 1 && (isWholeDay ? isDateLeftOut(end) : isMinuteLeftOut(end)) ? steps : 1
  }

  function search(first: number, direction: 1 | -1): number | null {
    let slot = first
    for (let passed = 0; passed < mostPassed; passed++) {
      if (slot < anchor || slot > lastInstant) return null
      if (none || !(isDateLeftOut(slot) || isMinuteLeftOut(slot))) return slot
      slot += direction * every * passing(slot, direction)
    }
    return null
  }

  return slotsFrom(bounds, {
    grid: null,
    isElapsed: true,
    next: (after) => search(anchor + Math.max(0, Math.floor((after - anchor) / every) + 1) * every, 1),
    previous: (before) => search(anchor + (Math.ceil((before - anchor) / every) - 1) * every, -1),
  })
}

/** A stretch of constant offset around an instant, with the changes at its ends where they are near. */
interface Stretch {
  readonly from: number
  readonly to: number
  readonly offset: number
  readonly start: Transition | null
  readonly end: Transition | null
}

function stretchAt(zone: Zone, at: number): Stretch {
  const changes = zone.transitions(at - window - largest, at + window + largest)
  const start = changes.findLast((change) => change.at <= at) ?? null
  const end = changes.find((change) => change.at > at) ?? null
  return {
    from: Math.max(start?.at ?? firstInstant - day, at - window),
    to: Math.min(end?.at ?? Number.MAX_SAFE_INTEGER, at + window),
    offset: start?.after ?? end?.before ?? zone.offsetAt(at),
    start,
    end,
  }
}

const latest = (...found: (number | null)[]) => found.reduce((a, b) => (a === null ? b : b === null ? a : Math.max(a, b)), null)
const earliest = (...found: (number | null)[]) => found.reduce((a, b) => (a === null ? b : b === null ? a : Math.min(a, b)), null)

/**
 * Slots of a grid. Within a stretch of constant offset local time is instant plus offset; only at its ends do the policies say
 * which local times are left out (the second or first of two) or come in (those of the gap before it).
 */
function gridSlots(bounds: Bounds, grid: Grid, gap: GapPolicy, fold: FoldPolicy): Slots {
  const { zone, exceptions } = bounds
  const times: LocalTimes = localTimes(grid, exceptions)
  let known: Stretch | null = null

  /** The stretch is the same for weeks of instants, and questions come in order. */
  function stretchOf(at: number): Stretch {
    if (known === null || at < known.from || at >= known.to) known = stretchAt(zone, at)
    return known
  }

  /** Local times of a stretch that count: from, and up to. */
  function counted({ from, to, offset, start, end }: Stretch): { low: number; high: number } {
    let low = from + offset
    let high = to + offset
    if (fold === 'first' && start && start.after < start.before) low = Math.max(low, start.at + start.before)
    if (fold === 'second' && end && end.after < end.before) high = Math.min(high, end.at + end.after)
    return { low, high }
  }

  const gapOf = ({ start, from }: Stretch) => (gap !== 'skip' && start && start.after > start.before && start.at >= from ? start : null)

  function nextIn(stretch: Stretch, from: number): number | null {
    const { low, high } = counted(stretch)
    const local = times.next(Math.max(from + stretch.offset, low))
    const plain = local !== null && local < high ? local - stretch.offset : null
    const missing = gapOf(stretch)
    if (!missing || from > missing.at + missing.after - missing.before || (gap === 'first' && from > missing.at)) return plain
    const lost = times.next(Math.max(gap === 'first' ? missing.at : from, missing.at) + missing.before)
    if (lost === null || lost >= missing.at + missing.after) return plain
    return earliest(plain, gap === 'first' ? missing.at : lost - missing.before)
  }

  function previousIn(stretch: Stretch, to: number): number | null {
    const { low, high } = counted(stretch)
    const local = times.previous(Math.min(to + stretch.offset, high - 1000))
    const plain = local !== null && local >= low ? local - stretch.offset : null
    const missing = gapOf(stretch)
    if (!missing) return plain
    const end = missing.at + missing.after - 1000
    const lost = times.previous(gap === 'first' ? end : Math.min(to + missing.before, end))
    if (lost === null || lost < missing.at + missing.before) return plain
    return latest(plain, gap === 'first' ? missing.at : lost - missing.before)
  }

  function next(after: number): number | null {
    let at = Math.floor(after / 1000) * 1000 + 1000
    for (;;) {
      const stretch = stretchOf(at)
      const found = nextIn(stretch, at)
      if (found !== null) return found
      // nothing is meant before `local`: skip to it, so that a rare schedule costs no look at each year between
      const local = times.next(stretch.to - west)
      if (local === null) return null
      at = Math.max(stretch.to, local - east)
    }
  }

  function previous(before: number): number | null {
    let at = Math.ceil(before / 1000) * 1000 - 1000
    while (at >= firstInstant - day) {
      const stretch = stretchOf(at)
      const found = previousIn(stretch, at)
      if (found !== null) return found
      const local = times.previous(stretch.from + east)
      if (local === null) return null
      at = Math.min(stretch.from - 1000, local + west)
    }
    return null
  }

  /** Is one of the local times from `from` up to `to` meant? */
  function means(from: number, to: number): boolean {
    const local = times.next(from)
    return local !== null && local < to
  }

  function clockChanges(from: number, to: number): ClockChange[] {
    return zone.transitions(from, to).map(({ at, before, after }) => {
      const localFrom = at + Math.min(before, after)
      const localTo = at + Math.max(before, after)
      return { at, kind: after > before ? 'gap' : 'fold', localFrom, localTo, isTouched: means(localFrom, localTo) }
    })
  }

  function markOf(slot: number): 'gap' | 'fold' | null {
    const local = slot + zone.offsetAt(slot)
    for (const change of clockChanges(slot - largest, slot + largest)) {
      if (change.kind === 'fold' && local >= change.localFrom && local < change.localTo) return 'fold'
      const isMoved = change.kind === 'gap' && slot >= change.at && slot < change.at + change.localTo - change.localFrom
      if (isMoved && gap !== 'skip' && change.isTouched && times.next(local) !== local) return 'gap'
    }
    return null
  }

  return slotsFrom(bounds, { grid, isElapsed: !grid.hasChosenHour, next, previous, markOf, clockChanges })
}

/**
 * A rhythm that will fire, or the reason why it never does.
 * @param now from when on it should fire, ms
 * @throws `schedule_never_runs` when it means no time at all (31 February), or none that is still to come; what `slotsOf` throws
 */
export function checkRhythm(rhythm: Rhythm, now: number, anchor = now): Slots {
  const slots = slotsOf(rhythm, anchor)
  if (slots.next(now - 1) !== null) return slots
  const { cronExpression, calendar, endsAt, exceptions = [] } = rhythm
  const unbounded = slotsOf(
    { ...rhythm, startsAt: rhythm.intervalMs === undefined ? undefined : rhythm.startsAt, endsAt: undefined },
    anchor,
  )
  const plain = slotsOf({ ...rhythm, startsAt: undefined, endsAt: undefined, exceptions: [] }, anchor)
  let problem = 'its only time is past'
  let field = 'runAt'
  if ((cronExpression ?? calendar) !== undefined && plain.next(now - 1) === null) {
    field = cronExpression === undefined ? 'calendar' : 'cronExpression'
    problem = 'no date of the calendar has such a day in such a month'
  } else if (unbounded.next(now - 1) === null && exceptions.length > 0) {
    field = 'exceptions'
    problem = 'its exceptions leave nothing'
  } else if (endsAt != null) {
    field = 'endsAt'
    problem = `it has no time between now or its start and its end at ${endsAt}`
  }
  throw new TrunklineError('schedule_never_runs', { field, problem })
}

/**
 * How much later than its slot a job starts: 0 to `jitterMs`, the same for a slot whenever it is asked.
 * @param key what tells schedules apart, such as their id
 */
export function jitterOf(key: string, slot: number, jitterMs: number): number {
  if (jitterMs <= 0) return 0
  let hash = 0x811c9dc5
  for (const character of `${key}:${slot}`) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193)
  // one more round, since neighbouring slots differ in their last digits only
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) % (jitterMs + 1)
}
