export { type Agent, type AgentEvent, type AgentOptions, createAgent } from './agent.ts'
export { checkSql, type SqlProblem } from './check-sql.ts'
export type { ComparedRun } from './compare-runs.ts'
export { maskSecrets } from './connection-string.ts'
export {
  changeJob,
  createJob,
  deleteJob,
  listClasses,
  type PgAgentDefinition,
  type PgAgentDraft,
  type PgAgentSchedule,
  type PgAgentStep,
  readJob,
} from './definition.ts'
export { type Examination, type Examined, examine, examinedParts } from './examine.ts'
export { exportSql } from './export-sql.ts'
export { findPgAgentHealth, type PgAgentFinding } from './health.ts'
export {
  applyImport,
  type ImportOptions,
  type ImportPlan,
  isSameServer,
  type PlannedSchedule,
  planImport,
  undoImport,
} from './import.ts'
export { applyCronImport, planCronImport, undoCronImport } from './import-pg-cron.ts'
export { type Installed, installSchema, unwatch, watch } from './install.ts'
export {
  cancelRun,
  clearHistory,
  history,
  listJobs,
  listRuns,
  type PgAgentJob,
  type PgAgentLoggedRun,
  type PgAgentRun,
  type PgAgentStatus,
  readRun,
  releaseJob,
  runNow,
  runStep,
  setEnabled,
} from './jobs.ts'
export { nextRuns, type PgAgentWarning, warningsOf } from './plans.ts'
export { type RunsAsJobs, showRunsAsJobs } from './runs-as-jobs.ts'
export { daysIn, type PgAgentCalendar, type PgAgentException } from './schedule/calendar.ts'
export { LegacyScheduleError, legacyNextRun } from './schedule/legacy.ts'
export { nextRun } from './schedule/next-run.ts'
export {
  createStatusListener,
  type ListenerState,
  type StatusListener,
  type StatusListenerOptions,
  type StatusUpdate,
} from './status-listener.ts'
export {
  applyUpgrade,
  type ChangedRun,
  type Difference,
  planUpgrade,
  type UpgradePlan,
  undoUpgrade,
} from './upgrade.ts'
