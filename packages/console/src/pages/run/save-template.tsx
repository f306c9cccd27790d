import { Button, Group, Modal, Stack, TextInput } from '@mantine/core'
import { IconFileText } from '@tabler/icons-react'
import { type FormEvent, useState } from 'react'
import { Act, useChange } from '../../parts/act.tsx'
import { client, useMe, whyNot } from '../../session.tsx'
import type { RunOptions } from './run-data.ts'

/** Keeps task, payload and options under a name. */
export function SaveTemplate({
  task,
  payload,
  options,
  hasSecrets,
}: {
  task: string
  payload: unknown
  options: RunOptions
  hasSecrets: boolean
}) {
  const me = useMe()
  const change = useChange()
  const [isOpen, open] = useState(false)
  const [name, setName] = useState('')
  const why = whyNot(me, { role: 'admin' }) ?? (hasSecrets ? 'It has secrets that are not shown; type them anew first' : null)
  async function save(event: FormEvent) {
    event.preventDefault()
    const { queue, priority, tags } = options
    const settings = {
      ...(queue ? { queue } : {}),
      ...(priority ? { priority: Number(priority) } : {}),
      ...(tags.length > 0 ? { tags } : {}),
    }
    const made = await change(() => client.templates.create({ name: name.trim(), task, payload, options: settings }), {
      done: `Saved as ${name.trim()}`,
      failed: 'The template was not saved',
    })
    if (made) open(false)
  }
  return (
    <>
      <Act label="Save as a template" size="sm" icon={<IconFileText size={15} aria-hidden />} why={why} onAct={() => open(true)} />
      <Modal opened={isOpen} onClose={() => open(false)} title="Save as a template">
        <form onSubmit={(event) => void save(event)}>
          <Stack gap="md">
            <TextInput label="Name" required maxLength={200} value={name} onChange={(e) => setName(e.currentTarget.value)} data-autofocus />
            <Group justify="flex-end">
              <Button type="submit" size="sm">
                Save
              </Button>
            </Group>
          </Stack>
        </form>
      </Modal>
    </>
  )
}
