import { randomBytes } from 'node:crypto'
import type { PgAgentListenerEvent, PgAgentStatusEvent } from '@trunkline/contract'
import { createStatusListener, type ListenerState, type StatusListener, type StatusUpdate } from '@trunkline/pgagent'
import { explain } from '../door/problems.ts'
import type { PgAgentServers } from '../pgagent/servers.ts'

/** So many updates are kept for clients that come back. */
const mostKept = 2000

/** What one server tells, for all clients. */
export interface PgAgentFeed {
  readonly sid: string
  /** How the listener stands. */
  state(): PgAgentListenerEvent
  /** Where it is now. */
  seq(): string
  /** What was told after `seq`; null = it is not known any more. */
  since(seq: string): PgAgentStatusEvent[] | null
  /** Begins, also anew after it has given up. */
  start(): void
  /** Connects anew when the server was changed since. */
  check(): Promise<void>
  stop(): Promise<void>
}

const now = () => new Date().toISOString()

/** Makes {@link PgAgentFeed}: one LISTEN, whoever listens to it. */
export function createPgAgentFeed(
  sid: string,
  servers: PgAgentServers,
  { onUpdate, onState }: { onUpdate: (event: PgAgentStatusEvent) => void; onState: (event: PgAgentListenerEvent) => void },
): PgAgentFeed {
  // numbers of another listener mean nothing here
  const epoch = randomBytes(6).toString('hex')
  const kept: PgAgentStatusEvent[] = []
  let n = 0
  let state: PgAgentListenerEvent = { sid, state: 'connecting', attempt: 0, seq: `${epoch}-0`, at: now() }
  let version: number | null = null
  let listener: StatusListener | null = null

  function heard({ jobId, jobName, logId, step, status, startedAt, ms }: StatusUpdate): void {
    const event: PgAgentStatusEvent = {
      ...{ sid, jobId: String(jobId), jobName, logId: String(logId), status, startedAt: startedAt.toISOString(), durationMs: ms },
      ...(step ? { stepId: String(step.id), stepName: step.name, stepLogId: String(step.logId), result: step.result } : {}),
      seq: `${epoch}-${++n}`,
      at: now(),
    }
    kept.push(event)
    if (kept.length > mostKept) kept.shift()
    onUpdate(event)
  }

  function stands(next: ListenerState): void {
    // why is told without addresses: administrators ask for a test
    const error = 'error' in next ? { error: explain(servers.said(next.error, sid), '').problem.detail ?? 'it cannot be reached' } : {}
    state = { sid, state: next.state, attempt: next.attempt, ...error, seq: `${epoch}-${n}`, at: now() }
    onState(state)
  }

  return {
    sid,
    state: () => state,
    seq: () => `${epoch}-${n}`,
    since(seq) {
      const [of, text = ''] = seq.split('-')
      const after = Number(text)
      if (of !== epoch || !Number.isInteger(after) || after > n || after < n - kept.length) return null
      return kept.slice(kept.length - (n - after))
    },
    start() {
      listener ??= createStatusListener({
        async database() {
          const server = await servers.lookup(sid)
          version = server.version
          return servers.open(server)
        },
        onUpdate: heard,
        onState: stands,
      })
      listener.start()
    },
    async check() {
      const found = await servers.lookup(sid).catch(() => null)
      if (version !== null && found !== null && found.version !== version) listener?.renew()
    },
    async stop() {
      await listener?.stop()
      listener = null
    },
  }
}
