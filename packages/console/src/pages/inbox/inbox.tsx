import { Select } from '@mantine/core'
import { IconAlertTriangle, IconBan, IconBell, IconCheck, IconCircleCheck, IconCircleX } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { Act, useChange } from '../../parts/act.tsx'
import { Choice } from '../../parts/choice.tsx'
import { Go, useAddress } from '../../parts/go.tsx'
import { Page, Sheet } from '../../parts/page.tsx'
import { Empty, Loading, Problem } from '../../parts/states.tsx'
import { Time } from '../../parts/time.tsx'
import { client } from '../../session.tsx'
import css from './inbox.module.css'

const wishes = [
  { value: 'all', label: 'Tell me of every end' },
  { value: 'failed', label: 'Tell me of failures only' },
  { value: 'none', label: 'Tell me nothing' },
]

/** What a line is about, at a glance. */
function Look({ kind, title }: { kind: string; title: string }) {
  if (kind === 'job_failed') return <IconCircleX size={18} className={css.bad} aria-label="failed" />
  if (kind === 'job_cancelled') return <IconBan size={18} className={css.read} aria-label="cancelled" />
  if (kind === 'alert' && !title.endsWith('healthy')) return <IconAlertTriangle size={18} className={css.warn} aria-label="alert" />
  return <IconCircleCheck size={18} className={css.good} aria-label="done" />
}

/** What became of the jobs that one has started. */
export default function Inbox() {
  const change = useChange()
  const [address, setAddress] = useAddress()
  const unread = address.view === 'unread'
  const { data, error, refetch } = useQuery({
    queryKey: ['inbox', 'list', String(unread)],
    queryFn: () => client.notifications.list({ unread, limit: 200 }),
  })
  const readAll = () => change(() => client.notifications.readAll(), { done: 'All read', failed: 'They stay unread', changes: [['inbox']] })
  const read = (id: string) => () => change(() => client.notifications.read(id), { failed: 'It stays unread', changes: [['inbox']] })
  const prefer = (jobs: string | null) =>
    void change(() => client.notifications.setPreferences({ jobs: jobs as 'all' }), {
      done: 'Kept',
      failed: 'It was not kept',
      changes: [],
    })
  return (
    <Page
      title="Inbox"
      lead={data && (data.unread > 0 ? `${data.unread} unread` : 'Nothing is unread')}
      actions={
        <>
          <Select aria-label="What is told" placeholder="What is told" data={wishes} value={null} onChange={prefer} w={220} />
          <Choice
            label="Which"
            of={[
              { value: '', label: 'All' },
              { value: 'unread', label: 'Unread' },
            ]}
            value={unread ? 'unread' : ''}
            onChoose={(view) => setAddress({ view })}
          />
          <Act
            label="Mark all as read"
            icon={<IconCheck size={15} aria-hidden />}
            why={data?.unread === 0 ? 'Nothing is unread' : null}
            onAct={readAll}
          />
        </>
      }
    >
      <Sheet flush label="Notifications">
        {error ? (
          <Problem error={error} retry={() => void refetch()} />
        ) : !data ? (
          <Loading rows={6} />
        ) : data.data.length === 0 ? (
          <Empty icon={<IconBell size={26} aria-hidden />} title={unread ? 'Nothing is unread' : 'Nothing yet'}>
            When a job that you have started by hand ends, it is told here.
          </Empty>
        ) : (
          <ul className={css.list}>
            {data.data.map((note) => (
              <li key={note.id} data-unread={!note.isRead || undefined}>
                <Look kind={note.kind} title={note.title} />
                <span className={css.text}>
                  {note.jobId ? <Go to={`/${note.jobId}`}>{note.title}</Go> : <strong>{note.title}</strong>}
                  <span className={css.message}>{note.message}</span>
                </span>
                <Time at={note.createdAt} />
                {note.isRead ? <span className={css.read}>read</span> : <Act label="Mark as read" onAct={read(note.id)} />}
              </li>
            ))}
          </ul>
        )}
      </Sheet>
    </Page>
  )
}
