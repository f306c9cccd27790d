import { type Duration, toMilliseconds } from '@trunkline/contract'

/**
 * Throw it to fail a job for good, whatever attempts are left: trying again cannot help.
 * @example throw new FatalError('the card was reported stolen')
 */
export class FatalError extends Error {
  override readonly name: string = 'FatalError'
}

/**
 * Throw it to run the job again later without spending an attempt of its retry policy.
 * @throws `invalid_duration`
 * @example throw new Snooze('5m')
 */
export class Snooze extends Error {
  override readonly name: string = 'Snooze'
  /** Milliseconds to wait. */
  readonly delayMs: number
  constructor(delay: Duration) {
    super(`snoozed for ${delay}`)
    this.delayMs = toMilliseconds(delay, 'delay')
  }
}
