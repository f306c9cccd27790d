import type { Link } from '../../packages/engine/src/postgres/link.ts'
import type { Statement } from '../../packages/engine/src/postgres/statement.ts'
import type { Random } from '../chaos/random.ts'
import type { Scheduler } from './scheduler.ts'

/** What can happen to a statement: it never arrives, the server refuses it, or it is committed and its answer is lost. */
export const failures = ['08006', '40P01', '40001', '55P03', '57014', '53300', '25006', 'lost answer'] as const
export type Failure = (typeof failures)[number]

/** Decides which statements fail. */
export interface Failpoints {
  /** The failure of the next statement of this name; null = it runs. */
  next(name: string): Failure | null
  /** How many statements were asked about. */
  readonly count: number
  /** What was made to fail. */
  readonly hit: { name: string; failure: Failure }[]
}

/** Fails the n-th statement of all, and no other. */
export function failNth(n: number, failure: Failure): Failpoints {
  const hit: Failpoints['hit'] = []
  let count = 0
  return {
    next(name) {
      if (++count !== n) return null
      hit.push({ name, failure })
      return failure
    },
    get count() {
      return count
    },
    hit,
  }
}

/** Fails a part of all statements, as a seed decides. */
export function failSome(random: Random, share: number): Failpoints {
  const hit: Failpoints['hit'] = []
  let count = 0
  return {
    next(name) {
      count++
      if (random.next() >= share) return null
      const failure = random.pick(failures)
      hit.push({ name, failure })
      return failure
    },
    get count() {
      return count
    },
    hit,
  }
}

/** As the driver reports it. */
function errorOf(failure: Failure): Error {
  const code = failure === 'lost answer' ? '08006' : failure
  return Object.assign(new Error(`failpoint: ${failure}`), { code })
}

/** A link whose every statement waits for its turn, and may fail there; like the real one it sends one after the other. */
export function linkWithTurns(link: Link, scheduler: Scheduler, failpoints: Failpoints): Link {
  let last: Promise<unknown> = Promise.resolve()

  async function ask(statement: Statement, values: unknown[]): Promise<any[][]> {
    await scheduler.turn()
    const failure = failpoints.next(statement.name)
    if (failure !== null && failure !== 'lost answer') throw errorOf(failure)
    const rows = await link.run(statement, values)
    if (failure === 'lost answer') throw errorOf(failure)
    return rows
  }

  return {
    ...link,
    run(statement, values) {
      const mine = last.then(() => ask(statement, values))
      last = mine.catch(() => {})
      return mine
    },
  }
}
