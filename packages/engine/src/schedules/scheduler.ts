import type { Slots } from '@trunkline/contract'
import type { Names } from '../jobs/names.ts'
import { withPartitions } from '../jobs/partitions.ts'
import { numbers } from '../postgres/arrays.ts'
import type { Database } from '../postgres/database.ts'
import { prepared, statement } from '../postgres/statement.ts'
import {
  cancelRuns,
  fire,
  type MissedPolicy,
  type PlannedSlot,
  readSources,
  type Source,
  slotsOfSchedule,
  type TakenSchedule,
} from './fire.ts'

const dueStatement = statement(import.meta.url, 'due.sql')
const nextDueStatement = prepared(statement(import.meta.url, 'next-due.sql'))
const advanceStatement = statement(import.meta.url, 'advance-schedules.sql')
const settleStatement = prepared(statement(import.meta.url, 'settle.sql'))

/** A slot so late is still on time: it fires whatever the policy for missed ones says. */
export const graceMs = 30_000
/** Missed slots are counted up to here. */
const mostCounted = 10_000
/** Schedules of one tick. */
const tickSize = 500

/** What a scheduler tells of itself. */
export type SchedulerEvent =
  | { type: 'schedule_paused'; id: string; name: string; reason: string }
  | { type: 'database_error'; where: string; error: Error }

/** Options of {@link createScheduler}. */
export interface SchedulerOptions {
  onEvent?: (event: SchedulerEvent) => void
  /** For tests: what counts as now. Default: the clock of the database. */
  now?: () => Date
}

/** Fires the slots of schedules. Any number of them may run: a slot fires once. */
export interface Scheduler {
  start(): void
  /** Fires everything that is due and settles what has ended. Answers how many jobs were made. */
  runOnce(): Promise<number>
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** Slots after `handledTo` that are due, and which of them fire. */
export interface DueSlots {
  /** In order. */
  readonly fire: readonly number[]
  /** Those of `fire` before this one are caught up: overlap does not count among them. */
  readonly onTimeFrom: number
  readonly missed: number
  /** The last one, whatever becomes of it; null = none is due. */
  readonly last: number | null
}

/** Which slots fire at `now`, by the policy for missed ones. */
export function dueSlots(
  slots: Slots,
  handledTo: number,
  now: number,
  { policy, windowMs = 86_400_000, max = 100 }: MissedPolicy,
): DueSlots {
  const onTimeFrom = now - graceMs
  const fire: number[] = []
  const last = slots.previous(now + 1)
  let slot = last
  for (; slot !== null && slot > handledTo && slot >= onTimeFrom; slot = slots.previous(slot)) fire.unshift(slot)
  if (policy === 'last' && fire.length === 0 && slot !== null && slot > handledTo) {
    fire.unshift(slot)
    slot = slots.previous(slot)
  }
  if (policy === 'all') {
    for (let n = 0; slot !== null && slot > handledTo && slot >= now - windowMs && n < max; n++) {
      fire.unshift(slot)
      slot = slots.previous(slot)
    }
  }
  let missed = 0
  for (; slot !== null && slot > handledTo && missed < mostCounted; slot = slots.previous(slot)) missed++
  return { fire, onTimeFrom, missed, last: last !== null && last > handledTo ? last : null }
}

/** What becomes of the due slots of one schedule, by its policy for overlaps. */
export function planSlots(schedule: TakenSchedule, source: Source, due: DueSlots): { planned: PlannedSlot[]; cancels: boolean } {
  const { overlap, skip_slot: skip } = schedule
  const planned: PlannedSlot[] = []
  let isBusy = source.open_jobs.length > 0
  let isWaiting = source.waiting !== null
  let cancels = false
  const plan = (at: number, state: PlannedSlot['state'], reason: string | null = null) => {
    planned.push({ schedule, at, manual: false, state, reason })
    if (state === 'fired') isBusy = true
  }
  if (source.waiting && !isBusy) {
    plan(source.waiting.getTime(), 'fired', 'waited')
    isWaiting = false
  }
  for (const at of due.fire) {
    if (skip?.getTime() === at) plan(at, 'skipped', 'skip_next')
    else if (overlap === 'allow' || at < due.onTimeFrom) plan(at, 'fired')
    else if (overlap === 'cancel') {
      if (at !== due.fire.at(-1)) plan(at, 'skipped', 'overlap')
      else {
        cancels = source.open_jobs.length > 0
        plan(at, 'fired')
      }
    } else if (!isBusy) plan(at, 'fired')
    else if (overlap === 'queue' && !isWaiting) {
      plan(at, 'waiting', 'overlap')
      isWaiting = true
    } else plan(at, 'skipped', 'overlap')
  }
  return { planned, cancels }
}

/** When to look at a schedule again; null = never. */
export function dueAt(schedule: Pick<TakenSchedule, 'is_enabled' | 'paused_at' | 'paused_until'>, nextSlot: number | null): number | null {
  if (!schedule.is_enabled) return null
  if (schedule.paused_at) return schedule.paused_until?.getTime() ?? null
  return nextSlot
}

const stamps = (values: readonly (number | null)[]) =>
  `{${values.map((ms) => (ms === null ? 'NULL' : `"${new Date(ms).toISOString()}"`)).join(',')}}`

/**
 * One tick: takes due schedules, records their slots, makes the jobs and says when the next slot is, in one transaction.
 * @returns how many schedules were taken, and jobs made
 */
export async function tick(database: Database, names: Names, now: Date | null = null): Promise<{ taken: number; made: number }> {
  return await withPartitions(database, () =>
    database.transaction(async (tx) => {
      const due = await database.run<TakenSchedule>(dueStatement, [now?.toISOString() ?? null, tickSize], tx)
      if (due.length === 0) return { taken: 0, made: 0 }
      const sources = await readSources(
        database,
        due.map((s) => s.id),
        tx,
      )
      const planned: PlannedSlot[] = []
      const moves: { handledTo: number; next: number | null; due: number | null; missed: number; isOver: boolean }[] = []
      for (const schedule of due) {
        const source = sources.get(schedule.id) as Source
        const at = schedule.now.getTime()
        const isOver = schedule.paused_at !== null && schedule.paused_until !== null && schedule.paused_until.getTime() <= at
        const slots = slotsOfSchedule(schedule)
        const handledTo = schedule.handled_to.getTime()
        const found = dueSlots(slots, handledTo, at, schedule.missed)
        const plan = planSlots(schedule, source, found)
        if (plan.cancels) await cancelRuns(database, source.open_jobs, `schedule:${schedule.name}`, tx)
        planned.push(...plan.planned)
        const until = found.last ?? handledTo
        const next = slots.next(until)
        const state = isOver ? { ...schedule, paused_at: null } : schedule
        moves.push({ handledTo: until, next, due: dueAt(state, next), missed: found.missed, isOver })
      }
      const { jobs } = await fire(database, names, planned, sources, tx)
      await database.run(
        advanceStatement,
        [
          `{${due.map((s) => s.id).join(',')}}`,
          stamps(moves.map((m) => m.handledTo)),
          stamps(moves.map((m) => m.next)),
          stamps(moves.map((m) => m.due)),
          numbers(moves.map((m) => m.missed)),
          `{${moves.map((m) => m.isOver).join(',')}}`,
        ],
        tx,
      )
      return { taken: due.length, made: jobs.length }
    }, 'walk'),
  )
}

/** Makes a scheduler; it does nothing before `start`. */
export function createScheduler(database: Database, names: Names, { onEvent, now }: SchedulerOptions = {}): Scheduler {
  let stopped = true
  let timer: NodeJS.Timeout | undefined
  let beating: Promise<void> = Promise.resolve()
  let settleAt = 0

  async function settle(): Promise<void> {
    // what others hold locked is left to them, so the number of turns is bounded
    for (let turn = 0; turn < 20; turn++) {
      const [row] = await database.run<{ n: number; paused: { id: string; name: string; reason: string }[] }>(
        settleStatement,
        [1000],
        'walk',
      )
      for (const schedule of row?.paused ?? []) onEvent?.({ type: 'schedule_paused', ...schedule })
      if (!row || row.n < 1000) return
    }
  }

  async function nextMs(): Promise<number | null> {
    const [row] = await database.run<{ ms: number | null }>(nextDueStatement, [now?.().toISOString() ?? null])
    return row?.ms ?? null
  }

  async function fireDue(): Promise<number> {
    let made = 0
    while (((await nextMs()) ?? 1) <= 0) {
      const done = await tick(database, names, now?.() ?? null)
      made += done.made
      // what is still due was taken by others
      if (done.taken === 0) break
    }
    return made
  }

  async function beat(): Promise<void> {
    let wait = 500
    try {
      await fireDue()
      if (performance.now() >= settleAt) {
        settleAt = performance.now() + 1000
        await settle()
      }
      wait = Math.max(5, Math.min(500, (await nextMs()) ?? 500))
    } catch (error) {
      onEvent?.({ type: 'database_error', where: 'schedules', error: error as Error })
    }
    if (stopped) return
    timer = setTimeout(() => {
      beating = beat()
    }, wait)
  }

  async function stop(): Promise<void> {
    stopped = true
    clearTimeout(timer)
    await beating
  }

  return {
    start() {
      if (!stopped) return
      stopped = false
      beating = beat()
    },
    async runOnce() {
      await settle()
      return await fireDue()
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
