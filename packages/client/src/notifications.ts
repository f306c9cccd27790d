import type { DoneAnswer, NotificationListAnswer, NotificationPreferencesBody, ReadCountAnswer } from '@trunkline/contract/http'
import type { Http } from './http.ts'

/** Routes below `/jobs/notifications`: the caller's inbox. */
export interface Notifications {
  /** Newest first. @param query.limit default 50, at most 200 */
  list(query?: { unread?: boolean; limit?: number }): Promise<NotificationListAnswer>
  read(id: string): Promise<DoneAnswer>
  readAll(): Promise<ReadCountAnswer>
  setPreferences(preferences: NotificationPreferencesBody): Promise<NotificationPreferencesBody>
}

/** Makes {@link Notifications}. */
export function createNotifications({ request }: Http): Notifications {
  return {
    list: (query) => request('GET', '/jobs/notifications', { query: { ...query } }),
    read: (id) => request('POST', `/jobs/notifications/${encodeURIComponent(id)}/read`),
    readAll: () => request('POST', '/jobs/notifications/read-all'),
    setPreferences: (body) => request('PUT', '/jobs/notifications/preferences', { body }),
  }
}
