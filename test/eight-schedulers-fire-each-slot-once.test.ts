import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { defineTask } from '../packages/engine/src/index.ts'
import { testDatabase, until } from './support/database.ts'

// with the matrix as long as the promise says, else a sixth of it
const seconds = process.env.TRUNKLINE_TEST_MATRIX ? 60 : 10
const schedules = 100
const schedulers = 8
const hour = 3_600_000

const db = await testDatabase()
const trunkline = await db.connect()
const tick = defineTask('tick', { run: () => {} })

const living = new Set<ChildProcess>()
afterAll(() => {
  for (const child of living) child.kill('SIGKILL')
})

async function startScheduler(shiftMs: number): Promise<ChildProcess> {
  const child = fork(fileURLToPath(new URL('./support/scheduler-process.mts', import.meta.url)), {
    execArgv: ['--conditions=trunkline-source', '--import', 'tsx'],
    env: { ...process.env, DATABASE_URL: db.url, SHIFT_MS: String(shiftMs) },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  living.add(child)
  child.once('exit', () => living.delete(child))
  await new Promise<void>((resolve, reject) => {
    child.once('message', () => resolve())
    child.once('exit', (code) => reject(new Error(`a scheduler ended with ${code}`)))
  })
  return child
}

test(`${schedulers} schedulers, some of them killed, all with wrong clocks: ${schedules} schedules a second for ${seconds} s make each slot once, each with one job`, async () => {
  const worker = await trunkline.work([tick], { keeper: false })
  await worker.stop()
  const startsAt = new Date(Date.now() + 8000)
  const endsAt = new Date(startsAt.getTime() + seconds * 1000 - 1)
  for (let i = 0; i < schedules; i++) {
    await trunkline.schedules.create({
      ...{ name: `every second ${i}`, task: 'tick', payload: { at: '{{slot}}' }, intervalMs: 1000, startsAt, endsAt },
      ...{ overlap: 'allow', missed: { policy: 'all', windowMs: hour, max: 1000 } },
    })
  }
  const children = await Promise.all(
    Array.from({ length: schedulers }, (_, i) => startScheduler((i - schedulers / 2) * (hour / 4) + i * 777)),
  )
  const fired = async () => Number((await db.rows(`select count(*) n from trunkline.slot`))[0]?.n)
  // one after the other is killed in the middle of its work, and another begins with another clock
  for (let i = 0; i < schedulers; i++) {
    const part = ((i + 1) * schedules * seconds) / (schedulers + 2)
    await until(async () => (await fired()) >= part, `slot ${part}`, 120_000)
    children[i]?.kill('SIGKILL')
    if (i % 2 === 0) await startScheduler(i % 4 === 0 ? hour : -hour)
  }
  await until(async () => (await fired()) >= schedules * seconds, 'the last slot', 120_000)
  // what comes too much would come now
  await until(async () => (await db.rows(`select from trunkline.schedule where next_slot is not null`)).length === 0)
  const [found] =
    await db.rows(`select count(*)::int slots, count(distinct (schedule_id, slot_at))::int different, count(distinct job_id)::int jobs,
    count(*) filter (where job_id is null)::int jobless, min(slot_at) first, max(slot_at) last from trunkline.slot`)
  const [made] = await db.rows(
    `select count(*)::int jobs from trunkline.job j join trunkline.origin o on o.job_id = j.id where o.schedule_id is not null`,
  )
  const all = schedules * seconds
  expect(found).toMatchObject({ slots: all, different: all, jobs: all, jobless: 0 })
  expect(made).toEqual({ jobs: all })
  const perSecond = await db.rows(`select slot_at, count(*)::int n from trunkline.slot group by 1 having count(*) <> $1`, [schedules])
  expect(perSecond).toEqual([])
}, 300_000)

test('after seven days without a scheduler a schedule of every minute makes one job', async () => {
  const { id } = await trunkline.schedules.create({ name: 'each minute', task: 'tick', payload: {}, cronExpression: '* * * * *' })
  await db.rows(
    `update trunkline.schedule set created_at = now() - interval '8 days', handled_to = now() - interval '7 days', next_slot = date_trunc('minute', now() - interval '7 days') + interval '1 minute', due_at = now() - interval '7 days' where id = $1`,
    [id],
  )
  const child = await startScheduler(0)
  const jobs = () => db.rows(`select job_id from trunkline.origin where schedule_id = $1`, [id])
  await until(async () => (await jobs()).length > 0, 'the job')
  const nextIsAhead = `select from trunkline.schedule where id = $1 and next_slot > now()`
  await until(async () => (await db.rows(nextIsAhead, [id])).length === 1, 'the next slot to lie ahead')
  // the minute may have turned meanwhile
  expect((await jobs()).length).toBeLessThanOrEqual(2)
  const [made] = await db.rows(
    `select count(*)::int n from trunkline.slot where schedule_id = $1 and slot_at < now() - interval '2 minutes'`,
    [id],
  )
  expect(made?.n).toBe(0)
  child.kill('SIGTERM')
})
