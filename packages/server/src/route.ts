import type { Right, Role } from '@trunkline/contract'
import type { TransactionVerbs, Within } from '@trunkline/engine'
import type { FastifyReply, FastifyRequest, HTTPMethods } from 'fastify'
import type { z } from 'zod'
import type { Principal } from './door/principal.ts'

/**
 * Who may call a route, and on whose objects. A route without it does not register.
 * - `anyone`: without credentials · `local`: from this machine, or signed in · `signed-in`: any role · else the least role.
 * - object: what the path or the body names and how it is kept from strangers. `job`, `jobs`: looked up within the caller's
 *   scope · `queue`, `task`, `server` (of pgAgent): refused outside the scope · `self`: the caller's own · `none`: nothing that has a scope.
 */
export interface Access {
  readonly role: Role | 'anyone' | 'local' | 'signed-in'
  readonly right?: Right
  readonly object: 'job' | 'jobs' | 'queue' | 'queues' | 'task' | 'tasks' | 'server' | 'servers' | 'self' | 'none'
}

/** What a change notes for the audit. */
export interface ChangeNote {
  before?: unknown
  after?: unknown
  target?: string
  /** Default: the caller. */
  actor?: string
}

/** One call of a route. */
export interface Call<Params = any, Query = any, Body = any> {
  readonly params: Params
  readonly query: Query
  readonly body: Body
  /** Of a route for anyone without credentials this throws. */
  readonly principal: Principal
  /** Whose jobs the caller may see and touch; null = everybody's. */
  readonly within: Within | null
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  /**
   * Does a change in one transaction with its line in the audit.
   * @param target such as `job:42`; `work` may set another in its note
   */
  change<T>(target: string, work: (verbs: TransactionVerbs, note: ChangeNote) => Promise<T>): Promise<T>
  /** What was answered before under the idempotency key of this request; undefined = nothing yet. @throws `idempotency_conflict` */
  replayed(): Promise<unknown>
  /** A line in the audit for a change that has its own transactions. */
  changed(target: string, note?: ChangeNote): Promise<void>
}

type Output<S> = S extends z.ZodType ? z.output<S> : undefined

/** A route of the API. */
export interface Route<P extends z.ZodType = any, Q extends z.ZodType = any, B extends z.ZodType = any> {
  readonly method: Extract<HTTPMethods, 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'>
  /** Below `/api/v1`, unless `root`. */
  readonly url: string
  readonly root?: boolean
  readonly summary: string
  readonly tag: string
  readonly access: Access
  /** Of a change: its name in the audit, such as `job.retry`. */
  readonly action?: string
  /** Its change honours `Idempotency-Key`. Those that make jobs leave that to the engine. */
  readonly once?: boolean
  /** A stricter count than that of all calls. */
  readonly limit?: 'login' | 'bulk'
  readonly params?: P
  readonly query?: Q
  readonly body?: B
  /** The shape of its errors. Default: problem+json. */
  readonly problems?: z.ZodType
  /** Status → what is answered. */
  readonly answers: Record<number, z.ZodType>
  run(call: Call<Output<P>, Output<Q>, Output<B>>): Promise<unknown>
}

/** Declares a route; the types of its call come from its schemas. */
export function route<P extends z.ZodType = z.ZodUndefined, Q extends z.ZodType = z.ZodUndefined, B extends z.ZodType = z.ZodUndefined>(
  declared: Route<P, Q, B>,
): Route {
  return declared as unknown as Route
}
