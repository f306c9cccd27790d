import { expect, test } from 'vitest'
import { testDatabase } from '../../../../test/support/database.ts'
import { defineTask } from './define-task.ts'

const db = await testDatabase()
const trunkline = await db.connect()
const echo = defineTask('echo', { run: ({ input }) => input })

test('who waits for a job that is not there is told so', async () => {
  await expect(trunkline.job('999999').result()).rejects.toMatchObject({
    code: 'job_not_found',
    message: expect.stringContaining('999999'),
  })
})

test('who waits for a job that is removed before its end is told so, and others wait on', async () => {
  const [gone, stays] = await trunkline.enqueueMany(echo, [1, 2])
  const waits = [gone?.result(), stays?.result()]
  await db.rows('delete from trunkline.job where id = $1', [gone?.id])
  await expect(waits[0]).rejects.toMatchObject({ code: 'job_not_found' })
  const worker = await trunkline.work([echo], { keeper: false })
  expect(await waits[1]).toBe(2)
  await worker.stop()
})

test('a job of a transaction is waited for until that has committed, and until its end then', async () => {
  const client = await db.client()
  await client.query('begin')
  const one = await trunkline.enqueue(echo, 'one', { tx: client })
  const [two] = await trunkline.enqueueMany(echo, ['two'], { tx: client })
  const { jobs } = await trunkline.flows.add({ jobs: [{ name: 'three', task: 'echo', payload: 'three' }], tx: client })
  const waits = [one, two, jobs.three].map((job) => job?.result())
  // a job that was asked for later is known to be missing: those of the transaction were looked for as well
  await expect(trunkline.job('999998').result()).rejects.toMatchObject({ code: 'job_not_found' })
  await client.query('commit')
  await client.end()
  const worker = await trunkline.work([echo], { keeper: false })
  expect(await Promise.all(waits)).toEqual(['one', 'two', 'three'])
  await worker.stop()
})

test('who waits no more is forgotten', async () => {
  const job = await trunkline.enqueue(echo, 1)
  const reason = new Error('enough')
  await expect(job.result({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  const leaving = new AbortController()
  const left = job.result({ signal: leaving.signal })
  leaving.abort(reason)
  await expect(left).rejects.toBe(reason)
})
