/** What `{{name}}` can mean in the payload of a schedule: text by name. */
export type SlotValues = Readonly<Record<string, string>>

/**
 * The values of a slot: `slot` (RFC 3339, UTC), `localTime` (`2030-03-14T02:30:00`, in the zone), `date`, `time`, `timezone`, `schedule` and
 * `scheduleId`.
 * @param offset local time minus UTC at the slot, ms
 */
export function slotValues(slot: number, offset: number, of: { timezone: string; name: string; id: string }): SlotValues {
  const local = new Date(slot + offset).toISOString()
  return {
    slot: new Date(slot).toISOString(),
    localTime: local.slice(0, 19),
    date: local.slice(0, 10),
    time: local.slice(11, 19),
    timezone: of.timezone,
    schedule: of.name,
    scheduleId: of.id,
  }
}

/**
 * Puts values into the texts of a payload: looked up among the own properties of `values`, never evaluated. A name that is not there
 * stays as it is, for it may be meant for somebody else.
 * @example fillPayload({ day: '{{date}}' }, { date: '2030-03-14' }) // { day: '2030-03-14' }
 */
export function fillPayload(payload: unknown, values: SlotValues): unknown {
  if (typeof payload === 'string') {
    return payload.includes('{{')
      ? payload.replace(/\{\{ ?(\w{1,64}) ?\}\}/g, (all, name) => (Object.hasOwn(values, name) ? (values[name] as string) : all))
      : payload
  }
  if (Array.isArray(payload)) return payload.map((item) => fillPayload(item, values))
  if (typeof payload !== 'object' || payload === null) return payload
  const filled = Object.entries(payload).map(([key, value]) => [key, fillPayload(value, values)])
  // fromEntries defines, so a key __proto__ stays a key
  return Object.fromEntries(filled)
}
