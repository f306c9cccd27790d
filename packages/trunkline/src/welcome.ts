import { createServer } from 'node:net'
import { TrunklineError } from '@trunkline/contract'
import { openDatabase } from '@trunkline/engine/postgres'
import { databaseOptions } from './platform.ts'
import type { Settings } from './settings.ts'

/** Makes the first owner where there is no user yet, and shows the random password, this once. */
export async function welcomeFirstOwner(settings: Settings): Promise<void> {
  const { addFirstOwner } = await import('@trunkline/server')
  const database = openDatabase(await databaseOptions(settings))
  try {
    const made = await addFirstOwner(database, { email: settings.adminEmail, password: settings.adminPassword })
    if (!made?.password) return
    console.log(`\nThe first user, shown only now:\n  e-mail    ${made.email}\n  password  ${made.password}\n`)
  } finally {
    await database.close()
  }
}

/** @throws `port_taken`: told before anything else is started */
export async function checkPort({ server: { host, port } }: Settings): Promise<void> {
  if (port === 0) return
  await new Promise<void>((resolve, reject) => {
    const probe = createServer()
    probe.once('error', (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE' || error.code === 'EACCES'
      reject(taken ? new TrunklineError('port_taken', { received: port, where: host, advice: port + 1 }) : error)
    })
    probe.listen(port, host, () => probe.close(() => resolve()))
  })
}
