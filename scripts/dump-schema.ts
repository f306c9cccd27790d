// Writes packages/engine/migrations/schema.sql: what all migrations make, as text that a review can read.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeSchema } from '../packages/engine/src/postgres/describe-schema.ts'
import { migrate, openDatabase } from '../packages/engine/src/postgres/index.ts'
import { startEmbedded } from '../packages/trunkline/src/embedded.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'trunkline-schema-'))
const embedded = await startEmbedded({ dataDir })
const database = openDatabase({ connectionString: embedded.connectionString() })
try {
  await migrate(database)
  writeFileSync(new URL('../packages/engine/migrations/schema.sql', import.meta.url), await describeSchema(database))
} finally {
  await database.close()
  await embedded.stop()
  rmSync(dataDir, { recursive: true, force: true })
}
