export { type CalendarGrid, readExceptions, type SlotException } from './schedules/calendar-grid.ts'
export { cronMacros, type Grid, parseCron } from './schedules/cron.ts'
export { describeRhythm } from './schedules/describe.ts'
export { fillPayload, type SlotValues, slotValues } from './schedules/fill.ts'
export {
  type ClockChange,
  checkRhythm,
  type DstPolicy,
  type FoldPolicy,
  foldPolicies,
  type GapPolicy,
  gapPolicies,
  jitterOf,
  type Rhythm,
  type Slots,
  slotsOf,
} from './schedules/slots.ts'
export { localText, zoneOf } from './schedules/zone.ts'
export { type Duration, formatDuration, toMilliseconds } from './words/durations.ts'
export { type ErrorCode, errorTable, isTrunklineError, show, TrunklineError } from './words/errors.ts'
export {
  type AlertEvent,
  type CrossedThreshold,
  type JobEvent,
  type JobLogEvent,
  type JobsServerEvents,
  jobEventNames,
  jobsNamespace,
  type PgAgentListenAnswer,
  type PgAgentListenerEvent,
  type PgAgentStatusEvent,
  pgAgentNamespace,
  type QueueHealthAlert,
  type QueueStateEvent,
  type QueueStatsEvent,
  type SchedulePausedAlert,
  type SubscribeAnswer,
} from './words/events.ts'
export { type EnqueueAnswer, enqueueAnswers, type UniqueMode, uniqueModes } from './words/keys.ts'
export { defaults, limits, namePattern } from './words/limits.ts'
export { didYouMean, nearest } from './words/nearest.ts'
export { type ProgressNumbers, percentOf, progressText } from './words/progress.ts'
export {
  type Comparison,
  formatQuery,
  parseQuery,
  type Query,
  type QueryField,
  type QueryTerm,
  type QueryValue,
  queryFields,
  queryStates,
} from './words/query.ts'
export { isAtLeast, type Right, type Role, rights, roles, taskNeeds, tasksIn } from './words/roles.ts'
export {
  type EndReason,
  endReasons,
  isTerminal,
  type JobState,
  jobStates,
  type PendingReason,
  pendingReasons,
  type TerminalState,
  terminalStates,
} from './words/states.ts'
