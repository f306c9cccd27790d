import { didYouMean, limits, show, TrunklineError } from '@trunkline/contract'
import { checkKeys } from '../jobs/check-options.ts'
import type { Task } from '../jobs/define-task.ts'
import { type Dependency, type DependsOnJob, type FailurePolicy, readDependsOn, readPolicy } from '../jobs/depends-on.ts'
import { type EnqueueOptions, type NewJob, readJobs } from '../jobs/enqueue.ts'
import { gateKeyNames } from '../jobs/gate-keys.ts'
import type { KnownTask, Names } from '../jobs/names.ts'

/** A job of the same call that must end first, by its name. */
export interface DependsOnName {
  name: string
  /** Default `cancel`. */
  onFailure?: FailurePolicy
}

/** A job of a flow. */
export interface FlowJob extends Omit<EnqueueOptions, 'tx' | 'dependsOn' | 'createdBy' | 'uniqueKey' | 'idempotencyKey'> {
  /** What others of the flow call it, 1 to 128 characters; default: nobody depends on it. */
  name?: string
  task: Task | string
  payload?: unknown
  /** What must end before it begins: names of jobs of the flow, or jobs that exist. */
  dependsOn?: readonly (string | DependsOnName | DependsOnJob)[]
  /** Jobs of the flow that have not begun, by name, which then wait for this one too. Only for a job that itself depends on nothing that has not begun. */
  before?: readonly string[]
}

/** A dependency within one call, or on a job that exists. */
export interface Edge {
  /** Place of the child in the input. */
  readonly child: number
  /** Place of the parent in the input, or its id. */
  readonly parent: number | string
  readonly policy: number
}

/** A flow, checked. */
export interface CheckedFlow {
  readonly jobs: readonly NewJob[]
  readonly names: readonly (string | null)[]
  readonly edges: readonly Edge[]
  /** By place: names of jobs that are to wait for it. */
  readonly before: ReadonlyMap<number, readonly string[]>
}

const jobKeys = [
  'name',
  'task',
  'payload',
  'dependsOn',
  'before',
  'queue',
  'priority',
  'runAt',
  'delay',
  'maxAttempts',
  'timeout',
  'tags',
  ...gateKeyNames,
] as const

function refuse(field: string, received: unknown, allowed: string): never {
  throw new TrunklineError('invalid_option', { field, received: show(received), allowed })
}

function readNames(jobs: readonly FlowJob[]): Map<string, number> {
  const places = new Map<string, number>()
  for (const [i, { name }] of jobs.entries()) {
    if (name === undefined) continue
    if (typeof name !== 'string' || name.length < 1 || name.length > limits.nameLength || /\0/.test(name) || !name.isWellFormed())
      refuse(`jobs[${i}].name`, name, `text of 1 to ${limits.nameLength} characters`)
    if (places.has(name)) refuse(`jobs[${i}].name`, name, `a name that no other job of the call has (jobs[${places.get(name)}] has it)`)
    places.set(name, i)
  }
  return places
}

/** What one job depends on: places in the call, or ids; `older` are the jobs of the flow that exist, by name. */
function readEdges(
  job: FlowJob,
  i: number,
  places: ReadonlyMap<string, number>,
  older: ReadonlyMap<string, string>,
): Map<number | string, Edge> {
  const field = `jobs[${i}].dependsOn`
  const found = new Map<number | string, Edge>()
  if (job.dependsOn === undefined) return found
  if (!Array.isArray(job.dependsOn) || job.dependsOn.length > limits.dependsOn)
    refuse(field, job.dependsOn, `up to ${limits.dependsOn} names or jobs`)
  for (const [k, item] of job.dependsOn.entries()) {
    const at = `${field}[${k}]`
    if (typeof item === 'object' && item !== null && 'jobId' in item) {
      for (const { jobId, policy } of readDependsOn([item], at)) found.set(jobId, { child: i, parent: jobId, policy })
      continue
    }
    if (typeof item === 'object' && item !== null) checkKeys(item, ['name', 'onFailure'], at)
    const { name, onFailure } = typeof item === 'string' ? { name: item } : ((item ?? {}) as DependsOnName)
    const parent = places.get(name) ?? older.get(name)
    if (parent === undefined) {
      const known = [...places.keys(), ...older.keys()]
      refuse(at, name, `the name of a job of the flow, or { jobId } of one that exists${didYouMean(String(name), known)}`)
    }
    found.set(parent, { child: i, parent, policy: readPolicy(onFailure, `${at}.onFailure`) })
  }
  return found
}

/**
 * An order in which every job comes behind those that it depends on.
 * @throws `flow_cycle` naming the way round
 */
export function orderOf(parents: readonly (readonly number[])[], nameOf: (i: number) => string): number[] {
  const order: number[] = []
  const state = new Uint8Array(parents.length)
  for (let root = 0; root < parents.length; root++) {
    if (state[root] !== 0) continue
    // by a stack of our own: a chain of ten thousand jobs is deeper than that of the machine
    const way: { at: number; next: number }[] = [{ at: root, next: 0 }]
    state[root] = 1
    while (way.length > 0) {
      const here = way.at(-1) as { at: number; next: number }
      const parent = parents[here.at]?.[here.next++]
      if (parent === undefined) {
        state[here.at] = 2
        order.push(here.at)
        way.pop()
      } else if (state[parent] === 1) {
        const round = way.slice(way.findIndex(({ at }) => at === parent)).map(({ at }) => at)
        // from the parent to the child, as the work would go
        throw new TrunklineError('flow_cycle', { path: [...round.reverse(), round[0] as number].map(nameOf).join(' → ') })
      } else if (state[parent] === 0) {
        state[parent] = 1
        way.push({ at: parent, next: 0 })
      }
    }
  }
  return order
}

/** Looks each task up once. */
function remembering(names: Names): Names {
  const tasks = new Map<string, Promise<KnownTask>>()
  return {
    ...names,
    task(name) {
      const known = tasks.get(name) ?? names.task(name)
      tasks.set(name, known)
      return known
    },
  }
}

/** The dependencies of jobs that were checked already, on jobs that exist. */
export function edgesOn(dependencies: readonly Dependency[], jobs: number): Edge[] {
  return Array.from({ length: jobs }, (_, child) => dependencies.map(({ jobId, policy }) => ({ child, parent: jobId, policy }))).flat()
}

/**
 * Checks the jobs of one call; they come back in an order in which parents stand before their children.
 * @param older jobs of the flow that exist, by name
 * @throws `flow_cycle`, `batch_too_large`, `invalid_option`, `unknown_option`, and what an enqueue throws
 */
export async function readFlow(
  names: Names,
  given: readonly FlowJob[],
  createdBy: string | undefined,
  older: ReadonlyMap<string, string> = new Map(),
): Promise<CheckedFlow> {
  if (!Array.isArray(given) || given.length === 0) refuse('jobs', given, `1 to ${limits.flow} jobs`)
  if (given.length > limits.flow) throw new TrunklineError('batch_too_large', { received: given.length, allowed: limits.flow })
  for (const [i, job] of given.entries()) checkKeys(job ?? {}, [...jobKeys], `jobs[${i}]`)
  const places = readNames(given)
  for (const name of places.keys()) if (older.has(name)) refuse('jobs[].name', name, 'a name that no job of the flow has yet')
  const edges = given.map((job, i) => readEdges(job, i, places, older))
  const within = edges.map((of) => [...of.keys()].filter((parent): parent is number => typeof parent === 'number'))
  const order = orderOf(within, (i) => given[i]?.name ?? `jobs[${i}]`)
  const placeOf = new Map(order.map((i, place) => [i, place]))
  const known = remembering(names)
  const jobs: NewJob[] = []
  const before = new Map<number, readonly string[]>()
  for (const i of order) {
    const { name: _, task, payload = {}, dependsOn, before: waiting, ...options } = given[i] as FlowJob
    if (typeof task !== 'string' && (typeof task !== 'object' || task === null)) refuse(`jobs[${i}].task`, task, 'a task or its name')
    if (waiting !== undefined) before.set(jobs.length, readBefore(waiting, i, edges[i]?.size ?? 0))
    const by = createdBy === undefined ? {} : { createdBy }
    jobs.push(...(await readJobs(known, task, [payload], { ...options, ...by })))
  }
  return {
    jobs,
    names: order.map((i) => given[i]?.name ?? null),
    edges: order.flatMap((i, child) =>
      [...(edges[i]?.values() ?? [])].map(({ parent, policy }) => ({
        child,
        parent: typeof parent === 'number' ? (placeOf.get(parent) as number) : parent,
        policy,
      })),
    ),
    before,
  }
}

function readBefore(value: readonly string[], i: number, parents: number): readonly string[] {
  const field = `jobs[${i}].before`
  if (!Array.isArray(value) || value.length > 100 || !value.every((name) => typeof name === 'string'))
    refuse(field, value, 'up to 100 names of jobs of the flow')
  // what depends on something that has not begun could be waiting for the very job that is to wait for it
  if (parents > 0) refuse(field, value, 'no before together with dependsOn')
  return value
}
