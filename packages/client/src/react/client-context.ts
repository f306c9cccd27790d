import { createContext, createElement, type ReactElement, type ReactNode, useContext } from 'react'
import { type Client, createClient } from '../client.ts'

const ClientContext = createContext<Client | null>(null)
let shared: Client | null = null

/** Gives hooks and components below it their client. Without it they use one for the server of the page. */
export function TrunklineProvider({ client, children }: { client: Client; children?: ReactNode }): ReactElement {
  return createElement(ClientContext.Provider, { value: client }, children)
}

/** The client of the nearest {@link TrunklineProvider}. */
export function useClient(): Client {
  const given = useContext(ClientContext)
  if (given) return given
  shared ??= createClient()
  return shared
}
