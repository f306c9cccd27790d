import { show, TrunklineError } from '../words/errors.ts'

/** A change of a zone's offset. */
export interface Transition {
  /** The first instant of the new offset. */
  readonly at: number
  /** Offsets in ms, east of Greenwich positive, before and after it. */
  readonly before: number
  readonly after: number
}

/** A time zone, by the rules of the runtime. Instants and local times are ms; a local time is read as if it were UTC. */
export interface Zone {
  readonly name: string
  /** Local time minus UTC at an instant, in ms. */
  offsetAt(instant: number): number
  /** Changes at or after `from` and before `to`, in order. */
  transitions(from: number, to: number): readonly Transition[]
}

const day = 86_400_000
/** No zone has changed twice within so short a time since 1970. */
const step = 3 * day
const zones = new Map<string, Zone>()
/** Names are checked by the runtime, so few are kept; the bound is for a caller that tries them all. */
const mostZones = 700

/**
 * A zone by its IANA name.
 * @throws `invalid_option` for a name that the runtime does not know
 * @example zoneOf('Europe/Berlin').offsetAt(Date.UTC(2030, 6, 1)) // 7200000
 */
export function zoneOf(name: string, field = 'timezone'): Zone {
  const known = zones.get(name)
  if (known) return known
  const zone = makeZone(name, field)
  if (zones.size >= mostZones) zones.clear()
  zones.set(name, zone)
  return zone
}

function formatOf(name: unknown, field: string): Intl.DateTimeFormat {
  try {
    // an offset such as +02:00 is a zone for some runtimes and none for others
    if (typeof name !== 'string' || name.length > 64 || !/^[A-Za-z]/.test(name)) throw new RangeError('not a name')
    return new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      calendar: 'gregory',
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    })
  } catch {
    throw new TrunklineError('invalid_option', { field, received: show(name), allowed: 'an IANA time zone such as Europe/Berlin, or UTC' })
  }
}

function makeZone(name: string, field: string): Zone {
  const format = formatOf(name, field)
  const years = new Map<number, readonly Transition[]>()

  function offsetAt(instant: number): number {
    const whole = Math.floor(instant / 1000) * 1000
    const [month, date, year, hour, minute, second] = (format.format(whole).match(/\d+/g) ?? []).map(Number) as number[]
    return Date.UTC(year as number, (month as number) - 1, date, hour, minute, second) - whole
  }

  function between(low: number, high: number, before: number, after: number): Transition {
    let from = low
    let to = high
    while (to - from > 1000) {
      const middle = Math.floor((from + to) / 2000) * 1000
      if (offsetAt(middle) === before) from = middle
      else to = middle
    }
    return { at: to, before, after }
  }

  function ofYear(year: number): readonly Transition[] {
    const known = years.get(year)
    if (known) return known
    const found: Transition[] = []
    const end = Date.UTC(year + 1, 0, 1)
    let at = Date.UTC(year, 0, 1)
    let offset = offsetAt(at - 1000)
    for (let next = at; at < end; at = next) {
      next = Math.min(at + step, end)
      const then = offsetAt(next - 1000)
      if (then !== offset) found.push(between(at - 1000, next - 1000, offset, then))
      offset = then
    }
    if (years.size >= 200) years.clear()
    years.set(year, found)
    return found
  }

  return {
    name,
    offsetAt,
    transitions(from, to) {
      const found: Transition[] = []
      const last = new Date(to).getUTCFullYear()
      for (let year = new Date(from).getUTCFullYear(); year <= last; year++) {
        for (const change of ofYear(year)) if (change.at >= from && change.at < to) found.push(change)
      }
      return found
    },
  }
}

/** A local time as text, such as `2030-03-14T02:30:00`. */
export const localText = (local: number): string => new Date(local).toISOString().slice(0, 19)
