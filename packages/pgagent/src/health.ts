import { type Database, statement } from '@trunkline/engine/postgres'
import { readJob } from './definition.ts'
import { examine } from './examine.ts'
import { nextRuns } from './plans.ts'

const healthStatement = statement(import.meta.url, 'health.sql')

/** Something that was looked at, and what mends it. */
export interface PgAgentFinding {
  what: string
  state: 'ok' | 'warning' | 'wrong'
  found: string
  cure?: string
}

/** Beyond these the log slows down what reads it. */
const most = { rows: 200_000, bytes: 1_000_000_000 }
const shownRuns = 50

async function overlaps(database: Database, jobs: readonly { id: number; ms: number | null }[], zone: string): Promise<PgAgentFinding[]> {
  const found: PgAgentFinding[] = []
  for (const { id, ms } of jobs) {
    const job = await readJob(database, id)
    const clock = job.timezone ?? zone
    const enabled = job.schedules.filter(({ isEnabled }) => isEnabled)
    const each = enabled.map((schedule) => nextRuns([schedule], clock, Date.now(), shownRuns))
    const all = nextRuns(enabled, clock, Date.now(), shownRuns)
    const twice = all.find((at) => each.filter((runs) => runs.includes(at)).length > 1)
    const what = `schedules of job ${id}`
    if (twice !== undefined)
      found.push({
        ...{ what, state: 'warning', found: `two of them fire at ${new Date(twice).toISOString()}: the job runs once` },
        cure: 'Take one of them away, or give it an exception.',
      })
    const gap = Math.min(...all.slice(1).map((at, i) => at - (all[i] as number)))
    if (ms !== null && gap < ms)
      found.push({
        ...{
          what,
          state: 'warning',
          found: `it runs for ${Math.round(ms / 1000)} s on average and is due after ${gap / 1000} s: runs are left out`,
        },
        cure: 'Let it run less often, or make its steps shorter.',
      })
  }
  return found
}

/**
 * Looks at what a schema `pgagent` needs and what endangers its jobs: the way to it, what its role may, the schema, living agents, jobs that
 * dead ones hold, schedules that overlap, the size of the log.
 * @param zone whose clock schedules show
 */
export async function findPgAgentHealth(database: Database, zone: string): Promise<PgAgentFinding[]> {
  const { ok, parts, role } = await examine(database)
  const findings: PgAgentFinding[] = parts
    .filter((part) => !part.ok)
    .map(({ part, found, sql }) => ({
      ...{ what: part, state: part === 'watch' ? ('warning' as const) : ('wrong' as const), found },
      cure:
        sql === null
          ? 'See the settings pgagent.db_host, db_port, db_name, PGUSER and PGPASSWORD.'
          : sql.length > 500
            ? 'Run: trunkline pgagent install.'
            : sql,
    }))
  if (!ok) return findings
  findings.unshift({ what: 'schema', state: 'ok', found: `${role} may read and write all of it` })
  const [row] = await database.run<any>(healthStatement, [])
  const { agents, held, late, log_bytes: bytes, log_rows: rows, jobs } = row
  findings.push(
    agents > 0
      ? { what: 'agents', state: 'ok', found: `${agents} alive` }
      : {
          what: 'agents',
          state: late > 0 ? 'wrong' : 'warning',
          found: `none is alive, ${late} jobs are late`,
          cure: 'Start one: trunkline pgagent.',
        },
  )
  if (held.length > 0)
    findings.push({
      ...{ what: 'claims', state: 'wrong', found: `a dead agent holds ${held.length === 1 ? 'job' : 'jobs'} ${held.join(', ')}` },
      cure: `Free ${held.length === 1 ? 'it' : 'each'}: trunkline pgagent release ${held[0]}. An agent of ours does so by itself within half a minute.`,
    })
  const size = `${Math.round(rows)} rows, ${Math.round(bytes / 1e6)} MB`
  findings.push(
    rows > most.rows || bytes > most.bytes
      ? {
          what: 'log',
          state: 'warning',
          found: size,
          cure: 'Clear what is old: DELETE /api/v1/pgagent/servers/:sid/jobs/:jobId/runs?before=…, then VACUUM.',
        }
      : { what: 'log', state: 'ok', found: size },
  )
  return [...findings, ...(await overlaps(database, jobs, zone))]
}
