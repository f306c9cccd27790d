import { type ApiKeys, type Audit, createAccounts, type Users } from './accounts.ts'
import { type Auth, createAdministration, type Queues, type Retention, type System, type Tasks, type Workers } from './administration.ts'
import { type Backups, createBackups } from './backups.ts'
import { createFailures, type Failures } from './failures.ts'
import { createFlows, type Flows } from './flows.ts'
import { type ClientOptions, createHttp, type RequestOptions } from './http.ts'
import { createJobs, type Jobs } from './jobs.ts'
import { createLive, type Live } from './live.ts'
import { createNotifications, type Notifications } from './notifications.ts'
import { createPgAgent, type PgAgent } from './pgagent.ts'
import { type PgAgentWatcher, watchPgAgent } from './pgagent-live.ts'
import { createSchedules, type Schedules, type Templates } from './schedules.ts'
import { type WatchOptions, watchJob } from './watch-job.ts'

/** The API of a server, typed. */
export interface Client {
  readonly baseUrl: string
  readonly auth: Auth
  readonly jobs: Jobs
  readonly flows: Flows
  readonly queues: Queues
  readonly workers: Workers
  readonly tasks: Tasks
  readonly schedules: Schedules
  readonly templates: Templates
  readonly backups: Backups
  readonly users: Users
  readonly apiKeys: ApiKeys
  readonly audit: Audit
  readonly notifications: Notifications
  /** Failures by cause. */
  readonly errors: Failures
  readonly retention: Retention
  readonly system: System
  /** Jobs of pgAgent, on all servers. */
  readonly pgagent: PgAgent
  /** Realtime events. */
  readonly live: Live
  /** Watches a job to its end, by socket or by polling; returns what ends it. */
  watchJob(jobId: string, options: WatchOptions): () => void
  /** Live status of the jobs of a pgAgent server, also after the connection was lost; returns what ends it. */
  watchPgAgent(sid: string, watcher: PgAgentWatcher): () => void
  /** Any route below `/api/v1`. @throws ApiError */
  request<T = unknown>(method: string, path: string, options?: RequestOptions): Promise<T>
  /** Closes the socket. */
  close(): void
}

/**
 * Makes a client for browsers and Node. It opens nothing before it is used.
 * @example
 * const client = createClient({ baseUrl: 'http://127.0.0.1:3000', token })
 * const job = await client.jobs.enqueue({ task: 'backup_create', payload: {} })
 * client.watchJob(job.id, { onChange: ({ progress }) => console.log(progress?.percent), onEnd: ({ state }) => console.log(state) })
 */
export function createClient(options: ClientOptions = {}): Client {
  const http = createHttp(options)
  const jobs = createJobs(http)
  const live = createLive(http)
  return {
    baseUrl: http.baseUrl,
    jobs,
    live,
    flows: createFlows(http),
    ...createAdministration(http),
    ...createSchedules(http),
    ...createAccounts(http),
    backups: createBackups(http),
    notifications: createNotifications(http),
    errors: createFailures(http),
    pgagent: createPgAgent(http),
    watchJob: (jobId, watchOptions) => watchJob({ jobs, live }, jobId, watchOptions),
    watchPgAgent: (sid, watcher) => watchPgAgent(http, sid, watcher),
    request: (method, path, given) => http.request(method, path, given),
    close: () => live.close(),
  }
}
