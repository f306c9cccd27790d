import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { defineTask, type FlowJob } from '../packages/engine/src/index.ts'
import { testDatabase, until } from './support/database.ts'
import { createVictims, seededRandom } from './support/programs.ts'

// with the matrix as large as the promise says: 10,000 jobs
const groups = process.env.TRUNKLINE_TEST_MATRIX ? 101 : 11
const parts = 97
/** Groups side by side; each begins when the one so many before it has ended. */
const beside = process.env.TRUNKLINE_TEST_MATRIX ? 12 : 4
const mostKills = process.env.TRUNKLINE_TEST_MATRIX ? 50 : 5
const size = groups * (parts + 2) + 1

const db = await testDatabase()
const trunkline = await db.connect()
const victims = createVictims(new URL('./support/flow-process.mts', import.meta.url), db.url)
const { folder, children } = victims
afterAll(() => victims.clear())

// who is killed when, drawn from a printed seed
const { seed, random } = seededRandom()
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** Of each job when its handler first began, and when one of its executions first came to its end. */
function effects(): { began: Map<string, bigint>; ended: Map<string, bigint>; executions: number } {
  const found = { began: new Map<string, bigint>(), ended: new Map<string, bigint>(), executions: 0 }
  for (const file of readdirSync(folder)) {
    for (const line of readFileSync(join(folder, file), 'utf8').split('\n').slice(0, -1)) {
      const [what, text, id] = line.split(' ') as [string, string, string]
      const at = BigInt(text)
      const map = what === 'S' ? found.began : found.ended
      if (what === 'S') found.executions++
      if (at < (map.get(id) ?? at + 1n)) map.set(id, at)
    }
  }
  return found
}

/** Groups of one job, many that wait for it, and one that waits for those; in the end one that waits for the last job of all groups. */
function drawFlow(): FlowJob[] {
  const part = defineTask('flow.part', { queue: 'flow', run: () => {} })
  const sum = defineTask('flow.sum', { queue: 'flow', run: () => {} })
  const jobs: FlowJob[] = []
  for (let g = 0; g < groups; g++) {
    const all = Array.from({ length: parts }, (_, i) => `part ${g}.${i}`)
    jobs.push({ name: `split ${g}`, task: part, dependsOn: g < beside ? [] : [`sum ${g - beside}`] })
    for (const name of all) jobs.push({ name, task: part, dependsOn: [`split ${g}`] })
    jobs.push({ name: `sum ${g}`, task: sum, dependsOn: all })
  }
  jobs.push({ name: 'all', task: sum, dependsOn: Array.from({ length: groups }, (_, g) => `sum ${g}`) })
  return jobs
}

test(`a flow of ${size} jobs, its workers killed again and again (seed ${seed}): every job ends once, none begins before its parents have ended`, async () => {
  const flow = await trunkline.flows.add({ name: 'large', jobs: drawFlow() })
  const all = flow.jobs.all as { id: string; result(): Promise<unknown> }
  for (let i = 0; i < 3; i++) victims.start()
  const isOver = async () => (await db.rows('select from trunkline.outcome where id = $1', [all.id])).length > 0
  let kills = 0
  while (!(await isOver())) {
    await pause(300 + random() * 400)
    // one that has not begun has nothing to lose
    const busy = [...children].filter(({ pid }) => readdirSync(folder).includes(String(pid)))
    const victim = busy[Math.floor(random() * busy.length)]
    if (!victim || kills >= mostKills || (await isOver())) continue
    kills++
    victim.kill('SIGKILL')
    victims.start()
  }
  expect(await all.result()).toBe(groups * parts)

  const [ends] = await db.rows(
    `select count(*)::int jobs, count(o.id)::int ended, count(*) filter (where o.status = 2)::int completed
      from trunkline.flow_job m left join trunkline.outcome o on o.id = m.id where m.flow_id = $1`,
    [flow.id],
  )
  expect(ends).toEqual({ jobs: size, ended: size, completed: size })
  const edges = await db.rows(
    'select d.parent::text, d.child::text, d.open from trunkline.dependency d join trunkline.flow_job m on m.id = d.child where m.flow_id = $1',
    [flow.id],
  )
  const { began, ended, executions } = effects()
  const early = edges.filter(({ parent, child }) => {
    const end = ended.get(parent)
    const start = began.get(child)
    return end === undefined || start === undefined || start < end
  })
  expect(early).toEqual([])
  expect(edges.filter((edge) => edge.open)).toEqual([])
  for (const child of children) child.kill('SIGTERM')
  await until(() => children.size === 0, 'the workers to stop')
  const [left] = await db.rows(
    `select (select count(*) from trunkline.ready)::int ready, (select count(*) from trunkline.blocked)::int blocked,
      (select count(*) from trunkline.lease)::int lease, (select count(*) from trunkline.late)::int late`,
  )
  expect(left).toEqual({ ready: 0, blocked: 0, lease: 0, late: 0 })
  // jobs were cut off, and begun again
  expect(executions).toBeGreaterThan(size)
  console.log(`seed ${seed}: ${size} jobs, ${edges.length} dependencies, ${kills} kills, ${executions} executions`)
}, 600_000)
