import type { Link } from '../postgres/link.ts'
import { statement } from '../postgres/statement.ts'

const forgetStatement = statement(import.meta.url, 'forget-workers.sql')

/** How long workers that have ended are remembered. */
export const pastWorkersMs = 7 * 86_400_000
const supervisorsMs = 60_000

/** Forgets workers that ended longer than `olderThanMs` ago, and supervisors that died; answers how many workers. */
export async function forgetWorkers(link: Pick<Link, 'run'>, olderThanMs = pastWorkersMs): Promise<number> {
  const [row] = await link.run(forgetStatement, [`${olderThanMs} milliseconds`, `${supervisorsMs} milliseconds`])
  return row?.[0] ?? 0
}
