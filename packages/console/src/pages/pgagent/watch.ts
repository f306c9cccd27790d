import type { PgAgentListenerEvent, PgAgentStatusEvent } from '@trunkline/client/contract'
import { useCallback, useEffect, useState } from 'react'
import { holdBack, readAgain, readOlder } from '../../live/live.ts'
import { client } from '../../session.tsx'

/** How the live status of a server stands. */
export interface Watching {
  /** Null until the first word of the server. */
  listener: PgAgentListenerEvent | null
  refused: string | null
  /** The last change that came, for what flashes once. */
  latest: PgAgentStatusEvent | null
  /** Listens anew, also after it has given up. */
  again: () => void
}

/** Listens to the status of a server's jobs as long as the component is there; what it changes is read again. @param sid null = none */
export function useWatching(sid: string | null): Watching {
  const [round, setRound] = useState(0)
  const [listener, setListener] = useState<PgAgentListenerEvent | null>(null)
  const [refused, setRefused] = useState<string | null>(null)
  const [latest, setLatest] = useState<PgAgentStatusEvent | null>(null)
  const again = useCallback(() => setRound((before) => before + 1), [])
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new round begins anew with the same server
  useEffect(() => {
    if (sid === null) return
    setListener(null)
    setRefused(null)
    return client.watchPgAgent(sid, {
      onUpdate(event) {
        if (holdBack(1)) return
        setLatest(event)
        readAgain('pgagent', sid)
      },
      onState: setListener,
      onBegin: () => readOlder(['pgagent', sid]),
      onGap: () => {
        if (!holdBack(1)) readAgain('pgagent', sid)
      },
      onRefused: ({ message }) => setRefused(message),
    })
  }, [sid, round])
  return { listener, refused, latest, again }
}
