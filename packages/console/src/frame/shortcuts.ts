import { useEffect, useRef } from 'react'
import { pauseLive, useLiveness } from '../live/live.ts'
import { usePreferences } from '../preferences.ts'
import { places } from './nav.ts'

/** Is somebody typing, or is a dialog open that has keys of its own? */
export function isElsewhere(event: KeyboardEvent): boolean {
  // an editor in a shadow root is not the target that the page sees
  const target = (event.composedPath()[0] ?? event.target) as HTMLElement
  if (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) return true
  return document.querySelector('[role="dialog"][aria-modal="true"], [role="menu"]') !== null
}

/** Goes to the next or the previous line of the page: rows of tables, and what is marked as a line. */
function walk(step: 1 | -1): void {
  const lines = [...document.querySelectorAll<HTMLElement>('main [data-line], main tbody tr')]
  const places = lines.map((line) => line.querySelector<HTMLElement>('a, button')).filter((place) => place !== null)
  const at = places.findIndex((place) => place.closest('[data-line], tr')?.contains(document.activeElement))
  const next = at < 0 ? places[step > 0 ? 0 : places.length - 1] : places[at + step]
  next?.focus({ preventScroll: true })
  next?.scrollIntoView({ block: 'nearest' })
}

/** The keys that work everywhere. */
export function useShortcuts({ palette, help, go }: { palette: () => void; help: () => void; go: (to: string) => void }): void {
  const { shortcuts } = usePreferences()
  const { isPaused } = useLiveness()
  const current = useRef({ palette, help, go, shortcuts, isPaused })
  useEffect(() => {
    current.current = { palette, help, go, shortcuts, isPaused }
  })
  useEffect(() => {
    let afterG = 0
    const onKey = (event: KeyboardEvent) => {
      const now = current.current
      if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === 'k') {
        event.preventDefault()
        now.palette()
        return
      }
      if (!now.shortcuts || event.metaKey || event.ctrlKey || event.altKey || isElsewhere(event)) return
      if (Date.now() - afterG < 1200) {
        afterG = 0
        const place = places.find(({ key }) => key === event.key)
        if (place) {
          event.preventDefault()
          event.stopImmediatePropagation()
          now.go(place.to)
        }
        return
      }
      if (event.key === 'g') afterG = Date.now()
      else if (event.key === '?') now.help()
      else if (event.key === 't') pauseLive(!now.isPaused)
      else if (event.key === 'j' || event.key === 'k') walk(event.key === 'j' ? 1 : -1)
      else if (event.key === '/') {
        const box = document.querySelector<HTMLElement>('[data-filter-box]')
        if (!box) return
        event.preventDefault()
        box.focus()
      }
    }
    window.addEventListener('keydown', onKey, { capture: true })
    return () => window.removeEventListener('keydown', onKey, { capture: true })
  }, [])
}

/** Keys of one page, by name; they rest while somebody types or a dialog is open. */
export function useKeys(keys: Record<string, (event: KeyboardEvent) => void>): void {
  const { shortcuts } = usePreferences()
  const current = useRef(keys)
  useEffect(() => {
    current.current = keys
  })
  useEffect(() => {
    if (!shortcuts) return
    const onKey = (event: KeyboardEvent) => {
      if (event.metaKey || event.ctrlKey || event.altKey || isElsewhere(event)) return
      const key = event.shiftKey && event.key.length === 1 ? `Shift+${event.key.toUpperCase()}` : event.key
      const act = current.current[key] ?? current.current[event.key]
      if (!act) return
      // a button or link that has the focus takes Enter itself
      if (event.key === 'Enter' && (event.target as HTMLElement).closest('button, a, [role="button"], summary')) return
      act(event)
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [shortcuts])
}
