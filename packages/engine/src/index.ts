export type { Cleanup, CleanupOptions } from './cleanup-workers.ts'
export type { Change, ChangeOptions, ChangePage, FollowedChange, FollowOptions } from './feed/changes.ts'
export type { NewFlow } from './flows/add.ts'
export type { FlowChange } from './flows/change.ts'
export type { DependsOnName, FlowJob } from './flows/read-flow.ts'
export type { FlowNode, FlowView } from './flows/show.ts'
export type { GateView, QueueLimits, QueueLimitsView, RateLimit, RateView } from './gates/limits.ts'
export type { JobAnswer } from './jobs/answers.ts'
export type { Backoff, BackoffCurve, BackoffOption } from './jobs/backoff.ts'
export { type BulkOptions, type BulkReport, type BulkTarget, type BulkVerb, bulkVerbs } from './jobs/bulk.ts'
export type { BulkResults } from './jobs/bulk-results.ts'
export type { BulkPlan, BulkSum, UndoOptions } from './jobs/bulk-run.ts'
export type { CancelAnswer } from './jobs/cancel.ts'
export {
  type BatchContext,
  type BatchJob,
  defineTask,
  type QueuePause,
  type RunningJob,
  type Task,
  type TaskContext,
  type TaskOptions,
} from './jobs/define-task.ts'
export { type DependsOnJob, type FailurePolicy, failurePolicies } from './jobs/depends-on.ts'
export { checkPayload, type EnqueueManyOptions, type EnqueueOptions } from './jobs/enqueue.ts'
export { type ErrorGroup, type ErrorGroupChange, type ErrorGroupOptions, type ErrorState, errorStates } from './jobs/error-groups.ts'
export type { JobError } from './jobs/error-json.ts'
export { FatalError, Snooze } from './jobs/fate.ts'
export type { JobFilter } from './jobs/filter.ts'
export type { GateKeyOptions } from './jobs/gate-keys.ts'
export type { KeyOptions } from './jobs/keys.ts'
export type { ParentView } from './jobs/parents.ts'
export type { PauseOptions } from './jobs/pause.ts'
export {
  type CrossedThreshold,
  type QueueHealth,
  type QueueHealthChange,
  type QueueLevel,
  type QueueMeasure,
  type QueueThresholds,
  queueMeasures,
  type Threshold,
} from './jobs/queue-health.ts'
export type { RerunOptions } from './jobs/rerun.ts'
export type { RetryRule } from './jobs/retry-rules.ts'
export { type SearchConditions, type SearchOptions, type SearchOrder, type SearchPage, searchOrders } from './jobs/search/search.ts'
export type { DataTexts, JobListOptions, JobView, QueueView } from './jobs/show.ts'
export type { PlannedStep, StepOptions, StepState, Steps, StepTry, StepTryView, StepView } from './jobs/steps.ts'
export type { TaskView } from './jobs/tasks.ts'
export type { AttemptView, Timeline, Transition } from './jobs/timeline.ts'
export { isTraceparent } from './jobs/trace.ts'
export type { JobChanges } from './jobs/update.ts'
export type { Why } from './jobs/why.ts'
export type { Within } from './jobs/within.ts'
export type { HealthWarning } from './keeper/health.ts'
export type { Keeper, KeeperEvent, KeeperOptions } from './keeper/keeper.ts'
export type { CounterDifference } from './keeper/reconcile.ts'
export type { Kept, RetentionOptions, RetentionRules, StateRetention } from './keeper/retention-rules.ts'
export type { RetentionPreview, RetentionView, StoredRetention } from './keeper/stored-retention.ts'
export { type JobLogger, type LogLevel, logLevels, type Progress } from './log/job-logger.ts'
export type { OutsideLogger } from './log/outside-logger.ts'
export type { LogEntry, LogOptions } from './log/read-logs.ts'
export { primaryUrl } from './postgres/primary-url.ts'
export type { CalendarAnswer, CalendarOptions } from './schedules/calendar.ts'
export type { MissedPolicy, OverlapPolicy } from './schedules/fire.ts'
export type { Preview, PreviewOptions } from './schedules/preview.ts'
export { missedPolicies, overlapPolicies, type ScheduleOptions, type ScheduleView } from './schedules/schedule.ts'
export type { Backfill, BackfillOptions, ScheduleRun, Schedules } from './schedules/schedules.ts'
export { fileSystemStorage } from './storage/file-system.ts'
export type { PendingFile, Storage, StoredFile } from './storage/storage.ts'
export { type StartWorkersOptions, type SupervisorSeat, type SupervisorView, takeSupervisorSeat } from './supervisors/supervisors.ts'
export { type JobSettings, mergePayload } from './templates/settings.ts'
export type { TemplateOptions, Templates, TemplateVersion, TemplateView } from './templates/templates.ts'
export { type ConnectOptions, type Flow, type Flows, type Job, type TransactionVerbs, Trunkline, type WorkOptions } from './trunkline.ts'
export type { WorkerEvent, WorkerEventListener } from './worker/events.ts'
export type { WorkerListOptions, WorkerView } from './worker/list-workers.ts'
export type { Middleware } from './worker/middleware.ts'
export type { Worker } from './worker/worker.ts'
export type { WorkerOptions } from './worker/worker-options.ts'
