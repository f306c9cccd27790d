import type { ClientConfig } from 'pg'

const encrypted: Record<string, ClientConfig['ssl']> = {
  require: { rejectUnauthorized: false },
  'verify-ca': { rejectUnauthorized: true, checkServerIdentity: () => undefined },
  'verify-full': { rejectUnauthorized: true },
}

/** `name=value` pairs as libpq reads them: values in single quotes may have spaces, a backslash takes the next character as it is. */
function pairs(text: string): Map<string, string> {
  const found = new Map<string, string>()
  const pair = /\s*([a-z_]+)\s*=\s*(?:'((?:[^'\\]|\\[\s\S])*)'|((?:[^\s'\\]|\\[\s\S])*))(?=\s|$)/y
  while (pair.lastIndex < text.trimEnd().length) {
    const match = pair.exec(text)
    if (!match) throw new Error('the connection string is neither a URI nor a list of name=value')
    found.set(match[1] as string, (match[2] ?? match[3] ?? '').replace(/\\([\s\S])/g, '$1'))
  }
  return found
}

function uriParts(text: string): Map<string, string> {
  const url = new URL(text)
  const found = new Map(url.searchParams)
  const put = (name: string, value: string) => {
    if (value) found.set(name, decodeURIComponent(value))
  }
  put('host', url.hostname.replace(/^\[|\]$/g, ''))
  put('port', url.port)
  put('user', url.username)
  put('password', url.password)
  put('dbname', url.pathname.slice(1))
  return found
}

/**
 * What the connection string of a step says, in libpq's keyword form or as a URI. Nothing is added from the environment or a password
 * file: a step has only the credentials that are written in it. Without `dbname` the database has the user's name, as in libpq.
 * @throws Error when it cannot be read, or names no host or user
 */
export function parseConnectionString(text: string): ClientConfig {
  const parts = /^postgres(ql)?:\/\//.test(text) ? uriParts(text) : pairs(text)
  const user = parts.get('user')
  const host = parts.get('hostaddr') ?? parts.get('host')
  if (!user || !host) throw new Error(`the connection string names no ${user ? 'host' : 'user'}`)
  const seconds = Number(parts.get('connect_timeout') ?? 0)
  return {
    host,
    user,
    port: Number(parts.get('port') ?? 5432),
    database: parts.get('dbname') ?? user,
    // a function, because for a missing password the driver would ask the environment
    password: () => parts.get('password') ?? '',
    ssl: encrypted[parts.get('sslmode') ?? ''] ?? false,
    options: parts.get('options') ?? '',
    ...(parts.has('application_name') ? { application_name: parts.get('application_name') as string } : {}),
    ...(seconds > 0 ? { connectionTimeoutMillis: seconds * 1000 } : {}),
  }
}

/** A connection string as it may be shown: passwords are stars. */
export function maskSecrets(text: string): string {
  return text
    .replace(/^(postgres(?:ql)?:\/\/[^:@/?#]*:)[^@/?#]*@/, '$1********@')
    .replace(/\b((?:ssl)?password\s*=\s*)(?:'(?:[^'\\]|\\[\s\S])*'?|[^\s&]*)/gi, '$1********')
}
