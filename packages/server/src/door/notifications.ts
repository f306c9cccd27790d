import { TrunklineError } from '@trunkline/contract'
import { type Database, type Queryable, statement } from '@trunkline/engine/postgres'
import type { Principal } from './principal.ts'
import { redactText } from './redact.ts'

const watchStatement = statement(import.meta.url, 'watch.sql')
const listStatement = statement(import.meta.url, 'notifications.sql')
const readStatement = statement(import.meta.url, 'read-notifications.sql')
const preferStatement = statement(import.meta.url, 'prefer.sql')

/** A line of an inbox. */
export interface Notification {
  id: string
  job_id: string | null
  kind: string
  title: string
  message: string
  created_at: Date
  read_at: Date | null
}

/** A user hears of the end of what they have started by hand; programs do not. */
export async function watchJob(database: Database, { accountId, how }: Principal, jobId: string, tx: Queryable): Promise<void> {
  if (accountId !== null && how !== 'key') await database.run(watchStatement, [jobId, accountId], tx)
}

/** The inbox of a user, newest first, and how many lines are unread. */
export async function listNotifications(
  database: Database,
  accountId: string,
  { unread, limit }: { unread: boolean; limit: number },
): Promise<{ notifications: Notification[]; total: number; unread: number }> {
  const [row] = await database.run(listStatement, [accountId, unread, limit])
  const notifications = row.data.map((n: any) => ({
    ...n,
    message: redactText(n.message),
    created_at: new Date(n.created_at),
    read_at: n.read_at && new Date(n.read_at),
  }))
  return { notifications, total: row.total, unread: row.unread }
}

/** Marks one line as read, or with null all. @throws `notification_not_found` */
export async function readNotifications(database: Database, accountId: string, id: string | null, tx: Queryable): Promise<number> {
  const [row] = await database.run<{ there: number; read: number }>(readStatement, [accountId, id], tx)
  if (id !== null && row?.there === 0) throw new TrunklineError('notification_not_found', { field: 'id', received: id })
  return row?.read ?? 0
}

/** What a user wants to hear of. */
export async function setPreferences(database: Database, accountId: string, preferences: object, tx: Queryable): Promise<void> {
  await database.run(preferStatement, [accountId, JSON.stringify(preferences)], tx)
}
