import { zoneOf } from '@trunkline/contract'

const hour = 3_600_000
const day = 24 * hour

const offsets = new Map<string, number>()
/** A zone changes its offset on a quarter of an hour, so one look serves the whole quarter. */
const quarter = hour / 4

/** How far the clocks of `zone` are ahead of UTC at an instant, in ms. @throws `invalid_option` for an unknown zone */
function offsetAt(instant: number, zone: string): number {
  const from = Math.floor(instant / quarter) * quarter
  const key = `${zone} ${from}`
  let offset = offsets.get(key)
  if (offset === undefined) {
    offset = zoneOf(zone).offsetAt(from)
    if (offsets.size > 50_000) offsets.clear()
    offsets.set(key, offset)
  }
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
