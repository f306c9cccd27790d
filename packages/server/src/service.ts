import type { backup, backupComparison } from '@trunkline/contract/http'
import type { Trunkline } from '@trunkline/engine'
import type { Database } from '@trunkline/engine/postgres'
import type { z } from 'zod'
import type { Identity } from './door/identity.ts'
import type { Secret } from './door/secret.ts'
import type { SigningKeys } from './door/signing-keys.ts'
import type { Metrics } from './metrics.ts'
import type { PgAgentServers } from './pgagent/servers.ts'
import type { Schemas } from './schemas.ts'
import type { ServerSettings } from './settings.ts'

/** Lists finished backups, newest first. */
export type ListBackups = () => Promise<z.output<typeof backup>[]>

/** Compares a backup with the database that it would be restored into. */
export type CompareBackup = (filename: string, database: string) => Promise<z.output<typeof backupComparison>>

/** What routes work with. */
export interface Service {
  readonly trunkline: Trunkline
  readonly database: Database
  readonly identity: Identity
  readonly keys: SigningKeys
  readonly secret: Secret
  readonly schemas: Schemas
  readonly metrics: Metrics
  /** Finished backups, newest first; null where this server knows no storage. */
  readonly backups: ListBackups | null
  /** Null where this server cannot look into backups. */
  readonly compareBackup: CompareBackup | null
  /** Servers with a schema `pgagent`. */
  readonly pgagent: PgAgentServers
  readonly settings: ServerSettings
  readonly version: string
  readonly startedAt: Date
}
