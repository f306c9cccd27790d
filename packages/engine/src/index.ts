export type { Cleanup, CleanupOptions } from './cleanup-workers.ts'
export type { Backoff, BackoffCurve, BackoffOption } from './jobs/backoff.ts'
export type { CancelAnswer } from './jobs/cancel.ts'
export {
  type BatchContext,
  type BatchJob,
  defineTask,
  type RunningJob,
  type Task,
  type TaskContext,
  type TaskOptions,
} from './jobs/define-task.ts'
export type { EnqueueOptions } from './jobs/enqueue.ts'
export type { JobError } from './jobs/error-json.ts'
export { FatalError, Snooze } from './jobs/fate.ts'
export type { RetryRule } from './jobs/retry-rules.ts'
export type { JobFilter, JobView, QueueCounts } from './jobs/show.ts'
export type { Keeper, KeeperEvent, KeeperOptions } from './keeper/keeper.ts'
export { type JobLogger, type LogLevel, logLevels, type Progress } from './log/job-logger.ts'
export type { OutsideLogger } from './log/outside-logger.ts'
export type { LogEntry } from './log/read-logs.ts'
export { fileSystemStorage } from './storage/file-system.ts'
export type { PendingFile, Storage, StoredFile } from './storage/storage.ts'
export { type StartWorkersOptions, type SupervisorSeat, type SupervisorView, takeSupervisorSeat } from './supervisors/supervisors.ts'
export { type ConnectOptions, type Job, Trunkline, type WorkOptions } from './trunkline.ts'
export type { WorkerEvent, WorkerEventListener } from './worker/events.ts'
export type { WorkerListOptions, WorkerView } from './worker/list-workers.ts'
export type { Middleware } from './worker/middleware.ts'
export type { Worker } from './worker/worker.ts'
export type { WorkerOptions } from './worker/worker-options.ts'
