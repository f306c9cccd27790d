import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { defineTask } from '../packages/engine/src/index.ts'
import { testDatabase, until } from './support/database.ts'
import { createVictims, seededRandom } from './support/programs.ts'

const db = await testDatabase()
const trunkline = await db.connect()
const victims = createVictims(new URL('./support/worker-process.mts', import.meta.url), db.url)
const { folder, children } = victims
afterAll(() => victims.clear())

// what kills and freezes, drawn from a printed seed
const { seed, random } = seededRandom()
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** Every line that a handler has written outside the database: job id and what it did. */
function effects(): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const file of readdirSync(folder)) {
    for (const line of readFileSync(join(folder, file), 'utf8').split('\n')) {
      const [id, what] = line.split(' ')
      if (id && what) found.set(id, [...(found.get(id) ?? []), what])
    }
  }
  return found
}

test(`workers killed and frozen at random moments (seed ${seed}): no job lost, none ended twice, counters exact`, async () => {
  const stub = { queue: 'chaos', run: () => {} }
  const work = defineTask('chaos.work', { ...stub, retry: { attempts: 5, backoff: { curve: 'fixed', delay: 50 } } })
  const jobs = await trunkline.enqueueMany(
    work,
    Array.from({ length: 6000 }, (_, i) => ({ i, fails: i % 50 === 0 })),
  )
  for (let i = 0; i < 3; i++) victims.start()
  let kills = 0
  let freezes = 0
  let feeding = true
  const late: string[] = []
  const feeder = (async () => {
    while (feeding) {
      late.push((await trunkline.enqueue(work, { i: -1, fails: false }, random() < 0.3 ? { delay: 100 } : {})).id)
      await pause(10)
    }
  })()
  const end = Date.now() + 12_000
  while (Date.now() < end) {
    await pause(300 + random() * 700)
    const victim = [...children][Math.floor(random() * children.size)]
    if (!victim) continue
    if (random() < 0.6) {
      kills++
      victim.kill('SIGKILL')
      victims.start()
    } else {
      freezes++
      victim.kill('SIGSTOP')
      // longer than the stale time: others take its jobs over while it still believes to have them
      void pause(2500).then(() => victim.kill('SIGCONT'))
    }
  }
  feeding = false
  await feeder
  await pause(3000)
  const [row] = await db.rows('select count(*)::int n from trunkline.job')
  const total = row.n
  expect(total).toBe(jobs.length + late.length)
  await until(async () => (await db.rows('select count(*)::int n from trunkline.outcome'))[0].n === total, 'every job to end', 60_000)
  for (const child of children) child.kill('SIGTERM')
  await until(() => children.size === 0, 'the workers to stop')

  const [left] = await db.rows(`select (select count(*) from trunkline.ready)::int ready, (select count(*) from trunkline.lease)::int lease,
    (select count(*) from trunkline.scheduled)::int scheduled, (select count(*) from trunkline.outcome where status = 2)::int completed`)
  expect(left).toEqual({ ready: 0, lease: 0, scheduled: 0, completed: total })
  const [counted] = await db.rows(
    `select sum(n) filter (where status = 2)::int completed, sum(n) filter (where status = 0)::int added from (select status, n from trunkline.stat union all select status, n from trunkline.stat_delta) s`,
  )
  expect(counted).toEqual({ completed: total, added: total })
  // attempts of a job are numbered without gaps, and the outcome is the last of them
  expect(
    await db.rows(`select o.id from trunkline.outcome o left join lateral (select count(*)::int n, coalesce(max(attempt), -1)::int m from trunkline.attempt a where a.id = o.id) a on true
      where a.n <> o.attempt or a.m <> o.attempt - 1 limit 5`),
  ).toEqual([])
  const done = effects()
  for (const { id } of jobs) expect(done.get(id), id).toContain('end')
  console.log(
    `seed ${seed}: ${total} jobs, ${kills} kills, ${freezes} freezes, ${[...done.values()].filter((e) => e.filter((x) => x === 'end').length > 1).length} ran to their end twice`,
  )
}, 120_000)
