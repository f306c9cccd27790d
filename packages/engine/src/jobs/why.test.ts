import { expect, test } from 'vitest'
import { testDatabase, until } from '../../../../test/support/database.ts'
import { defineTask } from './define-task.ts'
import { FatalError, Snooze } from './fate.ts'

const db = await testDatabase()
const trunkline = await db.connect()
const act = defineTask('act', {
  retry: { attempts: 2, backoff: { curve: 'fixed', delay: '1h', jitter: 0 } },
  async run({ input, signal }) {
    if (input === 'fatal') throw new FatalError('the card was stolen')
    if (input === 'fail') throw new Error('the server hung up')
    if (input === 'snooze') throw new Snooze('1h')
    if (input === 'hold') await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  },
})
const other = defineTask('other', { run: () => {} })
const make = (payload: unknown, queue: string, options: object = {}) => trunkline.enqueue(act, payload, { queue, ...options })
const work = (queue: string, options: object = {}) =>
  trunkline.work([act], { queues: [queue], keeper: false, pollMs: 10, graceMs: 200, ...options })
const said = async (id: string) => {
  const answer = await trunkline.why(id)
  expect(answer.sentence).toMatch(/^[A-Z0-9].*[.!]|: .+$/)
  expect(answer.sentence).not.toMatch(/null|undefined|%/)
  // the function answers alike
  const [row] = await db.rows('select trunkline.why($1) answer', [id])
  expect(row.answer.sentence.replace(/\d+/g, '#')).toBe(answer.sentence.replace(/\d+/g, '#'))
  return answer
}
const state = (id: string, wanted: string) => until(async () => (await trunkline.get(id)).state === wanted)

test('1 · no live worker serves the queue', async () => {
  const job = await make('x', 'alone')
  expect(await said(job.id)).toMatchObject({
    state: 'pending',
    reason: 'due',
    cause: 'no_worker',
    sentence: expect.stringContaining('trunkline worker --queues alone'),
  })
})

test('2 · workers serve the queue, but none has the task', async () => {
  const worker = await trunkline.work([other], { queues: ['mixed'], keeper: false })
  await trunkline.pause('mixed')
  const job = await make('x', 'mixed')
  await trunkline.resume('mixed')
  // the worker puts it back for a second each time: asked while it stands in line
  const answer = await until(async () => {
    await db.rows(`update trunkline.scheduled set run_at = now() where id = $1`, [job.id])
    await trunkline.pause('mixed')
    await trunkline.promote(job.id).catch(() => {})
    const paused = await trunkline.why(job.id)
    if (paused.reason !== 'paused') return null
    await db.rows(`update trunkline.queue set paused_at = null where name = 'mixed'`)
    const found = await trunkline.why(job.id)
    return found.reason === 'due' ? found : null
  })
  expect(answer).toMatchObject({ cause: 'no_worker_for_task', sentence: expect.stringContaining('none of them has the task act') })
  await worker.stop()
})

test('3 · all slots are busy, and how many are before it', async () => {
  const worker = await work('busy', { concurrency: 1, heartbeatMs: 100 })
  const hold = await make('hold', 'busy')
  await state(hold.id, 'running')
  const [, second] = [await make('x', 'busy'), await make('x', 'busy')]
  await until(async () => (await trunkline.why(second.id)).cause === 'slots_busy')
  expect(await said(second.id)).toMatchObject({ cause: 'slots_busy', ahead: 1, slots: 1, busy: 1, workers: 1 })
  expect(await said(hold.id)).toMatchObject({ state: 'running', reason: 'running', workerId: worker.id })
  await trunkline.cancel(hold.id, { by: 'ada' })
  await state(hold.id, 'cancelled')
  expect(await said(hold.id)).toMatchObject({
    state: 'cancelled',
    reason: 'cancelled',
    by: 'ada',
    sentence: expect.stringContaining('while it ran'),
  })
  await worker.stop()
})

test('4 · the queue is paused, by whom, why and until when', async () => {
  const job = await make('x', 'paused')
  await trunkline.pause('paused', { reason: 'the API answers 429', by: 'ada', for: '1h' })
  const answer = await said(job.id)
  expect(answer).toMatchObject({
    reason: 'paused',
    by: 'ada',
    note: 'the API answers 429',
    sentence: expect.stringContaining('by ada: the API answers 429, until 2'),
  })
  expect(Date.parse(answer.until ?? '')).toBeGreaterThan(Date.now() + 3_500_000)
})

test('5 · it was asked for at a later time', async () => {
  const job = await make('x', 'later', { delay: '2h' })
  const answer = await said(job.id)
  expect(answer).toMatchObject({ reason: 'scheduled', cause: 'run_at' })
  expect(Date.parse(answer.until ?? '')).toBeGreaterThan(Date.now() + 7_100_000)
})

test('6, 7, 8 · a failed try waits for the next, a snooze for its time; in the end the attempts are used up', async () => {
  const worker = await work('fate')
  const [failing, snoozed, fatal] = [await make('fail', 'fate'), await make('snooze', 'fate'), await make('fatal', 'fate')]
  await until(async () => (await failing.get()).reason === 'retrying')
  expect(await said(failing.id)).toMatchObject({
    reason: 'retrying',
    cause: 'backoff',
    failedTries: 1,
    sentence: expect.stringContaining('Attempt 1 failed (the server hung up)'),
  })
  await until(async () => (await snoozed.get()).reason === 'scheduled')
  expect(await said(snoozed.id)).toMatchObject({ reason: 'scheduled', cause: 'snoozed' })
  await state(fatal.id, 'failed')
  expect(await said(fatal.id)).toMatchObject({ state: 'failed', reason: 'fatal', sentence: expect.stringContaining('the card was stolen') })
  await trunkline.promote(failing.id)
  await state(failing.id, 'failed')
  expect(await said(failing.id)).toMatchObject({
    reason: 'attempts_used',
    sentence: expect.stringContaining('All 2 attempts are used up; the last error: the server hung up'),
  })
  await worker.stop()
})

test('9 · it is debounced', async () => {
  const job = await make('x', 'calm', { uniqueKey: 'k', uniqueMode: 'debounce', uniqueWindow: '1h' })
  expect(await said(job.id)).toMatchObject({ reason: 'scheduled', cause: 'debounced', calls: 1 })
})

test('10 · another job of its key took its place', async () => {
  const old = await make('x', 'keys', { uniqueKey: 'k', uniqueMode: 'replace' })
  const next = await make('y', 'keys', { uniqueKey: 'k', uniqueMode: 'replace' })
  expect(await said(old.id)).toMatchObject({ state: 'cancelled', reason: 'replaced', replacedBy: next.id })
})

test('11 · it is suspected of killing workers, and later stopped for it', async () => {
  const job = await make('x', 'suspect')
  await work('suspect').then((w) => w.stop())
  const again = await make('x', 'suspect')
  await db.rows(`update trunkline.ready set priority = 32767 where $1::int8 = any(ids)`, [again.id])
  const worker = await trunkline.work([other, act], { queues: ['suspect'], keeper: false, concurrency: 1, pollMs: 60_000, heartbeatMs: 50 })
  await worker.stop()
  await db.rows(
    `insert into trunkline.worker(name, host, pid, version, concurrency, queues, tasks) values ('live', 'h', 1, 'v', 1, '{suspect}', '{act}')`,
  )
  const waiting = await trunkline.get(again.id)
  if (waiting.state === 'pending') expect(await said(again.id)).toMatchObject({ reason: 'due', cause: 'isolated' })
  await db.rows(
    `insert into trunkline.outcome(id, status, attempt, queue_id, task_id, started_at, finished_at, error)
    select id, 3, 3, queue_id, task_id, now(), now(), '{"reason":"crash_limit","crashes":3}' from trunkline.job where id = $1 on conflict do nothing`,
    [job.id],
  )
  const answer = await trunkline.why(job.id)
  if (answer.state === 'failed') expect(answer.sentence).toContain('its worker died 3 times')
})

test('12 · its worker is silent, and 13 · it is about to be cancelled, 14 · it has been fetched and waits for a slot', async () => {
  const jobs = await trunkline.enqueueMany(act, ['a', 'b'], { queue: 'held' })
  const [w] = await db.rows(
    `insert into trunkline.worker(name, host, pid, version, concurrency, queues, tasks, running) values ('w1', 'h', 1, 'v', 1, '{held}', '{act}', array[$1::int8]) returning id`,
    [jobs[0]?.id],
  )
  await db.rows(
    `with r as (delete from trunkline.ready where $2::int8 = any(ids)) insert into trunkline.lease(worker_id, ids, attempts) values ($1, array[$2::int8, $3::int8], '{0,0}')`,
    [w.id, jobs[0]?.id, jobs[1]?.id],
  )
  const [first, second] = jobs.map((j) => j.id) as [string, string]
  expect(await said(first)).toMatchObject({ state: 'running', reason: 'running' })
  expect(await said(second)).toMatchObject({
    state: 'running',
    reason: 'prefetched',
    sentence: expect.stringContaining('starts it when a slot is free'),
  })
  await trunkline.cancel(first, { by: 'ada' })
  expect(await said(first)).toMatchObject({ reason: 'cancelling', sentence: expect.stringContaining('asked to end by ada') })
  await db.rows(`update trunkline.worker set beat = now() - interval '40 s' where id = $1`, [w.id])
  expect(await said(second)).toMatchObject({ reason: 'worker_silent', sentence: expect.stringContaining('has not been heard of') })
})

test('15 · it completed; 16 · it was cancelled before it started; 17 · it is gone; 18 · it is next', async () => {
  const worker = await work('ends')
  const job = await make('x', 'ends')
  await job.result()
  expect(await said(job.id)).toMatchObject({ state: 'completed', reason: 'completed', sentence: expect.stringContaining('in attempt 1') })
  await trunkline.pause('ends')
  const cancelled = await make('x', 'ends')
  await trunkline.cancel(cancelled.id)
  expect(await said(cancelled.id)).toMatchObject({ reason: 'cancelled', sentence: 'It was cancelled before it started.' })
  await worker.stop()
  await expect(trunkline.why('999999999')).rejects.toMatchObject({ code: 'job_not_found' })
  expect((await db.rows('select trunkline.why(999999999) answer'))[0].answer).toMatchObject({ state: null, reason: 'gone' })
  await expect(trunkline.why('x')).rejects.toMatchObject({ code: 'invalid_job_id' })
  const next = await make('x', 'next')
  await db.rows(
    `insert into trunkline.worker(name, host, pid, version, concurrency, queues, tasks) values ('live', 'h', 1, 'v', 1, '{next}', '{act}')`,
  )
  expect(await said(next.id)).toMatchObject({ cause: 'its_turn', sentence: expect.stringContaining('next in line') })
})
