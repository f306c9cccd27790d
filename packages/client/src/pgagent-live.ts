import { type PgAgentListenAnswer, type PgAgentListenerEvent, type PgAgentStatusEvent, pgAgentNamespace } from '@trunkline/contract'
import type { Http } from './http.ts'
import { openSocket } from './open-socket.ts'

/** What one who watches a pgAgent server hears. */
export interface PgAgentWatcher {
  onUpdate?: (event: PgAgentStatusEvent) => void
  /** How the listener of the server stands: whether it hears at once, polls, or has given up. */
  onState?: (event: PgAgentListenerEvent) => void
  /** From now on nothing is missed. What was read before may be older than the first update: read it once more. */
  onBegin?: () => void
  /** Something was missed: read the runs again. */
  onGap?: () => void
  onRefused?: (error: { code: string; message: string }) => void
}

/** Opens a socket and listens to the status of a server's jobs; after a break it goes on where it was. Returns what ends it. */
export function watchPgAgent(http: Http, sid: string, { onUpdate, onState, onBegin, onGap, onRefused }: PgAgentWatcher): () => void {
  let after: string | null = null
  let isIn = false
  let ended = false
  const socket = openSocket(http, pgAgentNamespace)
  socket.on('connect', () => {
    socket
      .timeout(10_000)
      .emitWithAck('start_job_status_listener', after === null ? { sid } : { sid, after })
      .then((answer: PgAgentListenAnswer) => {
        if (!answer.ok) return onRefused?.(answer.error)
        if (!isIn) onBegin?.()
        else if (answer.gap) onGap?.()
        isIn = true
        if (after === null || answer.gap) after = answer.seq
      })
      .catch(() => {})
  })
  socket.on('job_status_update', (event: PgAgentStatusEvent) => {
    after = event.seq
    onUpdate?.(event)
  })
  socket.on('listener_state', (event: PgAgentListenerEvent) => onState?.(event))
  socket.on('connect_error', (error: Error & { data?: { code: string } }) => {
    if (!error.data) return
    onRefused?.({ code: error.data.code, message: error.message })
    // a token may have been renewed meanwhile
    setTimeout(() => ended || socket.connect(), 5000)
  })
  socket.on('disconnect', (reason) => {
    if (reason === 'io server disconnect') setTimeout(() => ended || socket.connect(), 1000)
  })
  return () => {
    ended = true
    socket.emit('stop_job_status_listener', { sid })
    socket.disconnect()
  }
}
