import { expect, test } from 'vitest'
import { testDatabase, until } from '../../../../test/support/database.ts'
import { createListener } from './listen.ts'

const db = await testDatabase()

test('hears what is sent, proves itself by an echo, and says so when it missed something', async () => {
  const heard: string[] = []
  let gaps = 0
  const listener = createListener({ database: db.open(), onMessage: (p) => heard.push(p), onGap: () => gaps++, echoEveryMs: 50 })
  await listener.stop()
  listener.start()
  await until(() => listener.proven())
  await until(() => gaps === 1)
  await db.rows(`select pg_notify('trunkline', 'w')`)
  await until(() => heard.includes('w'))
  await db.rows(
    `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'trunkline listen' and datname = current_database()`,
  )
  await until(() => gaps === 2)
  await until(() => listener.proven())
  // anybody may notify: garbage is handed over as a hint and hurts nobody
  await db.rows(`select pg_notify('trunkline', repeat('x', 7999)), pg_notify('trunkline', 'e:forged')`)
  await until(() => heard.some((p) => p.length === 7999))
  expect(listener.proven()).toBe(true)
  await listener.stop()
  await listener.stop()
})
