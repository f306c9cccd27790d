import { type DatabaseOptions, openDatabase } from '@trunkline/engine/postgres'
import { secretOf } from '../door/secret.ts'
import type { ServerSettings } from '../settings.ts'
import { createPgAgentServers, unreadable, urlOf } from './servers.ts'

/** Where an agent finds the schema `pgagent` of a registered server. */
export interface PgAgentWay {
  /** Another one after every change of the registration. */
  readonly identity: string
  /** With the password. */
  readonly connectionString: string
  readonly host: string
  readonly port: number
  /** Whose clock its schedules show. */
  readonly timezone: string
}

/** The registered servers, for agents: they are trusted with the ways to them. */
export interface PgAgentRegistry {
  /** @throws `server_not_found`; `not_configured` where its connection was sealed with another secret; `database_unavailable` */
  find(sid: string): Promise<PgAgentWay>
  close(): Promise<void>
}

/** Opens the registry of an installation: its database, and the secret of its server. */
export function openPgAgentRegistry(options: {
  database: DatabaseOptions
  settings: Pick<ServerSettings, 'secret'>
  dataDir: string
}): PgAgentRegistry {
  const database = openDatabase({ ...options.database, poolSize: 2, applicationName: 'trunkline pgagent registry' })
  const servers = createPgAgentServers(database, secretOf(options.settings.secret, options.dataDir), null)
  return {
    async find(sid) {
      const { connection, timezone, version, createdAt } = await servers.lookup(sid)
      if (connection === null) throw unreadable(sid)
      // one that is removed and made again begins with version 1
      const identity = `${createdAt?.getTime()} ${version}`
      const { host, port } = connection
      return { identity, connectionString: urlOf(connection), host, port, timezone }
    },
    async close() {
      await servers.close()
      await database.close()
    },
  }
}
