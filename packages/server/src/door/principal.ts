import { type Right, type Role, roles } from '@trunkline/contract'
import type { Scopes } from '@trunkline/contract/http'
import type { Within } from '@trunkline/engine'

/** What of a user decides what its callers may. */
export interface Standing {
  /** Tokens and sessions of an earlier one are worth nothing. */
  readonly generation: number
  /** All of it, to compare: equal texts, equal rights. */
  readonly text: string
}

/** What is known of a user where callers are looked up. */
interface StandingRow {
  is_enabled: boolean
  role: string
  generation: number
  scopes: unknown
  rights: unknown
}

/** The {@link Standing} of a user. */
export function standingOf({ is_enabled, role, generation, scopes, rights }: StandingRow): Standing {
  return { generation, text: JSON.stringify([is_enabled, role, generation, scopes, rights]) }
}

/** Who calls, and what they may at this moment. */
export interface Principal {
  /** What the `createdBy` of their jobs says: `user:anna@example.com`, `key:ab12cd34`, `external:<issuer>#<subject>`. */
  readonly subject: string
  readonly how: 'token' | 'key' | 'session' | 'external'
  readonly role: Role
  readonly scopes: Scopes
  readonly rights: readonly Right[]
  /** The user behind it; null for tokens of external issuers. */
  readonly accountId: string | null
  /** How that user stood when the caller was identified; null as `accountId`. */
  readonly standing: Standing | null
  /** Of a session: what a change by cookie has to send along. */
  readonly csrfToken: string | null
  readonly expiresAt: Date | null
  /** Of a token: to give it back. */
  readonly jti: string | null
  /** Of a session: its hash, to end it. */
  readonly sessionHash: Buffer | null
}

/** Does one of these names (a `*` at the end = all that begin so) mean `name`? Null = any. */
export function covers(patterns: readonly string[] | null, name: string): boolean {
  if (patterns === null) return true
  return patterns.some((p) => (p.endsWith('*') ? name.startsWith(p.slice(0, -1)) : p === name))
}

function overlap(a: readonly string[] | null, b: readonly string[] | null): string[] | null {
  if (a === null || b === null) return a === null ? b && [...b] : [...a]
  const within = (inner: string, outer: string) => covers([outer], inner.endsWith('*') && outer.endsWith('*') ? inner.slice(0, -1) : inner)
  const both = a.flatMap((x) => b.flatMap((y) => (within(y, x) ? [y] : within(x, y) ? [x] : [])))
  return [...new Set(both)]
}

/** What holds in both: a key has no more than its owner. */
export function overlapOf(a: Scopes, b: Scopes): Scopes {
  return { queues: overlap(a.queues, b.queues), tasks: overlap(a.tasks, b.tasks), servers: overlap(a.servers, b.servers) }
}

function isCovered(inner: readonly string[] | null, outer: readonly string[] | null): boolean {
  if (outer === null) return true
  const by = (x: string) => (y: string) => (x.endsWith('*') ? y.endsWith('*') && x.startsWith(y.slice(0, -1)) : covers([y], x))
  return inner?.every((x) => outer.some(by(x))) ?? false
}

/** Are all of `inner` part of `outer`? Nobody gives away more than they have. */
export function isPartOf(inner: Scopes, outer: Scopes): boolean {
  return isCovered(inner.queues, outer.queues) && isCovered(inner.tasks, outer.tasks) && isCovered(inner.servers, outer.servers)
}

/** The lower of two roles. */
export function lowerRole(a: Role, b: Role): Role {
  return roles[Math.min(roles.indexOf(a), roles.indexOf(b))] ?? 'viewer'
}

/** Stored scopes, as they are used. */
export function readScopes(stored: Partial<Scopes> | null | undefined): Scopes {
  return { queues: stored?.queues ?? null, tasks: stored?.tasks ?? null, servers: stored?.servers ?? null }
}

/** Whose jobs they may see; null = everybody's. */
export function withinOf({ scopes: { queues, tasks }, subject }: Principal): Within | null {
  return queues === null && tasks === null ? null : { by: subject, queues, tasks }
}

/** May they act on jobs of this queue and task? */
export function mayUse({ scopes }: Principal, queue: string, task: string): boolean {
  return covers(scopes.queues, queue) && covers(scopes.tasks, task)
}

/** May they see payload and result of this job? With the right, or because it is their own. */
export function maySeeData({ rights, subject }: Principal, job: { createdBy: string | null }): boolean {
  return rights.includes('payload.read') || job.createdBy === subject
}
