import { expect, test } from 'vitest'
import { installation } from '../../../test/support/command-line.ts'
import { testDatabase, until } from '../../../test/support/database.ts'
import { defineTask, FatalError } from '../../engine/src/index.ts'

const db = await testDatabase()
const here = installation({ DATABASE_URL: db.url })
const trunkline = await db.connect()
const hostile = 'a\u001b[2J\u001b]0;owned\u0007\u009b31m\u202egpj.exe\u2066\rb\u001b]8;;http://evil.example\u0007c\u0090q\u009c'
const nasty = defineTask('nasty', {
  run({ log }) {
    log.setStage(hostile)
    log.info(hostile, { [hostile]: hostile })
    log.addOutcome('errors', 1)
    throw new FatalError(hostile)
  },
})
const worker = await trunkline.work([nasty], { keeper: false })

test('whatever stands in names, errors, logs, tags and payloads, no control character of it reaches a terminal', async () => {
  const job = await trunkline.enqueue(nasty, { [hostile]: hostile }, { tags: [hostile.slice(0, 40)], createdBy: hostile })
  await job.result().catch(() => {})
  await until(async () => (await trunkline.logs(job.id)).length > 0)
  await trunkline.pause('default', { reason: hostile, by: hostile })
  await worker.stop()
  for (const args of [
    ['jobs'],
    ['jobs', 'show', job.id],
    ['jobs', 'why', job.id],
    ['jobs', 'logs', job.id],
    ['jobs', 'timeline', job.id],
    ['jobs', 'errors'],
    ['queues'],
    ['workers', '--past'],
    ['jobs', 'show', hostile],
    ['queues', 'pause', hostile],
    [hostile],
  ]) {
    const { out, err } = await here.say(args)
    expect(`${out}${err}`.length, args.join(' ')).toBeGreaterThan(0)
    // colours of our own are for terminals; this is none
    expect(`${out}${err}`.replaceAll('\n', ''), args.join(' ')).not.toMatch(/[\0-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/)
  }
})
