import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { migrate, openDatabase } from '../../packages/engine/src/postgres/index.ts'
import { startEmbedded } from '../../packages/trunkline/src/embedded.ts'
import { startPgBouncer } from './pgbouncer.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** The version that comes with the product. */
const newest = 18

declare module 'vitest' {
  export interface ProvidedContext {
    /** URL of the maintenance database of the test server. */
    server: string
    /** The same by way of a pgbouncer in transaction mode, in the project of that name; else empty. */
    pooler: string
    /** Name of a migrated database to copy. */
    template: string
    /** Are large figures asked for? The other projects look at the same with fewer rows. */
    thorough: boolean
  }
}

/** One server per run and major version: a given one, or the embedded one. A database per test file is copied from a template. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  // journeys and examples use what people install: the build
  if (project.name === 'postgresql 18')
    execFileSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
  const major = Number(/^postgresql (\d+)$/.exec(project.name)?.[1] ?? newest)
  const given = process.env[major === newest ? 'TRUNKLINE_TEST_DATABASE_URL' : `TRUNKLINE_TEST_DATABASE_URL_${major}`]
  let stop = async () => {}
  let server = given
  if (!server) {
    const dataDir = mkdtempSync(join(quickFolder(), `trunkline-test-${major}-`))
    const embedded = await startEmbedded({ dataDir, ...(major === newest ? {} : { binaries: binariesOf(major) }) })
    server = embedded.connectionString('postgres')
    stop = async () => {
      await embedded.stop()
      rmSync(dataDir, { recursive: true, force: true })
    }
  }
  const template = `template_${randomBytes(4).toString('hex')}`
  const admin = new pg.Client({ connectionString: server })
  await admin.connect()
  await admin.query(`create database ${template}`)
  const url = new URL(server)
  url.pathname = `/${template}`
  const database = openDatabase({ connectionString: url.href })
  await migrate(database)
  await database.close()
  // few connections for each database, so that they change hands
  const bouncer = project.name === 'pgbouncer' ? await startPgBouncer({ server, poolSize: 5 }) : null
  project.provide('server', server)
  project.provide('pooler', bouncer?.through(server) ?? '')
  project.provide('template', template)
  project.provide('thorough', project.name === 'postgresql 18')
  return async () => {
    await bouncer?.stop()
    await admin.query(`drop database if exists ${template} with (force)`).catch(() => {})
    await admin.end().catch(() => {})
    await stop()
  }
}

/** Memory, where there is enough of it: a commit then waits for no disk. What must survive a crash is tested on servers of its own. */
function quickFolder(): string {
  const memory = '/dev/shm'
  if (!existsSync(memory)) return tmpdir()
  const { bavail, bsize } = statfsSync(memory)
  return bavail * bsize > 8e9 ? memory : tmpdir()
}

/** The oldest comes with the repository, those between are installed when they are asked for. */
function binariesOf(major: number): string {
  const home = major === 15 ? root : join(root, 'test/postgresql-versions')
  const folder = join(home, 'node_modules', `pg${major}`)
  if (home !== root && !existsSync(folder))
    execFileSync('npm', ['ci', '--ignore-scripts'], { cwd: home, stdio: ['ignore', 'ignore', 'inherit'] })
  if (!existsSync(join(folder, 'native'))) throw new Error(`the npm alias pg${major} has no binaries for this platform`)
  return folder
}
