import { Button, Group, Stack, TextInput } from '@mantine/core'
import { IconPlus, IconTrash } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Act, ActIcon, useChange } from '../../parts/act.tsx'
import { Confirm } from '../../parts/confirm.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { FormDialog } from '../../parts/form-dialog.tsx'
import { Sheet } from '../../parts/page.tsx'
import { CodeText, Empty, Loading, Problem } from '../../parts/states.tsx'
import table from '../../parts/table.module.css'
import { Table } from '../../parts/table.tsx'
import { Time } from '../../parts/time.tsx'
import { client, useMe } from '../../session.tsx'
import { type Grant, GrantFields, scopesBody, scopeText } from './scopes.tsx'

function NewKey({ onClose }: { onClose: () => void }) {
  const me = useMe()
  const change = useChange()
  const [name, setName] = useState('')
  const [until, setUntil] = useState('')
  const [grant, setGrant] = useState<Grant>({ role: me.role, rights: [], queues: me.scopes.queues ?? [], tasks: me.scopes.tasks ?? [] })
  const [made, setMade] = useState<string | null>(null)
  async function make() {
    const answer = await change(
      () =>
        client.apiKeys.create({
          name: name.trim(),
          role: grant.role,
          rights: grant.rights,
          scopes: scopesBody(grant),
          ...(until ? { expiresAt: `${until}T00:00:00Z` } : {}),
        }),
      { failed: 'No key was made' },
    )
    if (answer) setMade(answer.key)
    // what was made is shown next
    return false
  }
  if (made !== null)
    return (
      <Dialog onClose={onClose} title="The key, shown only now" size="lg" closeOnClickOutside={false}>
        <Stack gap="sm">
          <CodeText text={made} />
          <p>Keep it where secrets are kept. It goes into the header Authorization: Bearer.</p>
          <Group justify="flex-end">
            <Button size="sm" onClick={onClose}>
              I have it
            </Button>
          </Group>
        </Stack>
      </Dialog>
    )
  return (
    <FormDialog onClose={onClose} title="A new API key" button="Make the key" onSave={make}>
      <TextInput
        label="Name"
        description="What it is for"
        required
        maxLength={200}
        value={name}
        onChange={(e) => setName(e.currentTarget.value)}
        data-autofocus
      />
      <TextInput
        label="Until"
        description="Empty = until it is revoked"
        type="date"
        value={until}
        onChange={(e) => setUntil(e.currentTarget.value)}
      />
      <GrantFields grant={grant} onChange={setGrant} />
    </FormDialog>
  )
}

/** Keys of programs. */
export function Keys() {
  const change = useChange()
  const [isMaking, make] = useState(false)
  const [revoked, askRevoke] = useState<{ id: string; name: string } | null>(null)
  const { data, error } = useQuery({ queryKey: ['keys'], queryFn: () => client.apiKeys.list() })
  return (
    <Sheet flush title="API keys" aside={<Act label="New key" icon={<IconPlus size={15} aria-hidden />} onAct={() => make(true)} />}>
      {error ? (
        <Problem error={error} />
      ) : !data ? (
        <Loading rows={3} />
      ) : data.data.length === 0 ? (
        <Empty title="No key yet">Programs come in with a key of their own; it may no more than whoever makes it.</Empty>
      ) : (
        <Table label="API keys, as a table" folds>
          <thead>
            <tr>
              <th scope="col">Key</th>
              <th scope="col">Of</th>
              <th scope="col">Role</th>
              <th scope="col">Where</th>
              <th scope="col">Last used</th>
              <th scope="col">Until</th>
              <th scope="col">
                <span className="visually-hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {data.data.map((key) => (
              <tr key={key.id}>
                <th scope="row">
                  {key.name} <code className={table.soft}>tlk_{key.prefix}…</code>{' '}
                  {key.revokedAt && <span className={table.bad}>revoked</span>}
                </th>
                <td className={table.soft} data-label="Of">
                  {key.owner}
                </td>
                <td>{key.role}</td>
                <td className={table.soft}>{scopeText(key.scopes)}</td>
                <td className={table.soft} data-label="Last used">
                  {key.lastUsedAt ? <Time at={key.lastUsedAt} /> : 'never'}
                </td>
                <td className={table.soft} data-label="Until">
                  {key.expiresAt ? <Time at={key.expiresAt} /> : 'it is revoked'}
                </td>
                <td className={table.actions}>
                  <ActIcon
                    label={`Revoke ${key.name}`}
                    icon={<IconTrash size={16} aria-hidden />}
                    why={key.revokedAt ? 'It is revoked' : null}
                    onAct={() => askRevoke(key)}
                  />
                </td>
              </tr>
            ))}
          </tbody>
        </Table>
      )}
      {isMaking && <NewKey onClose={() => make(false)} />}
      {revoked && (
        <Confirm
          title={`Revoke ${revoked.name}`}
          button="Revoke"
          failed={`${revoked.name} was not revoked`}
          onClose={() => askRevoke(null)}
          onConfirm={() => change(() => client.apiKeys.revoke(revoked.id), { done: `${revoked.name} is worth nothing now` })}
        >
          Programs that use it are refused within seconds.
        </Confirm>
      )}
    </Sheet>
  )
}
