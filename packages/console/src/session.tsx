import { ApiError, type Client, createClient } from '@trunkline/client'
import { isAtLeast, type MeAnswer, type Right, type Role } from '@trunkline/client/contract'
import { createContext, useContext } from 'react'

/** Where the console lives: the build puts every script into `assets/` below it. */
export const consoleBase: string = new URL(import.meta.url).pathname.replace(/\/(assets|src)\/[^/]*$/, '')
/** Where the server lives. */
export const serverBase: string = consoleBase.replace(/\/admin\/jobs$/, '')

const meta = (name: string): string | null => document.querySelector<HTMLMetaElement>(`meta[name="trunkline-${name}"]`)?.content ?? null

/** What the server wrote into the page. */
export const installation = {
  environment: meta('environment') ?? 'development',
  tone: (meta('tone') ?? 'grey') as 'grey' | 'green' | 'amber' | 'red',
  version: meta('version') ?? '',
}

export const client: Client = createClient({ baseUrl: `${location.origin}${serverBase}` })

/** Somebody who uses the console. */
export type Me = MeAnswer

export const MeContext = createContext<Me | null>(null)

/** Who uses the console. */
export function useMe(): Me {
  const me = useContext(MeContext)
  if (!me) throw new Error('nobody is logged in')
  return me
}

/** The page for logging in, which comes back here. */
export function loginUrl(): string {
  return `${serverBase}/admin/login?next=${encodeURIComponent(location.pathname + location.search + location.hash)}`
}

/** Why `me` may not do what needs a role or a right; null = they may. */
export function whyNot(me: Me, needed: { role?: Role | undefined; right?: Right | undefined }): string | null {
  const { role, right } = needed
  if (role && !isAtLeast(me.role, role)) {
    const giver = role === 'owner' ? 'An owner' : 'An administrator'
    return `Needs the role ${role}; you are ${me.role}. ${giver} can grant it.`
  }
  if (right && !me.rights.includes(right)) return `Needs the right ${right}. An administrator can grant it.`
  return null
}

/** What a failed call says, for people. */
export function sentenceOf(error: unknown): string {
  if (error instanceof ApiError && error.code === 'network' && error.status === 0) return 'The server cannot be reached.'
  const text = error instanceof Error ? error.message : String(error)
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.')
}
