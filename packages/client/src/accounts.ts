import type {
  ApiKeyListAnswer,
  AuditListAnswer,
  AuditVerdictAnswer,
  DoneAnswer,
  MadeKeyAnswer,
  NewKeyBody,
  NewUserBody,
  UserAnswer,
  UserChangesBody,
  UserListAnswer,
} from '@trunkline/contract/http'
import { type Http, type Once, onceHeaders } from './http.ts'

/** Routes below `/users`, for administrators. */
export interface Users {
  list(): Promise<UserListAnswer>
  get(id: string): Promise<UserAnswer>
  create(user: NewUserBody, once?: Once): Promise<UserAnswer>
  /** A new role, password, scope or switch ends the user's tokens and sessions. */
  update(id: string, changes: UserChangesBody): Promise<UserAnswer>
  delete(id: string): Promise<DoneAnswer>
}

/** Routes below `/api-keys`. */
export interface ApiKeys {
  list(): Promise<ApiKeyListAnswer>
  create(key: NewKeyBody, once?: Once): Promise<MadeKeyAnswer>
  revoke(id: string): Promise<DoneAnswer>
}

/** Which lines of the audit. */
export interface AuditQuery {
  actor?: string | undefined
  /** Such as `job.retry`, or `job.*`. */
  action?: string | undefined
  /** Such as `job:42`. */
  target?: string | undefined
  outcome?: 'done' | 'refused' | undefined
  from?: Date | string | undefined
  to?: Date | string | undefined
  /** `nextCursor` of the page before. */
  cursor?: string | undefined
  /** Default 50, at most 500. */
  limit?: number | undefined
}

/** Routes below `/audit`, for administrators. */
export interface Audit {
  list(query?: AuditQuery): Promise<AuditListAnswer>
  /** Looks at the whole chain: a line that was changed or is gone is told. */
  verify(): Promise<AuditVerdictAnswer>
}

/** Makes the groups of who may come in, and of what they did. */
export function createAccounts({ request }: Http): { users: Users; apiKeys: ApiKeys; audit: Audit } {
  const user = (id: string) => `/users/${encodeURIComponent(id)}`
  return {
    users: {
      list: () => request('GET', '/users'),
      get: (id) => request('GET', user(id)),
      create: (body, once) => request('POST', '/users', { body, headers: onceHeaders(once) }),
      update: (id, body) => request('PATCH', user(id), { body }),
      delete: (id) => request('DELETE', user(id)),
    },
    apiKeys: {
      list: () => request('GET', '/api-keys'),
      create: (body, once) => request('POST', '/api-keys', { body, headers: onceHeaders(once) }),
      revoke: (id) => request('DELETE', `/api-keys/${encodeURIComponent(id)}`),
    },
    audit: {
      list: (query) => request('GET', '/audit', { query: { ...query } }),
      verify: () => request('GET', '/audit/verify'),
    },
  }
}
