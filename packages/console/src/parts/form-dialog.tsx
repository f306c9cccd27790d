import { Button, Group, Stack } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { type FormEvent, type ReactNode, useState } from 'react'
import { Dialog } from './dialog.tsx'

/**
 * A dialog that saves something: it closes when `onSave` says that it is done and the page shows it, so that opened again it does not
 * begin with what was before; it stays open with what was written otherwise.
 */
export function FormDialog({
  title,
  button = 'Save',
  size = 'lg',
  onClose,
  onSave,
  children,
}: {
  title: string
  button?: string
  size?: 'md' | 'lg'
  onClose: () => void
  onSave: () => Promise<boolean>
  children: ReactNode
}) {
  const queries = useQueryClient()
  const [isPending, setPending] = useState(false)

  async function save(event: FormEvent) {
    event.preventDefault()
    if (isPending) return
    setPending(true)
    const saved = await onSave()
    // joins what is being read anyway
    if (saved) await queries.invalidateQueries({}, { cancelRefetch: false })
    setPending(false)
    if (saved) onClose()
  }

  return (
    <Dialog onClose={onClose} title={title} size={size}>
      <form onSubmit={(event) => void save(event)}>
        <Stack gap="md">
          {children}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" size="sm" onClick={onClose}>
              Leave it
            </Button>
            <Button type="submit" size="sm" loading={isPending}>
              {button}
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  )
}
