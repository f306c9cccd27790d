import { hostname } from 'node:os'
import { show, TrunklineError } from '@trunkline/contract'
import { checkKeys } from '../jobs/check-options.ts'
import type { Database } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'

const registerStatement = statement(import.meta.url, 'register-supervisor.sql')
const beatStatement = statement(import.meta.url, 'beat-supervisor.sql')
const leaveStatement = statement(import.meta.url, 'leave-supervisor.sql')
const listStatement = statement(import.meta.url, 'supervisors.sql')
const startStatement = statement(import.meta.url, 'start-workers.sql')

/** Workers that one supervisor may run. */
const mostWorkers = 50
/** One that was not heard of for so long starts nothing. */
const heardWithin = '15 seconds'

/** A process that keeps workers running (`trunkline up`), as people see it. */
export interface SupervisorView {
  id: string
  host: string
  pid: number
  startedAt: Date
  beatAgeMs: number
  workersWanted: number
  workersRunning: number
}

/** A supervisor's row in the database: other processes ask through it for more workers. */
export interface SupervisorSeat {
  readonly id: number
  /**
   * A sign of life, due about every second. Where its row was forgotten meanwhile it registers anew.
   * @param running its worker processes
   * @param retired those that have stopped on request since the last call
   * @returns how many workers it is asked to run
   */
  beat(running: number, retired: number): Promise<number>
  leave(): Promise<void>
}

/**
 * Registers this process as one that keeps workers running.
 * @param wanted how many it starts with, 0 to 50
 */
export async function takeSupervisorSeat(database: Database, wanted: number): Promise<SupervisorSeat> {
  let id = 0
  let last = wanted
  async function register(): Promise<void> {
    const [row] = await database.run<{ id: number }>(registerStatement, [hostname(), process.pid, last])
    id = (row as { id: number }).id
  }
  await register()
  return {
    get id() {
      return id
    },
    async beat(running, retired) {
      const [row] = await database.run<{ workers_wanted: number }>(beatStatement, [id, running, retired])
      last = row ? row.workers_wanted : Math.max(0, last - retired)
      if (!row) await register()
      return last
    },
    async leave() {
      await database.run(leaveStatement, [id])
    },
  }
}

/** Supervisors that were heard of within the last 15 s, oldest first. */
export async function listSupervisors(database: Database): Promise<SupervisorView[]> {
  const rows = await database.run(listStatement, [heardWithin])
  return rows.map((row) => ({
    id: String(row.id),
    host: row.host,
    pid: row.pid,
    startedAt: row.started_at,
    beatAgeMs: Math.max(0, Math.round(row.beat_age_ms)),
    workersWanted: row.workers_wanted,
    workersRunning: row.workers_running,
  }))
}

/** Options of {@link startWorkers}. */
export interface StartWorkersOptions {
  /** How many more. 1 to 50, default 1. */
  count?: number
  /** Number of the supervisor. Default: the one that was started last. */
  supervisor?: string
}

/**
 * Asks a supervisor for more workers; it starts them within about a second.
 * @returns the supervisor, and how many workers it is asked for now
 * @throws `no_supervisor`, `invalid_option` (above 50 in all), `unknown_option`
 */
export async function startWorkers(database: Database, options: StartWorkersOptions = {}): Promise<{ supervisor: string; wanted: number }> {
  checkKeys(options, ['count', 'supervisor'], 'startWorkers')
  const { count = 1, supervisor } = options
  const refuse = (field: string, received: unknown, allowed: string) => {
    throw new TrunklineError('invalid_option', { field, received: show(received), allowed })
  }
  if (!Number.isInteger(count) || count < 1 || count > mostWorkers) refuse('count', count, `a whole number from 1 to ${mostWorkers}`)
  if (supervisor !== undefined && !/^[1-9]\d{0,8}$/.test(supervisor)) refuse('supervisor', supervisor, 'the decimal number of a supervisor')
  const [row] = await database.run(startStatement, [count, supervisor ?? null, heardWithin, mostWorkers])
  if (!row)
    throw new TrunklineError('no_supervisor', { field: 'supervisor', received: supervisor ? ` under the number ${supervisor}` : '' })
  const wanted = row.workers_wanted + count
  if (wanted > mostWorkers)
    refuse(
      'count',
      count,
      `at most ${mostWorkers - row.workers_wanted} more: supervisor ${row.id} is asked for ${row.workers_wanted} of ${mostWorkers}`,
    )
  return { supervisor: String(row.id), wanted }
}
