import { isTrunklineError, TrunklineError } from '@trunkline/contract'
import type { Trunkline } from '@trunkline/engine'
import type { AgentEvent, AgentOptions, PgAgentStatus } from '@trunkline/pgagent'
import type { PgAgentRegistry } from '@trunkline/server'
import type { Command } from 'commander'
import { interruption, settingsOf } from '../command.ts'
import { type KeptAgent, keepAgent, openRegistry, servedServers } from '../pgagent-agents.ts'
import { connect, isOwnPgAgent, pgAgentDatabase } from '../platform.ts'
import { plain } from '../print.ts'
import type { Settings } from '../settings.ts'
import { onSupervisorGone, reportReady } from '../supervisor.ts'

const levels = { DEBUG: 0, LOG: 1, WARNING: 2, ERROR: 3 } as const

/** A status letter of pgAgent's log, of a run, as a word. */
export const words: Record<PgAgentStatus, string> = {
  ...{ r: 'runs', s: 'succeeded', f: 'failed', i: 'had nothing to run', d: 'was aborted' },
}

/** An event as a line, with its level. */
function sentence(event: AgentEvent): [keyof typeof levels, string] {
  switch (event.type) {
    case 'registered':
      return ['LOG', `the agent is registered as ${event.pid}`]
    case 'dead_closed':
      return ['WARNING', `${event.runs} runs of agents that are gone were closed as aborted, ${event.sessions} sessions of theirs ended`]
    case 'log_trimmed':
      return ['LOG', `${event.runs} old runs were deleted from the log`]
    case 'run_started':
      return ['DEBUG', `job ${event.jobId} runs (run ${event.runId})`]
    case 'run_cancelled':
      return ['LOG', `run ${event.runId} of job ${event.jobId} is ended, as asked`]
    case 'run_ended': {
      const next = event.scheduleError ? `; its next run cannot be computed: ${event.scheduleError.message}` : ''
      return [
        event.status === 's' && !next ? 'LOG' : 'WARNING',
        `job ${event.jobId} ${words[event.status as PgAgentStatus]} (run ${event.runId})${next}`,
      ]
    }
    case 'error':
      return ['ERROR', event.error.message]
  }
}

/** Lines about the events of an agent; of that of a registered server with its sid. */
function narrate(least: number, sid: string) {
  const who = sid === 'default' ? 'pgagent' : `pgagent ${sid}`
  return (event: AgentEvent): void => {
    const [level, text] = sentence(event)
    if (levels[level] >= least) console.log(`${new Date().toISOString()} ${who} ${level}: ${plain(text)}`)
  }
}

type Steps = Pick<Settings['pgagent'], 'step_user' | 'step_password' | 'allow_batch' | 'max_parallel' | 'keep_log_days' | 'keep_log_runs'>

/** How jobs run: whose steps and how many is said for each server, the rest is the agent's. */
function agentOptions({ pgagent: of }: Settings, steps: Steps): Omit<AgentOptions, 'database' | 'timezone' | 'onEvent'> {
  const { step_user: user, step_password: password } = steps
  return {
    pollMs: of.poll_time * 1000,
    retryOnCrash: of.retry_on_crash,
    allowBatch: steps.allow_batch,
    maxParallel: steps.max_parallel,
    keepLog: { days: steps.keep_log_days, runs: steps.keep_log_runs },
    stepUser: user === undefined ? undefined : { user, ...(password ? { password } : {}) },
  }
}

/** An agent needs no queue of Trunkline: where there is none, its runs are in pgAgent's log alone. */
async function openQueue(settings: Settings, onError: (error: Error) => void): Promise<Trunkline | null> {
  try {
    return await connect(settings, { onError })
  } catch (error) {
    if (!isTrunklineError(error, 'schema_missing') && !isTrunklineError(error, 'database_unavailable')) throw error
    console.error(`warning: runs are not shown as jobs: ${plain(error.message)}`)
    return null
  }
}

function leadsElsewhere(sid: string, where: string): TrunklineError {
  return new TrunklineError('not_configured', {
    what: `the step user of the pgAgent server ${sid} at ${where}`,
    advice: `The server is registered there by now: if its step user is to go there, change host and port of pgagent.serve.${sid}.`,
  })
}

/** The agents that these settings ask for: of their own schema, and of each registered server that is served. */
async function agentsFor(settings: Settings, trunkline: Trunkline | null, registry: PgAgentRegistry | null): Promise<KeptAgent[]> {
  const { pgagent } = settings
  const lookMs = pgagent.poll_time * 1000
  const kept = (sid: string, steps: Steps, find: Parameters<typeof keepAgent>[0]['find']) =>
    keepAgent({ sid, find, agent: agentOptions(settings, steps), trunkline, lookMs, onEvent: narrate(pgagent.log_level, sid) })
  const agents = Object.entries(pgagent.serve ?? {}).map(([sid, steps]) =>
    kept(sid, steps, async () => {
      const { identity, connectionString, host, port, timezone } = await (registry as PgAgentRegistry).find(sid)
      if (steps.host !== undefined && (steps.host !== host || steps.port !== port)) throw leadsElsewhere(sid, `${host}:${port}`)
      return { identity, database: { connectionString }, isOwn: false, timezone }
    }),
  )
  if (registry && !pgagent.enabled) return agents
  const database = await pgAgentDatabase(settings)
  return [
    kept('default', pgagent, async () => ({ identity: 'settings', database, isOwn: isOwnPgAgent(settings), timezone: pgagent.timezone })),
    ...agents,
  ]
}

/** Runs what is due on each server; one that fails hinders no other one. @throws what hindered the first that failed */
async function runAllOnce(agents: readonly KeptAgent[]): Promise<void> {
  const ended = await Promise.allSettled(agents.map((agent) => agent.runOnce()))
  const n = ended.reduce((sum, end) => sum + (end.status === 'fulfilled' ? end.value : 0), 0)
  const reasons = ended.flatMap((end) => (end.status === 'rejected' ? [end.reason as Error] : []))
  if (n > 0 || reasons.length === 0) console.log(n === 0 ? 'no job is due' : `${n} ${n === 1 ? 'job has' : 'jobs have'} run`)
  for (const error of reasons.slice(1)) console.error(plain(error.message))
  if (reasons[0]) throw reasons[0]
}

async function runUntilStopped(agents: readonly KeptAgent[], stop: AbortSignal): Promise<void> {
  for (const agent of agents) agent.start()
  onSupervisorGone(() => process.exit(1))
  reportReady()
  if (!stop.aborted) await new Promise((resolve) => stop.addEventListener('abort', resolve))
}

/** `trunkline pgagent`: runs due jobs until it is stopped, or once. */
export async function runAgent({ once }: { once?: boolean }, command: Command): Promise<void> {
  const settings = settingsOf(command)
  const stop = interruption()
  const say = narrate(settings.pgagent.log_level, 'default')
  const registry = servedServers(settings.pgagent).length > 0 ? await openRegistry(settings) : null
  const trunkline = await openQueue(settings, (error) => say({ type: 'error', error }))
  const agents = await agentsFor(settings, trunkline, registry)
  const kill = new AbortController()
  try {
    // with nothing else to do, what hinders it is its end
    if (!registry) await agents[0]?.begin()
    await (once ? runAllOnce(agents) : runUntilStopped(agents, stop))
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => kill.abort())
    await Promise.all(agents.map((agent) => agent.stop(kill.signal)))
    await trunkline?.close()
    await registry?.close()
  }
}
