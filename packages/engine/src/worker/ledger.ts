import type { Claim } from '../jobs/claim.ts'

/** What this worker holds in the database: its leases, and how many of their jobs are still open. */
export interface Ledger {
  accept(claim: Claim): void
  /** A job has moved into a lease of its own. */
  moved(from: number, to: number): void
  /** These jobs are stored, handed back or lost. */
  settle(ends: readonly { leaseId: number }[]): void
  /** Jobs claimed and not ended in the database. */
  open(): number
  leases(): number[]
}

/** Makes an empty ledger. */
export function createLedger(): Ledger {
  const leases = new Map<number, number>()
  let open = 0

  function take(leaseId: number): void {
    const left = (leases.get(leaseId) ?? 1) - 1
    if (left > 0) leases.set(leaseId, left)
    else leases.delete(leaseId)
  }

  return {
    accept(claim) {
      const n = claim.jobs.length + claim.missing.length
      leases.set(claim.leaseId, n)
      open += n
    },
    moved(from, to) {
      take(from)
      leases.set(to, 1)
    },
    settle(ends) {
      open -= ends.length
      for (const { leaseId } of ends) take(leaseId)
    },
    open: () => open,
    leases: () => [...leases.keys()],
  }
}
