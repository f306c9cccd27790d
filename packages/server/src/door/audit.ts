import { type Database, type Queryable, statement } from '@trunkline/engine/postgres'

const insertStatement = statement(import.meta.url, 'insert-audit.sql')

/** One line of the audit. */
export interface AuditEntry {
  /** Who: the subject of a principal, `anonymous`, `cli:<user>`. */
  actor: string
  how: string
  /** Such as `job.retry`. */
  action: string
  /** Such as `job:42`. */
  target: string | null
  outcome: 'done' | 'refused'
  /** Of a refusal: the code of its error. */
  code?: string | null
  address?: string | null
  requestId?: string | null
  /** What is worth comparing, without secrets. */
  before?: unknown
  after?: unknown
}

/** Writes a line, in the transaction of the change where one is given. */
export async function writeAudit(database: Database, entry: AuditEntry, tx?: Queryable): Promise<void> {
  const { actor, how, action, target, outcome, code = null, address = null, requestId = null, before, after } = entry
  const facts = (value: unknown) => (value === undefined || value === null ? null : JSON.stringify(value))
  await database.run(insertStatement, [actor, how, action, target, outcome, code, address, requestId, facts(before), facts(after)], tx)
}

/** So many refusals are written at once, and so many a second after that: a flood must not fill the table. */
const burst = 200
const perSecond = 20

/** Writes refusals, as many as the table can bear; a line says how many were left out. */
export function createRefusals(database: Database, onError: (error: Error) => void): (entry: Omit<AuditEntry, 'outcome'>) => Promise<void> {
  let room = burst
  let at = Date.now()
  let leftOut = 0
  return async (entry) => {
    const now = Date.now()
    room = Math.min(burst, room + ((now - at) * perSecond) / 1000)
    at = now
    if (room < 1) {
      leftOut++
      return
    }
    room--
    const after = leftOut > 0 ? { refusalsLeftOut: leftOut } : undefined
    leftOut = 0
    await writeAudit(database, { ...entry, outcome: 'refused', after }).catch(onError)
  }
}
