import { type Duration, toMilliseconds } from '@trunkline/contract'
import { endPauses } from '../jobs/pause.ts'
import { promote, releaseDebounced } from '../jobs/promote.ts'
import type { Database } from '../postgres/database.ts'
import type { Link } from '../postgres/link.ts'
import { statement } from '../postgres/statement.ts'

const advanceStatement = statement(import.meta.url, 'advance.sql')

/** The time of a test database. */
export interface TestClock {
  /**
   * Lets so much time pass for everything that waits in the database: runs that are scheduled, retried, snoozed or debounced,
   * windows of keys, ends of pauses, ages of what has ended. What is due then stands in line when this resolves. Times that
   * were stored for people (`runAt`, `createdAt`), heartbeats and timers of running handlers stay as they are.
   * @throws `invalid_duration`
   * @example await kit.clock.advance('1h')
   */
  advance(by: Duration): Promise<void>
}

/** Puts everything that is due in line; answers how many jobs that were, and in how many ms the next one is due (null: none). */
export async function putInLine(database: Database, link: Link): Promise<{ moved: number; nextMs: number | null }> {
  await endPauses(database)
  let moved = 0
  for (;;) {
    const due = await promote(link)
    const fired = await releaseDebounced(link)
    moved += due.moved + fired.moved
    if (due.moved + fired.moved > 0) continue
    const next = [due.nextMs, fired.nextMs].filter((ms) => ms !== null)
    return { moved, nextMs: next.length > 0 ? Math.min(...next) : null }
  }
}

/** Makes the {@link TestClock} of a database. */
export function createTestClock(database: Database, link: Link): TestClock {
  return {
    async advance(by) {
      await database.run(advanceStatement, [toMilliseconds(by, 'by')])
      await putInLine(database, link)
    },
  }
}
