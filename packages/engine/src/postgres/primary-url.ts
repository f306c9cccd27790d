import { connectToPrimary, serversOf } from './primary.js'
import { explain } from './transient.ts'

/**
 * The URL of the server that is the primary now, for programs that take one server, such as pg_dump. A connection string with
 * a single server is answered as it is, unasked.
 * @throws `database_unavailable`, `database_stale`
 */
export async function primaryUrl(connectionString: string): Promise<string> {
  const servers = serversOf(connectionString)
  if (servers.urls.length === 1) return connectionString
  try {
    const client = await connectToPrimary(servers, { application_name: 'trunkline probe', query_timeout: 10_000 }, () => {})
    client.end().catch(() => {})
    return servers.urls[servers.preferred] as string
  } catch (error) {
    throw explain(error, 'trunkline')
  }
}
