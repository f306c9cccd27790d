import { type ChaosEvent, type ChaosJob, type Found, push, status, type Witnesses } from './witnesses.ts'

/** For each job its first event of a kind. */
function firstOf(events: readonly ChaosEvent[], kind: ChaosEvent['kind']): Map<number, ChaosEvent> {
  const found = new Map<number, ChaosEvent>()
  for (const event of events) {
    if (event.kind !== kind) continue
    for (const id of event.ids) if (!found.has(id)) found.set(id, event)
  }
  return found
}

/**
 * I15: nobody is given a job before those that it depends on have ended (nor can it start, by I5); and what becomes of it follows from
 * how they ended.
 */
export function checkFlows({ edges, jobs, events }: Witnesses, found: Found): void {
  const claimed = firstOf(events, 'claimed')
  const ended = firstOf(events, 'ended')
  const known = new Map(jobs.map((job) => [job.id, job]))
  const parentsOf = new Map<number, { parent: ChaosJob; onFailure: 'cancel' | 'run' }[]>()
  for (const { parent: id, child, onFailure } of edges) {
    const claim = claimed.get(child)
    const end = ended.get(id)
    if (claim && !end) found('I15', `job ${child} was given out, and job ${id}, on which it depends, has not ended`, child)
    else if (claim && end && claim.no < end.no)
      found(
        'I15',
        `job ${child} was given out (event ${claim.no}) before job ${id}, on which it depends, had ended (event ${end.no})`,
        child,
      )
    const parent = known.get(id)
    if (parent) push(parentsOf, child, { parent, onFailure })
  }
  for (const [id, parents] of parentsOf) {
    const child = known.get(id)
    // what has not ended is told of by I2
    if (!child?.outcome || parents.some(({ parent }) => !parent.outcome)) continue
    const stops = parents.filter(({ parent, onFailure }) => onFailure === 'cancel' && parent.outcome?.status !== status.completed)
    const isCancelled = child.outcome.status === status.cancelled
    const [stop] = stops
    if (stop && !isCancelled)
      found('I15', `job ${id} was run although job ${stop.parent.id}, without which it is nothing, did not complete`, id)
    if (!stop && isCancelled) found('I15', `job ${id} was cancelled although everything that it depends on completed, or need not`, id)
  }
}
