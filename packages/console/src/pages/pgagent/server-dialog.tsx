import { NumberInput, PasswordInput, Select, TextInput } from '@mantine/core'
import type { PgAgentServerAnswer } from '@trunkline/client/contract'
import { useState } from 'react'
import { useChange } from '../../parts/act.tsx'
import { FormDialog } from '../../parts/form-dialog.tsx'
import { useGo } from '../../parts/go.tsx'
import { client } from '../../session.tsx'
import { serverPath } from './pgagent-data.ts'

const zones = Intl.supportedValuesOf('timeZone')

type Tls = 'disable' | 'require' | 'verify-full'

/** A server is registered, or changed. @param server null = a new one */
export default function ServerDialog({ server, onClose }: { server: PgAgentServerAnswer | null; onClose: () => void }) {
  const change = useChange()
  const go = useGo()
  const was = server?.connection
  const [sid, setSid] = useState(server?.sid ?? '')
  const [name, setName] = useState(server?.name ?? '')
  const [to, setTo] = useState({
    host: was?.host ?? '',
    port: was?.port ?? 5432,
    database: was?.database ?? 'postgres',
    user: was?.user ?? '',
    tls: (was?.tls ?? 'disable') as Tls,
  })
  const [password, setPassword] = useState('')
  const [hostAgent, setHostAgent] = useState(server?.hostAgent ?? '')
  const [timezone, setTimezone] = useState(server?.timezone ?? 'UTC')
  const isElsewhere = server !== null && JSON.stringify({ ...was }) !== JSON.stringify({ ...to })
  const set = (part: Partial<typeof to>) => setTo({ ...to, ...part })

  async function save(): Promise<boolean> {
    const said = { name: name.trim(), hostAgent, timezone }
    const saved = await change(
      () =>
        server === null
          ? client.pgagent.servers.add({ ...said, sid: sid.trim(), connection: { ...to, password } })
          : client.pgagent.servers.update(server.sid, {
              ...said,
              version: server.version,
              ...(isElsewhere || password !== '' ? { connection: { ...to, ...(password === '' ? {} : { password }) } } : {}),
            }),
      { done: ({ name: of }) => `${of} is saved`, failed: 'The server was not saved' },
    )
    // what may be missing there is the next question
    if (saved && server === null) go(serverPath(saved.sid), { tab: 'setup' })
    return saved !== undefined
  }

  return (
    <FormDialog title={server ? `Change ${server.name}` : 'Add a server'} onClose={onClose} onSave={save}>
      {server === null && (
        <TextInput
          label="Id"
          description="Small letters, digits, - and _; it stands in addresses and does not change"
          required
          maxLength={63}
          value={sid}
          onChange={(e) => setSid(e.currentTarget.value)}
          data-autofocus
        />
      )}
      <TextInput label="Name" required maxLength={200} value={name} onChange={(e) => setName(e.currentTarget.value)} />
      <TextInput label="Host" required maxLength={253} value={to.host} onChange={(e) => set({ host: e.currentTarget.value.trim() })} />
      <NumberInput label="Port" min={1} max={65_535} value={to.port} onChange={(port) => set({ port: Number(port) || 5432 })} />
      <TextInput
        label="Database"
        description="The one with the schema pgagent"
        required
        maxLength={63}
        value={to.database}
        onChange={(e) => set({ database: e.currentTarget.value })}
      />
      <TextInput
        label="User"
        required
        maxLength={63}
        autoComplete="off"
        value={to.user}
        onChange={(e) => set({ user: e.currentTarget.value })}
      />
      <PasswordInput
        label="Password"
        description={server === null ? 'Kept sealed, never shown' : isElsewhere ? 'It leads elsewhere: type it anew' : 'Empty = it stays'}
        required={server === null || isElsewhere}
        autoComplete="new-password"
        value={password}
        onChange={(e) => setPassword(e.currentTarget.value)}
      />
      <Select
        label="TLS"
        data={[
          { value: 'disable', label: 'None' },
          { value: 'require', label: 'Encrypted, whoever answers' },
          { value: 'verify-full', label: 'Encrypted, with a certificate for this host' },
        ]}
        value={to.tls}
        onChange={(tls) => tls && set({ tls: tls as Tls })}
      />
      <Select
        label="Time zone"
        description="Whose clock its schedules show"
        searchable
        data={zones.includes(timezone) ? zones : [timezone, ...zones]}
        value={timezone}
        onChange={(zone) => zone && setTimezone(zone)}
        limit={80}
      />
      <TextInput
        label="Host agent"
        description="What jobs made here get; empty = any agent may run them"
        maxLength={255}
        value={hostAgent}
        onChange={(e) => setHostAgent(e.currentTarget.value)}
      />
    </FormDialog>
  )
}
