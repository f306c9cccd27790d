import { TrunklineError } from '@trunkline/contract'
import { done, notificationList, notificationPreferences, notificationQuery, readCount } from '@trunkline/contract/http'
import { z } from 'zod'
import { listNotifications, readNotifications, setPreferences } from '../door/notifications.ts'
import type { Principal } from '../door/principal.ts'
import { type Route, route } from '../route.ts'
import type { Service } from '../service.ts'

/** @throws `forbidden` for callers who have no inbox */
export function inboxOf({ accountId }: Principal): string {
  if (accountId !== null) return accountId
  throw new TrunklineError('forbidden', { what: 'an inbox', needed: 'a user of Trunkline', received: 'a token of another issuer' })
}

/** The caller's inbox. */
export function notificationRoutes({ database, trunkline }: Service): Route[] {
  const access = { role: 'signed-in', object: 'self' } as const
  const tag = 'notifications'
  return [
    route({
      method: 'GET',
      url: '/jobs/notifications',
      summary: 'The caller’s inbox, newest first',
      tag,
      access,
      query: notificationQuery,
      answers: { 200: notificationList },
      async run({ query, principal }) {
        const { cursor: asOf } = await trunkline.changes()
        const { notifications, total, unread } = await listNotifications(database, inboxOf(principal), query)
        const data = notifications.map((n) => ({
          id: n.id,
          jobId: n.job_id,
          kind: n.kind,
          title: n.title,
          message: n.message,
          isRead: n.read_at !== null,
          createdAt: n.created_at.toISOString(),
        }))
        return { data, nextCursor: null, asOf, total, totalIsEstimate: false, unread }
      },
    }),
    route({
      method: 'POST',
      url: '/jobs/notifications/:id/read',
      summary: 'Mark a notification as read',
      tag,
      access,
      action: 'notification.read',
      params: z.strictObject({ id: z.uuid('the id of a notification') }),
      answers: { 200: done },
      async run(call) {
        await call.change(`notification:${call.params.id}`, ({ tx }) =>
          readNotifications(database, inboxOf(call.principal), call.params.id, tx),
        )
        return { ok: true }
      },
    }),
    route({
      method: 'POST',
      url: '/jobs/notifications/read-all',
      summary: 'Mark all as read',
      tag,
      access,
      action: 'notification.read.all',
      answers: { 200: readCount },
      run: async (call) =>
        await call.change('notifications', async ({ tx }, note) => {
          const read = await readNotifications(database, inboxOf(call.principal), null, tx)
          note.after = { read }
          return { read }
        }),
    }),
    route({
      method: 'PUT',
      url: '/jobs/notifications/preferences',
      summary: 'What the caller wants to hear of',
      tag,
      access,
      action: 'notification.prefer',
      body: notificationPreferences,
      answers: { 200: notificationPreferences },
      async run(call) {
        await call.change('notifications', async ({ tx }, note) => {
          note.after = call.body
          await setPreferences(database, inboxOf(call.principal), call.body, tx)
        })
        return call.body
      },
    }),
  ]
}
