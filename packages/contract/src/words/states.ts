/**
 * The states of a job, as every surface names them (API, command line, console, SQL view).
 * `blocked` waits for jobs it depends on.
 */
export const jobStates = ['pending', 'running', 'completed', 'failed', 'cancelled', 'blocked'] as const
/** One of {@link jobStates}. */
export type JobState = (typeof jobStates)[number]

/** Why a pending job is not running yet. */
export const pendingReasons = ['due', 'scheduled', 'retrying', 'held', 'paused'] as const
/** One of {@link pendingReasons}. */
export type PendingReason = (typeof pendingReasons)[number]

/** Why a job ended as `failed` (a dead letter) or was cancelled. */
export const endReasons = ['attempts_used', 'fatal', 'crash_limit', 'timeout', 'cancelled', 'replaced'] as const
/** One of {@link endReasons}. */
export type EndReason = (typeof endReasons)[number]

/** States in which a job stays until somebody acts on it. */
export const terminalStates = ['completed', 'failed', 'cancelled'] as const satisfies readonly JobState[]
/** One of {@link terminalStates}. */
export type TerminalState = (typeof terminalStates)[number]

/**
 * @example isTerminal('failed') // true
 */
export function isTerminal(state: JobState): state is TerminalState {
  return (terminalStates as readonly JobState[]).includes(state)
}
