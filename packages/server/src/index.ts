// The front door: the service, its settings, and what the command line does with users and keys.
export { addFirstOwner } from './door/accounts.ts'
export { createServer, type Server, type ServerEvent, type ServerOptions } from './server.ts'
export { type ServerSettings, serverSettings } from './settings.ts'
