import { access, constants, statfs } from 'node:fs/promises'
import { isTrunklineError, TrunklineError } from '@trunkline/contract'
import type { Trunkline } from '@trunkline/engine'
import { type Database, type DatabaseOptions, openDatabase, schemaState, serverFacts } from '@trunkline/engine/postgres'
import { findPgAgentHealth } from '@trunkline/pgagent'
import { findDumpTools } from '@trunkline/tasks'
import type { Command } from 'commander'
import { settingsOf, wantsJson } from '../command.ts'
import { openRegistry, servedServers } from '../pgagent-agents.ts'
import { backupStorage, connect, databaseOptions, pgAgentDatabase, version } from '../platform.ts'
import { plain, printJson, sizeText } from '../print.ts'
import type { Settings } from '../settings.ts'

/** One thing that was looked at. `cure` says how to mend what is wrong. */
interface Finding {
  what: string
  state: 'ok' | 'warning' | 'wrong'
  found: string
  cure?: string
  /** Of a health warning: stable, for programs. */
  code?: string
}

type Check = (settings: Settings) => Promise<Finding[]>

const ok = (what: string, found: string): Finding => ({ what, state: 'ok', found })
const wrong = (what: string, error: unknown): Finding => {
  const finding: Finding = { what, state: 'wrong', found: error instanceof Error ? error.message : String(error) }
  return isTrunklineError(error) ? { ...finding, cure: error.hint } : finding
}

async function checkNode(): Promise<Finding[]> {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const good = (major === 20 && minor >= 19) || (major === 22 && minor >= 13) || major >= 24
  const finding = ok('versions', `Trunkline ${version}, Node ${process.versions.node}, ${process.platform}-${process.arch}`)
  return [good ? finding : { ...finding, state: 'wrong', cure: 'Use Node 20.19, 22.13, 24 or newer.' }]
}

async function checkFolder(settings: Settings): Promise<Finding[]> {
  const { dataDir } = settings
  try {
    await access(dataDir, constants.R_OK | constants.W_OK)
    const { bavail, bsize } = await statfs(dataDir)
    const free = bavail * bsize
    const finding = ok('data directory', `${dataDir}, ${sizeText(free)} free`)
    return [free < 1e9 ? { ...finding, state: 'warning', cure: 'Make room: below 1 GB the database may stop.' } : finding]
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    return [
      {
        what: 'data directory',
        state: missing ? 'warning' : 'wrong',
        found: missing ? `${dataDir} does not exist yet` : (error as Error).message,
        cure: missing
          ? 'It is made by: trunkline up (npm start).'
          : 'Give this user the right to read and write it, or choose another with TRUNKLINE_DATA_DIR.',
      },
    ]
  }
}

async function checkDatabase(settings: Settings): Promise<Finding[]> {
  const findings: Finding[] = []
  const database = openDatabase({ ...(await databaseOptions(settings)), connectTimeoutMs: 5000 })
  try {
    const begun = Date.now()
    const facts = await serverFacts(database)
    findings.push(ok('database', `PostgreSQL ${facts.version}, answers in ${Date.now() - begun} ms`))
    if (!facts.fsync || !facts.fullPageWrites)
      findings.push({
        what: 'durability',
        state: 'wrong',
        found: `fsync ${facts.fsync ? 'on' : 'off'}, full_page_writes ${facts.fullPageWrites ? 'on' : 'off'}`,
        cure: 'Switch both on in postgresql.conf: an accepted job could be lost.',
      })
    if (facts.readOnly)
      findings.push({ what: 'database', state: 'wrong', found: 'it is read-only', cure: 'Point DATABASE_URL to the primary.' })
    const [row] = await database.query(
      `select (extract(epoch from clock_timestamp()) * 1000)::float8 now, has_database_privilege(current_database(), 'create') may, current_user who`,
    )
    const skew = Math.round(row.now - Date.now())
    findings.push(
      Math.abs(skew) < 2000
        ? ok('clock', `${skew} ms from the database's`)
        : {
            what: 'clock',
            state: 'warning',
            found: `${skew} ms from the database's`,
            cure: 'Jobs follow the clock of the database; set both by NTP so that times you read agree.',
          },
    )
    const state = await schemaState(database)
    if (state.tooNew)
      findings.push({
        what: 'schema',
        state: 'wrong',
        found: `"${settings.schema}" was migrated by a newer version (${state.applied} of ${state.known})`,
        cure: 'Upgrade this version.',
      })
    else if (state.applied < state.known)
      findings.push({
        what: 'schema',
        state: 'wrong',
        found: `"${settings.schema}" stands at ${state.applied} of ${state.known}`,
        cure:
          row.may || state.applied > 0
            ? 'Run: trunkline migrate'
            : `Run as an administrator: grant create on database current to ${row.who}; then: trunkline migrate`,
      })
    else findings.push(ok('schema', `"${settings.schema}" is up to date (${state.applied})`))
    findings.push(await poolerFinding(database))
    findings.push(dumpFinding(settings, Math.floor(facts.versionNumber / 10_000)))
  } finally {
    await database.close()
  }
  return findings
}

async function poolerFinding(database: Database): Promise<Finding> {
  if (!(await database.pooled())) return ok('pooler', 'none that changes connections between transactions')
  const found = 'one in transaction mode stands before the database'
  if (database.direct === database) {
    const cure = 'Set DATABASE_DIRECT_URL to a way past it: workers then listen, and need not ask every second.'
    return { what: 'pooler', state: 'warning', found, cure }
  }
  try {
    await database.direct.query('select 1')
    return ok('pooler', `${found}; DATABASE_DIRECT_URL leads past it`)
  } catch (error) {
    return wrong('direct URL', error)
  }
}

function dumpFinding(settings: Settings, major: number): Finding {
  const tools = findDumpTools(settings.backup.pgDump ? { pgDump: settings.backup.pgDump } : {})
  const fit = tools.find((tool) => tool.major >= major)
  if (fit) return ok('pg_dump', `${fit.path} (${fit.version})`)
  const found = tools[0] ? `${tools[0].path} is ${tools[0].version}, too old for PostgreSQL ${major}` : 'none is installed'
  return {
    what: 'pg_dump',
    state: 'warning',
    found: `${found}; databases up to 150 MB are backed up by the built-in dump`,
    cure: `Install it for larger ones: apt-get install postgresql-client-${major}`,
  }
}

async function checkStorage(settings: Settings): Promise<Finding[]> {
  await backupStorage(settings).check()
  return [ok('storage', `${settings.backupDir} can be written to`)]
}

/** Looks by way of the library; where nobody can connect, the check of the database has said so. */
async function withQueue(settings: Settings, look: (trunkline: Trunkline) => Promise<Finding[]>): Promise<Finding[]> {
  const found = ['database_unavailable', 'database_unsupported', 'database_unsafe', 'schema_missing', 'schema_too_new']
  const trunkline = await connect(settings).catch((error) => {
    if (isTrunklineError(error) && found.includes(error.code)) return null
    throw error
  })
  if (!trunkline) return []
  try {
    return await look(trunkline)
  } finally {
    await trunkline.close()
  }
}

async function checkQueue(settings: Settings): Promise<Finding[]> {
  return await withQueue(settings, async (trunkline) => {
    const warnings = await trunkline.health()
    if (warnings.length === 0) return [ok('health', 'nothing endangers the queue')]
    return warnings.map(({ code, sentence, hint }) => ({ what: 'health', state: 'warning', found: sentence, cure: hint, code }))
  })
}

async function checkPgAgentAt(way: DatabaseOptions, timezone: string, name: string): Promise<Finding[]> {
  const database = openDatabase({ ...way, connectTimeoutMs: 5000 })
  try {
    const findings = await findPgAgentHealth(database, timezone)
    return findings.map((finding) => ({ ...finding, what: `${name} ${finding.what}` }))
  } finally {
    await database.close()
  }
}

async function checkPgAgent(settings: Settings): Promise<Finding[]> {
  return await checkPgAgentAt(await pgAgentDatabase(settings), settings.pgagent.timezone, 'pgAgent')
}

/** Of a registered server whose jobs are to run here. */
async function checkServed(settings: Settings, sid: string): Promise<Finding[]> {
  const registry = await openRegistry(settings)
  try {
    const { connectionString, timezone } = await registry.find(sid)
    return await checkPgAgentAt({ connectionString }, timezone, `pgAgent ${sid}`)
  } finally {
    await registry.close()
  }
}

/** Reads the whole history; see `Trunkline.reconcile`. */
async function checkCounters(settings: Settings, repair: boolean): Promise<Finding[]> {
  return await withQueue(settings, async (trunkline) => {
    const differences = await trunkline.reconcile({ repair })
    if (differences.length === 0) return [ok('counters', 'they agree with the history')]
    return differences.map(({ queue, task, state, counted, there }) => {
      const found = `queue ${queue}, task ${task}: ${counted} ${state} counted, ${there} there`
      if (repair) return { what: 'counters', state: 'warning', found: `${found}; repaired` }
      return { what: 'counters', state: 'wrong', found, cure: 'Run: trunkline doctor --counters --repair' }
    })
  })
}

interface Flags {
  counters?: boolean
  repair?: boolean
}

function checksFor({ counters = false, repair = false }: Flags, { pgagent }: Settings): [string, Check][] {
  if (repair && !counters) throw new TrunklineError('usage', { problem: '--repair belongs to --counters', where: 'doctor' })
  return [
    ['versions', checkNode],
    ['data directory', checkFolder],
    ['database', checkDatabase],
    ['storage', checkStorage],
    ['health', checkQueue],
    ...(pgagent.enabled ? [['pgAgent', checkPgAgent] as [string, Check]] : []),
    ...servedServers(pgagent).map((sid): [string, Check] => [`pgAgent ${sid}`, (settings) => checkServed(settings, sid)]),
    ...(counters ? [['counters', (settings) => checkCounters(settings, repair)] as [string, Check]] : []),
  ]
}

/** `trunkline doctor`: what is wrong here, and how to mend it. */
export function doctorCommand(program: Command): void {
  program
    .command('doctor')
    .description('check versions, folders, database, clock, pg_dump, storage and the health of the queue; says how to mend what is wrong')
    .option('--counters', 'also prove the counters of ended jobs; reads the whole history')
    .option('--repair', 'with --counters: book the differences')
    .action(async (flags: Flags, command: Command) => {
      const settings = settingsOf(command)
      const findings: Finding[] = []
      for (const [what, check] of checksFor(flags, settings))
        findings.push(...(await check(settings).catch((error) => [wrong(what, error)])))
      if (wantsJson(command)) printJson({ data: findings })
      else
        for (const { what, state, found, cure } of findings)
          console.log(`${state.padEnd(7)}  ${what.padEnd(14)}  ${plain(found)}${cure ? `\n${' '.repeat(25)}→ ${plain(cure)}` : ''}`)
      if (findings.some((f) => f.state === 'wrong')) process.exitCode = 1
    })
}
