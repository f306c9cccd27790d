import type { Scene } from './scene.ts'

/** Something that goes wrong, by the list of the promises. */
export interface Fault {
  /** `F01` and so on. */
  readonly id: string
  readonly name: string
  /** What this machine lacks for it, or null. */
  needs?(scene: Scene): string | null
  /**
   * Lets it go wrong and waits as long as it should last.
   * @param undo heals it, in reverse order; to be said before the harm is done
   * @returns what was done, for people
   */
  inject(scene: Scene, undo: (work: () => unknown) => void): Promise<string>
}

/** What runs by itself, which the tools of this machine cannot take in a chaos run. */
export interface NotRun {
  readonly id: string
  readonly why: string
}
