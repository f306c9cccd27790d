// The front door: the service, and what the command line does with users, keys and the audit.
export {
  type Account,
  addAccount,
  addFirstOwner,
  deleteAccount,
  findByEmail,
  listAccounts,
  updateAccount,
} from './door/accounts.ts'
export { type ApiKey, addApiKey, listApiKeys, revokeApiKey } from './door/api-keys.ts'
export { type AuditLine, listAudit, verifyAudit, writeAudit } from './door/audit.ts'
export { randomPassword } from './door/passwords.ts'
export { retireSigningKeys } from './door/signing-keys.ts'
export { openPgAgentRegistry, type PgAgentRegistry, type PgAgentWay } from './pgagent/registry.ts'
export { createServer, type Server, type ServerEvent, type ServerOptions } from './server.ts'
export type { ServerSettings } from './settings.ts'
