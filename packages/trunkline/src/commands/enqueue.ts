import type { EnqueueAnswer } from '@trunkline/contract'
import { checkPayload, type EnqueueOptions } from '@trunkline/engine'
import type { Command } from 'commander'
import { wantsJson, wholeNumber, withTrunkline } from '../command.ts'
import { follow } from '../follow.ts'
import { repeated } from '../job-selection.ts'
import { parsePayload } from '../payload.ts'
import { tasksFor } from '../platform.ts'
import { plain, printJson } from '../print.ts'
import type { Settings } from '../settings.ts'

interface Options extends Omit<EnqueueOptions, 'tx' | 'tags' | 'dependsOn'> {
  tag?: string[]
  after?: string[]
  wait?: boolean
}

/** What became of an enqueue. */
function madeText(id: string, made: EnqueueAnswer | null, { uniqueKey, idempotencyKey }: Options): string {
  const keys = [uniqueKey && `unique key ${uniqueKey}`, idempotencyKey && `idempotency key ${idempotencyKey}`].filter(Boolean).join(', ')
  switch (made) {
    case 'existing':
      return `job ${id} is there already (${keys})`
    case 'replaced':
      return `job ${id} took the place of the one that waited (${keys})`
    case 'debounced':
      return `job ${id} waits on, with this payload (${keys})`
    default:
      return `job ${id}`
  }
}

/** A job of many steps is checked before it is made: a mistake in the last one is found now. @throws `invalid_payload` */
async function checkSteps(settings: Settings, task: string, payload: unknown): Promise<void> {
  if (task !== 'steps_run') return
  const known = (await tasksFor(settings)).find(({ name }) => name === task)
  if (known) await checkPayload(known, payload)
}

/** `trunkline enqueue`: makes a job. */
export function enqueueCommand(program: Command): void {
  program
    .command('enqueue <task> [payload]')
    .description('make a job; the payload is JSON (- reads it from standard input, @file from a file)')
    .option('--queue <name>', 'queue (default: that of the task)')
    .option('--priority <n>', '-100 to 100, higher runs first', wholeNumber)
    .option('--run-at <time>', 'not before this time (RFC 3339)')
    .option('--delay <duration>', 'not before this much time has passed, such as 10m')
    .option('--max-attempts <n>', 'failed tries until the job fails', wholeNumber)
    .option('--timeout <duration>', 'how long one attempt may take')
    .option('--tag <tag>', 'for people and filters; several times for several', repeated)
    .option('--after <job>', 'not before this job has completed; several times for several', repeated)
    .option('--ordering-key <key>', 'jobs of this key run one after another, in order')
    .option('--concurrency-key <key>', 'of jobs of this key no more run at once than the queue allows')
    .option('--rate-key <key>', 'of jobs of this key no more start in a time than the queue allows')
    .option('--unique-key <key>', 'one unfinished job of this key per queue')
    .option('--unique-mode <mode>', 'ignore (default: the job that is there is answered), replace, debounce, throttle')
    .option('--unique-window <duration>', 'how long the key is held after the end, or the window of debounce and throttle')
    .option('--unique-max-wait <duration>', 'debounce: it fires so long after the first call at the latest')
    .option('--idempotency-key <key>', 'the same request under this key makes one job')
    .option('--wait', 'show its progress and wait for its end')
    .action(async (task: string, payload: string | undefined, options: Options, command: Command) => {
      const value = parsePayload(payload ?? '{}')
      const { wait, tag, after, ...rest } = options
      await withTrunkline(command, async (trunkline, settings) => {
        await checkSteps(settings, task, value)
        const job = await trunkline.enqueue(task, value, {
          ...rest,
          ...(tag ? { tags: tag } : {}),
          ...(after ? { dependsOn: after } : {}),
          createdBy: 'cli',
        })
        const json = wantsJson(command)
        if (!json && (!wait || job.made !== 'new')) console.log(plain(madeText(job.id, job.made, options)))
        if (wait) return await follow(trunkline, job.id, { json, beside: { made: job.made } })
        if (json) printJson({ ...(await job.get()), made: job.made })
      })
    })
}
