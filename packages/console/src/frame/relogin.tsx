import { Button, PasswordInput, Stack, TextInput } from '@mantine/core'
import { type FormEvent, useState } from 'react'
import { reportRenewed } from '../live/expired.ts'
import { queryClient } from '../live/live.ts'
import { Dialog } from '../parts/dialog.tsx'
import { client, loginUrl, sentenceOf, useMe } from '../session.tsx'

/** The session is over: the page stays as it is, with all that was typed, and asks for the password. */
export default function Relogin() {
  const me = useMe()
  const [email, setEmail] = useState(me.user?.email ?? '')
  const [password, setPassword] = useState('')
  const [problem, setProblem] = useState<string | null>(null)
  const [isPending, setPending] = useState(false)

  async function logIn(event: FormEvent) {
    event.preventDefault()
    setPending(true)
    setProblem(null)
    try {
      const { user } = await client.auth.login({ email, password, session: true })
      // somebody else sees other things
      if (user.id !== me.user?.id) return location.reload()
      setPassword('')
      reportRenewed()
      client.live.reconnect()
      await queryClient.invalidateQueries()
    } catch (error) {
      setProblem(sentenceOf(error))
    } finally {
      setPending(false)
    }
  }

  return (
    <Dialog onClose={() => location.assign(loginUrl())} title="Your session is over" closeOnClickOutside={false} zIndex={600}>
      <form onSubmit={(event) => void logIn(event)}>
        <Stack gap="sm">
          <p>Log in again; what you have typed on this page stays.</p>
          <TextInput
            label="E-mail"
            type="email"
            autoComplete="username"
            value={email}
            onChange={(e) => setEmail(e.currentTarget.value)}
            required
          />
          <PasswordInput
            label="Password"
            autoComplete="current-password"
            value={password}
            onChange={(e) => setPassword(e.currentTarget.value)}
            error={problem}
            required
            data-autofocus
          />
          <Button type="submit" size="sm" loading={isPending}>
            Log in
          </Button>
        </Stack>
      </form>
    </Dialog>
  )
}
