import { Button, PasswordInput, Stack } from '@mantine/core'
import { type FormEvent, useState } from 'react'
import { useChange } from '../../parts/act.tsx'
import { Facts } from '../../parts/facts.tsx'
import { Sheet } from '../../parts/page.tsx'
import { Time } from '../../parts/time.tsx'
import { useUnsaved } from '../../parts/unsaved.tsx'
import { client, loginUrl, useMe } from '../../session.tsx'
import { scopeText } from './scopes.tsx'

/** Who one is, what one may, and a new password. */
export function Account() {
  const me = useMe()
  const change = useChange()
  const [current, setCurrent] = useState('')
  const [next, setNext] = useState('')
  const [question, letGo] = useUnsaved(next !== '')
  async function save(event: FormEvent) {
    event.preventDefault()
    const done = await change(() => client.auth.setPassword({ current, next }), { failed: 'The password was not changed', changes: [] })
    // all sessions are over then, this one too
    if (!done) return
    letGo()
    location.assign(loginUrl())
  }
  return (
    <>
      {question}
      <Sheet title="You">
        <Facts
          of={[
            ['E-mail', me.user?.email ?? me.subject],
            ['Name', me.user?.name],
            ['Role', me.role],
            ['Where', scopeText(me.scopes)],
            ['Rights', me.rights.join(', ') || 'none besides'],
            ['Session until', me.expiresAt && <Time at={me.expiresAt} />],
          ]}
        />
      </Sheet>
      {me.user && (
        <Sheet title="A new password">
          <form onSubmit={(event) => void save(event)}>
            <Stack gap="sm" maw={360}>
              <input type="text" autoComplete="username" value={me.user.email} readOnly hidden />
              <PasswordInput
                label="Present password"
                autoComplete="current-password"
                required
                value={current}
                onChange={(e) => setCurrent(e.currentTarget.value)}
              />
              <PasswordInput
                label="New password"
                description="You are logged out everywhere then"
                autoComplete="new-password"
                required
                value={next}
                onChange={(e) => setNext(e.currentTarget.value)}
              />
              <div>
                <Button type="submit" size="sm">
                  Change it
                </Button>
              </div>
            </Stack>
          </form>
        </Sheet>
      )}
    </>
  )
}
