import { zoneOf } from '@trunkline/client/contract'

/** The instant that a clock of a zone shows as `text`, such as 2026-11-27T05:00. Of an hour that comes twice the second. RFC 3339, UTC. */
export function instantOf(text: string, timezone: string): string {
  const zone = zoneOf(timezone)
  const local = Date.parse(`${text}Z`)
  // the offset of the guess is that of the instant, but where the clocks change in between
  return new Date(local - zone.offsetAt(local - zone.offsetAt(local))).toISOString()
}
