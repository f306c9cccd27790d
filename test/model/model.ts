/**
 * The queue in memory, with the same verbs and the same rules as the statements (docs/sql.md): what the histories of
 * model-and-engine-agree.test.ts are compared with. Times are ms of a clock of its own; `tick` stands for the sequence of ids.
 */

export const isolation = 32767

export interface ModelJob {
  id: number
  queue: number
  /** Negated priority; what a person moved it to counts. */
  own: number
  /** The lane it waits in, or would go back to. */
  lane: number
  max: number
  key: string | null
  keyQueue: number
  tags: string[]
  payload: number
  runAt: number | null
  rerunOf: number | null
  place: 'debounce' | 'scheduled' | 'ready' | 'lease' | 'ended'
  why: number
  attempt: number
  /** Tries that count: 1 failed, 2 crashed. */
  tries: number[]
  status: number
  endReason: string | null
  endedAt: number
  started: boolean
  cancelWanted: boolean
  hidden: boolean
}

interface Chunk {
  queue: number
  lane: number
  seq: number
  attempt: number
  ids: number[]
}

interface Key {
  id: number
  mode: number
  at: number
  window: number
}

export interface ModelLease {
  id: number
  worker: number
  ids: number[]
}

export interface EnqueueSaid {
  queue: number
  priority: number
  payload: number
  max: number
  delay: number
  tags: string[]
  key?: string
  mode?: number
  window?: number
  idempotency?: string
}

export type Verdict = string

export class Model {
  now = 0
  tick = 0
  jobs = new Map<number, ModelJob>()
  chunks: Chunk[] = []
  keys = new Map<string, Key>()
  debounced = new Map<string, { id: number; last: number }>()
  idempotent = new Map<string, { id: number; at: number; said: string }>()
  leases: ModelLease[] = []
  paused = new Map<number, number | null>()
  counted = new Map<number, number>()

  count(status: number, n = 1): void {
    this.counted.set(status, (this.counted.get(status) ?? 0) + n)
  }

  job(id: number): ModelJob {
    const found = this.jobs.get(id)
    if (!found) throw new Error(`the model has no job ${id}`)
    return found
  }

  isPaused(queue: number): boolean {
    const until = this.paused.get(queue)
    return until !== undefined && (until === null || until > this.now)
  }

  // -- places -----------------------------------------------------------------------------------------------------------
  private stand(job: ModelJob, lane: number, seq: number): void {
    job.place = 'ready'
    job.why = 0
    job.lane = lane
    const there = this.chunks.find((c) => c.queue === job.queue && c.lane === lane && c.seq === seq)
    if (there) there.ids.unshift(job.id)
    else this.chunks.push({ queue: job.queue, lane, seq, attempt: job.attempt, ids: [job.id] })
  }

  /** Jobs of one statement that stand in line together: one chunk for each lane and attempt, of up to 100. */
  private standTogether(jobs: ModelJob[], laneOf: (job: ModelJob) => number, natural: boolean): void {
    const groups = new Map<string, ModelJob[]>()
    const tick = ++this.tick
    for (const job of jobs.toSorted((a, b) => a.id - b.id)) {
      const name = `${job.queue} ${laneOf(job)} ${job.attempt}`
      groups.set(name, [...(groups.get(name) ?? []), job])
    }
    for (const group of groups.values()) {
      for (let from = 0; from < group.length; from += 100) {
        const part = group.slice(from, from + 100)
        const [first] = part as [ModelJob]
        const lane = laneOf(first)
        const seq = natural && first.attempt === 0 ? first.id : tick
        for (const job of part) {
          job.place = 'ready'
          job.why = 0
          job.lane = lane
        }
        const ids = part.map((j) => j.id)
        const there =
          natural && first.attempt === 0 ? this.chunks.find((c) => c.queue === first.queue && c.lane === lane && c.seq === seq) : undefined
        if (there) there.ids.unshift(...ids)
        else this.chunks.push({ queue: first.queue, lane, seq, attempt: first.attempt, ids })
      }
    }
  }

  private leave(job: ModelJob): void {
    if (job.place === 'ready') {
      const chunk = this.chunks.find((c) => c.ids.includes(job.id))
      if (!chunk) throw new Error(`job ${job.id} stands in no chunk`)
      chunk.ids.splice(chunk.ids.indexOf(job.id), 1)
      if (chunk.ids.length === 0) this.chunks.splice(this.chunks.indexOf(chunk), 1)
    }
    if (job.place === 'debounce') this.debounced.delete(`${job.queue} ${job.key}`)
  }

  private end(job: ModelJob, status: number, reason: string | null, started: boolean): void {
    job.place = 'ended'
    job.status = status
    job.endReason = reason
    job.endedAt = this.now
    job.started = started
    job.cancelWanted = false
    this.count(status)
  }

  private make(said: EnqueueSaid, id: number): ModelJob {
    const job: ModelJob = {
      id,
      queue: said.queue,
      own: -said.priority,
      lane: -said.priority,
      max: said.max,
      key: said.key ?? null,
      keyQueue: said.queue,
      tags: said.tags,
      payload: said.payload,
      runAt: said.delay > 0 ? this.now + said.delay : null,
      rerunOf: null,
      place: 'ready',
      why: 0,
      attempt: 0,
      tries: [],
      status: 0,
      endReason: null,
      endedAt: 0,
      started: false,
      cancelWanted: false,
      hidden: false,
    }
    this.jobs.set(id, job)
    return job
  }

  private wait(job: ModelJob): void {
    if (job.runAt !== null && job.runAt > this.now) job.place = 'scheduled'
    else this.stand(job, job.lane, job.id)
  }

  // -- verbs ------------------------------------------------------------------------------------------------------------
  /** Ids are those of the database, whose order is that of the ticks. */
  enqueue(said: EnqueueSaid, id: number): void {
    this.tick = Math.max(this.tick, id)
    this.wait(this.make(said, id))
    this.count(0)
  }

  enqueueMany(said: EnqueueSaid, ids: number[]): void {
    this.tick = Math.max(this.tick, ...ids)
    for (let from = 0; from < ids.length; from += 100) {
      const part = ids.slice(from, from + 100)
      const made = part.map((id) => this.make(said, id))
      if (said.delay > 0) for (const job of made) job.place = 'scheduled'
      else this.chunks.push({ queue: said.queue, lane: -said.priority, seq: Math.min(...part), attempt: 0, ids: part })
    }
    this.count(0, ids.length)
  }

  /** Answers what is made; `id` is what the database answered, used where it is a new number. */
  enqueueKeyed(said: EnqueueSaid, id: number): { id: number; made: string } | 'conflict' {
    this.tick = Math.max(this.tick, id)
    const request = JSON.stringify([said.queue, said.priority, said.payload, said.max, said.delay, said.tags, said.key, said.mode])
    const idem = said.idempotency === undefined ? undefined : `${said.queue} ${said.idempotency}`
    const before = idem === undefined ? undefined : this.idempotent.get(idem)
    if (before && before.at + 86_400_000 > this.now) return before.said === request ? { id: before.id, made: 'existing' } : 'conflict'
    const answer = this.keyed(said, id)
    if (idem !== undefined) this.idempotent.set(idem, { id: answer.id, at: this.now, said: request })
    return answer
  }

  private keyed(said: EnqueueSaid, id: number): { id: number; made: string } {
    const { key, mode = 1, window = 0 } = said
    if (key === undefined) {
      this.wait(this.make(said, id))
      this.count(0)
      return { id, made: 'new' }
    }
    const name = `${said.queue} ${key}`
    if (mode === 3) {
      const there = this.debounced.get(name)
      const job = there ? this.job(there.id) : this.make(said, id)
      const last = there?.last ?? this.now + 10 * window
      if (!there) this.count(0)
      Object.assign(job, {
        place: 'debounce',
        own: -said.priority,
        lane: -said.priority,
        max: said.max,
        tags: said.tags,
        payload: said.payload,
      })
      job.runAt = Math.min(this.now + window, last)
      this.debounced.set(name, { id: job.id, last })
      return { id: job.id, made: there ? 'debounced' : 'new' }
    }
    const holder = this.keys.get(name)
    const old = holder ? this.job(holder.id) : undefined
    if (holder && old && !this.isFree(holder, old, mode, window)) {
      const waits = old.place === 'ready' || old.place === 'scheduled'
      if (mode !== 2 || !waits) return { id: holder.id, made: 'existing' }
      this.replace(said, old, id)
      this.keys.set(name, { id, mode, at: this.now, window })
      return { id, made: 'replaced' }
    }
    this.wait(this.make(said, id))
    this.count(0)
    this.keys.set(name, { id, mode, at: this.now, window })
    return { id, made: 'new' }
  }

  private isFree(holder: Key, old: ModelJob, mode: number, window: number): boolean {
    if (mode === 4) return holder.at + window <= this.now
    return old.place === 'ended' && old.endedAt + window <= this.now
  }

  /** The new job takes the place of the old one: in its chunk where it can share it, at its time where that was set. */
  private replace(said: EnqueueSaid, old: ModelJob, id: number): void {
    const job = this.make(said, id)
    job.queue = old.queue
    this.count(0)
    const later = job.runAt !== null && job.runAt > this.now
    if (old.place === 'scheduled') {
      job.place = 'scheduled'
      job.runAt ??= old.runAt
    } else {
      const chunk = this.chunks.find((c) => c.ids.includes(old.id)) as Chunk
      if (!later && chunk.attempt === 0 && chunk.lane === job.lane) chunk.ids[chunk.ids.indexOf(old.id)] = id
      else {
        this.leave(old)
        if (later) job.place = 'scheduled'
        else this.stand(job, job.lane, id)
      }
    }
    this.end(old, 5, 'replaced', false)
  }

  /** What may be taken now, best first; chunks of one rank were made by one statement and may come in any order. */
  lanesOf(queue: number): number[] {
    return [...new Set(this.chunks.filter((c) => c.queue === queue).map((c) => c.lane))].sort((a, b) => a - b)
  }

  /** Takes what the database took, and says what is wrong with it. */
  claim(queue: number, lanes: number[], wanted: number, lease: number, worker: number, taken: number[]): string | null {
    const open = this.isPaused(queue) ? [] : this.chunks.filter((c) => c.queue === queue && lanes.includes(c.lane))
    const available = open.reduce((n, c) => n + c.ids.length, 0)
    if (taken.length !== Math.min(wanted, available)) return `took ${taken.length} of ${available}, wanted ${wanted}`
    const set = new Set(taken)
    let more = true
    for (const lane of lanes) {
      const ranks = [...new Set(open.filter((c) => c.lane === lane).map((c) => c.seq))].sort((a, b) => a - b)
      for (const rank of ranks) {
        for (const chunk of open.filter((c) => c.lane === lane && c.seq === rank)) {
          const n = chunk.ids.filter((id) => set.has(id)).length
          if (n > 0 && !more) return `took from lane ${lane}, seq ${rank}, before all that stands before it`
          if (chunk.ids.slice(0, n).some((id) => !set.has(id))) return `took from the middle of the chunk ${chunk.ids}`
        }
        if (open.some((c) => c.lane === lane && c.seq === rank && c.ids.some((id) => !set.has(id)))) more = false
      }
    }
    for (const id of taken) {
      const job = this.job(id)
      this.leave(job)
      job.place = 'lease'
    }
    if (taken.length > 0) this.leases.push({ id: lease, worker, ids: [...taken] })
    return null
  }

  private release(id: number): boolean {
    const lease = this.leases.find((l) => l.ids.includes(id))
    if (!lease) return false
    lease.ids.splice(lease.ids.indexOf(id), 1)
    if (lease.ids.length === 0) this.leases.splice(this.leases.indexOf(lease), 1)
    return true
  }

  complete(id: number, status: number, reason: string | null): void {
    const job = this.job(id)
    this.release(id)
    this.end(job, status, status === 2 ? null : status === 4 ? 'cancelled' : reason, true)
  }

  private backLane(job: ModelJob): number {
    return job.attempt >= 2 && job.tries.filter((t) => t === 2).length >= 2 ? isolation : job.own
  }

  /** kind: 1 failed, 2 snoozed, 3 handed back. */
  giveUp(ids: number[], kind: number, delay: number): void {
    const back: ModelJob[] = []
    for (const id of ids) {
      const job = this.job(id)
      this.release(id)
      if (job.cancelWanted) {
        this.end(job, 4, 'cancelled', kind !== 3)
        continue
      }
      if (kind === 3) {
        this.count(13)
        back.push(job)
        continue
      }
      const failed = job.tries.filter((t) => t === 1).length
      if (kind === 1 && job.attempt + 1 >= job.max && failed + 1 >= job.max) {
        this.end(job, 3, 'attempts_used', true)
        continue
      }
      job.lane = this.backLane(job)
      if (kind === 1) {
        job.tries.push(1)
        job.attempt++
      }
      this.count(10 + kind)
      job.place = 'scheduled'
      job.why = kind
      job.runAt = this.now + delay
    }
    if (back.length > 0) this.standTogether(back, (job) => this.backLane(job), true)
  }

  /** A worker that recorded `running` as started is dead. */
  recover(worker: number, running: number[]): void {
    const leases = this.leases.filter((l) => l.worker === worker)
    this.leases = this.leases.filter((l) => l.worker !== worker)
    const all = leases.flatMap((l) =>
      l.ids.map((id) => ({ id, alone: l.ids.length === 1, started: l.ids.length === 1 || running.includes(id) })),
    )
    const nothing = !all.some((a) => a.started)
    const back: { job: ModelJob; lane: number }[] = []
    for (const { id, alone, started } of all) {
      const job = this.job(id)
      const crashes = started ? 1 + job.tries.filter((t) => t === 2).length : 0
      if (job.cancelWanted) this.end(job, 4, 'cancelled', started)
      else if (alone && crashes >= 3) this.end(job, 3, 'crash_limit', true)
      else {
        if (started) {
          job.tries.push(2)
          job.attempt++
        }
        this.count(started ? 20 : 13)
        back.push({ job, lane: crashes > 1 || nothing ? isolation : job.own })
      }
    }
    const lanes = new Map(back.map(({ job, lane }) => [job.id, lane]))
    if (back.length > 0)
      this.standTogether(
        back.map((b) => b.job),
        (job) => lanes.get(job.id) as number,
        false,
      )
  }

  promoteDue(): void {
    const due = [...this.jobs.values()].filter((j) => j.place === 'scheduled' && (j.runAt ?? 0) <= this.now)
    if (due.length > 0) this.standByTime(due)
    const fired = [...this.jobs.values()].filter((j) => j.place === 'debounce' && (j.runAt ?? 0) <= this.now)
    for (const job of fired) this.leave(job)
    if (fired.length > 0) this.standByTime(fired)
  }

  private standByTime(jobs: ModelJob[]): void {
    const tick = ++this.tick
    for (const job of jobs.toSorted((a, b) => (a.runAt ?? 0) - (b.runAt ?? 0) || a.id - b.id)) {
      job.place = 'ready'
      job.why = 0
      const there = this.chunks.find((c) => c.queue === job.queue && c.lane === job.lane && c.seq === tick && c.attempt === job.attempt)
      if (there) there.ids.push(job.id)
      else this.chunks.push({ queue: job.queue, lane: job.lane, seq: tick, attempt: job.attempt, ids: [job.id] })
    }
  }

  /** Where a verb finds a job, in the words of the engine. */
  placeOf(id: number): Verdict {
    const job = this.jobs.get(id)
    if (!job || job.hidden) return 'gone'
    if (job.place === 'lease') return 'running'
    if (job.place === 'ended') return job.status === 2 ? 'completed' : job.status === 3 ? 'failed' : 'cancelled'
    return job.place
  }

  cancel(ids: number[], hide: boolean): Map<number, Verdict> {
    const answers = new Map<number, Verdict>()
    for (const id of ids) {
      const place = this.placeOf(id)
      answers.set(id, place)
      if (place === 'gone') continue
      const job = this.job(id)
      if (place === 'running') {
        if (!hide) job.cancelWanted = true
        continue
      }
      if (job.place !== 'ended') {
        this.leave(job)
        this.end(job, 4, 'cancelled', false)
      }
      if (hide) job.hidden = true
    }
    return answers
  }

  promoteNow(ids: number[]): Map<number, Verdict> {
    const answers = new Map(ids.map((id) => [id, this.placeOf(id)]))
    const moved = ids.filter((id) => ['scheduled', 'debounce'].includes(answers.get(id) ?? '')).map((id) => this.job(id))
    for (const job of moved) this.leave(job)
    if (moved.length > 0) this.standTogether(moved, (job) => job.lane, false)
    return answers
  }

  update(ids: number[], change: { queue?: number; priority?: number; runAt?: number; tags?: string[] }): Map<number, Verdict> {
    const answers = new Map(ids.map((id) => [id, this.placeOf(id)]))
    const { queue, priority, runAt, tags } = change
    const moves = queue !== undefined || priority !== undefined || runAt !== undefined
    const standing: ModelJob[] = []
    for (const id of ids) {
      const place = answers.get(id)
      if (place === 'gone') continue
      const job = this.job(id)
      const waits = ['ready', 'scheduled', 'debounce'].includes(place ?? '')
      if (tags && (waits || !moves)) job.tags = tags
      if (!moves || !waits) continue
      const timed = job.place !== 'ready'
      this.leave(job)
      if (queue !== undefined) job.queue = queue
      if (priority !== undefined) job.own = -priority
      const due = runAt ?? (timed ? job.runAt : null)
      const lane = job.lane === isolation ? isolation : job.own
      job.lane = lane
      if (due !== null && due > this.now) {
        job.place = 'scheduled'
        job.runAt = due
      } else standing.push(job)
    }
    if (standing.length > 0) this.standTogether(standing, (job) => job.lane, true)
    return answers
  }

  retry(ids: number[]): Map<number, Verdict> {
    const answers = new Map<number, Verdict>()
    const back: ModelJob[] = []
    const seen = new Set<string>()
    const held = (job: ModelJob) => {
      const holder = this.keys.get(`${job.keyQueue} ${job.key}`)
      return holder !== undefined && holder.id !== job.id && holder.mode !== 4 && this.job(holder.id).place !== 'ended'
    }
    for (const id of ids.toSorted((a, b) => b - a)) {
      const place = this.placeOf(id)
      const job = this.jobs.get(id)
      if (!job || place === 'gone') answers.set(id, 'gone')
      else if (job.place !== 'ended' || job.status === 2) answers.set(id, place === 'running' || place === 'completed' ? place : 'pending')
      else if (job.status === 5) answers.set(id, 'replaced')
      else {
        const name = job.key === null ? null : `${job.keyQueue} ${job.key}`
        if (name !== null && (held(job) || seen.has(name))) answers.set(id, 'key_taken')
        else {
          answers.set(id, 'reopened')
          back.push(job)
        }
        if (name !== null) seen.add(name)
      }
    }
    for (const job of back) {
      this.count(21)
      this.count(job.status, -1)
      if (job.started) job.attempt++
      job.tries = []
      job.status = 0
      job.endReason = null
      job.lane = job.own
      const holder = job.key === null ? undefined : this.keys.get(`${job.keyQueue} ${job.key}`)
      if (holder && holder.mode !== 4) Object.assign(holder, { id: job.id, at: this.now })
    }
    if (back.length > 0) this.standTogether(back, (job) => job.own, false)
    return answers
  }

  rerun(id: number, newId: number | null): Verdict {
    const place = this.placeOf(id)
    if (!['completed', 'failed', 'cancelled'].includes(place)) return place === 'gone' || place === 'running' ? place : 'pending'
    const old = this.job(id)
    if (newId === null) return 'not made'
    this.enqueue({ queue: old.queue, priority: -old.own, payload: old.payload, max: old.max, delay: 0, tags: old.tags }, newId)
    this.job(newId).rerunOf = id
    return 'rerun'
  }

  /** What people see of a job. */
  view(id: number): Record<string, unknown> | null {
    const job = this.jobs.get(id)
    if (!job || job.hidden) return null
    const state =
      job.place === 'ended' ? ({ 2: 'completed', 3: 'failed' }[job.status] ?? 'cancelled') : job.place === 'lease' ? 'running' : 'pending'
    const waiting =
      job.place === 'ready'
        ? this.isPaused(job.queue)
          ? 'paused'
          : 'due'
        : job.why === 1 && job.place === 'scheduled'
          ? 'retrying'
          : 'scheduled'
    return {
      id,
      state,
      reason: state === 'pending' ? waiting : state === 'running' ? null : job.endReason,
      attempt: job.attempt + (state === 'running' || (job.place === 'ended' && job.started) ? 1 : 0),
      queue: job.queue,
      priority: -job.own,
      tags: job.tags,
      rerunOf: job.rerunOf,
      payload: job.payload,
      key: job.key,
    }
  }
}
