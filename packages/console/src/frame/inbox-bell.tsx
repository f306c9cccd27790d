import { ActionIcon } from '@mantine/core'
import { IconBell } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useEffect } from 'react'
import { readAgain } from '../live/live.ts'
import { useGo } from '../parts/go.tsx'
import { client } from '../session.tsx'
import css from './frame.module.css'

/** The inbox, with what is unread. Notifications need no subscription: any room keeps the socket open. */
export function InboxBell() {
  const go = useGo()
  const { data } = useQuery({ queryKey: ['inbox', 'unread'], queryFn: () => client.notifications.list({ unread: true, limit: 1 }) })
  useEffect(() => client.live.onNotification(() => readAgain('inbox')), [])
  const unread = data?.unread ?? 0
  return (
    <span className={css.bell}>
      <ActionIcon
        variant="subtle"
        color="gray"
        size={32}
        aria-label={unread > 0 ? `Inbox, ${unread} unread` : 'Inbox'}
        onClick={() => go('/inbox')}
      >
        <IconBell size={19} aria-hidden />
      </ActionIcon>
      {unread > 0 && (
        <span className={css.unread} aria-hidden>
          {unread > 99 ? '99+' : unread}
        </span>
      )}
    </span>
  )
}
