import { PasswordInput, TextInput } from '@mantine/core'
import { IconPencil, IconPlus, IconTrash, IconUserOff } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import type { UserAnswer } from '@trunkline/client/contract'
import { useState } from 'react'
import { Act, ActIcon, useChange } from '../../parts/act.tsx'
import { Confirm } from '../../parts/confirm.tsx'
import { FormDialog } from '../../parts/form-dialog.tsx'
import { Sheet } from '../../parts/page.tsx'
import { Forbidden, Loading, Problem } from '../../parts/states.tsx'
import table from '../../parts/table.module.css'
import { Table } from '../../parts/table.tsx'
import { Time } from '../../parts/time.tsx'
import { client, useMe, whyNot } from '../../session.tsx'
import { type Grant, GrantFields, scopesBody, scopeText } from './scopes.tsx'

const grantOf = (user: UserAnswer | null): Grant => ({
  role: user?.role ?? 'viewer',
  rights: user?.rights ?? [],
  queues: user?.scopes.queues ?? [],
  tasks: user?.scopes.tasks ?? [],
})

function UserDialog({ user, onClose }: { user: UserAnswer | null; onClose: () => void }) {
  const change = useChange()
  const [email, setEmail] = useState('')
  const [name, setName] = useState(user?.name ?? '')
  const [password, setPassword] = useState('')
  const [grant, setGrant] = useState(grantOf(user))
  async function save() {
    const may = { role: grant.role, rights: grant.rights, scopes: scopesBody(grant), name: name.trim() || null }
    const saved = await change(
      () =>
        user
          ? client.users.update(user.id, { ...may, ...(password ? { password } : {}) })
          : client.users.create({ ...may, email: email.trim(), password: password || null }),
      { done: ({ email: of }) => (user ? `${of} is changed` : `${of} may come in`), failed: 'It was not saved' },
    )
    return saved !== undefined
  }
  return (
    <FormDialog onClose={onClose} title={user ? user.email : 'A new user'} onSave={save}>
      {!user && (
        <TextInput label="E-mail" type="email" required value={email} onChange={(e) => setEmail(e.currentTarget.value)} data-autofocus />
      )}
      <TextInput label="Name" maxLength={200} value={name} onChange={(e) => setName(e.currentTarget.value)} />
      <PasswordInput
        label={user ? 'New password' : 'Password'}
        description={user ? 'Empty = it stays; a new one ends all sessions' : 'Empty = only by the identity provider'}
        autoComplete="new-password"
        value={password}
        onChange={(e) => setPassword(e.currentTarget.value)}
      />
      <GrantFields grant={grant} onChange={setGrant} />
    </FormDialog>
  )
}

/** Who may come in, as what. */
export function Users() {
  const me = useMe()
  const change = useChange()
  const why = whyNot(me, { role: 'admin' })
  const { data, error } = useQuery({ queryKey: ['users'], queryFn: () => client.users.list(), enabled: why === null })
  const [edited, edit] = useState<UserAnswer | 'new' | null>(null)
  const [removed, askRemove] = useState<UserAnswer | null>(null)
  if (why) return <Forbidden sentence={why} />
  const turn = (user: UserAnswer) => () =>
    change(() => client.users.update(user.id, { isEnabled: !user.isEnabled }), {
      done: user.isEnabled ? `${user.email} is let in no more` : `${user.email} may log in again`,
      failed: 'It was not changed',
    })
  return (
    <Sheet flush title="Users" aside={<Act label="New user" icon={<IconPlus size={15} aria-hidden />} onAct={() => edit('new')} />}>
      {error ? (
        <Problem error={error} />
      ) : !data ? (
        <Loading rows={4} />
      ) : (
        <Table label="Users, as a table" folds>
          <thead>
            <tr>
              <th scope="col">User</th>
              <th scope="col">Role</th>
              <th scope="col">Where</th>
              <th scope="col">Rights</th>
              <th scope="col">Last login</th>
              <th scope="col">
                <span className="visually-hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {data.data.map((user) => {
              const own = user.id === me.user?.id ? 'That is you' : null
              return (
                <tr key={user.id}>
                  <th scope="row">
                    {user.email} {user.name && <span className={table.soft}>{user.name}</span>}{' '}
                    {!user.isEnabled && <span className={table.bad}>disabled</span>}
                  </th>
                  <td>{user.role}</td>
                  <td className={table.soft}>{scopeText(user.scopes)}</td>
                  <td className={table.soft}>{user.rights.join(', ')}</td>
                  <td className={table.soft} data-label="Last login">
                    {user.lastLoginAt ? <Time at={user.lastLoginAt} /> : 'never'}
                  </td>
                  <td className={table.actions}>
                    <ActIcon label={`Change ${user.email}`} icon={<IconPencil size={16} aria-hidden />} onAct={() => edit(user)} />
                    <ActIcon
                      label={`${user.isEnabled ? 'Disable' : 'Enable'} ${user.email}`}
                      icon={<IconUserOff size={16} aria-hidden />}
                      why={own}
                      onAct={turn(user)}
                    />
                    <ActIcon
                      label={`Remove ${user.email}`}
                      icon={<IconTrash size={16} aria-hidden />}
                      why={own}
                      onAct={() => askRemove(user)}
                    />
                  </td>
                </tr>
              )
            })}
          </tbody>
        </Table>
      )}
      {edited && <UserDialog user={edited === 'new' ? null : edited} onClose={() => edit(null)} />}
      {removed && (
        <Confirm
          title={`Remove ${removed.email}`}
          button="Remove"
          failed={`${removed.email} was not removed`}
          onClose={() => askRemove(null)}
          onConfirm={() => change(() => client.users.delete(removed.id), { done: `${removed.email} is removed` })}
        >
          Sessions and keys of this user end. What they did stays in the audit.
        </Confirm>
      )}
    </Sheet>
  )
}
