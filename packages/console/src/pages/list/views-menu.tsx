import { Button, Group, Menu, Stack, TextInput } from '@mantine/core'
import { IconBookmark, IconBookmarkOff, IconBookmarkPlus, IconChevronDown } from '@tabler/icons-react'
import { type FormEvent, useState } from 'react'
import { Dialog } from '../../parts/dialog.tsx'
import { toast } from '../../parts/toasts.tsx'
import { useMe } from '../../session.tsx'
import css from './list.module.css'
import { type Asked, wholeQuery } from './list-data.ts'
import { removeView, saveView, useViews, viewOf } from './views.ts'

/** Queries that everybody needs some time. */
const common = (subject: string) => [
  { label: 'Failed in the last day', q: 'state:failed age:<24h' },
  { label: 'Running now', q: 'state:running' },
  { label: 'Waiting for more than an hour', q: 'state:due age:>1h' },
  { label: 'Waiting for a retry', q: 'state:retrying' },
  { label: 'Ran for more than ten minutes today', q: 'duration:>10m age:<24h' },
  { label: 'Made by me', q: `by:${subject} age:<7d` },
]

function NameDialog({ asked, onClose }: { asked: Asked; onClose: () => void }) {
  const views = useViews()
  const [name, setName] = useState('')
  const isTaken = views.some((view) => view.name === name.trim())
  const save = (event: FormEvent) => {
    event.preventDefault()
    if (name.trim() === '') return
    saveView({ ...asked, name: name.trim() })
    toast({ tone: 'good', title: `The view ${name.trim()} is kept in this browser` })
    onClose()
  }
  return (
    <Dialog onClose={onClose} title="Keep this view">
      <form onSubmit={save}>
        <Stack gap="md">
          <p>
            <code>{wholeQuery(asked) || 'all jobs'}</code>
          </p>
          <TextInput
            label="Name"
            description={isTaken ? 'Takes the place of the view of this name' : 'It is kept in this browser; for others copy the address'}
            required
            maxLength={60}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            data-autofocus
          />
          <Group justify="flex-end" gap="xs">
            <Button variant="default" size="sm" onClick={onClose}>
              Leave it
            </Button>
            <Button type="submit" size="sm">
              Keep
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  )
}

/** Lists with a name: those that everybody needs, and one's own. */
export function ViewsMenu({ asked, onView }: { asked: Asked; onView: (view: Partial<Asked>) => void }) {
  const { subject } = useMe()
  const views = useViews()
  const here = viewOf(views, asked)
  const [isNaming, name] = useState(false)
  return (
    <>
      <Menu position="bottom-end" width={290}>
        <Menu.Target>
          <Button
            variant="default"
            size="sm"
            leftSection={<IconBookmark size={16} aria-hidden />}
            rightSection={<IconChevronDown size={14} aria-hidden />}
          >
            Views
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {views.length > 0 && <Menu.Label>Yours</Menu.Label>}
          {views.map((view) => (
            <Menu.Item key={view.name} onClick={() => onView(view)}>
              {view.name}
              <span className={css.viewQuery}>{wholeQuery(view) || 'all jobs'}</span>
            </Menu.Item>
          ))}
          {here ? (
            <Menu.Item leftSection={<IconBookmarkOff size={15} aria-hidden />} onClick={() => removeView(here.name)}>
              Forget {here.name}
            </Menu.Item>
          ) : (
            <Menu.Item leftSection={<IconBookmarkPlus size={15} aria-hidden />} onClick={() => name(true)}>
              Keep this view
            </Menu.Item>
          )}
          <Menu.Divider />
          <Menu.Label>For everybody</Menu.Label>
          {common(subject).map(({ label, q }) => (
            <Menu.Item key={label} onClick={() => onView({ q, state: '', sort: '' })}>
              {label}
              <span className={css.viewQuery}>{q}</span>
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
      {isNaming && <NameDialog asked={asked} onClose={() => name(false)} />}
    </>
  )
}
