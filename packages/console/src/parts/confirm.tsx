import { Button, Group, Stack, TextInput } from '@mantine/core'
import { type FormEvent, type ReactNode, useState } from 'react'
import { off } from './act.tsx'
import { Dialog } from './dialog.tsx'

/** Asks before something that cannot be undone. */
export function Confirm({
  title,
  button,
  children,
  typed,
  onConfirm,
  onClose,
}: {
  title: string
  button: string
  children: ReactNode
  /** What has to be typed. */
  typed?: string
  onConfirm: () => unknown
  onClose: () => void
}) {
  const [text, setText] = useState('')
  const [isPending, setPending] = useState(false)
  const isReady = typed === undefined || text === typed
  async function confirm(event: FormEvent) {
    event.preventDefault()
    if (!isReady) return
    setPending(true)
    await onConfirm()
    onClose()
  }
  return (
    <Dialog onClose={onClose} title={title}>
      <form onSubmit={(event) => void confirm(event)}>
        <Stack gap="md">
          <div>{children}</div>
          {typed !== undefined && (
            <TextInput label={`Type ${typed}`} autoComplete="off" value={text} onChange={(e) => setText(e.currentTarget.value)} />
          )}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" size="sm" onClick={onClose}>
              Leave it
            </Button>
            <Button type="submit" size="sm" loading={isPending} {...off(!isReady)} data-autofocus>
              {button}
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  )
}
