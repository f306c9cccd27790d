import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { type ComponentProps, type ReactNode, useCallback } from 'react'

/** What stands behind the `?` of an address. */
export type Search = Record<string, string | undefined>

/** A link within the console. */
export function Go({
  to,
  search,
  children,
  ...rest
}: { to: string; search?: Search; children: ReactNode } & Omit<ComponentProps<'a'>, 'href' | 'ref'>) {
  return (
    <Link to={to as never} search={(search ?? {}) as never} {...(rest as object)}>
      {children}
    </Link>
  )
}

/** The state of the page that stands in its address. A change replaces the address: going back leaves the page, whatever was done on it. */
export function useAddress(): [Search, (change: Search) => void] {
  const search = useSearch({ strict: false }) as Search
  const navigate = useNavigate()
  const set = useCallback(
    (change: Search) =>
      void navigate({
        to: '.' as never,
        search: ((before: Search) => clean({ ...before, ...change })) as never,
        replace: true,
      }),
    [navigate],
  )
  return [search, set]
}

/** Goes to another page. */
export function useGo(): (to: string, search?: Search) => void {
  const navigate = useNavigate()
  return useCallback((to, search = {}) => void navigate({ to: to as never, search: search as never }), [navigate])
}

/** Addresses have no empty parameters. */
export function clean(search: Search): Search {
  return Object.fromEntries(Object.entries(search).filter(([, value]) => value !== undefined && value !== ''))
}
