import type { StandardSchemaV1 } from '@standard-schema/spec'
import { type Duration, type EnqueueAnswer, limits, show, TrunklineError, toMilliseconds } from '@trunkline/contract'
import { numbers, texts } from '../postgres/arrays.ts'
import type { Database, Queryable } from '../postgres/database.ts'
import { prepared, statement } from '../postgres/statement.ts'
import { isTransient } from '../postgres/transient.ts'
import { checkAttempts, checkKeys, checkPriority } from './check-options.ts'
import type { Task } from './define-task.ts'
import type { DependsOnJob } from './depends-on.ts'
import { type GateKeyOptions, type GateKeys, gateKeyNames, laneOf, plainLane, readGateKeys } from './gate-keys.ts'
import { jsonText } from './json-text.ts'
import { type KeyOptions, type Keys, keyOptionNames, readKeys } from './keys.ts'
import type { KnownTask, Names } from './names.ts'
import { withPartitions } from './partitions.ts'
import { readTrace, storeTraced, type Trace } from './trace.ts'

const enqueueMixed = prepared(statement(import.meta.url, 'enqueue.sql'))
const enqueueMany = statement(import.meta.url, 'enqueue-many.sql')
const enqueueKeyed = statement(import.meta.url, 'enqueue-keyed.sql')

/** What may be said of a job when it is made. */
export interface EnqueueOptions extends KeyOptions, GateKeyOptions {
  /** Default: the task's queue. */
  queue?: string
  /** −100 to 100, higher runs first. Default: the task's. */
  priority?: number
  /** Not before this time. A Date or RFC 3339 text. */
  runAt?: Date | string
  /** Not before this much time has passed. */
  delay?: Duration
  /** Failed tries until the job fails. Default: the task's. */
  maxAttempts?: number
  /** How long one attempt may take. Default: the task's. */
  timeout?: Duration
  /** Who asked, for people. At most 200 characters. */
  createdBy?: string
  /** For people and filters: at most 20, each of 1 to 64 characters. */
  tags?: readonly string[]
  /** Jobs that must end before this one may begin; see {@link DependsOnJob}. Not together with a unique key. */
  dependsOn?: readonly (string | DependsOnJob)[]
  /** The place in a distributed trace that the run continues, a W3C `traceparent`. Default: that of the caller, where OpenTelemetry is set up. */
  traceparent?: string
  /** A template, by id or name: its task, and its payload and options under those that are given here. */
  templateId?: string
  /** The caller's own open transaction: the job exists exactly when it commits. */
  tx?: Queryable
}

/** Options of `enqueueMany`: a unique key of each payload instead of one for all; the keys of limits may be either. */
export interface EnqueueManyOptions<Input = any>
  extends Omit<EnqueueOptions, 'uniqueKey' | 'idempotencyKey' | 'idempotencyWindow' | 'templateId' | keyof GateKeyOptions> {
  /** The unique key of each payload. */
  uniqueKey?: (payload: Input, index: number) => string
  orderingKey?: string | ((payload: Input, index: number) => string)
  concurrencyKey?: string | ((payload: Input, index: number) => string)
  rateKey?: string | ((payload: Input, index: number) => string)
}

const optionNames = [
  'queue',
  'priority',
  'runAt',
  'delay',
  'maxAttempts',
  'timeout',
  'createdBy',
  'tags',
  'dependsOn',
  'traceparent',
  'tx',
  ...keyOptionNames,
  ...gateKeyNames,
] as const satisfies readonly (keyof EnqueueOptions)[]

/** One checked job, ready to be stored. */
export interface NewJob {
  readonly queueId: number
  readonly taskId: number
  /** Its lane, as stored: negated, and far behind where it has gates to pass. */
  readonly priority: number
  readonly maxAttempts: number
  readonly runAt: string | null
  /** From the moment it is stored, by the clock of the database. */
  readonly delayMs: number | null
  readonly timeoutMs: number | null
  readonly createdBy: string | null
  readonly tags: readonly string[] | null
  readonly keys: Keys | null
  readonly gateKeys: GateKeys | null
  /** The job that this one repeats. */
  readonly rerunOf: string | null
  /** The trace it is made in. */
  readonly trace: Trace | null
  readonly payload: string
}

/** A stored job. */
export interface StoredJob {
  readonly id: string
  readonly made: EnqueueAnswer
}

const earliest = 0
const latest = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

/** @throws `invalid_run_at` unless `value` is a time between 1970 and 9999 */
export function readTime(value: unknown, field: string): Date {
  const text = typeof value === 'string' && /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/.test(value)
  const time = value instanceof Date ? value : new Date(text ? (value as string) : Number.NaN)
  if (time.getTime() >= earliest && time.getTime() <= latest) return time
  throw new TrunklineError('invalid_run_at', { field, received: show(value) })
}

/** When a job starts: a time, a delay, or neither. @throws `invalid_option`, `invalid_run_at`, `invalid_duration` */
export function readStart(options: Pick<EnqueueOptions, 'runAt' | 'delay'>): Pick<NewJob, 'runAt' | 'delayMs'> {
  if (options.runAt !== undefined && options.delay !== undefined) {
    throw new TrunklineError('invalid_option', { field: 'delay', received: 'given together with runAt', allowed: 'one of runAt, delay' })
  }
  return {
    runAt: options.runAt === undefined ? null : readTime(options.runAt, 'runAt').toISOString(),
    delayMs: options.delay === undefined ? null : toMilliseconds(options.delay, 'delay') || null,
  }
}

/** @throws `invalid_option` unless `value` is a list of tags; duplicates are dropped */
export function readTags(value: unknown): readonly string[] {
  const good = (tag: unknown) =>
    typeof tag === 'string' && tag.length > 0 && tag.length <= limits.tagLength && !/\0/.test(tag) && tag.isWellFormed()
  if (Array.isArray(value) && value.length <= limits.tags && value.every(good)) return [...new Set(value as string[])]
  throw new TrunklineError('invalid_option', {
    field: 'tags',
    received: show(value),
    allowed: `at most ${limits.tags} texts of 1 to ${limits.tagLength} characters`,
  })
}

function pathOf(issue: StandardSchemaV1.Issue, root: string): string {
  let path = root
  for (const part of issue.path ?? []) {
    const key = typeof part === 'object' ? part.key : part
    path += typeof key === 'number' ? `[${key}]` : `.${String(key)}`
  }
  return path
}

/**
 * Checks a payload against the task's schema and answers what the handler will get.
 * @param field how errors call it. Default `payload`
 * @throws `invalid_payload` with the field and the problem
 */
export async function checkPayload(task: Task, payload: unknown, field = 'payload'): Promise<unknown> {
  if (!task.schema) return payload
  let result = task.schema['~standard'].validate(payload)
  if (result instanceof Promise) result = await result
  if (!result.issues) return result.value
  const [first] = result.issues
  throw new TrunklineError('invalid_payload', {
    task: task.name,
    field: first ? pathOf(first, field) : field,
    problem: first?.message ?? 'not valid',
  })
}

/** Options of a call, checked once for all its jobs. */
async function readOptions(names: Names, known: KnownTask, options: EnqueueOptions): Promise<Omit<NewJob, 'payload'>> {
  const tags = options.tags === undefined ? [] : readTags(options.tags)
  checkKeys(options, optionNames, 'enqueue')
  if (
    options.createdBy !== undefined &&
    (typeof options.createdBy !== 'string' || options.createdBy.length > 200 || /\0/.test(options.createdBy))
  ) {
    throw new TrunklineError('invalid_option', {
      field: 'createdBy',
      received: show(options.createdBy),
      allowed: 'text of at most 200 characters',
    })
  }
  const gateKeys = readGateKeys(options)
  return {
    taskId: known.id,
    priority: laneOf(checkPriority(options.priority ?? known.priority), gateKeys),
    maxAttempts: checkAttempts(options.maxAttempts ?? known.attempts, 'maxAttempts'),
    ...readStart(options),
    timeoutMs: options.timeout === undefined ? known.timeoutMs : toMilliseconds(options.timeout, 'timeout') || null,
    createdBy: options.createdBy ?? null,
    tags: tags.length > 0 ? tags : null,
    keys: readKeys(options),
    gateKeys,
    rerunOf: null,
    trace: readTrace(options.traceparent),
    queueId: await names.queueId(options.queue ?? known.queue),
  }
}

/** Options and payloads of one call, checked. A payload's error names its place when there are several. */
export async function readJobs(
  names: Names,
  task: Task | string,
  payloads: readonly unknown[],
  options: EnqueueOptions,
): Promise<NewJob[]> {
  if (payloads.length > limits.batch) throw new TrunklineError('batch_too_large', { received: payloads.length, allowed: limits.batch })
  const known = typeof task === 'string' ? await names.task(task) : await names.publish(task)
  const common = await readOptions(names, known, options)
  const jobs: NewJob[] = []
  for (const [i, payload] of payloads.entries()) {
    const field = payloads.length === 1 ? 'payload' : `payloads[${i}]`
    const text = jsonText(payload, field)
    if (typeof task !== 'string' && task.schema) await checkPayload(task, payload)
    jobs.push({ ...common, payload: text })
  }
  return jobs
}

/** Options and payloads of `enqueueMany`: as {@link readJobs}, and a key for each payload. */
export async function readManyJobs(
  names: Names,
  task: Task | string,
  payloads: readonly unknown[],
  options: EnqueueManyOptions,
): Promise<NewJob[]> {
  const { uniqueKey, ...given } = options
  const { common, gatesOf } = eachGate(given)
  const gated = (jobs: NewJob[]) => (gatesOf ? jobs.map((job, i) => withGates(job, gatesOf(payloads[i], i))) : jobs)
  if (uniqueKey === undefined) return gated(await readJobs(names, task, payloads, common))
  if (typeof uniqueKey !== 'function') {
    throw new TrunklineError('invalid_option', { field: 'uniqueKey', received: show(uniqueKey), allowed: 'a function of the payload' })
  }
  const keyOf = (i: number): Keys | null => {
    const { uniqueMode, uniqueWindow, uniqueMaxWait } = options
    const given = { uniqueMode, uniqueWindow, uniqueMaxWait }
    const said = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
    return readKeys({ uniqueKey: uniqueKey(payloads[i], i), ...said })
  }
  const { uniqueMode: _m, uniqueWindow: _w, uniqueMaxWait: _x, ...rest } = common
  return gated(await readJobs(names, task, payloads, rest)).map((job, i) => ({ ...job, keys: keyOf(i) }))
}

const withGates = (job: NewJob, gateKeys: GateKeys | null): NewJob => ({
  ...job,
  gateKeys,
  priority: laneOf(-plainLane(job.priority), gateKeys),
})

/** Takes the keys of limits that are functions of the payload out of the options. */
function eachGate(options: Omit<EnqueueManyOptions, 'uniqueKey'>): {
  common: Omit<EnqueueOptions, 'uniqueKey'>
  gatesOf: ((payload: unknown, i: number) => GateKeys | null) | null
} {
  const common: Record<string, unknown> = { ...options }
  if (!gateKeyNames.some((name) => typeof options[name] === 'function')) return { common, gatesOf: null }
  for (const name of gateKeyNames) delete common[name]
  const keyOf = (name: keyof GateKeyOptions, payload: unknown, i: number) => {
    const said = options[name]
    return said === undefined ? {} : { [name]: typeof said === 'function' ? said(payload, i) : said }
  }
  const gatesOf = (payload: unknown, i: number) =>
    readGateKeys(Object.assign({}, ...gateKeyNames.map((name) => keyOf(name, payload, i))) as GateKeyOptions)
  return { common, gatesOf }
}

const column = (jobs: readonly NewJob[], pick: (job: NewJob) => number | string | null) => numbers(jobs.map(pick))
const textColumn = (jobs: readonly NewJob[], pick: (job: NewJob) => string | null) => texts(jobs.map(pick))

/** What every enqueue of a mix is given, as `enqueue.sql` numbers it. */
export function columns(jobs: readonly NewJob[]): string[] {
  return [
    column(jobs, (j) => j.queueId),
    column(jobs, (j) => j.taskId),
    column(jobs, (j) => j.priority),
    column(jobs, (j) => j.maxAttempts),
    textColumn(jobs, (j) => j.runAt),
    column(jobs, (j) => j.timeoutMs),
    textColumn(jobs, (j) => j.createdBy),
    textColumn(jobs, (j) => j.payload),
    column(jobs, (j) => j.delayMs),
    textColumn(jobs, (j) => j.tags && JSON.stringify(j.tags)),
    column(jobs, (j) => j.rerunOf),
    textColumn(jobs, (j) => j.gateKeys && JSON.stringify(j.gateKeys)),
  ]
}

/** Stores jobs without keys, of any mix, in one statement; ids in input order. */
export async function storeMixed(database: Database, jobs: readonly NewJob[], on?: Queryable): Promise<string[]> {
  const store = async (tx: Queryable | undefined) => (await database.run<{ ids: string[] }>(enqueueMixed, columns(jobs), tx))[0]?.ids ?? []
  return await storeTraced(database, jobs, on, store, (id) => id)
}

/** Stores jobs with keys in one statement; answers in input order. @throws `idempotency_conflict` */
async function storeKeyed(database: Database, jobs: readonly NewJob[], on?: Queryable): Promise<StoredJob[]> {
  const values = [
    ...columns(jobs),
    textColumn(jobs, (j) => j.keys?.uniqueKey ?? null),
    column(jobs, (j) => j.keys?.mode ?? 1),
    column(jobs, (j) => j.keys?.windowMs ?? null),
    column(jobs, (j) => j.keys?.maxWaitMs ?? null),
    textColumn(jobs, (j) => j.keys?.idempotencyKey ?? null),
    column(jobs, (j) => j.keys?.idempotencyMs ?? null),
  ]
  const store = async (tx: Queryable | undefined): Promise<StoredJob[]> => {
    const [row] = await database.run<{ ids: string[]; made: EnqueueAnswer[] }>(enqueueKeyed, values, tx)
    return (row?.ids ?? []).map((id, i) => ({ id, made: row?.made[i] ?? 'new' }))
  }
  return await storeTraced(database, jobs, on, store, ({ id, made }) => (made === 'new' ? id : null))
}

/** Rows and bytes of one statement: large enough to be fast, small enough not to hold locks or memory for long. */
const statementRows = 5000
const statementBytes = 8 * 1024 * 1024
/** A keyed job costs several small statements inside the server. */
const keyedRows = 1000

/**
 * Stores the jobs of one `enqueueMany`, which differ only in payload and key; answers in input order. Several statements when
 * there are many: all of them in the caller's transaction, or in one of their own.
 */
export async function storeMany(database: Database, jobs: readonly NewJob[], tx?: Queryable): Promise<StoredJob[]> {
  const [first] = jobs
  if (!first) return []
  const send = first.keys ? storeKeyed : jobs.every((job) => job.gateKeys === first.gateKeys) ? storeAlike : storeDifferent
  const parts = slices(jobs, first.keys ? keyedRows : statementRows)
  if (parts.length === 1) return tx ? await send(database, jobs, tx) : await withPartitions(database, () => send(database, jobs))
  const sendAll = async (on: Queryable) => {
    const stored: StoredJob[] = []
    for (const part of parts) stored.push(...(await send(database, part, on)))
    return stored
  }
  return tx ? await sendAll(tx) : await withPartitions(database, () => database.transaction(sendAll))
}

const storeDifferent = async (database: Database, jobs: readonly NewJob[], on?: Queryable): Promise<StoredJob[]> =>
  (await storeMixed(database, jobs, on)).map((id) => ({ id, made: 'new' }))

async function storeAlike(database: Database, jobs: readonly NewJob[], on?: Queryable): Promise<StoredJob[]> {
  const { queueId, taskId, priority, maxAttempts, runAt, delayMs, timeoutMs, createdBy, tags, gateKeys } = jobs[0] as NewJob
  const payloads = textColumn(jobs, (j) => j.payload)
  const settings = [queueId, taskId, priority, maxAttempts, runAt, timeoutMs, createdBy, payloads, delayMs]
  const values = [...settings, tags && texts(tags), gateKeys && texts(gateKeys)]
  const store = async (tx: Queryable | undefined): Promise<StoredJob[]> => {
    const [row] = await database.run<{ ids: string[] }>(enqueueMany, values, tx)
    return (row?.ids ?? []).map((id) => ({ id, made: 'new' }))
  }
  return await storeTraced(database, jobs, on, store, ({ id }) => id)
}

/** Stores one job: with others of this process in one statement, unless it has keys or the caller's transaction. */
export async function storeOne(database: Database, gatherer: Gatherer, job: NewJob, tx?: Queryable): Promise<StoredJob> {
  if (job.keys) {
    const store = () => storeKeyed(database, [job], tx)
    const [stored] = tx ? await store() : await withPartitions(database, store)
    return stored as StoredJob
  }
  if (!tx) return { id: await gatherer.add(job), made: 'new' }
  const [id] = await storeMixed(database, [job], tx)
  return { id: id as string, made: 'new' }
}

function slices(jobs: readonly NewJob[], most: number): NewJob[][] {
  const parts: NewJob[][] = []
  let part: NewJob[] = []
  let bytes = 0
  for (const job of jobs) {
    if (part.length > 0 && (part.length >= most || bytes + job.payload.length > statementBytes)) {
      parts.push(part)
      part = []
      bytes = 0
    }
    part.push(job)
    bytes += job.payload.length
  }
  parts.push(part)
  return parts
}

/** Joins single adds of one process into few statements. */
export interface Gatherer {
  /** Stores a job; resolves with its id after its commit. */
  add(job: NewJob): Promise<string>
}

/**
 * Concurrent single adds join the next statement: at most two are on their way at once, and what comes meanwhile waits for
 * the next one (0.8 k adds a second without, more than ten times that with).
 */
export function createGatherer(database: Database): Gatherer {
  type Waiting = { job: NewJob; resolve: (id: string) => void; reject: (error: unknown) => void }
  let waiting: Waiting[] = []
  let inFlight = 0
  let planned = false

  function plan(): void {
    if (planned || inFlight >= 2 || waiting.length === 0) return
    planned = true
    setImmediate(() => {
      planned = false
      void send()
    })
  }

  async function send(): Promise<void> {
    const batch = waiting.slice(0, 1000)
    waiting = waiting.slice(1000)
    if (batch.length === 0) return
    inFlight++
    try {
      const ids = await withPartitions(database, () =>
        storeMixed(
          database,
          batch.map((w) => w.job),
        ),
      )
      for (const [i, w] of batch.entries()) w.resolve(ids[i] as string)
    } catch (error) {
      if (batch.length === 1 || isTransient(error)) for (const w of batch) w.reject(error)
      else await Promise.all(batch.map((w) => storeMixed(database, [w.job]).then(([id]) => w.resolve(id as string), w.reject)))
    } finally {
      inFlight--
      plan()
    }
  }

  return {
    add(job) {
      return new Promise((resolve, reject) => {
        waiting.push({ job, resolve, reject })
        plan()
      })
    },
  }
}
