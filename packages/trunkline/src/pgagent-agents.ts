import { isTrunklineError, TrunklineError } from '@trunkline/contract'
import type { Trunkline } from '@trunkline/engine'
import { type Database, type DatabaseOptions, openDatabase } from '@trunkline/engine/postgres'
import {
  type Agent,
  type AgentEvent,
  type AgentOptions,
  createAgent,
  installSchema,
  type RunsAsJobs,
  showRunsAsJobs,
  watch,
} from '@trunkline/pgagent'
import type { PgAgentRegistry } from '@trunkline/server'
import { codeVersion, databaseOptions } from './platform.ts'
import type { Settings } from './settings.ts'

/** Do these settings ask for an agent, of their own schema or of registered servers? */
export function hasAgent({ pgagent }: Settings): boolean {
  return pgagent.enabled || servedServers(pgagent).length > 0
}

/** Registered servers whose jobs are to run here. */
export function servedServers({ serve = {} }: Settings['pgagent']): string[] {
  return Object.keys(serve)
}

/** The registered servers; loaded only where it is called, since it brings the whole server along. */
export async function openRegistry(settings: Settings): Promise<PgAgentRegistry> {
  const { openPgAgentRegistry } = await import('@trunkline/server')
  return openPgAgentRegistry({ database: await databaseOptions(settings), settings: settings.server, dataDir: settings.dataDir })
}

/** Looks whether pgAgent's schema and what this version keeps beside it are there. @throws `pgagent_missing` */
export async function checkPgAgentSchema(database: Database): Promise<void> {
  const [row] = await database.query<{ there: boolean; name: string }>(
    `select to_regclass('pgagent.pga_job') is not null and to_regclass('trunkline_pgagent.step_notice') is not null there, current_database() as name`,
  )
  if (!row?.there) throw new TrunklineError('pgagent_missing', { where: `database ${row?.name}` })
}

/**
 * Sees to what an agent finds: in Trunkline's own database the schema is made where it is missing; elsewhere only what stands beside it, once
 * installed, follows the version of the agent. Where the role may not do that, it is left as it is.
 */
async function prepareSchema(database: Database, isOwn: boolean): Promise<void> {
  const [row] = await database.query<{ there: boolean; beside: boolean; current: boolean }>(
    `select to_regclass('pgagent.pga_job') is not null there, to_regnamespace('trunkline_pgagent') is not null beside,
       to_regclass('trunkline_pgagent.step_notice') is not null current`,
  )
  if (!row || (row.there && row.current) || !(isOwn || (row.there && row.beside))) return
  try {
    await installSchema(database)
    if (!row.there || !row.beside) await watch(database)
  } catch (error) {
    if ((error as { code?: string }).code !== '42501') throw error
  }
}

/** Where the schema of a server is by now. */
export interface Way {
  /** Another one after every change: then the agent is made anew. */
  identity: string
  database: DatabaseOptions
  /** Is it Trunkline's own database? */
  isOwn: boolean
  timezone: string
}

/** What {@link keepAgent} needs. */
export interface KeptAgentOptions {
  sid: string
  /** Asked at every look. @throws `server_not_found` or `not_configured` when its agent is to end; what else it throws leaves the agent alone */
  find(): Promise<Way>
  /** How its jobs run. */
  agent: Omit<AgentOptions, 'database' | 'timezone' | 'onEvent'>
  /** The queue in which runs are shown as jobs; null where there is none. */
  trunkline: Trunkline | null
  /** How often the way to it is looked at again. */
  lookMs: number
  onEvent: (event: AgentEvent) => void
}

/** The agent of one server, as long as that server is to be served. */
export interface KeptAgent {
  /** Makes its agent now. @throws what hinders it */
  begin(): Promise<void>
  /** Serves it until `stop`. A server that is away or lacks its schema is tried again; it disturbs no other one. */
  start(): void
  /** Runs what is due there. @throws what hinders it */
  runOnce(): Promise<number>
  /** Waits for what runs, until `kill` aborts. */
  stop(kill: AbortSignal): Promise<void>
}

interface Running {
  identity: string
  agent: Agent
  shown: RunsAsJobs | null
  database: Database
}

async function begin(way: Way, { sid, agent: how, trunkline, onEvent }: KeptAgentOptions): Promise<Running> {
  const database = openDatabase({ ...way.database, applicationName: 'trunkline pgagent' })
  try {
    await prepareSchema(database, way.isOwn)
    await checkPgAgentSchema(database)
    const { maxParallel = 8 } = how
    const onError = (error: Error) => onEvent({ type: 'error', error })
    const shown = trunkline && (await showRunsAsJobs(trunkline, { server: sid, database, maxParallel, version: codeVersion(), onError }))
    const hear = (event: AgentEvent) => {
      onEvent(event)
      shown?.hear(event)
    }
    return { identity: way.identity, agent: createAgent({ ...how, database, timezone: way.timezone, onEvent: hear }), shown, database }
  } catch (error) {
    await database.close()
    throw error
  }
}

/** Keeps the agent of a server: it begins when the server can be reached, is made anew when the way to it changes, and ends when it is gone. */
export function keepAgent(options: KeptAgentOptions): KeptAgent {
  const kill = new AbortController()
  let running: Running | undefined
  let timer: NodeJS.Timeout | undefined
  let turn: Promise<void> = Promise.resolve()
  let started = false
  let stopping = false
  let said = ''

  /** What was said is not repeated at every look. */
  function tell(error: Error): void {
    if (error.message !== said) options.onEvent({ type: 'error', error })
    said = error.message
  }

  async function end(): Promise<void> {
    const last = running
    running = undefined
    await last?.agent.stop(kill.signal)
    await last?.shown?.stop()
    await last?.database.close()
  }

  async function look(): Promise<void> {
    let way: Way
    try {
      way = await options.find()
    } catch (error) {
      if (isTrunklineError(error, 'server_not_found') || isTrunklineError(error, 'not_configured')) await end()
      throw error
    }
    if (running && running.identity !== way.identity) await end()
    if (running || stopping) return
    running = await begin(way, options)
    if (started) running.agent.start()
  }

  async function keep(): Promise<void> {
    try {
      await look()
      said = ''
    } catch (error) {
      tell(error as Error)
    }
    if (!stopping) timer = setTimeout(again, options.lookMs)
  }

  function again(): void {
    turn = keep()
  }

  return {
    begin: look,
    start() {
      started = true
      running?.agent.start()
      again()
    },
    async runOnce() {
      await look()
      return (await running?.agent.runOnce()) ?? 0
    },
    async stop(signal) {
      stopping = true
      clearTimeout(timer)
      const now = () => kill.abort()
      if (signal.aborted) now()
      signal.addEventListener('abort', now)
      await turn
      clearTimeout(timer)
      await end()
      signal.removeEventListener('abort', now)
    },
  }
}
