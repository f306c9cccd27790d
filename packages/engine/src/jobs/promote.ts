import type { Link } from '../postgres/link.ts'
import { statement } from '../postgres/statement.ts'

const promoteStatement = statement(import.meta.url, 'promote.sql')
const releaseStatement = statement(import.meta.url, 'release-debounced.sql')

/** Moves due jobs out of `scheduled`; answers how many, and in how many ms the next one is due (null: none). */
export async function promote(link: Link, most = 10_000): Promise<{ moved: number; nextMs: number | null }> {
  const [row] = await link.run(promoteStatement, [most])
  return { moved: row?.[0] ?? 0, nextMs: row?.[1] ?? null }
}

/** Fires due debounced jobs; answers as {@link promote}. */
export async function releaseDebounced(link: Link, most = 1000): Promise<{ moved: number; nextMs: number | null }> {
  const [row] = await link.run(releaseStatement, [most])
  return { moved: row?.[0] ?? 0, nextMs: row?.[1] ?? null }
}
