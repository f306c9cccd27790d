import { describe, expect, inject, test } from 'vitest'
import { testDatabase } from '../../../../test/support/database.ts'
import { defineTask } from '../jobs/define-task.ts'
import { createRetention } from './retention.ts'
import { readRetention } from './retention-rules.ts'

const db = await testDatabase()
const database = db.open({ queryTimeoutMs: 120_000 })
const trunkline = await db.connect()
const noop = defineTask('noop', { run: () => {} })
const range = 500_000
/** Every so many ids have a job: all of them on the newest server, fewer where only the statements matter. */
const step = inject('thorough') ? 1 : 100

/** Fills whole ranges of ids with jobs that ended long ago, as workers leave them. */
async function fill(ranges: number): Promise<{ queueId: number; taskId: number }> {
  await trunkline.enqueue(noop, 1)
  const [{ queueId, taskId }] = await db.rows('select queue_id "queueId", task_id "taskId" from trunkline.job limit 1')
  const n = ranges * range
  await db.rows(
    `insert into trunkline.job(id, queue_id, task_id, payload, created_at) select i, $1, $2, '{}', now() - interval '40 days' from generate_series(1000, ${n - 1}, ${step}) i`,
    [queueId, taskId],
  )
  await db.rows(
    `insert into trunkline.outcome(id, status, attempt, worker_id, queue_id, task_id, started_at, finished_at)
    select i, 2, 0, 1, $1, $2, now() - interval '39 days', now() - interval '39 days' from generate_series(1000, ${n - 1}, ${step}) i`,
    [queueId, taskId],
  )
  await db.rows(`insert into trunkline.stat_delta values (now(), $1, $2, 2, ${Math.ceil((n - 1000) / step)}, 0)`, [queueId, taskId])
  await db.rows(`select setval('trunkline.id', ${n + 5})`)
  return { queueId, taskId }
}

describe('whole ranges', () => {
  test('a million finished jobs go in under a second while jobs run; stragglers are carried over', async () => {
    const { queueId, taskId } = await fill(2)
    // one that is still scheduled for next year, one that ended yesterday, one that failed long ago and is retried in time
    await db.rows(`delete from trunkline.outcome where id in (1000, 2000, 3000)`)
    await db.rows(
      `insert into trunkline.scheduled(id, run_at, queue_id, priority, attempt) values (1000, now() + interval '1 year', $1, 0, 0)`,
      [queueId],
    )
    await db.rows(
      `insert into trunkline.outcome(id, status, attempt, queue_id, task_id, finished_at) values (2000, 2, 0, $1, $2, now() - interval '1 day'),
      (3000, 3, 0, $1, $2, now() - interval '39 days')`,
      [queueId, taskId],
    )
    await db.rows(`insert into trunkline.stat_delta values (now(), $1, $2, 2, -2, 0), (now(), $1, $2, 3, 1, 0)`, [queueId, taskId])
    await trunkline.retry('3000')
    await db.rows('vacuum analyze trunkline.job, trunkline.outcome')
    const worker = await trunkline.work([noop], { keeper: false, queues: ['beside'] })
    let slowest = 0
    let ran = 0
    let going = true
    const beside = (async () => {
      while (going) {
        const begun = performance.now()
        await (await trunkline.enqueue(noop, 1, { queue: 'beside' })).result()
        slowest = Math.max(slowest, performance.now() - begun)
        ran++
      }
    })()
    const retention = createRetention(database, { completed: '30d', failed: '30d', cancelled: '30d' })
    const begun = performance.now()
    expect(await retention.prepare()).toBe(2)
    const preparedAt = performance.now()
    const dropped = await retention.drop()
    const ms = performance.now() - preparedAt
    going = false
    await beside
    await worker.stop()
    console.log(
      `retention: ${dropped} ranges looked at in ${Math.round(preparedAt - begun)} ms, dropped in ${Math.round(ms)} ms; ${ran} jobs ran beside it, the slowest took ${Math.round(slowest)} ms`,
    )
    expect(dropped).toBe(2)
    expect(ran).toBeGreaterThan(0)
    const left = await db.rows(`select id::int from trunkline.job where id < ${2 * range} order by id`)
    // number 1 was never run
    expect(left.map((row) => row.id)).toEqual([1, 1000, 2000, 3000])
    expect(await trunkline.get('1000')).toMatchObject({ state: 'pending', reason: 'scheduled' })
    expect(await trunkline.get('2000')).toMatchObject({ state: 'completed' })
    expect(await trunkline.get('3000')).toMatchObject({ state: 'pending', reason: 'due' })
    await expect(trunkline.get('5000')).rejects.toMatchObject({ code: 'job_not_found' })
    // the second range had no straggler: its partitions are gone
    expect(
      await db.rows(
        `select to_regclass('trunkline.job_1') a, to_regclass('trunkline.job_0') is not null b, to_regclass('trunkline.log_1') c`,
      ),
    ).toEqual([{ a: null, b: true, c: null }])
    expect(await trunkline.reconcile()).toEqual([])
    // the stragglers can end, and go with the next pass
    await trunkline.cancel('1000')
    expect(await trunkline.get('1000')).toMatchObject({ state: 'cancelled' })
    expect((await retention.runOnce()).ranges).toBe(0)
  }, 180_000)

  test('a job of a range that is about to go cannot be retried, but re-run as a new one', async () => {
    const [{ id }] = await db.rows(`select id::text from trunkline.job where id = 2000`)
    await db.rows(`update trunkline.outcome set status = 3 where id = 2000`)
    await db.rows(`update trunkline.id_range set closing_at = now() where no = 0`)
    await expect(trunkline.retry(id)).rejects.toMatchObject({ code: 'wrong_state', hint: expect.stringContaining('rerun 2000') })
    expect((await trunkline.rerun(id)).id).not.toBe(id)
    await db.rows(`update trunkline.id_range set closing_at = null; update trunkline.outcome set status = 2 where id = 2000`)
  })
})

describe('inside the ranges', () => {
  test('each state and task has its own time', async () => {
    const other = defineTask('other', { run: () => {} })
    const ids: Record<string, string> = {}
    for (const [name, task, status, days] of [
      ['completed old', noop, 2, 8],
      ['completed new', noop, 2, 6],
      ['failed old', noop, 3, 20],
      ['failed older', noop, 3, 31],
      ['cancelled', noop, 4, 100],
      ['replaced', noop, 5, 100],
      ['other completed', other, 2, 2],
      ['other failed', other, 3, 31],
    ] as const) {
      ids[name] = (await trunkline.enqueue(task, 1, { queue: 'inside' })).id
      await trunkline.cancel(ids[name])
      await db.rows(`update trunkline.outcome set status = $2, finished_at = now() - $3 * interval '1 day' where id = $1`, [
        ids[name],
        status,
        days,
      ])
    }
    const rules = { completed: '7d', failed: '30d', cancelled: false as const, tasks: { other: { completed: '1d' } } }
    expect((await createRetention(database, rules).runOnce()).jobs).toBeGreaterThanOrEqual(4)
    const there = await Promise.all(
      Object.entries(ids).map(async ([name, id]) => ((await trunkline.get(id).catch(() => null)) ? name : null)),
    )
    expect(there.filter(Boolean)).toEqual(['completed new', 'failed old', 'cancelled', 'replaced'])
  })

  test('nothing goes where everything is kept for ever', async () => {
    expect(await createRetention(database, { completed: false, failed: false, cancelled: false }).runOnce()).toEqual({ ranges: 0, jobs: 0 })
  })

  test.each([
    [{ complete: '1d' }, 'complete'],
    [{ completed: 'soon' }, 'retention.completed'],
    [{ completed: -1 }, 'retention.completed'],
    [{ tasks: { 'a b': {} } }, 'retention.tasks'],
    [{ tasks: { a: { faild: '1d' } } }, 'faild'],
    [{ tasks: null }, 'retention.tasks'],
  ])('%j is refused', (options, field) => {
    expect(() => readRetention(options as never)).toThrow(expect.objectContaining({ field }))
  })
})
