import { ApiError } from '@trunkline/client'
import { useSyncExternalStore } from 'react'

const listeners = new Set<() => void>()
let isExpired = false

function become(expired: boolean): void {
  if (isExpired === expired) return
  isExpired = expired
  for (const listener of listeners) listener()
}

/** A call was refused because the session is over: the page stays, and asks for the password. */
export function reportExpired(error: unknown): void {
  if (error instanceof ApiError && error.status === 401 && error.code !== 'login_failed') become(true)
}

/** The session is open again. */
export function reportRenewed(): void {
  become(false)
}

export function useExpired(): boolean {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => isExpired,
  )
}
