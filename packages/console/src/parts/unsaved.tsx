import { useBlocker } from '@tanstack/react-router'
import { type ReactNode, useRef } from 'react'
import { Confirm } from './confirm.tsx'
import type { Search } from './go.tsx'

/**
 * Asks before a page is left whose changes are not saved: by a link, by going back, or with the tab, where the browser asks itself.
 *
 * @param isTouched is anything changed?
 * @param anew names of the address with which the form begins anew, so that another value of them leaves it too
 * @returns the question, which is to be rendered, and what lets go of the page once it is saved
 */
export function useUnsaved(isTouched: boolean, anew: readonly string[] = []): [question: ReactNode, letGo: () => void] {
  const isFree = useRef(false)
  const { status, proceed, reset } = useBlocker({
    disabled: !isTouched,
    withResolver: true,
    enableBeforeUnload: () => !isFree.current,
    shouldBlockFn({ current, next }) {
      const [from, to] = [current.search as Search, next.search as Search]
      return !isFree.current && (current.pathname !== next.pathname || anew.some((name) => from[name] !== to[name]))
    },
  })
  const question = status === 'blocked' && (
    <Confirm title="Discard the changes?" button="Discard them" leave="Stay here" onConfirm={proceed} onClose={reset}>
      What you have changed on this page is not saved.
    </Confirm>
  )
  return [
    question,
    () => {
      isFree.current = true
    },
  ]
}
