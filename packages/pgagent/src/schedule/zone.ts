const hour = 3_600_000
const day = 24 * hour

const formats = new Map<string, Intl.DateTimeFormat>()
const offsets = new Map<string, number>()
/** A zone changes its offset on a quarter of an hour, so one look serves the whole quarter. */
const quarter = hour / 4

function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone)
  if (!format) {
    const fields = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' } as const
    format = new Intl.DateTimeFormat('en-US', { ...fields, timeZone: zone, hourCycle: 'h23', era: 'short', calendar: 'iso8601' })
    formats.set(zone, format)
  }
  return format
}

/** How far the clocks of `zone` are ahead of UTC at an instant, in ms. @throws RangeError for an unknown zone */
export function offsetAt(instant: number, zone: string): number {
  const from = Math.floor(instant / quarter) * quarter
  const key = `${zone} ${from}`
  const known = offsets.get(key)
  if (known !== undefined) return known
  const parts: Record<string, number> = {}
  for (const { type, value } of formatOf(zone).formatToParts(from)) parts[type] = Number(value)
  const { year = 0, month = 0, day: date = 0, hour: hours = 0, minute = 0, second = 0 } = parts
  const offset = Date.UTC(year, month - 1, date, hours, minute, second) - from
  if (offsets.size > 50_000) offsets.clear()
  offsets.set(key, offset)
  return offset
}

/** What the clocks of `zone` show at an instant, as the UTC instant with the same digits. */
export function toLocal(instant: number, zone: string): number {
  return instant + offsetAt(instant, zone)
}

/**
 * The instant at which the clocks of `zone` show `local`, as PostgreSQL reads it: a time that does not exist is shifted by the
 * gap, one that occurs twice means the second.
 */
export function fromLocal(local: number, zone: string): number {
  const before = offsetAt(local - day, zone)
  const after = offsetAt(local + day, zone)
  if (before === after) return local - before
  const early = local - before
  const late = local - after
  if (offsetAt(late, zone) === after) return late
  return early
}
