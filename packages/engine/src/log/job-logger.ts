/** Levels of a log line, lowest first. */
export const logLevels = ['debug', 'info', 'warn', 'error'] as const
/** One of {@link logLevels}. */
export type LogLevel = (typeof logLevels)[number]

/** What a job says of itself: shown live, stored, and kept after the job has ended (CONTRACT section 2). */
export interface JobLogger {
  /** Begins a stage ("Processing users"); its counter starts at 0 and its total is unknown. */
  setStage(name: string): void
  /** Says how much there is to do in this stage; `unit` is shown behind the numbers. */
  setTotal(total: number, unit?: string): void
  /** Raises the counter of this stage. */
  incrementProgress(by?: number): void
  /** Sets the counter of this stage, and its total when given. */
  setProgress(current: number, total?: number): void
  /** Counts what the job did: `updates`, `inserts`, `deletes`, `errors`, or a name of your own. */
  addOutcome(name: 'updates' | 'inserts' | 'deletes' | 'errors' | (string & {}), by?: number): void
  /** One line of the job's log; `context` is stored as JSON. Lines beyond 32 KiB are cut with a mark. */
  debug(message: string, context?: object): void
  /** See {@link JobLogger.debug}. */
  info(message: string, context?: object): void
  /** See {@link JobLogger.debug}. */
  warn(message: string, context?: object): void
  /** See {@link JobLogger.debug}. */
  error(message: string, context?: object): void
  /** Writes one line that sums up stages, counts and duration. Called for you if the handler forgets. */
  logSummary(): void
}

/** How far a job is. `percent` is null while the total is unknown. */
export interface Progress {
  current: number
  total: number | null
  unit: string | null
  stage: string | null
  percent: number | null
}
