import { type ChaosJob, type ChaosSchedule, type ChaosSlot, type Found, push, type Witnesses } from './witnesses.ts'

/** Every slot that a schedule should have had: looks at each second, and knows nothing of how the engine finds them. */
function slotsAsAsked({ startsAt, endsAt, fits }: ChaosSchedule): Set<number> {
  const found = new Set<number>()
  for (let at = Math.ceil(startsAt / 1000) * 1000; at <= endsAt; at += 1000) if (fits(at)) found.add(at)
  return found
}

const placeOf = ({ schedule, at }: { schedule: string; at: number }) => `${schedule} ${at}`
const time = (at: number) => new Date(at).toISOString()

/** I9: the slots are those of the rule, each there once, and each with exactly one job. */
export function checkSlots({ schedules, slots, jobs }: Witnesses, found: Found): void {
  const rows = new Map<string, ChaosSlot[]>()
  for (const slot of slots) push(rows, placeOf(slot), slot)
  const made = new Map<string, ChaosJob[]>()
  for (const job of jobs) if (job.slot) push(made, placeOf(job.slot), job)
  const right = new Set<string>()
  for (const schedule of schedules) {
    for (const at of slotsAsAsked(schedule)) {
      const place = placeOf({ schedule: schedule.id, at })
      right.add(place)
      const there = rows.get(place) ?? []
      if (there.length !== 1) found('I9', `slot ${time(at)} of "${schedule.name}" was recorded ${there.length} times`)
      const idle = there.find((slot) => slot.state === 'skipped' || slot.state === 'waiting')
      if (idle) found('I9', `slot ${time(at)} of "${schedule.name}" is ${idle.state}, though nothing is left out of it`)
    }
  }
  for (const [place, [slot]] of rows) {
    if (!right.has(place)) found('I9', `a slot was recorded at ${time(slot?.at ?? 0)}, which is no time of schedule ${slot?.schedule}`)
  }
  for (const place of new Set([...rows.keys(), ...made.keys()])) {
    const of = made.get(place) ?? []
    if (of.length !== 1) found('I9', `slot ${place} has ${of.length} jobs`, of[0]?.id)
    else if (!rows.has(place)) found('I9', `job ${of[0]?.id} was made for slot ${place}, which is not recorded`, of[0]?.id)
  }
}
