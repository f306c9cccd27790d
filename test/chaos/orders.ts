import type { EnqueueManyOptions } from '../../packages/engine/src/index.ts'

/** What a fault can have a worker process do to itself. */
export type Order =
  /** Send itself a signal at a named point. */
  | { do: 'signal'; at: Failpoint; signal: 'SIGTERM' | 'SIGKILL' }
  /** Let its `after`-th statement from now fail with an SQLSTATE (08006: the connection breaks), then every `every`-th, `times` in all. */
  | { do: 'fail'; code: string; after: number; every: number; times: number }

/** Points at which a worker can be told to end: around the statements that take and end jobs. */
export const failpoints = ['before claim', 'after claim', 'before complete', 'after complete'] as const
export type Failpoint = (typeof failpoints)[number]

/** What the producer can be told. */
export type ProducerOrder =
  /** No more jobs; what is in doubt under a key is asked for again. */
  | { do: 'stop' }
  /** Makes these jobs at once. */
  | { do: 'make'; task: string; payloads: object[]; options?: EnqueueManyOptions }
  /** Jobs a second, about. */
  | { do: 'pace'; perSecond: number }
