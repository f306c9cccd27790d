import type { Problem } from '@trunkline/contract/http'

/** An answer of the server that is no success, or none at all. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  /** Stable; see docs/errors.md. `network` = there was no answer. */
  readonly code: string
  /** HTTP status; 0 = there was no answer. */
  readonly status: number
  readonly hint: string | undefined
  readonly requestId: string | undefined
  /** Each field of the request that is wrong. */
  readonly errors: readonly { field: string; problem: string }[]
  /** Milliseconds after which it may be tried again, where the server said so. */
  readonly retryAfterMs: number | undefined

  constructor(status: number, problem: Partial<Problem>, retryAfterMs?: number, options?: ErrorOptions) {
    super(problem.detail ?? problem.title ?? `the server answered ${status}`, options)
    this.status = status
    this.code = problem.code ?? 'network'
    this.hint = problem.hint
    this.requestId = problem.requestId
    this.errors = problem.errors ?? []
    this.retryAfterMs = retryAfterMs
  }
}

/** How to reach a server, and as whom. */
export interface ClientOptions {
  /** Such as `https://jobs.example.com`; in a browser default: where the page comes from. A path prefix is kept. */
  baseUrl?: string
  /** A JWT or an API key, or what answers one: asked again for every request. Without it the session cookie counts. */
  token?: string | (() => string | null | undefined | Promise<string | null | undefined>)
  /** Default 30,000 ms. */
  timeoutMs?: number
  /** Default: the global one. */
  fetch?: typeof fetch
}

/** One request. */
export interface RequestOptions {
  query?: Record<string, unknown> | undefined
  body?: unknown
  headers?: Record<string, string> | undefined
  signal?: AbortSignal | undefined
  /** How the text of the answer is read. Default `JSON.parse`, which rounds numbers of more digits than JavaScript holds. */
  parse?: ((text: string) => unknown) | undefined
}

/** A request that may be sent again where its answer was lost. */
export interface Once {
  /** 1 to 200 visible ASCII characters: the same request under the same key is done once, and answered alike, for a day. */
  idempotencyKey?: string | undefined
}

/** The header of {@link Once}. */
export const onceHeaders = ({ idempotencyKey }: Once = {}): Record<string, string> =>
  idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }

/** Sends requests to the API. */
export interface Http {
  /** Where the server is, without a slash at the end. */
  readonly baseUrl: string
  token(): Promise<string | null>
  /** @throws ApiError */
  request<T>(method: string, path: string, options?: RequestOptions): Promise<T>
}

const prefix = '/api/v1'

function queryOf(query: Record<string, unknown> = {}): string {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === null) continue
    for (const each of Array.isArray(value) ? value : [value]) {
      parameters.append(name, each instanceof Date ? each.toISOString() : String(each))
    }
  }
  const text = parameters.toString()
  return text === '' ? '' : `?${text}`
}

async function problemOf(answer: Response): Promise<Partial<Problem>> {
  try {
    return (await answer.json()) as Partial<Problem>
  } catch {
    return { title: `the server answered ${answer.status}`, code: 'network' }
  }
}

/** Makes the {@link Http} of a client. */
export function createHttp(options: ClientOptions): Http {
  const page = (globalThis as { location?: { origin: string } }).location
  const baseUrl = (options.baseUrl ?? page?.origin ?? 'http://127.0.0.1:3000').replace(/\/+$/, '')
  const { timeoutMs = 30_000, token: given } = options
  const send = options.fetch ?? ((...parameters: Parameters<typeof fetch>) => globalThis.fetch(...parameters))
  let csrf: Promise<string | null> | null = null

  async function token(): Promise<string | null> {
    return (typeof given === 'function' ? await given() : given) ?? null
  }

  /** Changes by cookie carry a value that only pages of the same origin can read. */
  async function csrfToken(): Promise<string | null> {
    csrf ??= request<{ csrfToken: string | null }>('GET', '/auth/me').then(
      (me) => me.csrfToken,
      () => null,
    )
    const found = await csrf
    if (found === null) csrf = null
    return found
  }

  async function request<T>(method: string, path: string, { query, body, headers = {}, signal, parse }: RequestOptions = {}): Promise<T> {
    const bearer = await token()
    const all: Record<string, string> = { accept: 'application/json', ...headers }
    if (bearer !== null) all.authorization = `Bearer ${bearer}`
    else if (method !== 'GET' && !path.startsWith('/auth/login')) {
      const value = await csrfToken()
      if (value !== null) all['x-trunkline-csrf'] = value
    }
    if (body !== undefined) all['content-type'] = 'application/json'
    const timeout = AbortSignal.timeout(timeoutMs)
    let answer: Response
    try {
      answer = await send(`${baseUrl}${prefix}${path}${queryOf(query)}`, {
        method,
        headers: all,
        credentials: bearer === null ? 'include' : 'omit',
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
    } catch (error) {
      if (signal?.aborted) throw error
      throw new ApiError(0, { detail: 'the server cannot be reached', code: 'network' }, undefined, { cause: error })
    }
    if (!answer.ok) {
      if (answer.status === 403 || answer.status === 401) csrf = null
      const seconds = Number(answer.headers.get('retry-after'))
      throw new ApiError(answer.status, await problemOf(answer), seconds > 0 ? seconds * 1000 : undefined)
    }
    if (answer.status === 204) return undefined as T
    return (parse ? parse(await answer.text()) : await answer.json()) as T
  }

  return { baseUrl, token, request }
}
