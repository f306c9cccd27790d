import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { defineTask, type Task } from '../packages/engine/src/index.ts'
import { testDatabase, until } from './support/database.ts'
import { createVictims, seededRandom } from './support/programs.ts'

const db = await testDatabase()
const trunkline = await db.connect()
const victims = createVictims(new URL('./support/gates-process.mts', import.meta.url), db.url)
const { folder, children } = victims
afterAll(() => victims.clear())

// who is killed when, and which transactions stay open for how long, drawn from a printed seed
const { seed, random } = seededRandom()
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
/** When a process was killed: nothing of it began later. */
const killedAt = new Map<number, bigint>()

interface Run {
  id: number
  pid: string
  from: bigint
  to: bigint
  concurrency: string
  ordering: string
}

/** Every execution, as its handler has written it; one that was cut off ended when its process was killed. */
function runs(): Run[] {
  const found: Run[] = []
  for (const pid of readdirSync(folder)) {
    const open = new Map<string, Run>()
    for (const line of readFileSync(join(folder, pid), 'utf8').split('\n')) {
      const [what, at, id, concurrency, ordering] = line.split(' ')
      if (!what || !at || !id || !concurrency || !ordering) continue
      if (what === 'S') open.set(id, { id: Number(id), pid, from: BigInt(at), to: killedAt.get(Number(pid)) ?? 0n, concurrency, ordering })
      else found.push({ ...(open.get(id) as Run), to: BigInt(at) })
      if (what === 'E') open.delete(id)
    }
    found.push(...open.values())
  }
  return found.sort((a, b) => (a.from < b.from ? -1 : 1))
}

/** The most executions of each key that overlap. */
function most(all: readonly Run[], key: 'concurrency' | 'ordering'): number {
  const byKey = new Map<string, Run[]>()
  for (const run of all) byKey.set(run[key], [...(byKey.get(run[key]) ?? []), run])
  let found = 0
  for (const [name, list] of byKey) {
    if (name === '-') continue
    const moments = list.flatMap(({ from, to }) => [
      { at: from, n: 1 },
      { at: to, n: -1 },
    ])
    moments.sort((a, b) => (a.at === b.at ? a.n - b.n : a.at < b.at ? -1 : 1))
    let n = 0
    for (const moment of moments) {
      n += moment.n
      found = Math.max(found, n)
    }
  }
  return found
}

/** Executions of one ordering key that overlap, with how long the first went on beside the second: the same job twice means that a lease was lost. */
function overlaps(all: readonly Run[]): string[] {
  const found: string[] = []
  const last = new Map<string, Run>()
  for (const run of all) {
    const before = last.get(run.ordering)
    if (run.ordering === '-') continue
    if (before && before.to > run.from)
      found.push(
        `${run.ordering}: job ${before.id} of ${before.pid} ran ${Number(before.to - before.from) / 1e6} ms, ${run.id} of ${run.pid} began ${Number(run.from - before.from) / 1e6} ms after it`,
      )
    if (!before || run.to > before.to) last.set(run.ordering, run)
  }
  return found
}

const limit = 2
const left = `select (select count(*) from trunkline.held)::int held, (select count(*) from trunkline.permit)::int permit, (select count(*) from trunkline.knock)::int knock,
  (select count(*) from trunkline.ready)::int ready, (select count(*) from trunkline.lease)::int lease, (select count(*) from trunkline.scheduled)::int scheduled`

test(`a thousand keys, eight workers, some of them killed (seed ${seed}): never above a limit, in order, nothing left`, async () => {
  const work: Task<any, any> = defineTask('gated', { queue: 'gated', retry: { attempts: 10 }, run: () => {} })
  await trunkline.delete((await trunkline.enqueue(work, {})).id)
  await trunkline.setLimits('gated', { concurrencyPerKey: limit })
  const concurrencyKey = ({ c }: any) => c
  const payloads = Array.from({ length: 4000 }, (_, i) => ({ i, c: `c${i % 1000}` }))
  const jobs = (await trunkline.enqueueMany(work, payloads, { concurrencyKey })).map((job) => job.id)
  for (let i = 0; i < 4; i++) victims.start()

  // one producer for each ordering key, partly in transactions that stay open for a while: order is that of what can be seen
  let feeding = true
  const feed = async (o: string, both: boolean) => {
    const client = await db.client()
    for (let i = 0; feeding; i++) {
      const keys = { orderingKey: o, ...(both ? { concurrencyKey: `c${i % 1000}` } : {}) }
      await client.query('begin')
      const job = await trunkline.enqueue(work, { i, o, ...(both ? { c: `c${i % 1000}` } : {}) }, { ...keys, tx: client })
      if (random() < 0.1) await pause(random() * 100)
      const kept = random() > 0.02
      await client.query(kept ? 'commit' : 'rollback')
      if (kept) jobs.push(job.id)
      await pause(random() * 20)
    }
  }
  const feeders = Array.from({ length: 12 }, (_, i) => feed(`o${i}`, i % 2 === 0))
  const above: unknown[] = []
  const watcher = (async () => {
    while (feeding) {
      above.push(
        ...(await db.rows(
          `select g.kind, g.key, count(*)::int n from trunkline.permit p join trunkline.gate g on g.id = p.gate_id group by 1, 2
          having count(*) > case g.kind when 1 then 1 else $1 end`,
          [limit],
        )),
        // who runs or is in line has all it needs
        ...(await db.rows(
          `select j.id from (select unnest(ids) id from trunkline.lease union all select unnest(ids) from trunkline.ready where priority < 900) r
            join trunkline.job j on j.id = r.id where j.gate_keys[2] is not null and not exists (select from trunkline.permit p where p.job_id = j.id and p.kind = 2)`,
        )),
      )
      await pause(20)
    }
  })()

  let kills = 0
  const end = Date.now() + 8000
  while (Date.now() < end) {
    await pause(500 + random() * 1000)
    const victim = [...children][Math.floor(random() * children.size)]
    if (!victim?.pid) continue
    kills++
    killedAt.set(victim.pid, process.hrtime.bigint())
    victim.kill('SIGKILL')
    victims.start()
  }
  feeding = false
  await Promise.all([...feeders, watcher])
  await until(
    async () => (await db.rows('select count(*)::int n from trunkline.outcome where status = 2'))[0].n === jobs.length,
    'every job to end',
    60_000,
  )
  for (const child of children) child.kill('SIGTERM')
  await until(() => children.size === 0, 'the workers to stop')

  const all = runs()
  expect(above).toEqual([])
  expect(most(all, 'concurrency')).toBe(limit)
  expect(overlaps(all)).toEqual([])
  expect(most(all, 'ordering')).toBe(1)
  for (let i = 0; i < 12; i++) {
    const began = all.filter((run) => run.ordering === `o${i}`).map((run) => run.id)
    expect(began).toEqual([...began].sort((a, b) => a - b))
  }
  expect((await db.rows(left))[0]).toEqual({ held: 0, permit: 0, knock: 0, ready: 0, lease: 0, scheduled: 0 })
  const done = new Set(all.map((run) => String(run.id)))
  expect(jobs.filter((id) => !done.has(id))).toEqual([])
  console.log(`seed ${seed}: ${jobs.length} jobs, ${kills} kills, ${all.length} executions`)
}, 120_000)
