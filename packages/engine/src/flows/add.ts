import { show, TrunklineError } from '@trunkline/contract'
import { columns, type NewJob } from '../jobs/enqueue.ts'
import type { Names } from '../jobs/names.ts'
import { withPartitions } from '../jobs/partitions.ts'
import { noteTraces } from '../jobs/trace.ts'
import { numbers, texts } from '../postgres/arrays.ts'
import { type Database, type Queryable, withinTransaction } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'
import { type CheckedFlow, type Edge, type FlowJob, readFlow } from './read-flow.ts'

const bindKeyStatement = statement(import.meta.url, 'bind-key.sql')
const holdKeyStatement = statement(import.meta.url, 'hold-key.sql')
const addJobsStatement = statement(import.meta.url, 'add-jobs.sql')
const flowNodesStatement = statement(import.meta.url, 'flow-nodes.sql')
const holdBackStatement = statement(import.meta.url, 'hold-back.sql')
const knownParentsStatement = statement(import.meta.url, 'known-parents.sql')
const makeFlowStatement = statement(import.meta.url, 'make-flow.sql')
const settleParentsStatement = statement(import.meta.url, 'settle-parents.sql')

/** A flow as it is asked for. */
export interface NewFlow {
  /** For people, at most 200 characters. */
  name?: string
  jobs: readonly FlowJob[]
  /** Who asked, for people. */
  createdBy?: string
  /** The caller's own open transaction: the flow exists exactly when it commits. */
  tx?: Queryable
}

/** What was stored. */
export interface StoredFlow {
  readonly id: string
  /** Ids in the order of storing: parents before their children. */
  readonly ids: readonly string[]
  /** Ids by name. */
  readonly named: ReadonlyMap<string, string>
}

/** Runs `work` in the caller's transaction or in one of its own; with the pins of `walk`, as all that finds single rows. */
async function within<T>(database: Database, tx: Queryable | undefined, work: (inside: Database, tx: Queryable) => Promise<T>): Promise<T> {
  if (tx) return await work(withinTransaction(database, tx), tx)
  return await withPartitions(database, () => database.transaction((own) => work(withinTransaction(database, own), own), 'walk'))
}

/** Checks that the parents exist; answers the flow that the first of them belongs to. @throws `job_not_found` */
async function flowOfParents(inside: Database, edges: readonly Edge[]): Promise<string | null> {
  const ids = [...new Set(edges.flatMap(({ parent }) => (typeof parent === 'string' ? [parent] : [])))]
  if (ids.length === 0) return null
  const rows = await inside.run<{ id: string; flow: string | null }>(knownParentsStatement, [`{${ids.join(',')}}`])
  const known = new Set(rows.map((row) => row.id))
  const missing = ids.find((id) => !known.has(String(BigInt(id))))
  if (missing !== undefined) throw new TrunklineError('job_not_found', { field: 'dependsOn', received: missing })
  return rows.find((row) => row.flow !== null)?.flow ?? null
}

async function store(
  inside: Database,
  flowId: string | null,
  jobs: readonly NewJob[],
  names: readonly (string | null)[],
  edges: readonly Edge[],
) {
  const place = ({ parent }: Edge) => (typeof parent === 'number' ? parent + 1 : null)
  const known = ({ parent }: Edge) => (typeof parent === 'string' ? parent : null)
  const waits: number[] = Array(jobs.length).fill(0)
  for (const { child } of edges) waits[child] = (waits[child] as number) + 1
  const [row] = await inside.run<{ ids: string[] }>(addJobsStatement, [
    ...columns(jobs),
    flowId,
    texts(names),
    numbers(waits),
    numbers(edges.map(({ child }) => child + 1)),
    numbers(edges.map(place)),
    numbers(edges.map(known)),
    numbers(edges.map(({ policy }) => policy)),
  ])
  await noteTraces(inside, jobs, row?.ids ?? [])
  const parents = [...new Set(edges.flatMap((edge) => known(edge) ?? []))]
  // one that has ended already frees its child now; one that ends beside us is looked for by the keeper
  if (parents.length > 0) await inside.run(settleParentsStatement, [`{${parents.join(',')}}`])
  return row?.ids ?? []
}

/** Stores jobs that depend on jobs that exist; they join the flow of the first parent that has one. Ids in input order. */
export async function storeDependents(
  database: Database,
  jobs: readonly NewJob[],
  edges: readonly Edge[],
  tx?: Queryable,
): Promise<string[]> {
  return await within(database, tx, async (inside) => {
    const flowId = await flowOfParents(inside, edges)
    return await store(
      inside,
      flowId,
      jobs,
      jobs.map(() => null),
      edges,
    )
  })
}

/**
 * As {@link storeDependents} for one job with an idempotency key: the same request makes one job, whatever happened to its answer.
 * @throws `idempotency_conflict`, `job_not_found`
 */
export async function storeDependentOnce(
  database: Database,
  job: NewJob,
  edges: readonly Edge[],
  { key, windowMs }: { key: string; windowMs: number },
  tx?: Queryable,
): Promise<{ id: string; made: 'new' | 'existing' }> {
  const { taskId, priority, maxAttempts, runAt, delayMs, timeoutMs, tags, gateKeys, payload } = job
  const on = edges.map(({ parent, policy }) => [parent, policy])
  const request = JSON.stringify([taskId, priority, maxAttempts, runAt, delayMs, timeoutMs, tags, gateKeys, payload, on])
  return await within(database, tx, async (inside, own) => {
    const values = [job.queueId, key, windowMs, request]
    const [held] = await inside.run<{ id: string | null; same: boolean }>(holdKeyStatement, values)
    if (held?.id) {
      if (held.same) return { id: held.id, made: 'existing' }
      throw new TrunklineError('idempotency_conflict', { field: 'idempotencyKey', received: show(key), job: held.id })
    }
    const [id] = (await storeDependents(database, [job], edges, own)) as [string]
    await inside.run(bindKeyStatement, [...values, id])
    return { id, made: 'new' }
  })
}

async function holdBack(inside: Database, flowId: string, { before }: CheckedFlow, ids: readonly string[]): Promise<void> {
  const waiting = new Map<string, string[]>()
  for (const [place, names] of before) for (const name of names) waiting.set(name, [...(waiting.get(name) ?? []), ids[place] as string])
  if (waiting.size === 0) return
  const nodes = await inside.run<{ node: string; id: string }>(flowNodesStatement, [flowId, texts([...waiting.keys()])])
  const idOf = new Map(nodes.map(({ node, id }) => [node, id]))
  for (const name of [...waiting.keys()].sort()) {
    const id = idOf.get(name)
    const [row] = id === undefined ? [] : await inside.run<{ n: number }>(holdBackStatement, [id, `{${waiting.get(name)?.join(',')}}`, 0])
    if (row?.n === 1) continue
    throw new TrunklineError('invalid_option', {
      field: 'before',
      received: show(name),
      allowed: 'the name of a job of the flow that is still blocked',
    })
  }
}

/** @throws `invalid_option` unless `name` is a text of at most 200 characters */
function checkFlowName(name: unknown): void {
  if (name === undefined || (typeof name === 'string' && name.length <= 200 && !/\0/.test(name) && name.isWellFormed())) return
  throw new TrunklineError('invalid_option', { field: 'name', received: show(name), allowed: 'text of at most 200 characters' })
}

/** Makes a flow: all its jobs or none. @throws what {@link readFlow} throws, `job_not_found` */
export async function makeFlow(database: Database, names: Names, flow: NewFlow): Promise<StoredFlow> {
  checkFlowName(flow.name)
  const checked = await readFlow(names, flow.jobs, flow.createdBy)
  return await within(database, flow.tx, async (inside) => {
    await flowOfParents(inside, checked.edges)
    const [made] = await inside.run<{ id: string }>(makeFlowStatement, [flow.name ?? null, flow.createdBy ?? null])
    return await storeChecked(inside, (made as { id: string }).id, checked)
  })
}

async function storeChecked(inside: Database, id: string, checked: CheckedFlow): Promise<StoredFlow> {
  const ids = await store(inside, id, checked.jobs, checked.names, checked.edges)
  await holdBack(inside, id, checked, ids)
  const named = new Map(checked.names.flatMap((name, i) => (name === null ? [] : [[name, ids[i] as string] as const])))
  return { id, ids, named }
}

/** Adds jobs to a flow; they may depend on jobs of it by name. @throws what {@link readFlow} throws, `job_not_found` */
export async function addToFlow(
  database: Database,
  names: Names,
  flowId: string,
  { jobs, createdBy, tx }: Omit<NewFlow, 'name'>,
): Promise<StoredFlow> {
  return await within(database, tx, async (inside) => {
    const asked = jobs.flatMap(({ dependsOn = [] }) =>
      dependsOn.flatMap((item) => (typeof item === 'string' ? [item] : 'name' in item ? [item.name] : [])),
    )
    const rows = await inside.run<{ node: string; id: string }>(flowNodesStatement, [
      flowId,
      texts([...new Set([...asked, ...jobs.flatMap(({ name }) => name ?? [])].map(String))]),
    ])
    const checked = await readFlow(names, jobs, createdBy, new Map(rows.map(({ node, id }) => [node, id])))
    await flowOfParents(inside, checked.edges)
    return await storeChecked(inside, flowId, checked)
  })
}
