import { TextInput } from '@mantine/core'
import { IconFileText } from '@tabler/icons-react'
import { useState } from 'react'
import { Act, useChange } from '../../parts/act.tsx'
import { FormDialog } from '../../parts/form-dialog.tsx'
import { client, useMe, whyNot } from '../../session.tsx'
import type { RunOptions } from './run-data.ts'

/** Keeps task, payload and options under a name. */
export function SaveTemplate({
  task,
  text,
  options,
  whyNotNow,
  onSaved,
}: {
  task: string
  /** The payload as JSON. */
  text: string
  options: RunOptions
  whyNotNow: string | null
  onSaved: () => void
}) {
  const me = useMe()
  const change = useChange()
  const [isOpen, open] = useState(false)
  const [name, setName] = useState('')
  const why = whyNot(me, { role: 'admin' }) ?? whyNotNow
  async function save() {
    const { queue, priority, tags } = options
    const settings = {
      ...(queue ? { queue } : {}),
      ...(priority ? { priority: Number(priority) } : {}),
      ...(tags.length > 0 ? { tags } : {}),
    }
    const made = await change(() => client.templates.create({ name: name.trim(), task, payload: JSON.parse(text), options: settings }), {
      done: `Saved as ${name.trim()}`,
      failed: 'The template was not saved',
    })
    if (made) onSaved()
    return made !== undefined
  }
  return (
    <>
      <Act label="Save as a template" size="sm" icon={<IconFileText size={15} aria-hidden />} why={why} onAct={() => open(true)} />
      {isOpen && (
        <FormDialog title="Save as a template" size="md" onClose={() => open(false)} onSave={save}>
          <TextInput label="Name" required maxLength={200} value={name} onChange={(e) => setName(e.currentTarget.value)} data-autofocus />
        </FormDialog>
      )}
    </>
  )
}
