import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ServerSettings } from '../settings.ts'
import { escapeHtml } from './login-page.ts'

/** Where the console lives, below the base path. */
export const consolePath = '/admin/jobs'

const types: Record<string, string> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
  '.map': 'application/json',
}

const encodings = [
  ['br', '.br'],
  ['gzip', '.gz'],
] as const

/** The page into which the console is loaded: paths get the base path, facts of the server go into meta elements. */
function shellOf(folder: string, { basePath, environment }: ServerSettings, version: string): string {
  const facts = { environment: environment.name, tone: environment.tone, version }
  const meta = Object.entries(facts).map(([name, value]) => `<meta name="trunkline-${name}" content="${escapeHtml(value)}">`)
  return readFileSync(join(folder, 'index.html'), 'utf8')
    .replaceAll('"./assets/', `"${basePath}${consolePath}/assets/`)
    .replace('</head>', `${meta.join('')}</head>`)
}

const wants = (request: FastifyRequest, encoding: string) =>
  new RegExp(`\\b${encoding}\\b(?!;\\s*q=0(\\.0+)?\\b)`).test(String(request.headers['accept-encoding'] ?? ''))

/**
 * Hands out the built console: assets have their hash in their name and are kept for a year, the page is asked for each time. Only
 * files that lay in the folder at the start are handed out, by name, so no path leads out of it.
 */
export function addConsoleFiles(app: FastifyInstance, settings: ServerSettings, { folder, version }: { folder: string; version: string }) {
  const shell = shellOf(folder, settings, version)
  const etag = `"${createHash('sha256').update(shell).digest('base64url').slice(0, 22)}"`
  const assets = new Set(readdirSync(join(folder, 'assets')))

  function page(request: FastifyRequest, reply: FastifyReply) {
    reply.header('cache-control', 'no-cache').header('etag', etag)
    if (request.headers['if-none-match'] === etag) return reply.status(304).send()
    return reply.type('text/html; charset=utf-8').send(shell)
  }

  async function asset(name: string, request: FastifyRequest, reply: FastifyReply) {
    const type = types[extname(name)]
    if (!assets.has(name) || type === undefined) return reply.callNotFound()
    // after a new build the old names are gone: whoever has an old page loads it anew
    const read = (file: string) => readFile(join(folder, 'assets', file)).catch(() => null)
    const [encoding, suffix] = encodings.find(([one, end]) => assets.has(name + end) && wants(request, one)) ?? [null, '']
    const body = await read(name + suffix)
    if (body === null) return reply.callNotFound()
    if (encoding) reply.header('content-encoding', encoding)
    return reply.header('cache-control', 'public, max-age=31536000, immutable').header('vary', 'accept-encoding').type(type).send(body)
  }

  const quiet = { schema: { hide: true } }
  app.get('/admin', quiet, (_request, reply) => reply.redirect(`${settings.basePath}${consolePath}`, 302))
  app.get(consolePath, quiet, page)
  app.get(`${consolePath}/assets/:name`, quiet, (request, reply) => asset((request.params as { name: string }).name, request, reply))
  app.get(`${consolePath}/*`, quiet, page)
}
