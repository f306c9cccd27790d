import { hostname } from 'node:os'
import { formatDuration, TrunklineError } from '@trunkline/contract'
import type { Task } from '../jobs/define-task.ts'
import { recover } from '../jobs/recover.ts'
import type { Database } from '../postgres/database.ts'
import type { Link } from '../postgres/link.ts'
import { statement } from '../postgres/statement.ts'
import type { CheckedOptions } from './worker-options.ts'

const registerStatement = statement(import.meta.url, 'register.sql')
const holderStatement = statement(import.meta.url, 'holder.sql')
const leaveStatement = statement(import.meta.url, 'leave.sql')

/** A worker's row: how it comes and goes. */
export interface Registration {
  /**
   * Registers, as `starting`, and answers the new number.
   * @throws `singleton_taken` naming the holder, `database_unavailable`
   */
  enter(): Promise<number>
  /** Leaves as `stopped`. A worker that still holds leases stays, and is recovered when it is stale. */
  leave(workerId: number): Promise<void>
}

/** The keeper's default; a holder that is given up here is judged like by any sweep. */
const crashLimit = 3
/** A holder that is given up or leaves makes room; others may be quicker to take it. */
const turns = 5

/** Makes the {@link Registration} of a worker. */
export function createRegistration(database: Database, link: Link, tasks: readonly Task[], options: CheckedOptions): Registration {
  const { name, version, concurrency, queues, singleton } = options
  const taskNames = tasks.map((task) => task.name)

  async function insert(): Promise<number | null> {
    const values = [name, hostname(), process.pid, version, concurrency, queues, taskNames, singleton?.name ?? null]
    const [row] = await database.run<{ id: number }>(registerStatement, values)
    return row?.id ?? null
  }

  function taken(holder: { id: number; name: string; host: string; pid: number; started_at: Date; beat_age_ms: number }): TrunklineError {
    return new TrunklineError('singleton_taken', {
      field: 'singleton',
      received: singleton?.name,
      holder: `worker ${holder.id} (${holder.name}, process ${holder.pid} on ${holder.host})`,
      since: holder.started_at.toISOString(),
      beat: formatDuration(Math.max(0, holder.beat_age_ms)),
    })
  }

  return {
    async enter() {
      for (let turn = 1; ; turn++) {
        const id = await insert()
        if (id !== null) return id
        const [holder] = await database.run(holderStatement, [singleton?.name])
        if (!holder) continue
        if (turn === turns || holder.beat_age_ms < (singleton?.staleMs ?? 0)) throw taken(holder)
        await recover(link, singleton?.staleMs ?? 0, crashLimit, [holder.id])
      }
    },
    async leave(workerId) {
      await database.run(leaveStatement, [workerId])
    },
  }
}
