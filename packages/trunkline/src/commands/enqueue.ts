import { readFileSync } from 'node:fs'
import { TrunklineError } from '@trunkline/contract'
import type { EnqueueOptions } from '@trunkline/engine'
import type { Command } from 'commander'
import { wantsJson, wholeNumber, withTrunkline } from '../command.ts'
import { follow } from '../follow.ts'
import { printJson } from '../print.ts'

interface Options extends Omit<EnqueueOptions, 'tx'> {
  wait?: boolean
}

/** Parses a payload; `-` reads it from the standard input. */
export function parsePayload(text: string): unknown {
  const source = text === '-' ? readFileSync(0, 'utf8') : text
  try {
    return JSON.parse(source)
  } catch (error) {
    throw new TrunklineError('payload_not_json', { field: 'payload', problem: (error as Error).message })
  }
}

/** `trunkline enqueue`: makes a job. */
export function enqueueCommand(program: Command): void {
  program
    .command('enqueue <task> [payload]')
    .description('make a job; the payload is JSON (- reads it from standard input)')
    .option('--queue <name>', 'queue (default: that of the task)')
    .option('--priority <n>', '-100 to 100, higher runs first', wholeNumber)
    .option('--run-at <time>', 'not before this time (RFC 3339)')
    .option('--delay <duration>', 'not before this much time has passed, such as 10m')
    .option('--max-attempts <n>', 'failed tries until the job fails', wholeNumber)
    .option('--timeout <duration>', 'how long one attempt may take')
    .option('--wait', 'show its progress and wait for its end')
    .action(async (task: string, payload: string | undefined, { wait, ...options }: Options, command: Command) => {
      const value = parsePayload(payload ?? '{}')
      await withTrunkline(command, async (trunkline) => {
        const job = await trunkline.enqueue(task, value, { ...options, createdBy: 'cli' })
        if (wait) return await follow(trunkline, job.id, { json: wantsJson(command) })
        if (wantsJson(command)) printJson(await job.get())
        else console.log(`job ${job.id}`)
      })
    })
}
