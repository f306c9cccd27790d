import { checkKey } from './keys.ts'

/** Keys under which a job asks for a place among others of its queue; see docs/guides/limits.md. Each 1 to 500 characters. */
export interface GateKeyOptions {
  /** Jobs of one ordering key run one after another in the order in which they were made, also through retries and crashes. */
  orderingKey?: string
  /** Of jobs of one concurrency key no more run at once than the queue's limit `concurrencyPerKey` says. */
  concurrencyKey?: string
  /** Of jobs of one rate key no more start in a time than the queue's limit `ratePerKey` says. */
  rateKey?: string
}

/** In the order in which their gates are passed, which is how they are stored. */
export const gateKeyNames = ['orderingKey', 'concurrencyKey', 'rateKey'] as const satisfies readonly (keyof GateKeyOptions)[]

/** Ordering, concurrency and rate key of a job. */
export type GateKeys = readonly [string | null, string | null, string | null]

/** Jobs that have gates to pass stand so many lanes behind their own until somebody has looked at these. */
const entryOffset = 1000

/** The lane in which a job of this priority is stored. */
export const laneOf = (priority: number, gates: GateKeys | null): number => (gates ? entryOffset : 0) - priority

/** A lane as stored, without the sign that its job has gates: a negated priority. */
export const plainLane = (lane: number): number => (lane > entryOffset / 2 && lane < 2 * entryOffset ? lane - entryOffset : lane)

/** Is this the lane of jobs that have gates to pass? */
export const isEntryLane = (lane: number): boolean => plainLane(lane) !== lane

/** Checks the gate keys of one enqueue; null when it has none. @throws `invalid_option` */
export function readGateKeys(options: GateKeyOptions, prefix = ''): GateKeys | null {
  const [ordering, concurrency, rate] = gateKeyNames.map((name) =>
    options[name] === undefined ? null : checkKey(options[name], prefix + name),
  ) as unknown as GateKeys
  return ordering === null && concurrency === null && rate === null ? null : [ordering, concurrency, rate]
}
