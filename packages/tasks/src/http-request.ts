import { lookup as dnsLookup } from 'node:dns'
import { request as httpRequestOf } from 'node:http'
import { request as httpsRequestOf } from 'node:https'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { TrunklineError } from '@trunkline/contract'
import { defineTask, FatalError, type Task } from '@trunkline/engine'
import { z } from 'zod'
import type { TaskEnvironment } from './environment.ts'

const input = z.strictObject({
  method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']).default('GET'),
  url: z.url({ protocol: /^https?$/, error: 'a URL with http or https' }),
  headers: z.record(z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/), z.string()).default({}),
  body: z.unknown().optional().describe('Text is sent as it is, everything else as JSON'),
  timeoutMs: z.number().int().min(1).max(3_600_000).default(30_000),
  expect: z.array(z.number().int().min(100).max(599)).optional().describe('Good answers; default 200 to 299'),
  maxBytes: z.number().int().min(0).max(900_000).default(65_536).describe('Bytes of the answer that are kept'),
})

const closed = new BlockList()
for (const [net, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const)
  closed.addSubnet(net, bits, 'ipv4')
for (const [net, bits] of [
  ['::', 127],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
  ['64:ff9b::', 96],
  ['2002::', 16],
] as const)
  closed.addSubnet(net, bits, 'ipv6')

/** Is this an address of a private network, this machine, or a cloud's metadata? IPv4 inside IPv6 counts as IPv4. */
export function isPrivateAddress(address: string): boolean {
  const mapped = /^::ffff:(?:(\d+\.\d+\.\d+\.\d+)|([0-9a-f]{1,4}):([0-9a-f]{1,4}))$/i.exec(address)
  if (mapped) {
    const high = Number.parseInt(mapped[2] ?? '0', 16)
    const low = Number.parseInt(mapped[3] ?? '0', 16)
    return closed.check(mapped[1] ?? `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`, 'ipv4')
  }
  return closed.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}

const refusal = (host: string) =>
  new FatalError(`requests to private addresses are not allowed here: ${host}. Allow them with http.allowPrivate: true.`)

/** Resolves a name and refuses private answers; the connection then uses this very answer, so a second look-up cannot differ. */
const publicLookup: LookupFunction = (host, options, callback) => {
  dnsLookup(host, { ...options, all: true }, (error, found) => {
    const addresses = found as unknown as { address: string; family: number }[]
    if (error) return callback(error, '', 0)
    if (addresses.some(({ address }) => isPrivateAddress(address))) return callback(refusal(host), '', 0)
    if (options.all) return (callback as (e: null, a: typeof addresses) => void)(null, addresses)
    callback(null, addresses[0]?.address ?? '', addresses[0]?.family ?? 0)
  })
}

interface Answer {
  status: number
  headers: Record<string, string>
  body: Buffer
  truncated: boolean
}

interface Call {
  method: string
  url: URL
  headers: Record<string, string>
  body: Buffer | null
  maxBytes: number
  signal: AbortSignal
  allowPrivate: boolean
}

function send(call: Call): Promise<Answer> {
  const { url, allowPrivate } = call
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (!allowPrivate && isIP(host) !== 0 && isPrivateAddress(host)) throw refusal(host)
  const of = url.protocol === 'https:' ? httpsRequestOf : httpRequestOf
  return new Promise((resolve, reject) => {
    const request = of(
      url,
      { method: call.method, headers: call.headers, signal: call.signal, agent: false, ...(allowPrivate ? {} : { lookup: publicLookup }) },
      (response) => {
        const chunks: Buffer[] = []
        let bytes = 0
        const done = (truncated: boolean) => {
          const headers = Object.fromEntries(Object.entries(response.headers).map(([k, v]) => [k, String(v)]))
          resolve({ status: response.statusCode ?? 0, headers, body: Buffer.concat(chunks).subarray(0, call.maxBytes), truncated })
        }
        response.on('data', (chunk: Buffer) => {
          chunks.push(chunk)
          bytes += chunk.length
          if (bytes > call.maxBytes) {
            response.destroy()
            done(true)
          }
        })
        response.on('end', () => done(false))
        response.on('error', reject)
      },
    )
    request.on('error', reject)
    request.end(call.body ?? undefined)
  })
}

const redirects = new Set([301, 302, 303, 307, 308])

async function sendFollowing(call: Call): Promise<Answer> {
  for (let hop = 0; ; hop++) {
    const answer = await send(call)
    const location = answer.headers.location
    if (!redirects.has(answer.status) || !location) return answer
    if (hop >= 5) throw new FatalError('more than 5 redirects')
    const next = new URL(location, call.url)
    if (!/^https?:$/.test(next.protocol)) throw new FatalError(`redirected to ${next.protocol}, which is not http or https`)
    // a secret meant for one host must not follow to another
    const headers =
      next.origin === call.url.origin
        ? call.headers
        : Object.fromEntries(Object.entries(call.headers).filter(([k]) => !/^(authorization|cookie|proxy-authorization)$/i.test(k)))
    const get = answer.status === 303 || (answer.status < 303 && call.method === 'POST')
    call = { ...call, url: next, headers, ...(get ? { method: 'GET', body: null } : {}) }
  }
}

function readBody(answer: Answer): unknown {
  const text = answer.body.toString('utf8').replaceAll('\0', '\ufffd')
  if (answer.truncated || !/json/i.test(answer.headers['content-type'] ?? '')) return text
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** `http_request`: one request; an answer that is not expected fails the try, for good where repeating cannot help (most of 4xx). */
export function httpRequest({ http }: TaskEnvironment): Task {
  return defineTask('http_request', {
    description: 'Send an HTTP request',
    input,
    async run({ input, log, signal }) {
      const begun = Date.now()
      const url = new URL(input.url)
      const json = input.body !== undefined && typeof input.body !== 'string'
      const body = input.body === undefined ? null : Buffer.from(json ? JSON.stringify(input.body) : (input.body as string))
      const headers = {
        ...(json ? { 'content-type': 'application/json' } : {}),
        ...input.headers,
        ...(body ? { 'content-length': String(body.length) } : {}),
      }
      const limit = AbortSignal.any([signal, AbortSignal.timeout(input.timeoutMs)])
      const answer = await sendFollowing({
        method: input.method,
        url,
        headers,
        body,
        maxBytes: input.maxBytes,
        signal: limit,
        allowPrivate: http?.allowPrivate !== false,
      }).catch((error) => {
        if (signal.aborted) throw signal.reason
        if (limit.aborted) throw new TrunklineError('timeout', { allowed: `${input.timeoutMs} ms` })
        throw error
      })
      const where = `${url.origin}${url.pathname}`
      log.info(`${input.method} ${where} ${answer.status}`)
      const good = input.expect ? input.expect.includes(answer.status) : answer.status >= 200 && answer.status < 300
      if (good)
        return {
          status: answer.status,
          headers: answer.headers,
          body: readBody(answer),
          truncated: answer.truncated,
          durationMs: Date.now() - begun,
        }
      const failure = new TrunklineError('http_failed', { method: input.method, url: where, received: answer.status })
      const final = answer.status >= 400 && answer.status < 500 && answer.status !== 408 && answer.status !== 429
      throw final ? new FatalError(failure.message) : failure
    },
  })
}
