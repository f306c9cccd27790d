import type { BulkReport, BulkVerb, JobAnswer } from '@trunkline/engine'

/** What the command line says of a verb: while it goes on, and when it is done. */
export const verbWords: Record<BulkVerb | 'undo', { doing: string; done: string }> = {
  cancel: { doing: 'cancelling', done: 'cancelled' },
  retry: { doing: 'retrying', done: 'retried' },
  rerun: { doing: 're-running', done: 're-run' },
  promote: { doing: 'promoting', done: 'promoted' },
  update: { doing: 'updating', done: 'updated' },
  delete: { doing: 'deleting', done: 'deleted' },
  undo: { doing: 'restoring', done: 'restored' },
}

const lines: Record<BulkVerb, (job: string, answer: string) => string> = {
  cancel: (job, answer) => (answer === 'asked' ? `${job} runs; its worker was told to end it` : `${job} cancelled`),
  retry: (job) => `${job} runs again`,
  rerun: (job, answer) => `${job} runs again as job ${answer}`,
  promote: (job) => `${job} is in line now`,
  update: (job) => `${job} updated`,
  delete: (job) => `${job} deleted`,
}

/** What happened to one job. */
export function answerText(verb: BulkVerb, { jobId, answer }: JobAnswer & { ok: true }): string {
  return lines[verb](`job ${jobId}`, answer)
}

/** `12 jobs`. */
function jobCount(n: number): string {
  return n === 1 ? '1 job' : `${n.toLocaleString('en-US')} jobs`
}

/** What a dry run counted: `12 jobs (9 failed, 3 pending)`. */
export function countsText({ total, byState }: BulkReport): string {
  if (total === 0) return 'no job fits'
  const gone = total - Object.values(byState).reduce((sum, n) => sum + n, 0)
  const all = [...Object.entries(byState), ...(gone > 0 ? [['not there', gone] as const] : [])]
  return `${jobCount(total)} (${all.map(([state, n]) => `${n.toLocaleString('en-US')} ${state}`).join(', ')})`
}

const mostReasons = 10

/** The end of a call: how many, how many not, and up to 10 reasons. */
export function summaryLines(verb: BulkVerb | 'undo', report: BulkReport, reasons: boolean): string[] {
  const { total, accepted, skipped, results } = report
  if (total === 0) return ['no job fits']
  const asked = verb === 'cancel' ? results.filter((r) => r.ok && r.answer === 'asked').length : 0
  const told = asked > 0 ? ` (${asked.toLocaleString('en-US')} of them run; their workers were told to end them)` : ''
  const left = skipped > 0 ? `, ${skipped.toLocaleString('en-US')} skipped` : ''
  const text = [`${jobCount(total)}: ${accepted.toLocaleString('en-US')} ${verbWords[verb].done}${told}${left}`]
  if (reasons) {
    const refused = results.filter((r) => !r.ok)
    for (const { reason, hint } of refused.slice(0, mostReasons)) text.push(`  ${reason} → ${hint}`)
    if (refused.length > mostReasons) text.push(`  … and ${(refused.length - mostReasons).toLocaleString('en-US')} more (all with --json)`)
  }
  if (results.length < total) text.push(`stopped after ${results.length.toLocaleString('en-US')}; what was done stays done`)
  if (report.undoUntil) text.push(`undo within 5 minutes: trunkline jobs undo ${report.bulkId}`)
  return text
}
