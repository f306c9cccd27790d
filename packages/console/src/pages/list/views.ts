import { useSyncExternalStore } from 'react'
import type { Asked } from './list-data.ts'

/** A list that somebody has given a name; kept in this browser. */
export interface View extends Asked {
  name: string
}

const key = 'trunkline-views'
const most = 30
const listeners = new Set<() => void>()
let current: readonly View[] = read()

function isView(value: unknown): value is View {
  const view = value as View | null
  return typeof view === 'object' && view !== null && [view.name, view.q, view.state, view.sort].every((text) => typeof text === 'string')
}

function read(): readonly View[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(key) ?? '[]')
    return Array.isArray(kept) ? kept.filter(isView) : []
  } catch {
    return []
  }
}

function become(next: readonly View[]): void {
  current = next
  try {
    localStorage.setItem(key, JSON.stringify(next))
  } catch {
    // a browser that keeps nothing still has them until the page is left
  }
  for (const listener of listeners) listener()
}

const byName = (a: View, b: View) => a.name.localeCompare(b.name)

/** Keeps a view, in place of one of the same name. */
export function saveView(view: View): void {
  become([...current.filter(({ name }) => name !== view.name), view].sort(byName).slice(0, most))
}

/** Forgets a view. */
export function removeView(name: string): void {
  become(current.filter((view) => view.name !== name))
}

window.addEventListener('storage', (event) => {
  if (event.key !== key) return
  current = read()
  for (const listener of listeners) listener()
})

/** The views of this browser, by name; live, in all its tabs. */
export function useViews(): readonly View[] {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => current,
  )
}

/** The view that shows just this; null = none has this name yet. */
export function viewOf(views: readonly View[], asked: Asked): View | null {
  return views.find(({ q, state, sort }) => q === asked.q && state === asked.state && sort === asked.sort) ?? null
}
