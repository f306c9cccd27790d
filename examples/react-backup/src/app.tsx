import { useClient } from '@trunkline/client/react'
import { type FormEvent, useEffect, useState } from 'react'
import { BackupPage } from './backup-page.tsx'

export function App() {
  const client = useClient()
  const [user, setUser] = useState<string | null | undefined>()
  const [trouble, setTrouble] = useState('')
  useEffect(() => {
    client.auth.me().then(
      (me) => setUser(me.subject),
      () => setUser(null),
    )
  }, [client])

  async function login(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    try {
      await client.auth.login({ email: String(form.get('email')), password: String(form.get('password')), session: true })
      setUser((await client.auth.me()).subject)
    } catch (error) {
      setTrouble((error as Error).message)
    }
  }

  if (user === undefined) return <p>Loading …</p>
  if (user) return <BackupPage />
  return (
    <form onSubmit={login} style={{ display: 'grid', gap: 12, maxWidth: 320, margin: '15vh auto', font: '16px system-ui' }}>
      <label>
        E-mail <input name="email" type="email" required autoComplete="username" />
      </label>
      <label>
        Password <input name="password" type="password" required autoComplete="current-password" />
      </label>
      <button type="submit">Log in</button>
      <p role="alert">{trouble}</p>
    </form>
  )
}
