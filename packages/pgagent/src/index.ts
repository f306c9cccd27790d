export { type Installed, installSchema } from './install.ts'
export { daysIn, type PgAgentCalendar, type PgAgentException } from './schedule/calendar.ts'
export { LegacyScheduleError, legacyNextRun } from './schedule/legacy.ts'
export { nextRun } from './schedule/next-run.ts'
