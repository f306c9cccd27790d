import { numbers } from '../postgres/arrays.ts'
import type { Link } from '../postgres/link.ts'
import { statement } from '../postgres/statement.ts'

const recoverStatement = statement(import.meta.url, 'recover.sql')
const reclaimStatement = statement(import.meta.url, 'reclaim.sql')

/** What was taken over. */
export interface Recovered {
  jobs: number
  /** Ended with crash_limit. */
  poisoned: number
  /** Numbers of the workers that were given up. */
  workers: number[]
}

/**
 * Takes over what workers held that have not been heard of for `staleMs`, by the crash rules of docs/guarantees.md.
 * @param crashLimit crashes that end a job
 * @param only look at these workers alone; default: all
 * @param expectedMs what the clock of the database should say now, for who has watched it: nobody is given up because it was set. Default:
 *   what it says
 */
export async function recover(
  link: Pick<Link, 'run'>,
  staleMs: number,
  crashLimit: number,
  only: number[] | null = null,
  expectedMs: number | null = null,
): Promise<Recovered> {
  const [row] = await link.run(recoverStatement, [`${staleMs} milliseconds`, crashLimit, only && numbers(only), expectedMs])
  return { jobs: row?.[0] ?? 0, poisoned: row?.[1] ?? 0, workers: row?.[2] ?? [] }
}

/** Gives back leases of a worker that it does not know of, because the answer to its claim was lost. */
export async function reclaim(link: Link, workerId: number, knownLeases: readonly number[], olderThanMs: number): Promise<number> {
  const [row] = await link.run(reclaimStatement, [workerId, `{${knownLeases.join(',')}}`, `${olderThanMs} milliseconds`])
  return row?.[0] ?? 0
}
