import type pg from 'pg'
import type { Database } from '../../packages/engine/src/postgres/database.ts'
import type { Link } from '../../packages/engine/src/postgres/link.ts'

/** A database and a link whose every statement runs on one connection, inside the transaction of the test. */
export function onOneConnection(client: pg.Client): { database: Database; link: Link } {
  const part: Pick<Database, 'run' | 'query' | 'transaction'> & Partial<Database> = {
    schema: 'trunkline',
    connectionString: '',
    async run(statement, values) {
      return (await client.query({ name: statement.name, text: statement.text('trunkline'), values })).rows
    },
    async query(text, values) {
      return (await client.query(text, values as unknown[])).rows
    },
    transaction: (work) => work(client),
  }
  const database = part as Database
  const link: Link = {
    async run(statement, values) {
      return (await client.query({ name: `${statement.name}_rows`, text: statement.text('trunkline'), values, rowMode: 'array' })).rows
    },
    connections: () => 1,
    stop: async () => {},
  }
  return { database, link }
}
