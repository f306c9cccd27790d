import {
  type ClockChange,
  checkRhythm,
  describeRhythm,
  localText,
  type Rhythm,
  type Slots,
  show,
  slotsOf,
  TrunklineError,
} from '@trunkline/contract'
import { readTime } from '../jobs/enqueue.ts'
import type { Within } from '../jobs/within.ts'
import { type RhythmOptions, rhythmOf, type ScheduleView } from './schedule.ts'

/** A rhythm to look at. */
export interface PreviewOptions extends RhythmOptions {
  /** From when on. Default now. */
  from?: Date | string
  /** How many slots. Default 10, at most 500. */
  count?: number
  /** The schedule that this is to become: the answer has the difference. */
  scheduleId?: string
  within?: Within | null
}

/** A slot as people see it. */
export interface PreviewSlot {
  at: Date
  /** In the zone of the schedule, such as `2030-03-14T02:30:00`. */
  localTime: string
  /** It was moved out of a gap, or its local time occurs twice. */
  mark: 'gap' | 'fold' | null
  /** Since the slot before it. */
  afterMs: number | null
}

/** A change of the clocks within the slots that are shown. */
export interface ClockNote {
  at: Date
  kind: 'gap' | 'fold'
  localFrom: string
  localTo: string
  /** Does the schedule mean a time within it? */
  isTouched: boolean
  note: string
}

/** What a rhythm means. */
export interface Preview {
  words: string
  timezone: string
  /** It runs on elapsed time: every real slot once, whatever the clocks do. */
  isElapsed: boolean
  slots: PreviewSlot[]
  clockChanges: ClockNote[]
  /** With `scheduleId`: slots of the time that is shown which the edit would add and take away. */
  difference: { from: Date; to: Date; added: Date[]; removed: Date[]; same: number } | null
}

const two = (n: number) => String(n).padStart(2, '0')

/** What a change of the clocks does to a schedule, in a sentence. */
export function noteOf(change: ClockChange, slots: Slots, dst: Rhythm['dst']): string {
  const from = localText(change.localFrom)
  const to = localText(change.localTo)
  const span =
    from.slice(0, 10) === to.slice(0, 10) ? `${from.slice(11, 16)} to ${to.slice(11, 16)} on ${from.slice(0, 10)}` : `${from} to ${to}`
  if (change.kind === 'gap') {
    if (!change.isTouched) return `${span} does not exist; no slot lies there`
    if (slots.isElapsed) return `${span} does not exist; the schedule runs on elapsed time, so nothing is lost but what has no time`
    if (dst?.gap === 'skip') return `${span} does not exist; slots there are left out`
    return `${span} does not exist; slots there run ${dst?.gap === 'shift' ? `${two((change.localTo - change.localFrom) / 3_600_000)} h later`.replace(/^0/, '') : `at ${to.slice(11, 16)}, once`}`
  }
  if (!change.isTouched) return `${span} occurs twice; no slot lies there`
  if (slots.isElapsed) return `${span} occurs twice; the schedule runs on elapsed time, so it runs both times`
  const which = { first: 'the first time', second: 'the second time', both: 'both times' }[dst?.fold ?? 'first']
  return `${span} occurs twice; slots there run ${which}`
}

/** The first slots of a rhythm, its words, and what the clocks do to it. @throws as `create`, and `invalid_option` */
export function previewOf(options: PreviewOptions, now: Date, saved: ScheduleView | null): Preview {
  const { from, count = 10, scheduleId: _, within: __, ...said } = options
  if (!Number.isInteger(count) || count < 1 || count > 500) {
    throw new TrunklineError('invalid_option', { field: 'count', received: show(count), allowed: 'a whole number from 1 to 500' })
  }
  const start = from === undefined ? now.getTime() : readTime(from, 'from').getTime()
  const rhythm = rhythmOf(said)
  const anchor = Math.floor((saved?.createdAt ?? now).getTime() / 1000) * 1000
  const slots = checkRhythm(rhythm, start, anchor)
  const found = slots.between(start, Number.MAX_SAFE_INTEGER, count)
  const end = (found.at(-1) ?? start) + 1
  return {
    words: describeRhythm(rhythm),
    timezone: slots.zone.name,
    isElapsed: slots.isElapsed,
    slots: found.map((at, i) => ({
      at: new Date(at),
      localTime: localText(at + slots.zone.offsetAt(at)),
      mark: slots.markOf(at),
      afterMs: i === 0 ? null : at - (found[i - 1] as number),
    })),
    // a schedule of some years a slot would find hundreds of them
    clockChanges: slots.clockChanges(start, Math.min(end, start + 3 * 366 * 86_400_000)).map((change) => ({
      at: new Date(change.at),
      kind: change.kind,
      localFrom: localText(change.localFrom),
      localTo: localText(change.localTo),
      isTouched: change.isTouched,
      note: noteOf(change, slots, rhythm.dst),
    })),
    difference: saved && differenceOf(slots, saved, start, end),
  }
}

function differenceOf(slots: Slots, saved: ScheduleView, from: number, to: number): Preview['difference'] {
  const before = slotsOf(rhythmOf(saved), Math.floor(saved.createdAt.getTime() / 1000) * 1000)
  // both for at least a week, so that a denser rhythm is seen beside a rarer one
  const until = Math.max(to, from + 7 * 86_400_000)
  const old = new Set(before.between(from, until, 5000))
  const fresh = slots.between(from, until, 5000)
  const dates = (values: Iterable<number>) => [...values].slice(0, 500).map((at) => new Date(at))
  const kept = new Set(fresh)
  return {
    from: new Date(from),
    to: new Date(until),
    added: dates(fresh.filter((at) => !old.has(at))),
    removed: dates([...old].filter((at) => !kept.has(at))),
    same: fresh.filter((at) => old.has(at)).length,
  }
}
