import { type AlertEvent, isTrunklineError, type JobEvent, type QueueStateEvent, type QueueStatsEvent } from '@trunkline/contract'
import type { Change, LogEntry, QueueHealthChange, ScheduleView } from '@trunkline/engine'
import { statement } from '@trunkline/engine/postgres'
import { redact, redactText } from '../door/redact.ts'
import type { Service } from '../service.ts'
import { type Digest, digest, type What } from './digest.ts'
import { createFeedTail } from './feed-tail.ts'
import type { Outbox } from './outbox.ts'
import type { Room } from './room.ts'
import { type JobStanding, readStandings } from './states.ts'

const claimedStatement = statement(import.meta.url, 'claimed.sql')

/** Turns what happens in the database into events for the rooms that want them. */
export interface Broadcast {
  /** The number from which on those who come now hear everything. */
  seq(): Promise<string>
  /** Seconds since everything of the change feed was told. */
  lagSeconds(): number
  /** Somebody listens to the log of this job, and has had its lines up to `last`. */
  listens(jobId: string, last: string): void
  /** Nobody does any more. */
  forgets(jobId: string): void
  start(): void
  stop(): Promise<void>
}

/** Options of {@link createBroadcast}. */
export interface BroadcastOptions {
  service: Service
  /** Rooms with somebody in them. */
  rooms: () => Iterable<Room>
  /** How many are in a room. */
  size: (room: string) => number
  outbox: Outbox
  /** How the server itself is. */
  system: () => Record<string, unknown>
  onError: (error: Error) => void
}

/** Jobs that are looked up for one page of changes; what is beyond counts as a bulk. */
const mostLookedUp = 1000
/** One of a bulk: whatever it was. */
const unknown: ReadonlySet<What> = new Set(['ended'])
const claimsEveryMs = 250
const figuresEveryMs = 1000

/** Figures of queues are sent so often in a second, to all listeners together; beyond that each room hears them more rarely … */
const figuresASecond = 1000
/** … but every so many seconds. */
const rarestFigures = 10

/** A number of a room, so that not all of them hear their figures in the same second. */
const shareOf = (room: string) => [...room].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 9973, 0)

/** A line of a log as events show it: without secrets. */
export const lineOf = ({ at, message, context, ...line }: LogEntry) => ({
  ...line,
  no: String(line.no),
  at: new Date(at).toISOString(),
  message: redactText(message),
  context: redact(context ?? null),
})

/** The events that tell of a job what happened to it: its end once for each time that it ends. */
export function eventsOf(job: JobStanding, what: ReadonlySet<What>): string[] {
  const events = what.has('added') ? ['jobAdded'] : []
  if (what.has('ended') && job.state === 'completed') events.push('jobCompleted')
  else if (what.has('ended') && job.state === 'failed') events.push('jobFailed')
  else if (what.has('ended') || what.has('changed')) events.push('jobUpdate')
  else if (what.has('feedback')) events.push('jobProgress')
  return events
}

/** Makes a {@link Broadcast}. */
export function createBroadcast({ service, rooms, size, outbox, system, onError }: BroadcastOptions): Broadcast {
  const { trunkline, database } = service
  /** The last line that those who listen to the log of a job have had, while somebody does. */
  const told = new Map<string, string>()
  /** What each room has heard of each queue. */
  let figures = new Map<string, Map<string, string>>()
  let turn = 0
  let workers = new Map<string, string>()
  let bulk = false
  let seq = '0'
  const seenLeases = new Set<string>()
  let highestLease = 0n
  let timers: NodeJS.Timeout[] = []
  const tail = createFeedTail({ trunkline, onChanges, onError })

  const stamp = () => ({ seq, at: new Date().toISOString() })
  const roomsOf = (...kinds: Room['kind'][]) => [...rooms()].filter((room) => kinds.includes(room.kind))

  function tellJob(job: JobStanding, what: ReadonlySet<What>, among: readonly Room[]): void {
    const payload = { ...job, ...stamp() } satisfies JobEvent
    const listening = among.filter((room) => (room.kind === 'job' ? room.key === job.jobId : room.means(job)) && room.admits(job))
    for (const event of eventsOf(job, what)) {
      for (const room of listening) outbox.put(room.name, job.jobId, { event, payload })
    }
  }

  async function onChanges(changes: readonly Change[], now: string, lost: boolean): Promise<void> {
    const found = digest(changes)
    if (lost || found.bulks > 0) bulk = true
    const wide = roomsOf('queue', 'list', 'all')
    const narrow = roomsOf('job')
    const watched = new Set(narrow.map((room) => room.key))
    // who listens to single jobs only need not hear of others, and a bulk may have been about theirs
    const wanted = wide.length > 0 ? [...found.jobs.keys()] : [...found.jobs.keys()].filter((id) => watched.has(id))
    if (found.bulks > 0 || lost) wanted.push(...[...watched].filter((id) => !found.jobs.has(id)))
    if (wanted.length > mostLookedUp) bulk = true
    const ids = wanted.slice(0, mostLookedUp)
    const standings = await readStandings(database, ids)
    const failing = await readFailing(found.failing)
    // told only after everything was read: what fails before is told whole the next time
    seq = now
    for (const { queue, paused, until } of found.queues) tellQueue(queue, { state: paused ? 'paused' : 'active', until })
    for (const change of found.health) tellHealth(change)
    for (const schedule of failing) tellFailing(schedule)
    for (const id of ids) {
      const job = standings.get(id)
      if (job) tellJob(job, found.jobs.get(id) ?? unknown, [...wide, ...narrow])
      else tellGone(id, narrow)
    }
    // a log that cannot be read now is told with its next line
    await tellLogs([...found.jobs.keys()]).catch(onError)
  }

  function tellGone(jobId: string, narrow: readonly Room[]): void {
    bulk = true
    for (const room of narrow) {
      if (room.key === jobId) outbox.put(room.name, jobId, { event: 'jobUpdate', payload: { jobId, deleted: true, ...stamp() } })
    }
  }

  function tellQueue(queue: string, change: Omit<QueueStateEvent, 'queue' | 'seq' | 'at'>): void {
    const payload = { queue, ...change, ...stamp() } satisfies QueueStateEvent
    for (const room of roomsAbout(queue))
      outbox.put(room.name, `${queue} ${Object.keys(change)[0]}`, { event: 'queueStateChange', payload })
  }

  /** A threshold was crossed: the queue stands otherwise, and those who watch over it are called. */
  function tellHealth({ queue, was, level, crossed }: QueueHealthChange): void {
    tellQueue(queue, { health: level, crossed })
    const payload = { kind: 'queue_health', queue, was, level, crossed, ...stamp() } satisfies AlertEvent
    const called = [...roomsAbout(queue), ...roomsOf('system').filter((room) => room.admitsQueue(queue))]
    for (const room of called) outbox.put(room.name, `${queue} ${level}`, { event: 'alert', payload })
  }

  /** Schedules as they stand; one that was deleted meanwhile is told no more. */
  async function readFailing(paused: Digest['failing']) {
    const found: { view: ScheduleView; failures: number; reason: string }[] = []
    for (const { schedule, failures, reason } of paused) {
      try {
        found.push({ view: await trunkline.schedules.get(schedule), failures, reason })
      } catch (error) {
        if (!isTrunklineError(error, 'schedule_not_found')) throw error
      }
    }
    return found
  }

  /** A schedule was paused by its failures: whoever may see it is called. */
  function tellFailing({
    view: { id, name, task, queue, createdBy },
    failures,
    reason,
  }: Awaited<ReturnType<typeof readFailing>>[number]): void {
    const facts = { scheduleId: id, name, task, queue, failures, reason: redactText(reason) }
    const payload = { kind: 'schedule_paused', ...facts, ...stamp() } satisfies AlertEvent
    for (const room of roomsOf('overview', 'all', 'queue', 'system')) {
      if (room.kind === 'queue' && room.key !== queue) continue
      if (room.admits({ queue, task, createdBy })) outbox.put(room.name, `schedule ${id}`, { event: 'alert', payload })
    }
  }

  const roomsAbout = (queue: string) =>
    roomsOf('overview', 'all', 'queue').filter((room) => (room.kind !== 'queue' || room.key === queue) && room.admitsQueue(queue))

  async function tellLogs(ids: readonly string[]): Promise<void> {
    const listening = roomsOf('logs').filter((room) => ids.includes(room.key))
    for (const jobId of new Set(listening.map((room) => room.key))) {
      const after = told.get(jobId)
      if (after === undefined) continue
      const lines = (await trunkline.logs(jobId, { after, limit: 1000 })).map(lineOf)
      const last = lines.at(-1)
      if (!last) continue
      told.set(jobId, last.no)
      const payload = { jobId, lines, ...stamp() }
      // each parcel of lines counts: none may take the place of another
      for (const room of listening) if (room.key === jobId) outbox.put(room.name, `${jobId} ${last.no}`, { event: 'jobLog', payload })
    }
  }

  /** A claim writes nothing into the feed: what runs is seen by its lease. */
  async function lookAtClaims(): Promise<void> {
    const wide = roomsOf('queue', 'list', 'all')
    const narrow = roomsOf('job')
    if (wide.length + narrow.length === 0) return
    const rows = await database.run<{ lease: string; ids: string[] }>(claimedStatement, [
      String(highestLease > 1000n ? highestLease - 1000n : 0n),
    ])
    const watched = new Set(narrow.map((room) => room.key))
    const fresh: string[] = []
    for (const { lease, ids } of rows) {
      if (seenLeases.has(lease)) continue
      seenLeases.add(lease)
      if (BigInt(lease) > highestLease) highestLease = BigInt(lease)
      fresh.push(...(wide.length > 0 ? ids : ids.filter((id) => watched.has(id))))
    }
    if (seenLeases.size > 10_000) for (const lease of seenLeases) if (BigInt(lease) < highestLease - 1000n) seenLeases.delete(lease)
    if (fresh.length > mostLookedUp) bulk = true
    for (const job of (await readStandings(database, fresh.slice(0, mostLookedUp))).values()) {
      if (job.state === 'running') tellJob(job, new Set(['changed']), [...wide, ...narrow])
    }
  }

  async function lookAtFigures(): Promise<void> {
    const listening = roomsOf('queue', 'overview', 'all', 'list')
    const overflown = new Set(outbox.overflown())
    const whole = bulk
    bulk = false
    if (listening.length === 0) return
    const queues = (await trunkline.queues()).map(({ paused: _, ...queue }) => ({ queue, text: JSON.stringify(queue) }))
    const byName = new Map(queues.map((entry) => [entry.queue.queue, entry]))
    const listeners = listening.reduce((sum, room) => sum + size(room.name), 0)
    const pace = Math.min(rarestFigures, Math.max(1, Math.ceil(listeners / figuresASecond)))
    turn++
    for (const room of listening) {
      const all = whole || overflown.has(room.name)
      // ten thousand listeners need not hear every second how many jobs there are
      if (!all && (turn + shareOf(room.name)) % pace !== 0) continue
      const said = figures.get(room.name) ?? new Map<string, string>()
      figures.set(room.name, said)
      const own = byName.get(room.key)
      for (const { queue, text } of room.kind === 'queue' ? (own ? [own] : []) : queues) {
        if (!room.admitsQueue(queue.queue)) continue
        const changed = said.get(queue.queue) !== text
        said.set(queue.queue, text)
        // lists want to know only that single events do not tell everything
        if (!(room.kind === 'list' ? all : changed || all)) continue
        const payload = { ...queue, ...(all ? { bulk: true as const } : {}), ...stamp() } satisfies QueueStatsEvent
        outbox.put(room.name, queue.queue, { event: 'queueStats', payload })
      }
    }
    const there = new Set(listening.map((room) => room.name))
    for (const name of figures.keys()) if (!there.has(name)) figures.delete(name)
  }

  async function lookAtWorkers(): Promise<void> {
    const listening = roomsOf('overview', 'system', 'all')
    if (listening.length === 0) return
    const seen = new Map<string, string>()
    for (const { beatAgeMs: _, ...worker } of (await trunkline.workers()) as unknown as ({ id: string; beatAgeMs?: number } & Record<
      string,
      unknown
    >)[]) {
      const text = JSON.stringify(worker)
      seen.set(worker.id, text)
      if (workers.get(worker.id) === text) continue
      const { id: workerId, ...rest } = worker
      for (const room of listening) outbox.put(room.name, workerId, { event: 'workerUpdate', payload: { ...rest, workerId, ...stamp() } })
    }
    for (const workerId of workers.keys()) {
      if (seen.has(workerId)) continue
      for (const room of listening)
        outbox.put(room.name, workerId, { event: 'workerUpdate', payload: { workerId, state: 'stopped', ...stamp() } })
    }
    workers = seen
  }

  async function tellSystem(): Promise<void> {
    const listening = roomsOf('system')
    if (listening.length === 0) return
    const payload = { ...system(), ...stamp() }
    for (const room of listening) outbox.put(room.name, '', { event: 'systemStats', payload })
  }

  function every(ms: number, look: () => Promise<void>): void {
    let busy = false
    const timer = setInterval(async () => {
      if (busy) return
      busy = true
      await look().catch(onError)
      busy = false
    }, ms)
    timer.unref()
    timers.push(timer)
  }

  return {
    seq: () => tail.seq(),
    lagSeconds: () => tail.lagSeconds(),
    listens(jobId, last) {
      // the earlier of two: who is told twice knows it by the numbers of the lines
      const before = told.get(jobId)
      if (before === undefined || BigInt(last) < BigInt(before)) told.set(jobId, last)
    },
    forgets: (jobId) => void told.delete(jobId),
    start() {
      if (timers.length > 0) return
      tail.start()
      every(claimsEveryMs, lookAtClaims)
      every(figuresEveryMs, lookAtFigures)
      every(2 * figuresEveryMs, lookAtWorkers)
      every(2 * figuresEveryMs, tellSystem)
    },
    async stop() {
      for (const timer of timers) clearInterval(timer)
      timers = []
      figures = new Map()
      workers = new Map()
      told.clear()
      await tail.stop()
    },
  }
}
