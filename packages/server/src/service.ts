import type { Trunkline } from '@trunkline/engine'
import type { Database } from '@trunkline/engine/postgres'
import type { Identity } from './door/identity.ts'
import type { Secret } from './door/secret.ts'
import type { SigningKeys } from './door/signing-keys.ts'
import type { ServerSettings } from './settings.ts'

/** What routes work with. */
export interface Service {
  readonly trunkline: Trunkline
  readonly database: Database
  readonly identity: Identity
  readonly keys: SigningKeys
  readonly secret: Secret
  readonly settings: ServerSettings
  readonly version: string
  readonly startedAt: Date
}
