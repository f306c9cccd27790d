/** When a pgAgent schedule fires: `pga_schedule` and its exceptions, with indexes in place of flags. An empty list means every one. */
export interface PgAgentCalendar {
  /** Instant, in ms; null = never. */
  readonly start: number | null
  /** Instant, in ms; null = no end. */
  readonly end: number | null
  /** 0 to 59. */
  readonly minutes: readonly number[]
  /** 0 to 23. */
  readonly hours: readonly number[]
  /** 0 = Sunday to 6. */
  readonly weekdays: readonly number[]
  /** 1 to 31, and 32 = the last of the month. */
  readonly monthDays: readonly number[]
  /** 1 to 12. */
  readonly months: readonly number[]
  readonly exceptions: readonly PgAgentException[]
}

/** A local date, a local time, or both, at which nothing starts. Both null never matches. */
export interface PgAgentException {
  /** `jexid`, where it is stored already. */
  readonly id?: number
  /** As in `2026-03-29`. */
  readonly date: string | null
  /** As in `02:30:00`. */
  readonly time: string | null
}

/** The number of days of a month, 1 to 12. */
export function daysIn(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate()
}

/** Date and time of a wall clock, as exceptions are written. */
export function wallClock(local: number): { date: string; time: string } {
  const text = new Date(local).toISOString()
  return { date: text.slice(0, 10), time: text.slice(11, 19) }
}

/** The exception that keeps `local` from starting anything. */
export function exceptionAt(calendar: PgAgentCalendar, local: number): PgAgentException | undefined {
  const { date, time } = wallClock(local)
  return calendar.exceptions.find(
    (e) => (e.date !== null || e.time !== null) && (e.date === null || e.date === date) && (e.time === null || e.time === time),
  )
}
