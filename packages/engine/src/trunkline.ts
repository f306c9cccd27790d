import { type EnqueueAnswer, show, TrunklineError } from '@trunkline/contract'
import { type Cleanup, type CleanupOptions, cleanupWorkers } from './cleanup-workers.ts'
import {
  type ChangeOptions,
  type ChangePage,
  type FollowedChange,
  type FollowOptions,
  followChanges,
  readChanges,
  timeOfCursor,
} from './feed/changes.ts'
import { addToFlow, makeFlow, type NewFlow, type StoredFlow, storeDependentOnce, storeDependents } from './flows/add.ts'
import { cancelFlow, type FlowChange, retryFlow } from './flows/change.ts'
import { edgesOn } from './flows/read-flow.ts'
import { type FlowNode, type FlowView, flowNodes, getFlow, listFlows, tasksOfFlow } from './flows/show.ts'
import { type GateView, getLimits, listGates, listLimits, type QueueLimits, type QueueLimitsView, setLimits } from './gates/limits.ts'
import { type BulkOptions, type BulkReport, type BulkTarget, type BulkVerb, bulk } from './jobs/bulk.ts'
import { type BulkResults, bulkResults } from './jobs/bulk-results.ts'
import {
  type BulkPlan,
  type BulkSum,
  bindBulk,
  bulkKept,
  runBulk,
  runKept,
  storeBulk,
  type UndoOptions,
  undoBulk,
} from './jobs/bulk-run.ts'
import { type CancelAnswer, cancel, deleteJob } from './jobs/cancel.ts'
import { checkKeys } from './jobs/check-options.ts'
import type { Task } from './jobs/define-task.ts'
import { type DependsOnJob, readDependsOn } from './jobs/depends-on.ts'
import {
  createGatherer,
  type EnqueueManyOptions,
  type EnqueueOptions,
  type NewJob,
  readJobs,
  readManyJobs,
  type StoredJob,
  storeMany,
  storeOne,
} from './jobs/enqueue.ts'
import { type ErrorGroup, type ErrorGroupChange, type ErrorGroupOptions, listErrorGroups, setErrorGroup } from './jobs/error-groups.ts'
import { type JobFigures, readFigures } from './jobs/figures.ts'
import { checkJobId, createNames } from './jobs/names.ts'
import { withPartitions } from './jobs/partitions.ts'
import { type PauseOptions, pauseQueue, resumeQueue } from './jobs/pause.ts'
import { promoteNow } from './jobs/promote-now.ts'
import { type QueueThresholds, setThresholds } from './jobs/queue-health.ts'
import { type RerunOptions, rerun } from './jobs/rerun.ts'
import { createResultWatcher } from './jobs/result.ts'
import { retry } from './jobs/retry.ts'
import { type SearchOptions, type SearchPage, search } from './jobs/search/search.ts'
import {
  type DataTexts,
  getDataTexts,
  getJob,
  type JobListOptions,
  type JobView,
  listJobs,
  listQueues,
  type QueueView,
  tasksOf,
} from './jobs/show.ts'
import { type StepView, stepsOf } from './jobs/steps.ts'
import { listTasks, type TaskView } from './jobs/tasks.ts'
import { type Timeline, timeline } from './jobs/timeline.ts'
import { undoableIds } from './jobs/undo.ts'
import { type JobChanges, update } from './jobs/update.ts'
import { type Why, why } from './jobs/why.ts'
import type { Within } from './jobs/within.ts'
import { checkHealth, type HealthWarning } from './keeper/health.ts'
import { createKeeper, type Keeper, type KeeperOptions } from './keeper/keeper.ts'
import { type CounterDifference, reconcileCounters } from './keeper/reconcile.ts'
import { createStoredRetention, type StoredRetention } from './keeper/stored-retention.ts'
import { createOutsideLogger, type OutsideLogger } from './log/outside-logger.ts'
import { type LogEntry, type LogOptions, readLogs } from './log/read-logs.ts'
import { checkServer, type Database, type DatabaseOptions, openDatabase, type Queryable, withinTransaction } from './postgres/database.ts'
import { checkSchemaState, migrate } from './postgres/migrate.ts'
import { createSchedules, type Schedules } from './schedules/schedules.ts'
import { listSupervisors, type StartWorkersOptions, type SupervisorView, startWorkers } from './supervisors/supervisors.ts'
import { checkInput } from './templates/input-schema.ts'
import { createTemplates, findWithSchemas, fromTemplate, noteUse, type Templates } from './templates/templates.ts'
import { listWorkers, type WorkerListOptions, type WorkerView } from './worker/list-workers.ts'
import { stopWorker } from './worker/stop-workers.ts'
import { startWorker, type Worker } from './worker/worker.ts'
import type { WorkerOptions } from './worker/worker-options.ts'

/** Options of `Trunkline.connect`. */
export interface ConnectOptions extends DatabaseOptions {
  /** Bring the schema up to this version first. Default false: a missing schema is an error that says what to do. */
  migrate?: boolean
  /** Go on although the server could lose accepted jobs (fsync off). Default false. */
  allowUnsafe?: boolean
}

/** Options of `work`: those of a worker, and of the keeper that runs beside it. */
export interface WorkOptions extends WorkerOptions {
  /** Also do the chores of the schema (one of all keepers leads). Default true; false where another process surely does. */
  keeper?: boolean | KeeperOptions
}

/** A job that was made or found; the way to its result. */
export interface Job<Result = unknown> {
  readonly id: string
  /** What the enqueue did: `new`, or what its key made of it: `existing`, `replaced`, `debounced`. Null where it was only looked up. */
  readonly made: EnqueueAnswer | null
  /** Its present state. */
  get(): Promise<JobView>
  /**
   * Waits for its end. One that was made in a transaction of the caller's is waited for until that has committed, too.
   * @throws `job_failed`, `cancelled`, `job_not_found` (it was removed before its end was read, or never made), or the reason of `signal`
   */
  result(options?: { signal?: AbortSignal }): Promise<Result>
}

/** A flow that was made, or added to. */
export interface Flow {
  readonly id: string
  /** The jobs of the call by the names that they have in the flow. */
  readonly jobs: Readonly<Record<string, Job>>
  get(): Promise<FlowView>
}

/** Flows: jobs that depend on each other. */
export interface Flows {
  /**
   * Makes up to 10,000 jobs that depend on each other, all or none.
   * @throws `flow_cycle` with the way round, `batch_too_large`, `invalid_option`, `job_not_found`, and what an enqueue throws
   * @example
   * const flow = await trunkline.flows.add({ name: 'nightly', jobs: [
   *   { name: 'extract', task: extract },
   *   { name: 'load', task: load, dependsOn: ['extract'] },
   * ] })
   */
  add(flow: NewFlow): Promise<Flow>
  /** Adds jobs to a flow, also from a handler of it; they may depend on jobs of it by name. @throws as `add`, and `flow_not_found` */
  addJobs(id: string, more: Omit<NewFlow, 'name'>): Promise<Flow>
  /** @throws `flow_not_found`, `invalid_option` */
  get(id: string): Promise<FlowView>
  /** Newest first. */
  list(options?: { limit?: number; before?: string; createdBy?: string }): Promise<FlowView[]>
  /** The tasks of its jobs and the queues that they are in, each pair once. */
  tasks(id: string): Promise<{ task: string; queue: string }[]>
  /** Its jobs in the order in which they were made, with what each depends on. */
  jobs(id: string, options?: { after?: string; limit?: number; within?: Within | null }): Promise<FlowNode[]>
  /** Cancels all of its jobs that have not ended. @throws `flow_not_found` */
  cancel(id: string, options?: { by?: string }): Promise<FlowChange>
  /** Runs again what failed or was cancelled; what has completed stays. @throws `flow_not_found` */
  retry(id: string): Promise<FlowChange>
}

/** The verbs of a {@link Trunkline} within one open transaction: what they do exists exactly when it commits. */
export interface TransactionVerbs {
  readonly tx: Queryable
  enqueue(task: string, payload: unknown, options?: Omit<EnqueueOptions, 'tx'>): Promise<{ id: string; made: EnqueueAnswer }>
  get(id: string, options?: { within?: Within | null }): Promise<JobView>
  cancel(id: string, options?: { by?: string }): Promise<CancelAnswer>
  retry(id: string): Promise<void>
  /** Answers the id of the new job. */
  rerun(id: string, options?: RerunOptions): Promise<string>
  promote(id: string): Promise<void>
  update(id: string, changes: JobChanges): Promise<void>
  delete(id: string, options?: { by?: string }): Promise<void>
  /** Keeps a bulk action, and makes the job that works through it. */
  startBulk(plan: BulkPlan): Promise<{ bulkId: string; jobId: string }>
  /** Keeps a bulk action and does all of it at once: for few jobs. */
  bulk(plan: BulkPlan): Promise<BulkReport>
  /** The jobs that a bulk action changed, for `bulk` or `startBulk` with the verb `undo`. @throws `bulk_not_found`, `undo_refused` */
  undoableIds(bulkId: string): Promise<string[]>
  setErrorGroup(change: ErrorGroupChange): Promise<void>
  /** Makes a flow; answers its id and those of its jobs by name. */
  addFlow(flow: Omit<NewFlow, 'tx'>): Promise<{ id: string; jobs: Record<string, string> }>
  getFlow(id: string): Promise<FlowView>
  cancelFlow(id: string, options?: { by?: string }): Promise<FlowChange>
  retryFlow(id: string): Promise<FlowChange>
  pause(queue: string, options?: PauseOptions): Promise<void>
  resume(queue: string): Promise<void>
  setLimits(queue: string, limits: QueueLimits, options?: { by?: string }): Promise<void>
  setThresholds(queue: string, thresholds: QueueThresholds | null, options?: { by?: string }): Promise<void>
  startWorkers(options?: StartWorkersOptions): Promise<{ supervisor: string; wanted: number }>
  stopWorker(id: string): Promise<void>
  cleanupWorkers(options?: CleanupOptions): Promise<Cleanup>
  readonly schedules: Schedules
  readonly templates: Templates
  readonly retention: Omit<StoredRetention, 'preview'>
}

/** The way into one Trunkline schema. Made by `Trunkline.connect`. */
export interface Trunkline {
  /**
   * Makes a job. Resolves after its commit, or with `tx` when it is written in the caller's transaction.
   * @param task a task, or the name of one that somebody has published
   * @throws `invalid_payload`, `unknown_task`, the `payload_…` errors, `invalid_run_at`, `invalid_priority` and the like,
   * `idempotency_conflict`
   */
  enqueue<Input, Result>(task: Task<Input, Result>, payload: Input, options?: EnqueueOptions): Promise<Job<Result>>
  enqueue(task: string, payload: unknown, options?: EnqueueOptions): Promise<Job>
  /** Makes up to 100,000 jobs, all or none; answers them in input order. @throws as `enqueue`, and `batch_too_large` */
  enqueueMany<Input, Result>(
    task: Task<Input, Result>,
    payloads: readonly Input[],
    options?: EnqueueManyOptions<Input>,
  ): Promise<Job<Result>[]>
  enqueueMany(task: string, payloads: readonly unknown[], options?: EnqueueManyOptions): Promise<Job[]>
  /** Jobs that depend on each other. */
  readonly flows: Flows
  /** The way to a job that was made elsewhere. @throws `invalid_job_id` */
  job(id: string): Job
  /** @param options.within whose jobs may be seen; others are not found @throws `job_not_found` */
  get(id: string, options?: { within?: Within | null }): Promise<JobView>
  /**
   * Payload and result of a job as the JSON text that the database has: numbers with all their digits, of which `get` answers those
   * that JavaScript holds.
   * @throws `job_not_found`, `invalid_job_id`
   */
  texts(id: string): Promise<DataTexts>
  /** Jobs, newest first; pending ones in the order in which they will run. @throws `unknown_task`, `unknown_queue`, `invalid_option` … */
  list(options?: JobListOptions): Promise<JobView[]>
  /**
   * Finds jobs by the query language and further conditions, newest first unless another order is asked for.
   * @throws `invalid_query`, `invalid_option`, `invalid_cursor`, `query_too_broad`
   * @example const { jobs, nextCursor, total } = await trunkline.search({ q: 'state:failed task:backup_* age:<24h' })
   */
  search(options?: SearchOptions): Promise<SearchPage>
  /** Why a job is not running, or how it ended: a sentence and a reason. @throws `job_not_found` */
  why(id: string): Promise<Why>
  /** Lines of a job's log after number `after`, oldest first. */
  logs(id: string, options?: LogOptions): Promise<LogEntry[]>
  /**
   * The steps of a job in their order: what its handler has finished in `step.run`, and those that it has planned, wherever they are.
   * @throws `invalid_job_id`
   */
  steps(id: string): Promise<StepView[]>
  /** Every transition and execution of a job. @throws `job_not_found` */
  timeline(id: string, options?: { within?: Within | null }): Promise<Timeline>
  /** Tasks that workers have published, with the JSON Schemas of their payloads. */
  tasks(): Promise<TaskView[]>
  /**
   * Runs verbs in one transaction, together with whatever `work` sends on its `tx`. Keep it short: it holds locks.
   * @example await trunkline.transaction(async ({ retry, tx }) => { await retry(id); await tx.query('insert …') })
   */
  transaction<T>(work: (verbs: TransactionVerbs) => Promise<T>): Promise<T>
  /** Cancels a waiting job, or asks the worker of a running one. @throws `job_not_found` */
  cancel(id: string, options?: { by?: string }): Promise<CancelAnswer>
  /** Runs a failed or cancelled job again with fresh attempts. @throws `job_not_found`, `wrong_state` */
  retry(id: string): Promise<Job>
  /** Runs an ended job once more as a new, linked job, with another payload where one is given. @throws `job_not_found`, `wrong_state` */
  rerun(id: string, options?: RerunOptions): Promise<Job>
  /** Puts a job that waits for its time in line now. @throws `job_not_found`, `wrong_state` */
  promote(id: string): Promise<void>
  /** Changes priority, queue or time of a waiting job, or the tags of any. @throws `job_not_found`, `wrong_state` */
  update(id: string, changes: JobChanges): Promise<void>
  /** Cancels a waiting job and hides it, or hides an ended one. @throws `job_not_found`, `wrong_state` for a running one */
  delete(id: string, options?: { by?: string }): Promise<void>
  /** Does one thing to many jobs, by ids or by filter, in parts, while claims go on; with `dryRun` it only counts. */
  bulk(verb: BulkVerb, target: BulkTarget, options?: BulkOptions): Promise<BulkReport>
  /**
   * Undoes a bulk action that was kept (`undoable`) and ended at most 5 minutes ago: jobs that are still as it left them are put
   * back, the others answer why not.
   * @throws `bulk_not_found`, `undo_refused`
   */
  undoBulk(bulkId: string, options?: UndoOptions & Pick<BulkOptions, 'onProgress' | 'signal'>): Promise<BulkReport>
  /** Works through a bulk action that was kept with `storeBulk`; see the task `bulk_update`. */
  runBulk(bulkId: string, options?: Pick<BulkOptions, 'onProgress' | 'signal'>): Promise<BulkSum>
  /** Results of a bulk action by the job that works through it. @throws `job_not_found` */
  bulkResults(jobId: string, options?: { after?: number; limit?: number; ok?: boolean }): Promise<BulkResults>
  /** The tasks of these jobs and of their steps (`steps_run`), each once. */
  tasksOf(ids: readonly string[], options?: { within?: Within | null }): Promise<string[]>
  /** Failures grouped by cause, the latest first. */
  errors(options?: ErrorGroupOptions): Promise<{ groups: ErrorGroup[]; isWhole: boolean }>
  /** What happened to jobs in all, by queue and task, from counters that only grow. */
  figures(): Promise<JobFigures[]>
  /** Queues with their jobs by place, their workers and pauses. */
  queues(): Promise<QueueView[]>
  /** Starts no job of a queue until an end, or until it is resumed. @throws `unknown_queue` */
  pause(queue: string, options?: PauseOptions): Promise<void>
  /** @throws `unknown_queue` */
  resume(queue: string): Promise<void>
  /**
   * Sets limits of a queue: how many of its jobs run at once, in all and by key, and how many start in a time. What is left out stays,
   * null takes a limit away. Jobs that run go on.
   * @throws `unknown_queue`, `invalid_option`, `unknown_option`, `invalid_duration`
   * @example await trunkline.setLimits('mail', { concurrency: 50, ratePerKey: { limit: 100, per: '1m' } })
   */
  setLimits(queue: string, limits: QueueLimits, options?: { by?: string }): Promise<void>
  /** The limits of a queue, and how they stand. @throws `unknown_queue` */
  limits(queue: string): Promise<QueueLimitsView>
  /** All queues that have limits, or had jobs with keys of limits. */
  listLimits(): Promise<QueueLimitsView[]>
  /** Keys of a queue that jobs have or wait for, those with the most waiting jobs first. */
  gates(queue: string, options?: { limit?: number }): Promise<GateView[]>
  /** Sets from where on a queue is called `warning` or `critical`; null takes that away. @throws `unknown_queue`, `invalid_option` */
  setThresholds(queue: string, thresholds: QueueThresholds | null, options?: { by?: string }): Promise<void>
  /** What happened, from the numbered change feed: gap-free, resumable by cursor. @throws `invalid_cursor`, `cursor_expired` */
  changes(options?: ChangeOptions): Promise<ChangePage>
  /** When the feed stood at a cursor. @throws `invalid_cursor`, `cursor_expired` */
  timeOf(cursor: string): Promise<Date>
  /** The change feed as it comes. */
  follow(options?: FollowOptions): AsyncGenerator<FollowedChange>
  /** What endangers the queue: pinned snapshots, bloat, the NOTIFY queue, no keeper, queues without workers. Empty = nothing found. */
  health(): Promise<HealthWarning[]>
  /** Proves the counters against the whole history, and books the differences with `repair`. Reads everything: for administrators. */
  reconcile(options?: { repair?: boolean }): Promise<CounterDifference[]>
  /** Live workers, oldest first; with `past` also those that ended within the last 7 days, before them. */
  workers(options?: WorkerListOptions): Promise<WorkerView[]>
  /** Processes that keep workers running (`trunkline up`). */
  supervisors(): Promise<SupervisorView[]>
  /** Asks one of them for more workers. @throws `no_supervisor`, `invalid_option` */
  startWorkers(options?: StartWorkersOptions): Promise<{ supervisor: string; wanted: number }>
  /** Asks a worker to stop, wherever it runs: it drains, and is not started again. @throws `worker_not_found`, `invalid_option` */
  stopWorker(id: string): Promise<void>
  /** Gives up stale workers at once and forgets those that have ended. @throws `invalid_option` */
  cleanupWorkers(options?: CleanupOptions): Promise<Cleanup>
  /** What makes jobs on time. */
  readonly schedules: Schedules
  /** Saved tasks with payload and options. */
  readonly templates: Templates
  /** How long ended jobs are kept. */
  readonly retention: StoredRetention
  /** A logger for a job, for writers that are not its handler. */
  createJobLogger(jobId: string, taskName?: string): OutsideLogger
  /** Starts a worker in this process. */
  work(tasks: readonly Task[], options?: WorkOptions): Promise<Worker>
  /** A keeper without a worker. It does nothing before `start`. */
  keeper(options?: KeeperOptions): Keeper
  /** Stops the workers and keepers that were started here, and closes all connections. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

const connectOptions = [
  'connectionString',
  'directConnectionString',
  'pooler',
  'schema',
  'applicationName',
  'poolSize',
  'connectTimeoutMs',
  'queryTimeoutMs',
  'onError',
  'migrate',
  'allowUnsafe',
]

/** What the test kit needs of a Trunkline. */
export interface Inside {
  readonly database: Database
  /** Stopped by `close`, before the connections go. */
  readonly parts: { stop(): Promise<void> }[]
}

const insides = new WeakMap<Trunkline, Inside>()

/** For the test kit. @throws `invalid_option` unless `trunkline` came from `Trunkline.connect` of this copy of the package */
export function insideOf(trunkline: Trunkline): Inside {
  const found = insides.get(trunkline)
  if (found) return found
  throw new TrunklineError('invalid_option', {
    field: 'trunkline',
    received: show(trunkline),
    allowed: 'what Trunkline.connect of the same copy of the package has made',
  })
}

async function connect(options: ConnectOptions): Promise<Trunkline> {
  checkKeys(options, connectOptions, 'Trunkline.connect')
  if (typeof options.connectionString !== 'string' || options.connectionString === '') {
    throw new TrunklineError('invalid_option', {
      field: 'connectionString',
      received: show(options.connectionString),
      allowed: 'a PostgreSQL URL',
    })
  }
  const database = openDatabase(options)
  try {
    await checkServer(database, options.allowUnsafe)
    if (options.migrate) await migrate(database)
    await checkSchemaState(database)
  } catch (error) {
    await database.close()
    throw error
  }
  const names = createNames(database)
  const gatherer = createGatherer(database)
  const watcher = createResultWatcher(database)
  const parts: { stop(): Promise<void> }[] = []

  function job(id: string, made: EnqueueAnswer | null = null, awaitsCommit = false): Job<any> {
    return {
      id,
      made,
      get: () => getJob(database, id),
      result: ({ signal } = {}) => watcher.wait(id, { signal, awaitsCommit }),
    }
  }

  let closing: Promise<void> | undefined
  async function closeOnce(): Promise<void> {
    watcher.stop()
    await Promise.all(parts.map((part) => part.stop()))
    await database.close()
  }
  const close = () => {
    closing ??= closeOnce()
    return closing
  }

  /** Jobs without keys that depend on others; those are looked for in the same transaction. */
  async function dependents(jobs: readonly NewJob[], on: readonly (string | DependsOnJob)[], tx?: Queryable): Promise<string[]> {
    const dependencies = readDependsOn(on)
    if (jobs.some((made) => made.keys !== null))
      throw new TrunklineError('invalid_option', {
        field: 'dependsOn',
        received: 'given together with a unique key',
        allowed: 'one of the two',
      })
    return await storeDependents(database, jobs, edgesOn(dependencies, jobs.length), tx)
  }

  function flowOf({ id, named }: StoredFlow, tx?: Queryable): Flow {
    const jobs = Object.fromEntries([...named].map(([name, jobId]) => [name, job(jobId, 'new', tx !== undefined)]))
    return { id, jobs, get: () => getFlow(database, id) }
  }

  const flows: Flows = {
    add: async (flow) => flowOf(await makeFlow(database, names, flow), flow.tx),
    async addJobs(id, more) {
      await getFlow(database, id)
      return flowOf(await addToFlow(database, names, id, more), more.tx)
    },
    get: (id) => getFlow(database, id),
    list: (listOptions) => listFlows(database, listOptions),
    tasks: (id) => tasksOfFlow(database, id),
    jobs: (id, nodeOptions) => flowNodes(database, id, nodeOptions),
    cancel: (id, { by } = {}) => cancelFlow(database, id, by ?? null),
    retry: (id) => retryFlow(database, id),
  }

  async function storeMade(made: NewJob, { dependsOn }: EnqueueOptions, tx?: Queryable): Promise<StoredJob> {
    if (!dependsOn) return await storeOne(database, gatherer, made, tx)
    if (made.keys?.idempotencyKey && made.keys.uniqueKey === null) {
      const { idempotencyKey: key, idempotencyMs: windowMs } = made.keys
      return await storeDependentOnce(database, made, edgesOn(readDependsOn(dependsOn), 1), { key, windowMs }, tx)
    }
    const [id] = await dependents([made], dependsOn, tx)
    return { id: id as string, made: 'new' }
  }

  /** Makes one job, from a template where one is named: job and note of its origin in one transaction then. */
  async function enqueueOne(task: Task | string, payload: unknown, options: EnqueueOptions, tx?: Queryable): Promise<StoredJob> {
    const { templateId, ...rest } = options
    if (templateId === undefined) {
      const [made] = await readJobs(names, task, [payload], rest)
      if (!made) throw new TrunklineError('internal', { problem: 'a job vanished' })
      return await storeMade(made, rest, tx)
    }
    const { template, schemas } = await findWithSchemas(tx ? withinTransaction(database, tx) : database, templateId)
    const name = typeof task === 'string' ? task : task.name
    if (name !== '' && name !== template.task) {
      throw new TrunklineError('invalid_option', {
        field: 'task',
        received: show(name),
        allowed: `${template.task}, the task of the template`,
      })
    }
    const meant = fromTemplate(template, payload, rest)
    const [made] = await readJobs(names, typeof task === 'string' ? meant.task : task, [meant.payload], meant.options)
    if (!made) throw new TrunklineError('internal', { problem: 'a job vanished' })
    if (schemas.length > 0) checkInput(JSON.parse(made.payload), { task: template.task, schemas })
    const store = async (on: Queryable) => {
      const stored = await storeMade(made, options, on)
      if (stored.made === 'new' || stored.made === 'replaced') await noteUse(database, stored.id, template, on)
      return stored
    }
    return tx ? await store(tx) : await withPartitions(database, () => database.transaction(store))
  }

  function verbsWithin(inside: Database, tx: Queryable): TransactionVerbs {
    return {
      tx,
      async enqueue(task, payload, enqueueOptions = {}) {
        return await enqueueOne(task, payload, enqueueOptions, tx)
      },
      get: (id, { within } = {}) => getJob(inside, id, within),
      cancel: (id, { by } = {}) => cancel(inside, id, by ?? null),
      retry: (id) => retry(inside, id),
      rerun: (id, rerunOptions) => rerun(inside, names, id, rerunOptions),
      promote: (id) => promoteNow(inside, id),
      update: (id, changes) => update(inside, names, id, changes),
      delete: (id, { by } = {}) => deleteJob(inside, id, by ?? null),
      async startBulk(plan) {
        const bulkId = await storeBulk(inside, names, plan)
        const by = plan.by === undefined ? {} : { createdBy: plan.by }
        const [made] = await readJobs(names, 'bulk_update', [{ bulkId }], by)
        if (!made) throw new TrunklineError('internal', { problem: 'a job vanished' })
        const { id: jobId } = await storeOne(database, gatherer, made, tx)
        await bindBulk(inside, bulkId, jobId)
        return { bulkId, jobId }
      },
      bulk: (plan) => runKept(inside, names, plan),
      undoableIds: (bulkId) => undoableIds(inside, bulkId),
      setErrorGroup: (change) => setErrorGroup(inside, change),
      async addFlow(flow) {
        const { id, named } = await makeFlow(database, names, { ...flow, tx })
        return { id, jobs: Object.fromEntries(named) }
      },
      getFlow: (id) => getFlow(inside, id),
      cancelFlow: (id, { by } = {}) => cancelFlow(inside, id, by ?? null),
      retryFlow: (id) => retryFlow(inside, id),
      pause: (queue, pauseOptions) => pauseQueue(inside, names, queue, pauseOptions),
      setThresholds: (queue, thresholds, by) => setThresholds(inside, names, queue, thresholds, by),
      resume: (queue) => resumeQueue(inside, names, queue),
      setLimits: (queue, limits, { by } = {}) => setLimits(inside, names, queue, limits, by ?? null),
      startWorkers: (startOptions) => startWorkers(inside, startOptions),
      stopWorker: (id) => stopWorker(inside, id),
      cleanupWorkers: (cleanupOptions) => cleanupWorkers(inside, cleanupOptions),
      schedules: createSchedules(inside, names),
      templates: createTemplates(inside, names),
      retention: createStoredRetention(inside),
    }
  }

  const trunkline: Trunkline = {
    async enqueue(task: Task | string, payload: unknown, enqueueOptions: EnqueueOptions = {}) {
      const stored = await enqueueOne(task, payload, enqueueOptions, enqueueOptions.tx)
      return job(stored.id, stored.made, enqueueOptions.tx !== undefined)
    },
    async enqueueMany(task: Task | string, payloads: readonly unknown[], enqueueOptions: EnqueueManyOptions = {}) {
      const made = await readManyJobs(names, task, payloads, enqueueOptions)
      const { dependsOn, tx } = enqueueOptions
      if (dependsOn && made.length > 0) return (await dependents(made, dependsOn, tx)).map((id) => job(id, 'new', tx !== undefined))
      return (await storeMany(database, made, tx)).map((stored: StoredJob) => job(stored.id, stored.made, tx !== undefined))
    },
    flows,
    job: (id) => job(checkJobId(id)),
    get: (id, { within } = {}) => getJob(database, id, within),
    texts: (id) => getDataTexts(database, id),
    list: (listOptions) => listJobs(database, names, listOptions),
    search: (searchOptions) => search(database, searchOptions),
    why: (id) => why(database, id),
    logs: (id, logOptions) => readLogs(database, checkJobId(id), logOptions),
    steps: (id) => stepsOf(database, id),
    timeline: (id, { within } = {}) => timeline(database, id, within),
    tasks: () => listTasks(database),
    transaction: (work) =>
      withPartitions(database, () => database.transaction((tx) => work(verbsWithin(withinTransaction(database, tx), tx)), 'walk')),
    cancel: (id, { by } = {}) => cancel(database, id, by ?? null),
    async retry(id) {
      await retry(database, id)
      return job(id)
    },
    rerun: async (id, rerunOptions) => job(await rerun(database, names, id, rerunOptions), 'new'),
    promote: (id) => promoteNow(database, id),
    update: (id, changes) => update(database, names, id, changes),
    delete: (id, { by } = {}) => deleteJob(database, id, by ?? null),
    bulk: (verb, target, bulkOptions = {}) =>
      (bulkOptions.undoable && !bulkOptions.dryRun ? bulkKept : bulk)(database, names, verb, target, bulkOptions),
    undoBulk: (bulkId, undoOptions) => undoBulk(database, names, bulkId, undoOptions),
    runBulk: (bulkId, runOptions) => runBulk(database, names, bulkId, runOptions),
    bulkResults: (jobId, resultOptions) => bulkResults(database, jobId, resultOptions),
    tasksOf: (ids, { within } = {}) => tasksOf(database, ids, within),
    errors: (errorOptions) => listErrorGroups(database, errorOptions),
    figures: () => readFigures(database),
    queues: () => listQueues(database),
    pause: (queue, pauseOptions) => pauseQueue(database, names, queue, pauseOptions),
    setThresholds: (queue, thresholds, by) => setThresholds(database, names, queue, thresholds, by),
    resume: (queue) => resumeQueue(database, names, queue),
    setLimits: (queue, limits, { by } = {}) => setLimits(database, names, queue, limits, by ?? null),
    limits: (queue) => getLimits(database, names, queue),
    listLimits: () => listLimits(database),
    gates: (queue, { limit } = {}) => listGates(database, queue, limit),
    changes: (changeOptions) => readChanges(database, changeOptions),
    timeOf: (cursor) => timeOfCursor(database, cursor),
    follow: (followOptions) => followChanges(database, followOptions),
    health: () => checkHealth(database),
    reconcile: (reconcileOptions) => reconcileCounters(database, reconcileOptions),
    workers: (listOptions) => listWorkers(database, listOptions),
    supervisors: () => listSupervisors(database),
    startWorkers: (startOptions) => startWorkers(database, startOptions),
    stopWorker: (id) => stopWorker(database, id),
    cleanupWorkers: (cleanupOptions) => cleanupWorkers(database, cleanupOptions),
    schedules: createSchedules(database, names),
    templates: createTemplates(database, names),
    retention: createStoredRetention(database),
    createJobLogger(jobId) {
      const logger = createOutsideLogger(database, checkJobId(jobId), options.onError ?? (() => {}))
      parts.push({ stop: () => logger.flush() })
      return logger
    },
    async work(tasks, { keeper = true, ...workerOptions } = {}) {
      const worker = await startWorker(database, names, tasks, workerOptions)
      parts.push(worker)
      if (keeper) {
        const beside = createKeeper(database, keeper === true ? {} : keeper)
        beside.start()
        parts.push(beside)
      }
      return worker
    },
    keeper(keeperOptions) {
      const made = createKeeper(database, keeperOptions)
      parts.push(made)
      return made
    },
    close,
    [Symbol.asyncDispose]: close,
  }
  insides.set(trunkline, { database, parts })
  return trunkline
}

/** The entrance. */
export const Trunkline = {
  /**
   * Connects to a database that holds a Trunkline schema.
   * @throws `database_unavailable`, `database_unsupported`, `database_unsafe`, `schema_missing`, `schema_too_new`, `unknown_option`
   * @example const trunkline = await Trunkline.connect({ connectionString: process.env.DATABASE_URL, migrate: true })
   */
  connect,
}
