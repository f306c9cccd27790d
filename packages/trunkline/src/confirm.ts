import { createInterface } from 'node:readline/promises'
import { TrunklineError } from '@trunkline/contract'

/** Where a question is asked. */
export interface Terminal {
  input: NodeJS.ReadableStream & { isTTY?: boolean }
  output: NodeJS.WritableStream & { isTTY?: boolean }
}

/** The question goes to the standard error stream: the output may be for programs. */
const ours: Terminal = { input: process.stdin, output: process.stderr }

/**
 * Is there somebody to ask? Answers quietly when there is.
 * @throws `usage` when there is nobody
 */
export function checkAsker(where: string, { input, output }: Terminal = ours): void {
  if (input.isTTY && output.isTTY) return
  throw new TrunklineError('usage', {
    problem: 'a filter may mean many jobs, and without a terminal nobody can be asked: look with --dry-run, then go on with --yes',
    where,
  })
}

/** Asks; everything but yes is no, also the end of the input and Ctrl-C. */
export async function confirmed(question: string, { input, output }: Terminal = ours): Promise<boolean> {
  const lines = createInterface({ input, output, terminal: false })
  const ended = new Promise<null>((resolve) => lines.once('close', () => resolve(null)))
  const answer = await Promise.race([lines.question(`${question} [y/N] `), ended])
  lines.close()
  if (answer === null) output.write('\n')
  return answer !== null && /^(y|yes)$/i.test(answer.trim())
}
