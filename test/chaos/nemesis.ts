import { setTimeout as pause } from 'node:timers/promises'
import type { Fault } from './fault.ts'
import { databaseFaults } from './faults/database.ts'
import { handlerFaults } from './faults/handlers.ts'
import { networkFaults } from './faults/network.ts'
import { processFaults } from './faults/processes.ts'
import { serverFaults } from './faults/server.ts'
import type { Scene } from './scene.ts'

/** Every fault there is, in the order of the list. */
export const allFaults: readonly Fault[] = [...processFaults, ...serverFaults, ...networkFaults, ...handlerFaults, ...databaseFaults].sort(
  (a, b) => a.id.localeCompare(b.id),
)

/** What came of one fault. */
export interface Injected {
  readonly fault: Fault
  /** ms of the wall clock, when it was healed. */
  readonly healedAt: number
  /** ms from the heal until a job ended; null = none did within 35 s. */
  readonly stall: number | null
}

/** Options of {@link runNemesis}. */
export interface NemesisOptions {
  faults: readonly Fault[]
  /** When to begin no more, ms of the wall clock. */
  until: number
  /** Told of each fault. */
  onFault: (line: string) => void
}

/** Longest time after a heal until something ends again. */
export const recoveredWithinMs = 35_000

/**
 * Lets one fault after the other happen, in rounds in which each comes once, in an order that the seed decides. After each it waits until
 * jobs end again and every worker claims.
 */
export async function runNemesis(scene: Scene, { faults, until, onFault }: NemesisOptions): Promise<Injected[]> {
  const done: Injected[] = []
  const begun = Date.now()
  while (Date.now() < until) {
    for (const fault of scene.random.shuffle(faults)) {
      if (Date.now() >= until) break
      const at = ((Date.now() - begun) / 1000).toFixed(1).padStart(6)
      const { told, healedAt } = await injectFault(scene, fault)
      const stall = await recovered(scene, healedAt)
      await scene.allReady(15_000)
      done.push({ fault, healedAt, stall })
      onFault(
        `${at} s  ${fault.id} ${fault.name}: ${told}; ${stall === null ? 'NO JOB ENDED within 35 s' : `jobs end again after ${stall} ms`}`,
      )
      await pause(scene.random.between(100, 600))
    }
  }
  return done
}

/** Lets one fault happen and heals it; the server answers afterwards. */
export async function injectFault(scene: Scene, fault: Fault): Promise<{ told: string; healedAt: number }> {
  const undone: (() => unknown)[] = []
  let told: string
  try {
    told = await fault.inject(scene, (work) => undone.push(work))
  } catch (error) {
    // another fault's server may be on its way back
    told = `could not be done (${(error as Error).message})`
  }
  for (const work of undone.reverse()) {
    try {
      await work()
    } catch (error) {
      told += `; healing it: ${(error as Error).message}`
    }
  }
  // a fault that took the server down by the way must not end the run
  if (!(await scene.until(() => scene.cluster.answers(), 10_000))) await scene.cluster.start()
  return { told, healedAt: Date.now() }
}

/** How long after `healedAt` did the first job end? */
async function recovered(scene: Scene, healedAt: number): Promise<number | null> {
  const first = () =>
    scene
      .ask(
        `select (extract(epoch from at) * 1000)::float8 at from chaos.event where kind = 'ended' and at > to_timestamp($1::float8 / 1000) order by no limit 1`,
        [healedAt],
      )
      .then(
        ([row]) => row?.at as number | undefined,
        () => undefined,
      )
  const at = await scene.until(first, recoveredWithinMs)
  return at === null || at === undefined ? null : Math.max(0, Math.round(at - healedAt))
}
