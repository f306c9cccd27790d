import { describe, expect, test } from 'vitest'
import { testDatabase } from '../../../../test/support/database.ts'
import { defineTask } from '../jobs/define-task.ts'
import { createRetention } from './retention.ts'

const db = await testDatabase()
const database = db.open()
const trunkline = await db.connect()
const noop = defineTask('noop', { run: () => {} })
const other = defineTask('other', { run: () => {} })
const day = 86_400_000
const month = 30 * day
const everything = { completed: month, failed: month, cancelled: month, tasks: {} }

/** A job that ended so many days ago. */
async function ended(task: typeof noop, status: 2 | 3 | 4, days: number): Promise<string> {
  const { id } = await trunkline.enqueue(task, 1)
  await trunkline.cancel(id)
  await db.rows(`update trunkline.outcome set status = $2, finished_at = now() - $3 * interval '1 day' where id = $1`, [id, status, days])
  return id
}

const isThere = async (id: string) =>
  await trunkline.get(id).then(
    () => true,
    () => false,
  )

describe('what holds', () => {
  test('nobody has said anything: the default', async () => {
    expect(await trunkline.retention.get()).toEqual({
      rules: everything,
      source: 'default',
      by: null,
      at: null,
      otherwise: { rules: everything, source: 'default' },
    })
  })

  test('the settings of a keeper are known after its first pass, stored rules stand in their place, a reset brings them back', async () => {
    const old = await ended(noop, 2, 5)
    const keeper = createRetention(database, { completed: '3d', tasks: { other: { failed: false } } })
    await trunkline.retention.set({ completed: '7d' }, { by: 'user:anna' })
    expect(await keeper.runOnce()).toEqual({ ranges: 0, jobs: 0 })
    expect(await isThere(old)).toBe(true)

    const ofSettings = { ...everything, completed: 3 * day, tasks: { other: { failed: false } } }
    expect(await trunkline.retention.get()).toEqual({
      rules: { ...everything, completed: 7 * day },
      source: 'stored',
      by: 'user:anna',
      at: expect.any(Date),
      otherwise: { rules: ofSettings, source: 'settings' },
    })
    await trunkline.retention.reset()
    expect(await trunkline.retention.get()).toMatchObject({ rules: ofSettings, source: 'settings', by: null })
    expect(await keeper.runOnce()).toEqual({ ranges: 0, jobs: 1 })
    expect(await isThere(old)).toBe(false)
    // a keeper without settings of its own takes over
    await createRetention(database).runOnce()
    expect(await trunkline.retention.get()).toMatchObject({ rules: everything, source: 'default' })
  })

  test('the keeper obeys stored rules by state and task, for ever among them', async () => {
    const ids = {
      short: await ended(other, 2, 2),
      common: await ended(noop, 2, 2),
      failed: await ended(noop, 3, 400),
      cancelled: await ended(noop, 4, 31),
    }
    await trunkline.retention.set({ failed: false, tasks: { other: { completed: '1d' }, unheard: { failed: 0 } } })
    await createRetention(database, { failed: '1h' }).runOnce()
    const there = await Promise.all(Object.entries(ids).map(async ([name, id]) => ((await isThere(id)) ? name : null)))
    expect(there.filter(Boolean)).toEqual(['common', 'failed'])
    await trunkline.retention.reset()
  })

  test('where all is kept equally long, jobs of a range that fills slowly go as well', async () => {
    const old = await ended(noop, 2, 9)
    const young = await ended(noop, 2, 6)
    expect((await createRetention(database, { completed: '7d', failed: '7d', cancelled: '7d' }).runOnce()).jobs).toBeGreaterThanOrEqual(1)
    expect([await isThere(old), await isThere(young)]).toEqual([false, true])
  })

  test('a range that was marked to go may stay when rules are longer, and its jobs are retried again', async () => {
    const failed = await ended(noop, 3, 3)
    await db.rows('update trunkline.id_range set closing_at = now() where no = 0')
    await expect(trunkline.retry(failed)).rejects.toMatchObject({ code: 'wrong_state' })
    await createRetention(database, { completed: false }).runOnce()
    await trunkline.retry(failed)
  })

  test('who sets rules in a transaction that fails has set nothing', async () => {
    const failing = trunkline.transaction(async ({ retention }) => {
      await retention.set({ completed: '1d' })
      expect((await retention.get()).source).toBe('stored')
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow('no')
    expect((await trunkline.retention.get()).source).not.toBe('stored')
  })

  test.each([
    [{ complete: '1d' }, 'unknown_option', 'complete'],
    [{ completed: 'soon' }, 'invalid_duration', 'retention.completed'],
    [{ completed: true }, 'invalid_duration', 'retention.completed'],
    [{ tasks: { 'a b': {} } }, 'invalid_name', 'retention.tasks'],
    [{ tasks: { a: '1d' } }, 'invalid_option', 'retention.tasks.a'],
    [{ tasks: Object.fromEntries(Array.from({ length: 501 }, (_, i) => [`t${i}`, {}])) }, 'invalid_option', 'retention.tasks'],
    [null, 'invalid_option', 'retention'],
  ])('%j is refused, and nothing is stored', async (rules, code, field) => {
    await expect(trunkline.retention.set(rules as never)).rejects.toMatchObject({ code, field })
    await expect(trunkline.retention.preview(rules as never)).rejects.toMatchObject({ code, field })
    expect((await trunkline.retention.get()).source).not.toBe('stored')
  })
})

describe('what rules would remove', () => {
  test('is counted by state and task, and is what the keeper removes then', async () => {
    await db.rows('delete from trunkline.outcome')
    for (const [task, status, days] of [
      [noop, 2, 8],
      [noop, 2, 8],
      [noop, 2, 6],
      [noop, 3, 8],
      [other, 2, 2],
      [other, 4, 31],
    ] as const)
      await ended(task, status, days)
    const waiting = await trunkline.enqueue(noop, 1)
    const rules = { completed: '7d', failed: false, tasks: { other: { completed: '1d' } } } as const
    const preview = await trunkline.retention.preview(rules)
    expect(preview).toMatchObject({ total: 4, isWhole: true })
    expect(preview.groups).toHaveLength(3)
    expect(preview.groups).toEqual(
      expect.arrayContaining([
        { task: 'noop', state: 'completed', count: 2 },
        { task: 'other', state: 'completed', count: 1 },
        { task: 'other', state: 'cancelled', count: 1 },
      ]),
    )
    expect(await trunkline.retention.preview({ completed: false, failed: false, cancelled: false })).toEqual({
      total: 0,
      isWhole: true,
      groups: [],
    })
    await trunkline.retention.set(rules)
    expect(await createRetention(database).runOnce()).toEqual({ ranges: 0, jobs: 4 })
    expect((await trunkline.retention.preview(rules)).total).toBe(0)
    expect(await isThere(waiting.id)).toBe(true)
  })

  test('no plan of it touches the backlog, or reads more of the history than its slice', async () => {
    const [{ taskId, queueId }] = await db.rows('select task_id "taskId", queue_id "queueId" from trunkline.job limit 1')
    const made = `from generate_series(100000, 219999) i`
    await db.rows(
      `insert into trunkline.job(id, queue_id, task_id, payload, created_at) select i, $1, $2, '{}', now() - interval '40 days' ${made}`,
      [queueId, taskId],
    )
    await db.rows(
      `insert into trunkline.outcome(id, status, attempt, queue_id, task_id, finished_at) select i, 2, 0, $1, $2, now() - interval '39 days' ${made}`,
      [queueId, taskId],
    )
    await db.rows('vacuum analyze trunkline.job, trunkline.outcome')
    // more than one slice, and counted to the end
    expect(await trunkline.retention.preview({ completed: '30d' })).toMatchObject({ total: 120_000, isWhole: true })
    const plan = await explain()
    expect(plan).not.toMatch(/Seq Scan on (job|outcome|ready|scheduled|held|blocked|lease)/)
    expect(plan).toMatch(/Index Scan using outcome_\d+_pkey on outcome_\d+ .*rows=50000/)
  })
})

/** The plan of one slice, as `preview` runs it. */
async function explain(): Promise<string> {
  const text = (await import('../postgres/statement.ts')).statement(import.meta.url, 'count-removable.sql').text('trunkline')
  return await database.transaction(async (tx) => {
    await tx.query('set local enable_hashjoin = on')
    const { rows } = await tx.query(`explain (analyze, timing off, summary off, costs off) ${text}`, [
      '99999',
      50_000,
      '{NULL}',
      '{2}',
      '{0}',
    ])
    return rows.map((row) => row['QUERY PLAN']).join('\n')
  }, 'walk')
}
