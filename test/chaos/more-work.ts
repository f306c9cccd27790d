import { setTimeout as pause } from 'node:timers/promises'
import type { FlowJob, Task, Trunkline } from '../../packages/engine/src/index.ts'
import type { Random } from './random.ts'

/** A queue with a limit of its own and of its keys, and one with a limit of its keys only: claims of the first go one by one. */
export const limitedQueue = 'chaos.limited'
export const keysQueue = 'chaos.keys'

/** What the lanes of a producer make jobs with. */
export interface Making {
  trunkline: Trunkline
  task(name: string): Task
  /** Keys of one more call that makes `n` jobs. */
  keysOf(n: number): string[]
  asked(keys: string[], task: string): void
  ok(keys: string[], ids: string[]): void
  inDoubt(keys: string[], error: unknown): void
  isStopping(): boolean
}

/** Runs one call and writes down what came of it; answers the ids, or null where nobody knows. */
async function call(
  making: Making,
  keys: string[],
  task: string,
  make: () => Promise<readonly string[]>,
): Promise<readonly string[] | null> {
  making.asked(keys, task)
  try {
    const ids = await make()
    making.ok(keys, [...ids])
    return ids
  } catch (error) {
    making.inDoubt(keys, error)
    return null
  }
}

/** Jobs of queues with limits, one call after the other: what was answered was accepted before all that is asked for later. */
export async function limitedLane(making: Making, random: Random): Promise<void> {
  const { trunkline, task, keysOf } = making
  const body = (k: string) => ({ k, n: random.between(0, 9999) })
  while (!making.isStopping()) {
    const way = random.next()
    const concurrencyKey = `c${random.between(0, 3)}`
    const orderingKey = `o${random.between(0, 3)}`
    const keys = keysOf(way < 0.75 ? 1 : random.between(3, 8))
    const options = {
      ...(way < 0.5 || way > 0.9 ? { orderingKey } : {}),
      ...(way < 0.2 || way >= 0.5 ? { concurrencyKey } : {}),
      ...(random.next() < 0.2 ? { priority: random.between(-2, 2) } : {}),
    }
    const name = random.next() < 0.5 ? 'limited' : 'keyed'
    await call(making, keys, name, async () => {
      const [first] = keys as [string]
      if (keys.length === 1) return [(await trunkline.enqueue(task(name), body(first), options)).id]
      return (await trunkline.enqueueMany(task(name), keys.map(body), options)).map((job) => job.id)
    })
    await pause(random.between(60, 240))
  }
}

/** A flow in which each job depends on some before it, and the last one on all of them. */
function drawFlow({ task, keysOf }: Making, random: Random): { keys: string[]; jobs: FlowJob[] } {
  const keys = keysOf(random.between(5, 14))
  const jobs = keys.map((k, i): FlowJob => {
    const isLast = i === keys.length - 1
    const parents = isLast ? keys.slice(0, i) : random.shuffle(keys.slice(0, i)).slice(0, random.between(0, 3))
    const onFailure = isLast && random.next() < 0.5 ? 'run' : 'cancel'
    const limited = random.next() < 0.15
    return {
      name: k,
      task: task(limited ? 'limited' : !isLast && random.next() < 0.06 ? 'bad' : 'node'),
      payload: { k, n: random.between(0, 9999) },
      dependsOn: parents.map((name) => ({ name, onFailure: random.next() < 0.3 ? 'run' : onFailure })),
      ...(limited ? { concurrencyKey: `c${random.between(0, 3)}` } : {}),
    }
  })
  return { keys, jobs }
}

/** Flows, and single jobs that depend on jobs that may end just now. */
export async function flowLane(making: Making, random: Random): Promise<void> {
  const { trunkline, task, keysOf } = making
  let recent: string[] = []
  while (!making.isStopping()) {
    const { keys, jobs } = drawFlow(making, random)
    const ids = await call(making, keys, 'flow', async () => {
      const flow = await trunkline.flows.add({ jobs })
      return keys.map((key) => (flow.jobs[key] as { id: string }).id)
    })
    if (ids) recent = [...recent, ...ids].slice(-30)
    for (let i = 0; i < 3 && recent.length > 0; i++) {
      const dependsOn = random.shuffle(recent).slice(0, random.between(1, 3))
      const [k] = keysOf(1) as [string]
      await call(making, [k], 'node', async () => {
        const job = await trunkline.enqueue(task('node'), { k, n: random.between(0, 9999) }, { dependsOn })
        return [job.id]
      })
    }
    await pause(random.between(800, 1800))
  }
}
