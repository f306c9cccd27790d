import { checkFlows } from './check-flows.ts'
import { checkLimits } from './check-limits.ts'
import { checkSlots } from './check-slots.ts'
import type { Effect } from './effects.ts'
import { type ChaosEvent, type ChaosJob, type Found, named, push, slackMs, status, type Violation, type Witnesses } from './witnesses.ts'

const crashed = 2

/** Compares the three witnesses. @returns what does not fit; empty = no promise was broken */
export function check(witnesses: Witnesses): Violation[] {
  const violations: Violation[] = []
  const found: Found = (invariant, sentence, job) => violations.push({ invariant, sentence, ...(job === undefined ? {} : { job }) })
  const facts = gather(witnesses)
  checkCalls(witnesses, facts, found)
  checkWholeCalls(witnesses, found)
  for (const job of witnesses.jobs) {
    checkEnd(job, facts, found)
    checkAttempts(job, facts, found)
    checkHoldings(job, facts, found)
    checkEffects(job, facts, found)
  }
  checkRecoveries(witnesses, found)
  checkUniqueKeys(witnesses, facts, found)
  checkLimits(witnesses, found)
  checkSlots(witnesses, found)
  checkFlows(witnesses, found)
  checkRest(witnesses, found)
  return violations
}

// -- facts ----------------------------------------------------------------------------------------------------------------------
/** A job under a lease, from its claim to its release. */
interface Holding {
  lease: number
  worker: number
  attempt: number
  from: ChaosEvent
  to: ChaosEvent | null
  /** How many jobs the lease held when this one was released. */
  with: number
}

interface Step {
  event: ChaosEvent
  /** Where the job stands in the arrays of the event. */
  at: number
}

interface Facts {
  steps: Map<number, Step[]>
  holdings: Map<number, Holding[]>
  effects: Map<number, Effect[]>
  /** When a worker was declared lost, by its number. */
  lost: Map<number, ChaosEvent>
  /** The lease under which an execution began, by the one of its own into which its job was moved later. */
  origin: Map<string, number>
  /** Transactions in which somebody emptied the table. */
  emptied: Set<string>
}

function gather({ events, effects }: Witnesses): Facts {
  const facts: Facts = {
    steps: new Map(),
    holdings: new Map(),
    effects: new Map(),
    lost: new Map(),
    origin: new Map(),
    emptied: new Set(),
  }
  const size = new Map<number, number>()
  for (const event of events) {
    const { kind, lease, worker, ids } = event
    for (const [at, id] of ids.entries()) push(facts.steps, id, { event, at })
    if (kind === 'gone' && worker !== null && event.words[0] === 'lost') facts.lost.set(worker, event)
    if (kind === 'emptied') facts.emptied.add(event.tx)
    if (lease === null || worker === null) continue
    if (kind === 'claimed') {
      size.set(lease, ids.length)
      for (const [at, id] of ids.entries()) {
        push(facts.holdings, id, { lease, worker, attempt: event.attempts[at] ?? 0, from: event, to: null, with: 1 })
      }
    } else if (kind === 'released') {
      const before = size.get(lease) ?? ids.length
      size.set(lease, before - ids.length)
      for (const id of ids) {
        const holding = facts.holdings.get(id)?.findLast((h) => h.lease === lease && h.to === null)
        if (!holding) continue
        holding.to = event
        holding.with = before
      }
    }
  }
  for (const [job, list] of facts.holdings) {
    for (const [i, { lease, worker, from }] of list.entries()) {
      const moved = list.slice(0, i).findLast((h) => h.worker === worker && h.to?.tx === from.tx)
      if (moved) facts.origin.set(named(job, lease), facts.origin.get(named(job, moved.lease)) ?? moved.lease)
    }
  }
  for (const effect of effects) if (effect.what !== 'X') push(facts.effects, effect.job, effect)
  return facts
}

// -- I1: what was accepted is there once, what was refused is not -----------------------------------------------------------------
function checkCalls({ calls, jobs }: Witnesses, _facts: Facts, found: Found): void {
  const byKey = new Map<string, ChaosJob[]>()
  const byId = new Map<number, ChaosJob>()
  for (const job of jobs) {
    push(byKey, job.key, job)
    byId.set(job.id, job)
  }
  for (const { key, outcome, id, existing } of calls) {
    const there = byKey.get(key) ?? []
    if (there.length > 1) found('I1', `call ${key} made ${there.length} jobs: ${there.map((j) => j.id).join(', ')}`, there[0]?.id)
    if (outcome === 'ok' && id !== null) {
      const job = byId.get(id)
      if (!job) found('I1', `call ${key} was answered with job ${id}, which is not there`, id)
      else if (!existing && job.key !== key) found('I1', `call ${key} was answered with job ${id}, which is that of call ${job.key}`, id)
      if (existing && there.length > 0) found('I1', `call ${key} was told of an existing job and made one all the same`, there[0]?.id)
    }
    if (outcome === 'fail' && there.length > 0) found('I1', `call ${key} failed for certain, and its job is there`, there[0]?.id)
  }
  const asked = new Set(calls.map((c) => c.key))
  for (const job of jobs) if (!job.slot && !asked.has(job.key)) found('I1', `nobody asked for job ${job.id} (key ${job.key})`, job.id)
}

/** A call makes all of its jobs or none. */
function checkWholeCalls({ calls, jobs }: Witnesses, found: Found): void {
  const there = new Set(jobs.map((job) => job.key))
  const byCall = new Map<string, string[]>()
  for (const { key } of calls) push(byCall, key.split('.')[0] as string, key)
  for (const [call, keys] of byCall) {
    const n = keys.filter((key) => there.has(key)).length
    if (n > 0 && n < keys.length) found('I1', `call ${call} made ${n} of its ${keys.length} jobs`)
  }
}

// -- I2, I3, I4: one end ------------------------------------------------------------------------------------------------------------
function checkEnd(job: ChaosJob, facts: Facts, found: Found): void {
  const { id, outcome, places } = job
  if (places.length > 0) found('I2', `job ${id} is in ${places.join(' and ')} after the drain${outcome ? ', and has ended' : ''}`, id)
  else if (!outcome) found('I2', `job ${id} is nowhere: no place and no end`, id)
  const steps = facts.steps.get(id) ?? []
  let ends = 0
  let last: Step | null = null
  for (const step of steps) {
    if (step.event.kind === 'ended') {
      ends++
      last = step
    } else if (step.event.kind === 'reopened') ends--
    if (ends > 1) found('I3', `job ${id} ended again (event ${step.event.no}) without having been opened`, id)
  }
  if (!outcome) return
  if (ends !== 1) found('I3', `job ${id} has an end, and ${ends} events of it that count`, id)
  if (!last) return
  const { event, at } = last
  if (event.codes[at] !== outcome.status || event.attempts[at] !== outcome.attempt)
    found(
      'I3',
      `job ${id} ended as ${event.codes[at]} at attempt ${event.attempts[at]}, and its row says ${outcome.status} at ${outcome.attempt}`,
      id,
    )
  if (outcome.status === status.completed) checkCompleter(job, event, facts, found)
  const due = job.task === 'chaos.own' && outcome.status === status.completed ? 1 : 0
  if (job.effects !== due)
    found('I4', `job ${id} of ${job.task} ended as ${outcome.status}, and its effect was committed ${job.effects} times`, id)
  checkExpected(job, found)
}

/** The end is that of the worker who held the job last, under that lease. */
function checkCompleter({ id, task, outcome }: ChaosJob, ended: ChaosEvent, facts: Facts, found: Found): void {
  const holding = facts.holdings.get(id)?.findLast((h) => h.from.no < ended.no)
  if (!holding) return found('I4', `job ${id} was completed, and nobody had claimed it`, id)
  if (holding.worker !== outcome?.worker)
    found('I4', `job ${id} was completed by worker ${outcome?.worker} while lease ${holding.lease} of worker ${holding.worker} held it`, id)
  if (holding.to?.tx !== ended.tx) found('I4', `job ${id} was completed, and its last lease ${holding.lease} did not end with that`, id)
  const opened = (facts.steps.get(id) ?? []).some((s) => s.event.kind === 'reopened')
  // one that was opened again has had another end before
  const accepted = opened ? [] : (facts.effects.get(id) ?? []).filter((e) => e.what === 'C')
  for (const { lease } of accepted)
    if (lease !== holding.lease && lease !== facts.origin.get(named(id, holding.lease)))
      found('I4', `the completion of job ${id} under lease ${lease} was accepted; the last lease was ${holding.lease}`, id)
  const origin = facts.origin.get(named(id, holding.lease)) ?? holding.lease
  // a handler that has completed its job itself may be killed before it gets to its end
  const telling = task === 'chaos.own' ? 'S' : 'E'
  const done = (facts.effects.get(id) ?? []).some((e) => e.what === telling && e.lease === origin)
  if (!done) found('I4', `job ${id} is completed, and its handler did not get to its end under lease ${holding.lease}`, id)
}

/** Tasks that do what they should may end in one way only, whatever happens around them. */
const mustComplete = new Set(['quick', 'slow', 'steps', 'flaky', 'leak', 'newer', 'limited', 'keyed', 'node', 'tick'])
const mustFail = new Set(['odd', 'block', 'stuck', 'crash', 'bad'])

function checkExpected({ id, task, outcome }: ChaosJob, found: Found): void {
  if (!outcome || outcome.status === status.cancelled) return
  const name = task.replace('chaos.', '')
  if (mustComplete.has(name) && outcome.status !== status.completed && outcome.reason !== 'crash_limit')
    found('I3', `job ${id} of ${task} failed (${outcome.code ?? ''} ${outcome.reason ?? ''}); nothing was wrong with it`, id)
  if (mustFail.has(name) && outcome.status === status.completed) found('I3', `job ${id} of ${task} is completed, which it cannot be`, id)
}

// -- I6: attempts -------------------------------------------------------------------------------------------------------------------
function checkAttempts(job: ChaosJob, facts: Facts, found: Found): void {
  const { id, tries, outcome } = job
  const numbers = tries.map((t) => t.attempt).sort((a, b) => a - b)
  if (numbers.some((n, i) => n !== i)) found('I6', `tries of job ${id} are numbered ${numbers.join(', ')}`, id)
  if (outcome && outcome.attempt !== tries.length)
    found('I6', `job ${id} ended at attempt ${outcome.attempt} after ${tries.length} tries`, id)
  const failures = tries.filter((t) => t.kind === 1).length
  if (failures >= job.maxAttempts) found('I6', `job ${id} failed ${failures} times and went on; it may fail ${job.maxAttempts} times`, id)
  const crashes = tries.filter((t) => t.kind === crashed).length
  if (outcome?.reason === 'crash_limit' && crashes < 2) found('I6', `job ${id} ended with crash_limit after ${crashes + 1} crashes`, id)
  let before = -1
  for (const { attempt, lease } of facts.holdings.get(id) ?? []) {
    if (attempt < before) found('I6', `job ${id} was claimed at attempt ${attempt} (lease ${lease}) after attempt ${before}`, id)
    before = attempt
  }
}

// -- I5, I7: one holder at a time, legal moves -----------------------------------------------------------------------------------------
function checkHoldings({ id }: ChaosJob, facts: Facts, found: Found): void {
  let held: Holding | null = null
  for (const holding of facts.holdings.get(id) ?? []) {
    // a job that moves into a lease of its own is released and claimed in one statement, in either order
    if (held && held.to?.tx !== holding.from.tx && (!held.to || held.to.no > holding.from.no))
      found('I5', `job ${id} was given out under lease ${holding.lease} while lease ${held.lease} held it`, id)
    held = holding
  }
  let over = false
  for (const { event } of facts.steps.get(id) ?? []) {
    if (event.kind === 'ended') over = true
    else if (event.kind === 'reopened') over = false
    else if (over && event.kind === 'claimed') found('I7', `job ${id} was claimed (event ${event.no}) after it had ended`, id)
  }
}

// -- I4, I5: what handlers did ---------------------------------------------------------------------------------------------------------
/** Their handlers go on after their abort on purpose. */
const overstaying = new Set(['chaos.stuck', 'chaos.deaf', 'chaos.block'])

function checkEffects({ id, task }: ChaosJob, facts: Facts, found: Found): void {
  const effects = facts.effects.get(id) ?? []
  const holdings = facts.holdings.get(id) ?? []
  const starts = effects.filter((e) => e.what === 'S').sort((a, b) => a.at - b.at)
  for (const { lease } of starts)
    if (!holdings.some((h) => h.lease === lease)) found('I5', `job ${id} was started under lease ${lease}, which never held it`, id)
  for (const [i, start] of starts.entries()) {
    if (overstaying.has(task)) break
    const end = effects.find((e) => e.what === 'E' && e.lease === start.lease && e.process === start.process && e.at >= start.at)
    const next = starts[i + 1]
    if (!next || (end && end.at <= next.at) || (!end && next.process !== start.process)) continue
    const mine = holdings.findLast((h) => h.lease === start.lease || facts.origin.get(named(id, h.lease)) === start.lease)
    const after = holdings.find((h) => h.lease === next.lease)
    if (!mine || isTaken(mine, after?.from.no ?? 0, id, facts)) continue
    found(
      'I5',
      `job ${id} ran under lease ${next.lease} while its handler under lease ${start.lease} still ran, and worker ${mine.worker} was not dead`,
      id,
    )
  }
  // I4: what a lost execution said is not kept
  for (const { event, at } of facts.steps.get(id) ?? []) {
    if (event.kind !== 'said') continue
    const lease = Number(/^lease (\d+)/.exec(event.words[at] ?? '')?.[1])
    const mine = holdings.findLast((h) => h.lease === lease)
    if (!mine || (mine.to && mine.to.no < event.no && mine.to.tx !== event.tx))
      found('I4', `a line of job ${id} under lease ${lease} was stored (event ${event.no}) after that lease had lost it`, id)
  }
  // I6: only what was started can have crashed
  for (const { event, at } of facts.steps.get(id) ?? []) {
    if (event.kind !== 'tried' || event.codes[at] !== crashed) continue
    const mine = holdings.find((h) => h.to?.tx === event.tx)
    if (mine && mine.with > 1 && !effects.some((e) => e.what === 'S' && e.lease === mine.lease))
      found(
        'I6',
        `a crash was written down for job ${id}, which worker ${mine.worker} had only prefetched (lease ${mine.lease}, ${mine.with} jobs)`,
        id,
      )
  }
}

/** Was it taken from its holder: by a recovery, by a cancellation whose grace is over, or by somebody who emptied the table? */
function isTaken({ worker, to }: Holding, before: number, id: number, { lost, emptied, steps }: Facts): boolean {
  if (!to) return false
  const cancelled = steps
    .get(id)
    ?.some(({ event, at }) => event.tx === to.tx && event.kind === 'ended' && event.codes[at] === status.cancelled)
  return emptied.has(to.tx) || (lost.get(worker)?.no ?? before) < before || cancelled === true
}

// -- I5: who is given up has been silent -----------------------------------------------------------------------------------------------
function checkRecoveries({ events, staleMs }: Witnesses, found: Found): void {
  const heard = new Map<number, ChaosEvent>()
  for (const event of events) {
    if (event.worker === null) continue
    // a row that changed otherwise is no sign of life
    if (event.kind === 'leaving' || (event.kind === 'alive' && event.beat !== heard.get(event.worker)?.beat)) heard.set(event.worker, event)
    if (event.kind !== 'gone' || event.words[0] !== 'lost') continue
    const last = heard.get(event.worker)
    if (!last || last.kind === 'leaving') continue
    const silence = event.begun - last.begun
    if (silence < staleMs - slackMs)
      found(
        'I5',
        `worker ${event.worker} was given up ${Math.round(silence)} ms after a sign of life (events ${last.no}, ${event.no}); ${staleMs} ms are promised`,
      )
  }
}

// -- I1 for unique keys ------------------------------------------------------------------------------------------------------------
interface Span {
  id: number
  from: number
  to: number
}

/** When a job was unfinished, by numbers of events: from its making, or its retry, to each of its ends. */
function unfinishedSpans(id: number, steps: readonly Step[]): Span[] {
  const spans: Span[] = []
  let from: number | null = steps.some((s) => s.event.kind === 'added') ? null : 0
  for (const { event } of steps) {
    if (event.kind === 'added' || event.kind === 'reopened') from ??= event.no
    else if (event.kind === 'ended' && from !== null) {
      spans.push({ id, from, to: event.no })
      from = null
    }
  }
  if (from !== null) spans.push({ id, from, to: Number.POSITIVE_INFINITY })
  return spans
}

function checkUniqueKeys({ jobs }: Witnesses, facts: Facts, found: Found): void {
  const byKey = new Map<string, ChaosJob[]>()
  for (const job of jobs) if (job.uniqueKey) push(byKey, job.uniqueKey, job)
  for (const [key, holders] of byKey) {
    const spans = holders.flatMap(({ id }) => unfinishedSpans(id, facts.steps.get(id) ?? [])).sort((a, b) => a.from - b.from)
    let longest: Span | undefined
    for (const span of spans) {
      if (longest && span.from < longest.to && span.id !== longest.id) {
        const shown = [longest, span].map(({ id, from, to }) => `${id} (events ${from} to ${to})`).join(' and ')
        found('I1', `jobs ${shown} of the unique key ${key} were unfinished at the same time`, span.id)
      }
      if (!longest || span.to > longest.to) longest = span
    }
  }
}

// -- I12, I14 ----------------------------------------------------------------------------------------------------------------------
function checkRest({ counters, countedAdded, jobs, left, deaths }: Witnesses, found: Found): void {
  for (const sentence of left) found('I12', sentence)
  for (const sentence of deaths) found('I12', sentence)
  for (const { task, state, counted, there } of counters) found('I14', `${task}: ${counted} ${state} were counted, ${there} are there`)
  if (countedAdded !== jobs.length) found('I14', `${countedAdded} jobs were counted, ${jobs.length} are there`)
}
