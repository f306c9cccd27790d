import type { Effect } from './effects.ts'
import type { Call } from './history.ts'

/** One change of place as the database saw it; see witness.sql. */
export interface ChaosEvent {
  no: number
  /** ms of the database's clock. */
  at: number
  /** Start of its transaction, of the same clock. */
  begun: number
  tx: string
  kind: 'added' | 'claimed' | 'released' | 'ended' | 'reopened' | 'tried' | 'alive' | 'leaving' | 'gone' | 'said' | 'emptied'
  lease: number | null
  worker: number | null
  ids: number[]
  attempts: number[]
  codes: number[]
  beat: number | null
  words: string[]
}

/** A job as the database has it at the end. */
export interface ChaosJob {
  id: number
  /** The producer's key, in its payload. */
  key: string
  task: string
  uniqueKey: string | null
  maxAttempts: number
  /** How it ended: status, attempt number, reason; null = it has not. */
  outcome: { status: number; attempt: number; worker: number | null; code: string | null; reason: string | null } | null
  /** Its earlier tries. */
  tries: { attempt: number; kind: number }[]
  /** Where it is besides: ready, scheduled, lease, blocked, held. */
  places: string[]
  /** Rows that handlers have written of it, each in the transaction that completed the job. */
  effects: number
  queue: string
  /** Its ordering key, concurrency key and rate key; null = it names none. */
  gateKeys: readonly (string | null)[] | null
  /** What made it, where that was no call: a schedule, for a slot in ms. */
  slot: { schedule: string; at: number } | null
}

/** A schedule of the run, and by which rule it should fire. */
export interface ChaosSchedule {
  id: string
  name: string
  startsAt: number
  endsAt: number
  /** Has it a slot at this full second of these bounds? */
  fits(at: number): boolean
}

/** A slot as the database has it. */
export interface ChaosSlot {
  schedule: string
  at: number
  state: string
}

/** A job that depends on another. */
export interface ChaosEdge {
  parent: number
  child: number
  /** What becomes of the child when the parent does not complete. */
  onFailure: 'cancel' | 'run'
}

/** What was set for a queue. */
export interface ChaosLimits {
  queue: string
  /** null = none. */
  concurrency: number | null
  perKey: number
}

/** What the three witnesses say. */
export interface Witnesses {
  calls: readonly Call[]
  effects: readonly Effect[]
  jobs: readonly ChaosJob[]
  events: readonly ChaosEvent[]
  /** Counters that differ from the history, as `reconcile` found them. */
  counters: readonly { task: string; state: string; counted: number; there: number }[]
  /** Jobs made, by the counters. */
  countedAdded: number
  /** What is left on the server when everybody has gone: sentences. */
  left: readonly string[]
  /** Processes that ended although nobody and no handler ended them: sentences. */
  deaths: readonly string[]
  staleMs: number
  schedules: readonly ChaosSchedule[]
  slots: readonly ChaosSlot[]
  edges: readonly ChaosEdge[]
  limits: readonly ChaosLimits[]
  /** Added to a time of the effect log, it is the one of the database's clock, in ms. */
  clockMs: number
}

/** A broken promise, and who says so. */
export interface Violation {
  invariant: string
  sentence: string
  job?: number
}

/** Takes a broken promise down. */
export type Found = (invariant: string, sentence: string, job?: number) => void

/** Times come in whole milliseconds. */
export const slackMs = 2

export const status = { completed: 2, failed: 3, cancelled: 4 } as const

export const named = (job: number, lease: number) => `${job} ${lease}`

export function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key)
  if (list) list.push(value)
  else map.set(key, [value])
}
