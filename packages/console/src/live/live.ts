import { QueryCache, QueryClient, type QueryKey } from '@tanstack/react-query'
import type { LiveState, Subscriptions } from '@trunkline/client'
import type { JobsServerEvents } from '@trunkline/client/contract'
import { useEffect, useRef, useSyncExternalStore } from 'react'
import { client } from '../session.tsx'
import { reportExpired } from './expired.ts'

/** How live the page is. */
export interface Liveness {
  socket: LiveState['state']
  isPaused: boolean
  /** Changes that came while it was paused. */
  waiting: number
  /** Since when nothing comes; null while it is live. */
  downSince: number | null
}

/** An event of the socket. */
export interface LiveEvent {
  name: keyof JobsServerEvents
  event: any
}

const listeners = new Set<() => void>()
let liveness: Liveness = { socket: client.live.state().state, isPaused: false, waiting: 0, downSince: null }

function become(change: Partial<Liveness>): void {
  liveness = { ...liveness, ...change }
  for (const listener of listeners) listener()
}

client.live.onState(({ state }) => {
  const isDown = state !== 'live' && state !== 'closed'
  become({ socket: state, downSince: isDown ? (liveness.downSince ?? Date.now()) : null })
})

/** While the socket is down pages ask instead, as often as this. */
const askEveryMs = 5000

export const queryClient: QueryClient = new QueryClient({
  queryCache: new QueryCache({ onError: reportExpired }),
  defaultOptions: {
    queries: {
      staleTime: 2000,
      retry: (count, error) => count < 2 && (error as { status?: number }).status === 0,
      refetchOnWindowFocus: () => !liveness.isPaused,
      refetchInterval: () => (liveness.isPaused || liveness.socket === 'live' ? false : askEveryMs),
    },
    mutations: { onError: reportExpired },
  },
})

/** How live the page is, live. */
export function useLiveness(): Liveness {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => liveness,
  )
}

/** Holds every change back, or shows all of them again: what is on screen is read anew then. */
export function pauseLive(isPaused: boolean): void {
  become({ isPaused, waiting: 0 })
  if (!isPaused) void queryClient.invalidateQueries()
}

/** Counts changes that a paused page does not show. @returns whether it is paused */
export function holdBack(changes: number): boolean {
  if (liveness.isPaused) become({ waiting: liveness.waiting + changes })
  return liveness.isPaused
}

/**
 * Hears the events of a room as long as the component is there: all of one frame at once, so that the page is drawn once for them.
 * @param asked what the subject takes; null = nothing is heard
 * @param shown keys of what the events keep up to date, or what reads it: what a page has of it from before it heard anything is read once more
 * @param onGap something may have been missed: read everything again
 */
export function useLive<S extends keyof Subscriptions>(
  subject: S,
  asked: Subscriptions[S] | null,
  shown: readonly QueryKey[] | (() => void),
  onEvents: (events: LiveEvent[]) => void,
  onGap?: () => void,
): void {
  const key = asked === null ? null : JSON.stringify(asked ?? {})
  const current = useRef({ shown, onEvents, onGap })
  useEffect(() => {
    current.current = { shown, onEvents, onGap }
  })
  useEffect(() => {
    if (key === null) return
    let gathered: LiveEvent[] = []
    let frame = 0
    const tell = () => {
      frame = 0
      const events = gathered
      gathered = []
      if (!holdBack(events.length)) current.current.onEvents(events)
    }
    const subscription = client.live.subscribe(subject, (key === '{}' ? undefined : JSON.parse(key)) as Subscriptions[S], {
      onEvent(name, event) {
        gathered.push({ name, event })
        frame ||= requestAnimationFrame(tell)
      },
      onBegin: () => {
        const { shown } = current.current
        if (typeof shown !== 'function') readOlder(...shown)
        else if (!liveness.isPaused) shown()
      },
      onGap: () => {
        if (!liveness.isPaused) current.current.onGap?.()
      },
    })
    return () => {
      cancelAnimationFrame(frame)
      subscription.stop()
    }
  }, [subject, key])
}

/** Reads what begins with a key again, unless it is being read, or the page is paused. */
export function readOlder(...keys: QueryKey[]): void {
  if (liveness.isPaused) return
  for (const queryKey of keys) void queryClient.invalidateQueries({ queryKey }, { cancelRefetch: false })
}

/** A call that is made at once, and then at most every `ms`, the last time after the last wish. */
export function throttled(call: () => void, ms: number): () => void {
  let next = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  return () => {
    if (timer !== undefined) return
    const wait = Math.max(0, next - Date.now())
    timer = setTimeout(() => {
      timer = undefined
      next = Date.now() + ms
      call()
    }, wait)
  }
}

const readers = new Map<string, () => void>()

/** Reads what begins with `key` again, at most every half second however many events say so. */
export function readAgain(...key: string[]): void {
  const name = JSON.stringify(key)
  let reader = readers.get(name)
  if (!reader) {
    reader = throttled(() => void queryClient.invalidateQueries({ queryKey: key }), 500)
    readers.set(name, reader)
  }
  reader()
}
