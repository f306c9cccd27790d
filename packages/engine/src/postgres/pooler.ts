import { show, TrunklineError } from '@trunkline/contract'
import type pg from 'pg'

/**
 * What stands between us and the server: `transaction` is a pooler that gives a connection of the server for one transaction
 * at a time (PgBouncer's transaction mode), `none` is the server itself or a pooler that keeps sessions, `auto` finds out.
 */
export type Pooler = 'auto' | 'transaction' | 'none'

/** @throws `invalid_option` unless `pooler` is one of the three words */
export function checkPooler(pooler: unknown): Pooler {
  if (pooler === undefined) return 'auto'
  if (pooler === 'auto' || pooler === 'transaction' || pooler === 'none') return pooler
  throw new TrunklineError('invalid_option', { field: 'pooler', received: show(pooler), allowed: 'auto, transaction, none' })
}

/** How long a probe waits for the pooler to give it a connection of the server. */
const probeMs = 2000

/** The process that serves this client now; null when the pooler gave none in time. */
async function backendOf(client: pg.Client, text = 'select pg_backend_pid() pid'): Promise<number | null> {
  // the client itself would leave its late answer to the next question
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), probeMs)
  })
  const asked = client.query(text).then((answer) => {
    const last = (Array.isArray(answer) ? answer.at(-1) : answer) as pg.QueryResult
    return last.rows[0].pid as number
  })
  asked.catch(() => {})
  try {
    return await Promise.race([asked, late])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Is there a pooler that changes the server's connection between transactions? Told from its behaviour, not its name. A client
 * whose own number is that of the process serving it talks to the server itself: one question. Otherwise a second client
 * holds a transaction open meanwhile, so that a pooler has to show itself even where it always gives out the same connection.
 * @param open makes a fresh connection
 * @param openMore makes another one to the same place without asking anything: its turn may not come
 */
export async function detectPooler(open: () => Promise<pg.Client>, openMore: () => Promise<pg.Client>): Promise<boolean> {
  const first = await open()
  try {
    const mine = await backendOf(first)
    if (mine === (first as unknown as { processID: number | null }).processID) return false
    const second = await openMore()
    try {
      return await isShared(first, second, mine)
    } finally {
      second.end().catch(() => {})
    }
  } finally {
    first.end().catch(() => {})
  }
}

async function isShared(first: pg.Client, second: pg.Client, before: number | null): Promise<boolean> {
  // a busy pooler gives the first one its old connection by chance, but not so many times in a row
  for (let turn = 0; turn < 30; turn++) {
    const other = await backendOf(second, 'begin; select pg_backend_pid() pid')
    // it was given what the first one would have kept, were this a session
    if (other !== null && other === before) return true
    // one that has its own is answered at once, by the same
    if ((await backendOf(first)) !== before) return true
    // all sessions are taken: the second never got in, while the first one kept its place
    if (other === null) return false
    await second.query('commit')
  }
  return false
}
