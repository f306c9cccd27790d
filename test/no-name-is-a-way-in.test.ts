import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isTrunklineError } from '../packages/contract/src/index.ts'
import { defineTask, type Worker } from '../packages/engine/src/index.ts'
import { testDatabase } from './support/database.ts'

const db = await testDatabase()
const trunkline = await db.connect()
const task = defineTask('names', { run: ({ input }) => input, searchable: ['a'] })
let worker: Worker
let tables = ''

const hostile = [
  `'; drop table trunkline.job; --`,
  `" or 1=1 --`,
  `x'; select pg_sleep(9); --`,
  '$1',
  '$$ select 1 $$',
  '{}',
  '{a,b}',
  '{NULL}',
  'NULL',
  '\\',
  '"',
  '\\"',
  ',',
  '(select 1)',
  'trunkline.job',
  'a\nb\tc',
  '__proto__',
  'constructor',
  'toString',
  '%s%n',
  '../../etc/passwd',
  '🙂 é',
  '-',
  '1; select 1',
]

const tableNames = async () =>
  (
    await db.rows(
      `select string_agg(relname, ',' order by relname) t from pg_class where relnamespace = 'trunkline'::regnamespace and relkind in ('r', 'p') and not relispartition`,
    )
  )[0].t

beforeAll(async () => {
  worker = await trunkline.work([task], { queues: ['names'], keeper: false })
  await trunkline.enqueue(task, 1, { queue: 'names' })
  tables = await tableNames()
})
afterAll(async () => {
  await worker.stop()
  expect(await tableNames()).toBe(tables)
  expect(Object.keys({})).toEqual([])
})

/** The call answers, or says with one of our errors what is wrong with what it was given. */
async function asked(call: Promise<unknown>): Promise<unknown> {
  return await call.catch((error) => {
    expect(isTrunklineError(error), String(error)).toBe(true)
    expect((error as { code: string }).code).not.toMatch(/internal|database_unavailable/)
    expect((error as Error).message).not.toMatch(/syntax|SQLSTATE|node_modules/)
    return error
  })
}

describe.each(hostile)('%j', (text) => {
  test('is stored as it is where text is free, and finds only itself', async () => {
    const job = await trunkline.enqueue(
      task,
      { a: text, [text]: text },
      { queue: 'names', tags: [text], uniqueKey: text, idempotencyKey: text, createdBy: text },
    )
    expect(await job.result()).toEqual({ a: text, [text]: text })
    expect(await job.get()).toMatchObject({ tags: [text], key: text, createdBy: text, payload: { a: text } })
    expect((await trunkline.list({ tags: [text] })).map((j) => j.id)).toEqual([job.id])
    expect((await trunkline.list({ task: 'names', args: { a: text } })).map((j) => j.id)).toEqual([job.id])
    const again = await trunkline.enqueue(
      task,
      { a: text, [text]: text },
      { queue: 'names', tags: [text], uniqueKey: text, idempotencyKey: text, createdBy: text },
    )
    expect(again).toMatchObject({ id: job.id, made: 'existing' })
    await trunkline.pause('names', { reason: text, by: text })
    expect((await trunkline.queues()).find((q) => q.queue === 'names')?.paused).toMatchObject({ reason: text, by: text })
    const waiting = await trunkline.enqueue(task, 1, { queue: 'names' })
    expect((await trunkline.why(waiting.id)).sentence).toContain(text)
    await trunkline.cancel(waiting.id, { by: text })
    expect(await trunkline.why(waiting.id)).toMatchObject({ by: text })
    await trunkline.resume('names')
  })

  test('is refused, or finds nothing, where names and numbers are meant', async () => {
    const lately = new Date(Date.now() - 60_000)
    for (const call of [
      () => trunkline.enqueue(text, 1),
      () => trunkline.enqueue(task, 1, { queue: text, runAt: '2999-01-01T00:00:00Z' }),
      () => trunkline.list({ queue: text }),
      () => trunkline.list({ task: text }),
      () => trunkline.list({ state: text as never }),
      () => trunkline.list({ reason: text }),
      () => trunkline.list({ fingerprint: text }),
      () => trunkline.list({ args: { [text]: text }, createdAfter: lately }),
      () => trunkline.list({ before: text }),
      () => trunkline.list({ [text]: 1 } as never),
      () => trunkline.bulk('cancel', { queue: text }),
      () => trunkline.bulk(text as never, { queue: 'names' }),
      () => trunkline.bulk('cancel', { ids: [text] }),
      () => trunkline.bulk('update', { queue: 'names', state: 'pending' }, { changes: { [text]: 1 } as never }),
      () => trunkline.get(text),
      () => trunkline.why(text),
      () => trunkline.cancel(text),
      () => trunkline.retry(text),
      () => trunkline.rerun(text),
      () => trunkline.promote(text),
      () => trunkline.update(text, { priority: 1 }),
      () => trunkline.delete(text),
      () => trunkline.pause(text),
      () => trunkline.resume(text),
      () => trunkline.pause('names', { until: text }),
      () => trunkline.pause('names', { for: text }),
      () => trunkline.changes({ after: text }),
      () => trunkline.stopWorker(text),
      () => trunkline.work([task], { queues: [text], singleton: text }),
    ]) {
      const answer = await asked(call())
      // a name of allowed characters makes a queue; nothing else is answered than an error or nothing
      if (answer && typeof answer === 'object' && 'stop' in answer) await (answer as Worker).stop()
    }
    await trunkline.resume('names')
  })

  test('is refused or stored as it is by the SQL function', async () => {
    const [row] = await db.rows(
      `select trunkline.enqueue('names', jsonb_build_object('a', $1::text), queue => 'sql', unique_key => $1, tags => array[$1]) id`,
      [text],
    )
    expect(await trunkline.get(row.id)).toMatchObject({ key: text, tags: [text], payload: { a: text } })
    await expect(db.rows(`select trunkline.enqueue($1)`, [text])).rejects.toMatchObject({ code: expect.stringMatching(/^TL40[04]$/) })
    await expect(db.rows(`select trunkline.enqueue('names', unique_key => 'k', unique_mode => $1)`, [text])).rejects.toMatchObject({
      code: 'TL400',
    })
  })
})
