import { Button, Group, Stack, TextInput } from '@mantine/core'
import { type FormEvent, useState } from 'react'
import { useChange } from '../../parts/act.tsx'
import { Choice } from '../../parts/choice.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { client } from '../../session.tsx'

const minute = 60_000
const ends = [
  { value: String(30 * minute), label: '30 min' },
  { value: String(2 * 60 * minute), label: '2 h' },
  { value: String(24 * 60 * minute), label: '1 day' },
  { value: '', label: 'Until resumed' },
]

/** Pauses a queue, with a reason and an end: what runs goes on, nothing new starts. */
export function PauseDialog({ queue, onClose }: { queue: string; onClose: () => void }) {
  const change = useChange()
  const [forMs, setFor] = useState(ends[0]?.value ?? '')
  const [reason, setReason] = useState('')
  const [isPending, setPending] = useState(false)

  async function pause(event: FormEvent) {
    event.preventDefault()
    setPending(true)
    const body = { ...(forMs ? { forMs: Number(forMs) } : {}), ...(reason.trim() ? { reason: reason.trim() } : {}) }
    const paused = await change(() => client.queues.pause(queue, body), {
      done: `${queue} is paused`,
      failed: `${queue} was not paused`,
      action: () => ({
        label: 'Undo',
        run: () => void change(() => client.queues.resume(queue), { done: `${queue} goes on`, failed: 'It could not be undone' }),
      }),
    })
    setPending(false)
    if (paused) onClose()
  }

  return (
    <Dialog onClose={onClose} title={`Pause ${queue}`}>
      <form onSubmit={(event) => void pause(event)}>
        <Stack gap="md">
          <p>Jobs that run go on; nothing new starts until it is resumed.</p>
          <Choice label="For how long" of={ends} value={forMs} onChoose={setFor} />
          <TextInput
            label="Reason"
            description="Others see it beside the queue"
            maxLength={500}
            value={reason}
            onChange={(e) => setReason(e.currentTarget.value)}
          />
          <Group justify="flex-end" gap="xs">
            <Button variant="default" size="sm" onClick={onClose}>
              Leave it
            </Button>
            <Button type="submit" size="sm" loading={isPending} data-autofocus>
              Pause
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  )
}
