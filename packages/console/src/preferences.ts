import { useSyncExternalStore } from 'react'

/** What somebody likes; kept in this browser. */
export interface Preferences {
  /** `browser`, or the name of a time zone. */
  zone: string
  density: 'comfortable' | 'compact'
  /** Single-key shortcuts. */
  shortcuts: boolean
  /** The rail shows icons only. */
  narrow: boolean
  /** The list of jobs shows beside it what they have in common. */
  facets: boolean
}

const key = 'trunkline-preferences'
const initial: Preferences = { zone: 'browser', density: 'comfortable', shortcuts: true, narrow: false, facets: true }
const listeners = new Set<() => void>()
let current: Preferences = read()

function read(): Preferences {
  try {
    return { ...initial, ...JSON.parse(localStorage.getItem(key) ?? '{}') }
  } catch {
    return initial
  }
}

function apply(): void {
  document.documentElement.dataset.density = current.density
}
apply()

/** Changes a preference. */
export function prefer(change: Partial<Preferences>): void {
  current = { ...current, ...change }
  try {
    localStorage.setItem(key, JSON.stringify(current))
  } catch {
    // a browser that keeps nothing still shows what was chosen
  }
  apply()
  for (const listener of listeners) listener()
}

function listen(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** The preferences, live. */
export function usePreferences(): Preferences {
  return useSyncExternalStore(listen, () => current)
}

let here: string | undefined
/** The time zone of this browser. */
export function browserZone(): string {
  // asked once: the answer costs as much as drawing the row of a list, and each row asks
  here ??= Intl.DateTimeFormat().resolvedOptions().timeZone
  return here
}

/** The time zone in which times are shown. */
export function useZone(): string {
  const { zone } = usePreferences()
  return zone === 'browser' ? browserZone() : zone
}
