export { type Agent, type AgentEvent, type AgentOptions, createAgent } from './agent.ts'
export { type Installed, installSchema, unwatch, watch } from './install.ts'
export {
  cancelRun,
  history,
  listJobs,
  type PgAgentJob,
  type PgAgentRun,
  type PgAgentStatus,
  releaseJob,
  runNow,
  setEnabled,
} from './jobs.ts'
export { daysIn, type PgAgentCalendar, type PgAgentException } from './schedule/calendar.ts'
export { LegacyScheduleError, legacyNextRun } from './schedule/legacy.ts'
export { nextRun } from './schedule/next-run.ts'
