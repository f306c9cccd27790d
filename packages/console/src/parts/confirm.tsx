import { Button, Group, Stack, TextInput } from '@mantine/core'
import { type FormEvent, type ReactNode, useState } from 'react'
import { installation } from '../session.tsx'
import { off } from './act.tsx'
import { Dialog } from './dialog.tsx'
import { Problem } from './states.tsx'

/** Does so much to remove for good want its number typed? From 100 on, and on a production always. */
export const wantsTyped = (total: number): boolean => total > 0 && (total >= 100 || installation.tone === 'red')

/** Asks before something that cannot be undone. Where it fails the question stays, and says why. */
export function Confirm({
  title,
  button,
  leave = 'Leave it',
  children,
  after,
  typed,
  typedTo,
  failed = 'It was not done',
  onConfirm,
  onClose,
}: {
  title: string
  button: string
  /** What does nothing. */
  leave?: string
  children: ReactNode
  /** What is counted first: until that is there nothing can be confirmed, and a large total has to be typed. */
  after?: { data: { total: number } | undefined }
  /** What has to be typed. */
  typed?: string
  /** What it is typed for, such as "have them removed". */
  typedTo?: string
  /** What could not be done, such as "The rules were not saved". */
  failed?: string
  /** Does it; throws where it failed. */
  onConfirm: () => unknown
  onClose: () => void
}) {
  const [text, setText] = useState('')
  const [isPending, setPending] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const total = after?.data?.total ?? 0
  const wanted = typed ?? (wantsTyped(total) ? String(total) : undefined)
  const isReady = (after === undefined || after.data !== undefined) && (wanted === undefined || text === wanted)
  async function confirm(event: FormEvent) {
    event.preventDefault()
    if (!isReady || isPending) return
    setPending(true)
    setError(null)
    try {
      await onConfirm()
      onClose()
    } catch (problem) {
      setError(problem)
      setPending(false)
    }
  }
  return (
    <Dialog onClose={onClose} title={title}>
      <form onSubmit={(event) => void confirm(event)}>
        <Stack gap="md">
          <Stack gap="md">{children}</Stack>
          {wanted !== undefined && (
            <TextInput
              label={`Type ${wanted}${typedTo ? ` to ${typedTo}` : ''}`}
              inputMode={typed === undefined ? 'numeric' : 'text'}
              autoComplete="off"
              value={text}
              onChange={(e) => setText(e.currentTarget.value)}
            />
          )}
          {error !== null && <Problem error={error} what={`${failed}.`} />}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" size="sm" onClick={onClose}>
              {leave}
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
