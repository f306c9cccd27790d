import { describe, expect, test } from 'vitest'
import { testDatabase, until } from '../../../../test/support/database.ts'
import { defineTask } from '../jobs/define-task.ts'
import type { FlowJob } from './read-flow.ts'

const db = await testDatabase()
const trunkline = await db.connect()
let round = 0

/** What ran, in order, and a task that can be told to fail so often. */
function scene() {
  const queue = `flow-${++round}`
  const ran: string[] = []
  const failures = new Map<string, number>()
  const step = defineTask(`${queue}.step`, {
    queue,
    retry: { attempts: 1 },
    async run({ input, parents }) {
      const { name, n } = input as { name: string; n?: number }
      const left = failures.get(name) ?? 0
      failures.set(name, left - 1)
      if (left > 0) throw new Error(`${name} is told to fail`)
      ran.push(name)
      const sum = (await parents()).reduce((all, parent) => all + ((parent.result as { sum?: number } | null)?.sum ?? 0), 0)
      return { sum: sum + (n ?? 0) }
    },
  })
  const node = (name: string, dependsOn: FlowJob['dependsOn'] = [], n = 1): FlowJob => ({
    name,
    task: step,
    payload: { name, n },
    dependsOn,
  })
  const work = (options: object = {}) => trunkline.work([step], { keeper: { sweepMs: 200 }, ...options })
  const statesOf = async (flow: { id: string }) =>
    Object.fromEntries((await trunkline.flows.jobs(flow.id)).map(({ name, job }) => [name, job.state]))
  /** How each ended: a failure by its message, so that a red test tells why. */
  const endsOf = async (flow: { id: string }) =>
    Object.fromEntries((await trunkline.flows.jobs(flow.id)).map(({ name, job }) => [name, job.error?.message ?? job.state]))
  return { queue, step, node, ran, failures, work, statesOf, endsOf }
}

const settled = (id: string) => until(async () => (await trunkline.flows.get(id)).finishedAt, `flow ${id} to end`)
/** What is left of flows of a queue that have ended, after the keeper has looked twice. */
async function leftOver(queue: string) {
  const keeper = trunkline.keeper()
  for (const _ of [1, 2, 3]) await keeper.runOnce()
  const mine = `select id from trunkline.job where queue_id = (select id from trunkline.queue where name = $1)`
  const [row] = await db.rows(
    `select (select count(*) from trunkline.blocked where id in (${mine}))::int blocked, (select count(*) from trunkline.late where child in (${mine}))::int late,
      (select count(*) from trunkline.dependency d where child in (${mine}) and d.open and exists (select from trunkline.outcome o where o.id = d.parent and o.status = 2))::int open`,
    [queue],
  )
  return row
}

describe('a flow', () => {
  test('runs children after their parents, which they can read', async () => {
    const { queue, node, ran, work, statesOf } = scene()
    const flow = await trunkline.flows.add({
      name: 'diamond',
      createdBy: 'anna',
      jobs: [node('end', ['left', 'right'], 1000), node('left', ['start'], 10), node('right', ['start'], 100), node('start', [], 1)],
    })
    expect(await statesOf(flow)).toEqual({ start: 'pending', left: 'blocked', right: 'blocked', end: 'blocked' })
    const end = flow.jobs.end as { id: string }
    expect(await trunkline.why(end.id)).toMatchObject({
      state: 'blocked',
      reason: 'blocked',
      open: 2,
      flowId: flow.id,
      waitsFor: [{ state: 'blocked' }, { state: 'blocked' }],
      sentence: expect.stringMatching(/^It waits for 2 jobs, the first of them \d+\.$/),
    })
    expect((await trunkline.why((flow.jobs.left as { id: string }).id)).sentence).toMatch(
      /^It waits for job \d+ \(flow-\d+\.step\), which has not begun\.$/,
    )
    expect((await trunkline.search({ q: 'state:blocked' })).jobs.map((job) => job.id)).toContain(end.id)
    const worker = await work()
    await settled(flow.id)
    await worker.stop()
    expect(ran[0]).toBe('start')
    expect(ran.at(-1)).toBe('end')
    expect((await trunkline.get(end.id)).result).toEqual({ sum: 1112 })
    expect(await trunkline.get(end.id)).toMatchObject({
      flowId: flow.id,
      dependsOn: expect.arrayContaining([flow.jobs.left?.id, flow.jobs.right?.id]),
    })
    expect(await flow.get()).toMatchObject({
      name: 'diamond',
      state: 'completed',
      total: 4,
      percent: 100,
      createdBy: 'anna',
      counts: { completed: 4 },
    })
    expect((await trunkline.flows.list({ limit: 1 }))[0]?.id).toBe(flow.id)
    expect(await leftOver(queue)).toEqual({ blocked: 0, late: 0, open: 0 })
  })

  test('whose parent fails cancels, runs or holds its children, each as its dependency says', async () => {
    const { queue, node, ran, failures, work, statesOf } = scene()
    failures.set('bad', 1)
    const flow = await trunkline.flows.add({
      jobs: [
        node('bad'),
        node('cancelled', ['bad']),
        node('cancelled too', ['cancelled']),
        node('anyway', [{ name: 'bad', onFailure: 'run' }]),
        node('waiting', [{ name: 'bad', onFailure: 'wait' }]),
      ],
    })
    const worker = await work()
    await until(async () => (await statesOf(flow)).anyway === 'completed', 'the job that runs anyway')
    expect(await statesOf(flow)).toEqual({
      bad: 'failed',
      cancelled: 'cancelled',
      'cancelled too': 'cancelled',
      anyway: 'completed',
      waiting: 'blocked',
    })
    const why = await trunkline.why((flow.jobs.cancelled as { id: string }).id)
    expect(why.sentence).toBe(`It was cancelled before it started, because job ${flow.jobs.bad?.id}, which it depends on, failed.`)
    expect((await trunkline.why((flow.jobs.waiting as { id: string }).id)).sentence).toContain(
      "which failed: it waits for that one's retry",
    )
    // the sub-tree comes back with its root, what has completed stays
    expect(await trunkline.flows.retry(flow.id)).toEqual({ changed: 3, others: 0 })
    await settled(flow.id)
    await worker.stop()
    expect(Object.values(await statesOf(flow))).toEqual(Array(5).fill('completed'))
    expect(ran.filter((name) => name === 'anyway')).toHaveLength(1)
    expect(ran.indexOf('cancelled too')).toBeGreaterThan(ran.indexOf('cancelled'))
    expect(await leftOver(queue)).toEqual({ blocked: 0, late: 0, open: 0 })
    expect(await trunkline.reconcile()).toEqual([])
  })

  test('is cancelled as a whole, and a retry keeps its order', async () => {
    const { node, ran, work, statesOf } = scene()
    const flow = await trunkline.flows.add({ jobs: [node('a'), node('b', ['a']), node('c', ['b'])] })
    expect(await trunkline.flows.cancel(flow.id, { by: 'anna' })).toEqual({ changed: 3, others: 0 })
    expect(Object.values(await statesOf(flow))).toEqual(Array(3).fill('cancelled'))
    expect(await trunkline.flows.get(flow.id)).toMatchObject({ state: 'cancelled' })
    await trunkline.flows.retry(flow.id)
    expect(await statesOf(flow)).toEqual({ a: 'pending', b: 'blocked', c: 'blocked' })
    const worker = await work()
    await settled(flow.id)
    await worker.stop()
    expect(ran).toEqual(['a', 'b', 'c'])
  })

  test('comes back in its order by any way: a bulk retry, the undo of a bulk cancellation or change', async () => {
    const { node, ran, work, statesOf, endsOf } = scene()
    const flow = await trunkline.flows.add({ jobs: [node('a'), node('b', ['a']), node('c', [{ name: 'b', onFailure: 'run' }])] })
    const ids = Object.values(flow.jobs).map((job) => job.id)
    const waiting = { a: 'pending', b: 'blocked', c: 'blocked' }
    const moved = await trunkline.bulk('update', { ids }, { changes: { priority: 9, queue: 'elsewhere' }, undoable: true })
    expect(moved.accepted).toBe(3)
    expect(await trunkline.undoBulk(moved.bulkId as string)).toMatchObject({ accepted: 3, skipped: 0 })
    for (const id of ids) expect(await trunkline.get(id)).toMatchObject({ priority: 0, queue: expect.stringContaining('flow-') })
    const cancelled = await trunkline.bulk('cancel', { ids }, { undoable: true })
    expect(Object.values(await statesOf(flow))).toEqual(Array(3).fill('cancelled'))
    expect(await trunkline.undoBulk(cancelled.bulkId as string)).toMatchObject({ accepted: 3, skipped: 0 })
    expect(await statesOf(flow)).toEqual(waiting)
    await trunkline.bulk('cancel', { ids })
    expect(await trunkline.bulk('retry', { ids: ids.toReversed() })).toMatchObject({ accepted: 3 })
    expect(await statesOf(flow)).toEqual(waiting)
    const worker = await work()
    await settled(flow.id)
    await worker.stop()
    expect(await endsOf(flow)).toEqual({ a: 'completed', b: 'completed', c: 'completed' })
    expect(ran).toEqual(['a', 'b', 'c'])
    expect(await trunkline.reconcile()).toEqual([])
  })

  test('lets its blocked jobs be changed and deleted, and refuses what makes no sense', async () => {
    const { node, statesOf } = scene()
    const flow = await trunkline.flows.add({ jobs: [node('a'), node('b', ['a']), node('c', ['b'])] })
    const [a, b] = [flow.jobs.a?.id as string, flow.jobs.b?.id as string]
    await trunkline.update(b, { priority: 7, queue: 'elsewhere', tags: ['x'] })
    expect(await trunkline.get(b)).toMatchObject({ state: 'blocked', priority: 7, queue: 'elsewhere', tags: ['x'] })
    for (const verb of ['promote', 'retry', 'rerun'] as const)
      await expect(trunkline[verb](b)).rejects.toMatchObject({ code: 'wrong_state', hint: expect.stringContaining('trunkline jobs why') })
    expect(await trunkline.cancel(b)).toBe('cancelled')
    expect(await statesOf(flow)).toEqual({ a: 'pending', b: 'cancelled', c: 'cancelled' })
    // a person may still run it: it waits for its parent, which has not ended
    await trunkline.retry(b)
    expect(await trunkline.get(b)).toMatchObject({ state: 'blocked' })
    await trunkline.delete(a)
    expect((await trunkline.get(b)).state).toBe('cancelled')
  })

  test('takes more jobs from a handler, also before one that waits', async () => {
    const { node, ran, step } = scene()
    const parts = defineTask(`${step.name}.parts`, {
      queue: step.queue,
      async run({ job }) {
        const { flowId } = await trunkline.get(job.id)
        await trunkline.flows.addJobs(flowId as string, {
          jobs: [1, 2, 3].map((n) => ({ name: `part ${n}`, task: step, payload: { name: `part ${n}`, n }, before: ['sum'] })),
        })
      },
    })
    const flow = await trunkline.flows.add({ jobs: [{ name: 'split', task: parts }, node('sum', ['split'], 0)] })
    const worker = await trunkline.work([step, parts], { keeper: true })
    await settled(flow.id)
    await worker.stop()
    expect(ran.at(-1)).toBe('sum')
    expect((await (flow.jobs.sum as { get(): Promise<{ result: unknown }> }).get()).result).toEqual({ sum: 6 })
    await expect(
      trunkline.flows.addJobs(flow.id, { jobs: [{ task: step, payload: { name: 'late' }, before: ['sum'] }] }),
    ).rejects.toMatchObject({ code: 'invalid_option', message: expect.stringContaining('still blocked') })
  })

  test('of 10,000 jobs with one that waits for all of them is stored and ends', async () => {
    const { queue } = scene()
    const quick = defineTask(`${queue}.quick`, { queue, run: () => {} })
    const jobs: FlowJob[] = Array.from({ length: 9999 }, (_, i) => ({ name: `n${i}`, task: quick }))
    const flow = await trunkline.flows.add({
      jobs: [...jobs, { name: 'last', task: quick, dependsOn: jobs.map((job) => job.name as string) }],
    })
    const worker = await trunkline.work([quick], { concurrency: 50 })
    await settled(flow.id)
    await worker.stop()
    const nodes = await db.rows(
      `select count(*)::int n, bool_and(o.status = 2) done, max(o.started_at) filter (where m.node <> 'last') <= max(o.started_at) filter (where m.node = 'last') ordered
       from trunkline.flow_job m join trunkline.outcome o on o.id = m.id where m.flow_id = $1`,
      [flow.id],
    )
    expect(nodes).toEqual([{ n: 10_000, done: true, ordered: true }])
  })

  test.each([
    [
      [
        { name: 'a', dependsOn: ['c'] },
        { name: 'b', dependsOn: ['a'] },
        { name: 'c', dependsOn: ['b'] },
      ],
      'flow_cycle',
      /a → b → c → a|b → c → a → b|c → a → b → c/,
    ],
    [[{ name: 'a', dependsOn: ['a'] }], 'flow_cycle', /a → a/],
    [[{ name: 'load' }, { name: 'b', dependsOn: ['laod'] }], 'invalid_option', /jobs\[1\]\.dependsOn\[0\] is "laod".*did you mean "load"/],
    [[{ name: 'a' }, { name: 'a' }], 'invalid_option', /jobs\[1\]\.name.*no other job/],
    [[{ dependsOn: [{ jobId: '99999999' }] }], 'job_not_found', /99999999/],
    [[{ dependsOn: [{ name: 'a', onFailure: 'explode' }] }, { name: 'a' }], 'invalid_option', /onFailure.*cancel, run, wait/],
    [[{ nmae: 'a' }], 'unknown_option', /nmae/],
    [[{ name: 'a', uniqueKey: 'k' }], 'unknown_option', /uniqueKey/],
    [[], 'invalid_option', /jobs/],
    [[{ dependsOn: 'a' }], 'invalid_option', /dependsOn/],
  ])('%j is refused, and nothing is stored', async (jobs, code, text) => {
    const { step } = scene()
    const before = await db.rows('select (select count(*) from trunkline.job)::int jobs, (select count(*) from trunkline.flow)::int flows')
    await expect(
      trunkline.flows.add({ jobs: jobs.map((job) => ({ task: step, payload: { name: 'x' }, ...job })) as FlowJob[] }),
    ).rejects.toMatchObject({
      code,
      message: expect.stringMatching(text),
    })
    expect(
      await db.rows('select (select count(*) from trunkline.job)::int jobs, (select count(*) from trunkline.flow)::int flows'),
    ).toEqual(before)
  })
})

describe('a job that depends on jobs that exist', () => {
  test('waits for them, or for none that has ended already, or is cancelled with them', async () => {
    const { queue, step, work, failures } = scene()
    failures.set('bad', 1)
    const good = await trunkline.enqueue(step, { name: 'good' })
    const bad = await trunkline.enqueue(step, { name: 'bad' })
    const both = await trunkline.enqueue(step, { name: 'both' }, { dependsOn: [good.id, { jobId: bad.id, onFailure: 'run' }] })
    expect((await both.get()).state).toBe('blocked')
    const worker = await work()
    await both.result()
    const [after, doomed] = await trunkline
      .enqueueMany(step, [{ name: 'after' }], { dependsOn: [good.id] })
      .then(async ([one]) => [one, await trunkline.enqueue(step, { name: 'doomed' }, { dependsOn: [bad.id] })])
    await after?.result()
    expect(await doomed?.get()).toMatchObject({ state: 'cancelled', error: { code: 'parent_failed', parent: bad.id } })
    await worker.stop()
    await expect(trunkline.enqueue(step, { name: 'x' }, { dependsOn: [good.id], uniqueKey: 'k' })).rejects.toMatchObject({
      code: 'invalid_option',
    })
    await expect(trunkline.enqueue(step, { name: 'x' }, { dependsOn: ['one'] })).rejects.toMatchObject({ code: 'invalid_job_id' })
    // in a transaction that is rolled back nothing is left
    await expect(
      trunkline.transaction(async ({ enqueue }) => {
        await enqueue(step.name, { name: 'x' }, { dependsOn: [good.id] })
        throw new Error('no')
      }),
    ).rejects.toThrow('no')
    expect(await leftOver(queue)).toEqual({ blocked: 0, late: 0, open: 0 })
  })

  test('never hangs, whenever its parent ends: random flows, late children in open transactions, failures', async () => {
    const { queue } = scene()
    let seed = 7
    const random = (n: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
      return Math.floor((seed / 2_147_483_648) * n)
    }
    const began = new Map<string, number>()
    const endedAt = new Map<string, number>()
    let clock = 0
    const task = defineTask(`${queue}.random`, {
      queue,
      retry: { attempts: 1 },
      async run({ job, input }) {
        began.set(job.id, ++clock)
        await new Promise((resolve) => setImmediate(resolve))
        endedAt.set(job.id, ++clock)
        if ((input as { fails: boolean }).fails) throw new Error('told to')
      },
    })
    const workers = await Promise.all([1, 2].map(() => trunkline.work([task], { concurrency: 10 })))
    const made: string[] = []
    const policies = ['cancel', 'run', 'wait'] as const
    const edges: [string, string, string][] = []
    const client = await db.client()
    for (let turn = 0; turn < 300; turn++) {
      const parents = [
        ...new Set(Array.from({ length: random(4) }, () => made[made.length - 1 - random(Math.min(40, made.length))]).filter(Boolean)),
      ] as string[]
      const dependsOn = parents.map((jobId) => ({ jobId, onFailure: policies[random(2)] as 'cancel' | 'run' }))
      const payload = { fails: random(12) === 0 }
      const open = random(3) === 0
      if (open) await client.query('begin')
      const [job] = await Promise.all([
        trunkline.enqueue(task, payload, { dependsOn, ...(open ? { tx: client } : {}) }),
        open && new Promise((resolve) => setTimeout(resolve, random(8))),
      ])
      const gone = open && random(5) === 0
      if (open) await client.query(gone ? 'rollback' : 'commit')
      if (gone) continue
      made.push(job.id)
      for (const { jobId, onFailure } of dependsOn) edges.push([jobId, job.id, onFailure])
    }
    await until(async () => {
      const [row] = await db.rows(
        `select count(*)::int n from trunkline.job j where j.queue_id = (select id from trunkline.queue where name = $1) and not exists (select from trunkline.outcome o where o.id = j.id)`,
        [queue],
      )
      return row.n === 0
    }, 'every job to end')
    await Promise.all(workers.map((worker) => worker.stop()))
    const early = edges.filter(
      ([parent, child]) => began.has(child) && (endedAt.get(parent) ?? Infinity) > (began.get(child) as number) && began.has(parent),
    )
    expect(early).toEqual([])
    const outcomes = new Map((await db.rows('select id::text, status from trunkline.outcome')).map((row) => [row.id, row.status]))
    for (const [parent, child, policy] of edges)
      if (policy === 'cancel' && outcomes.has(child) && outcomes.get(parent) !== 2) expect(outcomes.get(child)).toBe(4)
    expect(await leftOver(queue)).toEqual({ blocked: 0, late: 0, open: 0 })
    expect(await trunkline.reconcile()).toEqual([])
  })
})

test('an idempotency key together with dependencies: the same request makes one job, also at the same moment', async () => {
  const { step } = scene()
  const parent = await trunkline.enqueue(step, { name: 'p' }, { delay: '1h' })
  const options = { dependsOn: [parent.id], idempotencyKey: 'once' }
  const made = await Promise.all(Array.from({ length: 5 }, () => trunkline.enqueue(step, { n: 1 }, options)))
  expect(new Set(made.map((job) => job.id)).size).toBe(1)
  expect(made.map((job) => job.made).sort()).toEqual(['existing', 'existing', 'existing', 'existing', 'new'])
  expect((await trunkline.get(made[0]?.id as string)).dependsOn).toEqual([parent.id])
  for (const [payload, other] of [
    [{ n: 2 }, {}],
    [{ n: 1 }, { dependsOn: [{ jobId: parent.id, onFailure: 'run' }] }],
  ] as const)
    await expect(trunkline.enqueue(step, payload, { ...options, ...other } as never)).rejects.toMatchObject({
      code: 'idempotency_conflict',
    })
  await expect(trunkline.enqueue(step, {}, { dependsOn: [parent.id], uniqueKey: 'u' })).rejects.toMatchObject({ code: 'invalid_option' })
})
