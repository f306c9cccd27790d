import { Button, Checkbox, Group, Stack, TextInput } from '@mantine/core'
import type { BackupListAnswer } from '@trunkline/client/contract'
import { type FormEvent, useState } from 'react'
import { off, useChange } from '../../parts/act.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { Facts } from '../../parts/facts.tsx'
import { useGo } from '../../parts/go.tsx'
import { Time } from '../../parts/time.tsx'
import { sizeText } from '../../parts/words.ts'
import { client } from '../../session.tsx'
import { Compared } from './compared.tsx'

/** Restores a backup: into a new database unless somebody says otherwise by typing its name. */
export function Restore({ backup, onClose }: { backup: BackupListAnswer['data'][number]; onClose: () => void }) {
  const change = useChange()
  const go = useGo()
  const suggested = `${backup.database ?? 'trunkline'}_${backup.createdAt.slice(0, 10).replaceAll('-', '')}`
  const [database, setDatabase] = useState(suggested)
  const [replace, setReplace] = useState(false)
  const [typed, setTyped] = useState('')
  const [isPending, setPending] = useState(false)
  const isReady = database.trim() !== '' && (!replace || typed === database)
  async function restore(event: FormEvent) {
    event.preventDefault()
    if (!isReady) return
    setPending(true)
    const job = await change(() => client.backups.restore(backup.filename, { database: database.trim(), replace }), {
      done: 'It is being restored',
      failed: 'It was not restored',
    })
    setPending(false)
    // its log tells how it goes
    if (job) go(`/${job.id}`, { tab: 'logs' })
  }
  return (
    <Dialog onClose={onClose} title={`Restore ${backup.filename}`} size="lg">
      <form onSubmit={(event) => void restore(event)}>
        <Stack gap="md">
          <Facts
            of={[
              ['Made', <Time key="made" at={backup.createdAt} absolute />],
              ['Size', sizeText(backup.size)],
              ['Of the database', backup.database],
              ['Server', backup.server],
              ['Format', backup.format],
              ['SHA-256', backup.sha256 && <code>{backup.sha256.slice(0, 16)}…</code>],
            ]}
          />
          <TextInput
            label="Into the database"
            description="A new one: nothing that is there is touched"
            required
            maxLength={63}
            value={database}
            onChange={(e) => setDatabase(e.currentTarget.value)}
            data-autofocus
          />
          <Checkbox
            label="Replace it if it exists"
            description="It is restored beside it and swapped at the end; what was there is gone then"
            checked={replace}
            onChange={(e) => setReplace(e.currentTarget.checked)}
          />
          {replace && (
            <TextInput
              label={`Type ${database} to replace it`}
              autoComplete="off"
              value={typed}
              onChange={(e) => setTyped(e.currentTarget.value)}
            />
          )}
          <Compared filename={backup.filename} database={database} />
          <Group justify="flex-end" gap="xs">
            <Button variant="default" size="sm" onClick={onClose}>
              Leave it
            </Button>
            <Button type="submit" size="sm" loading={isPending} {...off(!isReady)}>
              Restore
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  )
}
