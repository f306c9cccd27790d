import { isTrunklineError, TrunklineError } from '@trunkline/contract'

/** @returns an `embedded_unavailable` error */
export function unavailable(problem: string, advice: string): TrunklineError {
  return new TrunklineError('embedded_unavailable', { problem, advice })
}

const cures: Record<string, string> = {
  ENOSPC: 'Make room on that disk, then start again.',
  EDQUOT: 'Make room in your quota, then start again.',
  EROFS: 'That disk is read-only; choose another data directory with TRUNKLINE_DATA_DIR.',
  EACCES: 'Start as the user that owns it, or choose another data directory with TRUNKLINE_DATA_DIR.',
  EPERM: 'Start as the user that owns it, or choose another data directory with TRUNKLINE_DATA_DIR.',
}

/** Turns what the system says about files and processes into one of our errors; ours pass unchanged. */
export function explained(error: unknown, dataDir: string): TrunklineError {
  if (isTrunklineError(error)) return error
  const { code = '', message } = error as NodeJS.ErrnoException
  return unavailable(
    `${message} (data directory ${dataDir})`,
    cures[code] ?? 'Check that the data directory is a folder that can be written to: trunkline doctor.',
  )
}
