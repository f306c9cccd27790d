// The second front door, `@trunkline/engine/postgres`: what command line and server need of the database itself.
export {
  checkServer,
  type Database,
  type DatabaseOptions,
  openDatabase,
  type Queryable,
  type ServerFacts,
  serverFacts,
} from './database.ts'
export { checkSchemaState, type Migration, migrate, migrationSql, readMigrations, type SchemaState, schemaState } from './migrate.ts'
export type { Pooler } from './pooler.ts'
export { type Statement, statement } from './statement.ts'
export { isTransient } from './transient.ts'
