import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { onServer, testDatabase, until } from '../../../test/support/database.ts'
import { createAgent } from './agent.ts'
import { installSchema, watch } from './install.ts'
import { cancelRun, history } from './jobs.ts'
import { showRunsAsJobs } from './runs-as-jobs.ts'

const role = `pgagr_${randomBytes(4).toString('hex')}`
afterAll(() => onServer(`drop role if exists ${role}`))
const queue = await testDatabase()
const there = await testDatabase({ empty: true })
const trunkline = await queue.connect()

beforeAll(async () => {
  await onServer(`create role ${role} login password 'sekret'`)
  await installSchema(there.open())
  await watch(there.open())
})

async function job(name: string, steps: [name: string, code: string, onError?: string][]): Promise<number> {
  const [row] = await there.rows(`insert into pgagent.pga_job(jobjclid, jobname) values (1, $1) returning jobid`, [name])
  for (const [step, code, onError = 'f'] of steps)
    await there.rows(
      `insert into pgagent.pga_jobstep(jstjobid, jstname, jstkind, jstcode, jstdbname, jstonerror) values ($1, $2, 's', $3, $4, $5)`,
      [row?.jobid, step, code, there.name, onError],
    )
  await there.rows(`update pgagent.pga_job set jobnextrun = now() where jobid = $1`, [row?.jobid])
  return row?.jobid as number
}

/** An agent whose runs are jobs. */
async function agent() {
  const database = there.open({ applicationName: 'agent' })
  const errors: Error[] = []
  const shown = await showRunsAsJobs(trunkline, { database, maxParallel: 4, onError: (error) => errors.push(error) })
  const made = createAgent({
    database,
    stepUser: { user: role, password: 'sekret' },
    pollMs: 60_000,
    onEvent: (event) => shown.hear(event),
  })
  made.start()
  return {
    errors,
    async [Symbol.asyncDispose]() {
      await made.stop()
      await shown.stop()
    },
  }
}

const jobsOf = async (jobId: number) => (await trunkline.list({ task: 'pgagent_run', args: { jobId: String(jobId) } })).map(({ id }) => id)
const jobOf = async (jobId: number) => {
  const id = await until(async () => (await jobsOf(jobId))[0], `the job of ${jobId}`)
  return id as string
}
const endOf = async (id: string) =>
  await until(async () => {
    const found = await trunkline.get(id)
    return ['pending', 'running'].includes(found.state) ? undefined : found
  }, `the end of ${id}`)

test('a run is a job: found by its name, with a stage for each step, their output and its end', async () => {
  await using here = await agent()
  const good = await job('nightly', [
    ['a first', 'select 1'],
    ['b second', 'create table made(x int); insert into made select generate_series(1, 3)', 'i'],
  ])
  const bad = await job('broken', [
    ['a good', 'select 1'],
    ['b bad', `select 1/0`],
    ['c never', 'select 1'],
  ])
  const done = await endOf(await jobOf(good))
  expect(done).toMatchObject({
    task: 'pgagent_run',
    queue: 'pgagent',
    state: 'completed',
    tags: ['pgagent'],
    payload: { server: 'default', jobName: 'nightly' },
    result: { status: 'succeeded', steps: [{ step: 'a first', status: 'succeeded' }, { step: 'b second' }] },
    progress: { current: 2, total: 2 },
  })
  const failed = await endOf(await jobOf(bad))
  expect(failed).toMatchObject({ state: 'failed', error: { message: expect.stringMatching(/step b bad failed: .*division by zero/) } })
  expect(failed.attempt).toBe(1)
  const lines = await trunkline.logs(failed.id)
  expect(lines.map(({ stage }) => stage)).toEqual(expect.arrayContaining(['a good', 'b bad']))
  expect(lines.some(({ level, message }) => level === 'error' && /failed, result/.test(message))).toBe(true)
  expect(await jobsOf(bad)).toHaveLength(1)
  expect(here.errors).toEqual([])
})

test('to cancel the job ends the run; a run that is ended in pgAgent ends the job', async () => {
  await using _here = await agent()
  const [first, second] = [await job('long', [['a', 'select pg_sleep(600)']]), await job('longer', [['a', 'select pg_sleep(600)']])]
  const [one, two] = [await jobOf(first), await jobOf(second)]
  await until(async () => (await trunkline.get(one)).state === 'running' && (await trunkline.get(two)).state === 'running')
  await trunkline.cancel(one)
  expect(await endOf(one)).toMatchObject({ state: 'cancelled' })
  expect((await history(there.open(), first))[0]).toMatchObject({ status: 'f' })
  const [run] = await history(there.open(), second)
  await cancelRun(there.open(), run?.id as number, 'a test')
  expect(await endOf(two)).toMatchObject({ state: 'failed' })
})

test('a worker that stops leaves the run alone, and the next one goes on telling', async () => {
  const database = there.open()
  await using _here = await agent()
  const id = await job('held', [['a', `select pg_advisory_lock(4711); select pg_advisory_unlock(4711)`]])
  const holder = await there.client()
  await holder.query('select pg_advisory_lock(4711)')
  const told = await jobOf(id)
  await until(async () => (await trunkline.get(told)).state === 'running')
  const [{ worker_id: first } = { worker_id: null }] = await queue.rows(`select worker_id from trunkline.lease limit 1`)
  const other = await showRunsAsJobs(trunkline, { database, maxParallel: 4, onError: () => {} })
  await trunkline.stopWorker(String(first))
  await until(async () => {
    const [lease] = await queue.rows(`select worker_id from trunkline.lease limit 1`)
    return lease && lease.worker_id !== first
  }, 'another worker to go on')
  expect((await history(database, id))[0]).toMatchObject({ status: 'r' })
  await holder.query('select pg_advisory_unlock(4711)')
  expect(await endOf(told)).toMatchObject({ state: 'completed' })
  await other.stop()
})
