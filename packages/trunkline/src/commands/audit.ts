import { TrunklineError } from '@trunkline/contract'
import type { AuditLine } from '@trunkline/server'
import type { Command } from 'commander'
import { wantsJson, wholeNumber, withDatabase } from '../command.ts'
import { plain, printJson, printTable } from '../print.ts'

interface ListOptions {
  limit: number
  actor?: string
  action?: string
  target?: string
  refused?: boolean
}

/** `trunkline audit`: who changed what; is the record whole. */
export function auditCommand(program: Command): void {
  const audit = program.command('audit').description('who changed what, when, from where; prove that nobody touched the record')
  audit
    .command('list', { isDefault: true })
    .description('lines of the audit, newest first')
    .option('--limit <n>', 'lines', wholeNumber, 50)
    .option('--actor <who>', 'such as user:anna@example.com')
    .option('--action <name>', 'such as job.retry, or job.*')
    .option('--target <what>', 'such as job:42')
    .option('--refused', 'only what was refused')
    .action(list)
  audit
    .command('verify')
    .description('check the chain of hashes from its beginning; exit code 1 where it breaks')
    .option('--anchor <link:hash>', 'it must also hold this link, as the server printed it')
    .action(verify)
}

async function list({ refused, limit, ...filter }: ListOptions, command: Command): Promise<void> {
  if (limit < 1 || limit > 10_000) throw new TrunklineError('usage', { problem: 'the limit is 1 to 10000', where: 'audit list' })
  const { listAudit } = await import('@trunkline/server')
  const lines = await withDatabase(command, (database) =>
    listAudit(database, { ...filter, limit, outcome: refused ? 'refused' : undefined }),
  )
  if (wantsJson(command)) return printJson({ data: lines })
  const row = (l: AuditLine) => [
    l.no,
    l.at.toISOString(),
    l.actor,
    l.action,
    l.target,
    l.outcome === 'done' ? 'done' : `refused (${l.code})`,
    l.address,
  ]
  printTable(['NO', 'WHEN', 'WHO', 'DID', 'TO', 'OUTCOME', 'FROM'], lines.map(row), 'nothing was changed yet')
}

function readAnchor(text: string | undefined): { link: string; hash: string } | null {
  if (text === undefined) return null
  const found = /^([1-9]\d{0,17}):([0-9a-f]{64})$/.exec(text)
  if (found) return { link: found[1] as string, hash: found[2] as string }
  throw new TrunklineError('usage', { problem: 'an anchor is <link>:<64 hexadecimal digits>', where: 'audit verify' })
}

async function verify({ anchor }: { anchor?: string }, command: Command): Promise<void> {
  const wanted = readAnchor(anchor)
  const { verifyAudit } = await import('@trunkline/server')
  const verdict = await withDatabase(command, (database) => verifyAudit(database, wanted))
  if (wantsJson(command)) printJson({ isWhole: verdict.bad.length === 0, ...verdict })
  else if (verdict.bad.length === 0) console.log(`the audit is whole: ${verdict.links} links`)
  else {
    console.log(`the audit was changed; ${verdict.links} links were looked at`)
    for (const { link, auditNo, problem } of verdict.bad) console.log(plain(`  link ${link ?? '–'}, line ${auditNo ?? '–'}: ${problem}`))
  }
  if (verdict.bad.length > 0) process.exitCode = 1
}
