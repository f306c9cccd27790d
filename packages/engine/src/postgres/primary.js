// @ts-check
// Plain JavaScript, because the heartbeat's thread uses it as well, and starts from source without a loader.
import pg from 'pg'

/**
 * The servers of one database, and what this process knows of them. `seen` is shared with the heartbeat's thread: the identity
 * of the cluster and the highest timeline it was met on.
 * @typedef {{ urls: string[], preferred: number, seen: BigInt64Array }} Servers
 */

/** A server on an older timeline than this process has written to: an old primary that came back. */
export class StaleServer extends Error {
  /**
   * @param {string} server
   * @param {bigint} timeline the one it is on
   * @param {bigint} seen the highest one this process has seen
   */
  constructor(server, timeline, seen) {
    super(`the server ${server} is on timeline ${timeline}, behind timeline ${seen}`)
    this.server = server
    this.timeline = timeline
    this.seen = seen
  }
}

/** None of the servers can be written to at the moment; 08001 makes it an error that heals. */
class NoPrimary extends Error {
  code = '08001'
}

/** What processes of one machine have seen, by servers: pools, links, listener and threads judge alike. @type {Map<string, BigInt64Array>} */
const memories = new Map()

/**
 * The servers that a connection string names: several as in libpq, `postgres://user:password@first:5432,second:5433/database`.
 * @param {string} connectionString
 * @returns {Servers}
 */
export function serversOf(connectionString) {
  const [, before = '', hosts = '', after = ''] = /^(postgres(?:ql)?:\/\/(?:[^/?#]*@)?)([^/?#]*)(.*)$/s.exec(connectionString) ?? []
  const urls = hosts.includes(',') ? hosts.split(',').map((host) => before + host + after) : [connectionString]
  const key = urls.map(nameOf).sort().join()
  let seen = memories.get(key)
  if (!seen) {
    seen = new BigInt64Array(new SharedArrayBuffer(16))
    memories.set(key, seen)
  }
  return { urls, preferred: 0, seen }
}

/** Host and port, without what is secret. @param {string} url */
function nameOf(url) {
  try {
    return new URL(url).host || 'database'
  } catch {
    return 'database'
  }
}

const look = `select pg_is_in_recovery() standby, current_setting('default_transaction_read_only') = 'on' read_only`
// pg_control_checkpoint() would show the timeline of the last checkpoint, which is the old one right after a promotion
const lookDeep = `${look}, case when not pg_is_in_recovery() then left(pg_walfile_name(pg_current_wal_lsn()), 8) end timeline,
  (select system_identifier::text from pg_control_system()) cluster`

/** @param {pg.ClientBase} client */
async function lookAt(client) {
  try {
    return (await client.query(lookDeep)).rows[0]
  } catch (error) {
    // some managed servers keep these functions from their users: then there is no timeline to compare
    if (!['42501', '42883', '0A000'].includes(/** @type {{ code?: string }} */ (error).code ?? '')) throw error
    return (await client.query(look)).rows[0]
  }
}

/**
 * Makes sure that a fresh connection leads to a server that may be written to, and remembers its timeline.
 * A single server that is read-only by a setting passes: there is no other, reads go on, and writes wait (25006).
 * @param {pg.ClientBase} client
 * @param {Servers} servers
 * @param {number} at its place in the list
 * @throws {StaleServer} or an error of class 08
 */
export async function checkPrimary(client, servers, at) {
  const { urls, seen } = servers
  const name = nameOf(urls[at] ?? '')
  const found = await lookAt(client)
  if (found.standby) throw new NoPrimary(`${name} is a standby`)
  if (found.read_only && urls.length > 1) throw new NoPrimary(`${name} is read-only`)
  if (!found.timeline) return
  const cluster = BigInt(found.cluster)
  const timeline = BigInt(`0x${found.timeline}`)
  // another cluster (after pg_upgrade, or a restore into a new one) counts its timelines anew
  const highest = Atomics.load(seen, 0) === cluster ? Atomics.load(seen, 1) : 0n
  if (timeline < highest) throw new StaleServer(name, timeline, highest)
  Atomics.store(seen, 1, timeline)
  Atomics.store(seen, 0, cluster)
}

/**
 * Of the failures of all servers, the one to tell of.
 * @param {Error[]} failures
 * @param {Servers} servers
 * @returns {Error}
 */
export function whyNone(failures, servers) {
  const [first] = failures
  if (failures.length === 1 && first) return first
  const telling = failures.find((f) => f instanceof StaleServer || /^(28|3D)/.test(/** @type {{ code?: string }} */ (f).code ?? ''))
  return telling ?? new NoPrimary(`no primary among ${servers.urls.map(nameOf).join(', ')}: ${failures.map((f) => f.message).join('; ')}`)
}

/** One of several servers may be a black hole: the others must be reached in time. @param {Servers} servers @param {number} ms */
export function connectWithin(servers, ms) {
  return servers.urls.length > 1 ? Math.min(ms, 3000) : ms
}

/**
 * Connects to the one server that is the primary, trying the last good one first.
 * @param {Servers} servers
 * @param {pg.ClientConfig & { pipeline?: boolean }} config
 * @param {(error: Error) => void} onError told of errors of the connection
 * @returns {Promise<pg.Client>}
 * @throws {StaleServer}, an error of class 08, or what the only server answered
 */
export async function connectToPrimary(servers, config, onError) {
  const { urls } = servers
  const within = connectWithin(servers, config.connectionTimeoutMillis ?? 5000)
  const failures = []
  for (let i = 0; i < urls.length; i++) {
    const at = (servers.preferred + i) % urls.length
    const client = new pg.Client({ ...config, connectionTimeoutMillis: within, connectionString: /** @type {string} */ (urls[at]) })
    client.on('error', onError)
    try {
      await client.connect()
      await checkPrimary(client, servers, at)
      servers.preferred = at
      return client
    } catch (error) {
      client.end().catch(() => {})
      failures.push(/** @type {Error} */ (error))
    }
  }
  throw whyNone(failures, servers)
}
