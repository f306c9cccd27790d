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

const listStatement = statement(import.meta.url, 'list-audit.sql')
const verifyStatement = statement(import.meta.url, 'verify-audit.sql')

/** A line of the audit, as it is shown. */
export interface AuditLine {
  no: string
  at: Date
  actor: string
  how: string
  action: string
  target: string | null
  outcome: 'done' | 'refused'
  code: string | null
  address: string | null
  requestId: string | null
  before: unknown
  after: unknown
}

/** Which lines. */
export interface AuditFilter {
  limit?: number | undefined
  /** Only lines below this number. */
  before?: string | undefined
  actor?: string | undefined
  /** Such as `job.retry`; `job.*` = all that begin so. */
  action?: string | undefined
  target?: string | undefined
  outcome?: 'done' | 'refused' | undefined
  from?: string | undefined
  to?: string | undefined
}

/** Lines of the audit, newest first. */
export async function listAudit(database: Database, filter: AuditFilter = {}): Promise<AuditLine[]> {
  const { limit = 50, before = null, actor = null, action, target = null, outcome = null, from = null, to = null } = filter
  const literal = action?.replace(/[\\%_]/g, '\\$&')
  const pattern = literal === undefined ? null : literal.endsWith('*') ? `${literal.slice(0, -1)}%` : literal
  const rows = await database.run(listStatement, [before, limit, actor, pattern, target, outcome, from, to])
  return rows.map(({ request_id: requestId, ...row }) => ({ ...row, requestId }))
}

/** What a check of the chain found. */
export interface AuditVerdict {
  /** Links that were looked at. */
  links: number
  /** Where it breaks, at most 100 places. */
  bad: { link: string | null; auditNo: string | null; problem: string }[]
}

/** Checks the chain from its beginning. Reads everything: for administrators. */
export async function verifyAudit(database: Database, anchor: { link: string; hash: string } | null = null): Promise<AuditVerdict> {
  const [row] = await database.run<AuditVerdict>(verifyStatement, [anchor?.link ?? null, anchor?.hash ?? null])
  return row as AuditVerdict
}
