import type {
  CleanedUpAnswer,
  CleanupBody,
  DoneAnswer,
  LoggedInAnswer,
  LoginBody,
  MeAnswer,
  NewPasswordBody,
  NewQueueLimitsBody,
  NewRetentionBody,
  PauseBody,
  QueueAnswer,
  QueueLimitsAnswer,
  QueueListAnswer,
  QueueThresholdsBody,
  RetentionAnswer,
  RetentionPreviewAnswer,
  StartWorkersBody,
  SystemAnswer,
  TaskAnswer,
  TaskListAnswer,
  WorkerListAnswer,
  WorkersWantedAnswer,
} from '@trunkline/contract/http'
import type { Http } from './http.ts'

/** Logging in and out. */
export interface Auth {
  /** With `session: true` the browser keeps a cookie, and no token is answered. */
  login(body: LoginBody): Promise<LoggedInAnswer>
  logout(): Promise<void>
  /** One's own; what was given out before is worth nothing then. */
  setPassword(body: NewPasswordBody): Promise<DoneAnswer>
  me(): Promise<MeAnswer>
}

/** Routes below `/queues`. */
export interface Queues {
  list(): Promise<QueueListAnswer>
  get(queue: string): Promise<QueueAnswer>
  pause(queue: string, body?: PauseBody): Promise<QueueAnswer>
  resume(queue: string): Promise<QueueAnswer>
  /** Its limits, how they stand, and the keys that jobs have or wait for. */
  limits(queue: string): Promise<QueueLimitsAnswer>
  /** What is left out stays, null takes a limit away. */
  setLimits(queue: string, limits: NewQueueLimitsBody): Promise<QueueLimitsAnswer>
  /** In place of those it has; `{}` takes them away. */
  setThresholds(queue: string, thresholds: QueueThresholdsBody): Promise<QueueAnswer>
}

/** Routes below `/workers`. */
export interface Workers {
  /** @param past also those that have ended within the last days */
  list(query?: { past?: boolean }): Promise<WorkerListAnswer>
  start(body?: StartWorkersBody): Promise<WorkersWantedAnswer>
  stop(id: string): Promise<unknown>
  cleanup(body?: CleanupBody): Promise<CleanedUpAnswer>
}

/** Routes below `/tasks`. */
export interface Tasks {
  list(): Promise<TaskListAnswer>
  get(task: string): Promise<TaskAnswer>
}

/** The route `/system`, for administrators. */
export interface System {
  /** Versions, what endangers the queue, who keeps workers running. */
  get(): Promise<SystemAnswer>
}

/** Routes below `/retention`: how long ended jobs are kept. */
export interface Retention {
  /** What holds, and who says so. */
  get(): Promise<RetentionAnswer>
  /** Whole, in the place of what the settings of the keeper say; `false` keeps for ever. */
  set(rules: NewRetentionBody): Promise<RetentionAnswer>
  /** Back to what the settings say. */
  reset(): Promise<RetentionAnswer>
  /** How many ended jobs such rules would remove now. */
  preview(rules: NewRetentionBody): Promise<RetentionPreviewAnswer>
}

/** What operators and administrators do. */
export interface Administration {
  readonly auth: Auth
  readonly queues: Queues
  readonly workers: Workers
  readonly tasks: Tasks
  readonly retention: Retention
  readonly system: System
}

/** Makes the groups of what operators and administrators do. */
export function createAdministration({ request }: Http): Administration {
  const named = (base: string, name: string, act = '') => `/${base}/${encodeURIComponent(name)}${act}`
  return {
    auth: {
      login: (body) => request('POST', '/auth/login', { body }),
      logout: () => request('POST', '/auth/logout'),
      setPassword: (body) => request('POST', '/auth/password', { body }),
      me: () => request('GET', '/auth/me'),
    },
    queues: {
      list: () => request('GET', '/queues'),
      get: (queue) => request('GET', named('queues', queue)),
      pause: (queue, body = {}) => request('POST', named('queues', queue, '/pause'), { body }),
      resume: (queue) => request('POST', named('queues', queue, '/resume')),
      limits: (queue) => request('GET', named('queues', queue, '/limits')),
      setLimits: (queue, body) => request('PUT', named('queues', queue, '/limits'), { body }),
      setThresholds: (queue, body) => request('PUT', named('queues', queue, '/thresholds'), { body }),
    },
    workers: {
      list: (query) => request('GET', '/workers', { query: { ...query } }),
      start: (body = {}) => request('POST', '/workers/start', { body }),
      stop: (id) => request('POST', named('workers', id, '/stop')),
      cleanup: (body = {}) => request('POST', '/workers/cleanup', { body }),
    },
    tasks: {
      list: () => request('GET', '/tasks'),
      get: (task) => request('GET', named('tasks', task)),
    },
    retention: {
      get: () => request('GET', '/retention'),
      set: (body) => request('PUT', '/retention', { body }),
      reset: () => request('DELETE', '/retention'),
      preview: (body) => request('POST', '/retention/preview', { body }),
    },
    system: { get: () => request('GET', '/system') },
  }
}
