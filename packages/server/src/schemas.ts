import type { Trunkline } from '@trunkline/engine'

/** JSON Schemas of payloads by task, remembered for ten seconds: what they mark as secret is hidden. */
export interface Schemas {
  /** The schema of a task's payload; null where it has none. */
  of(task: string): Promise<unknown>
}

const rememberMs = 10_000

/** Makes {@link Schemas}. */
export function createSchemas(trunkline: Trunkline): Schemas {
  let known: Promise<Map<string, unknown>> | undefined
  let readAt = 0
  return {
    async of(task) {
      if (!known || Date.now() - readAt > rememberMs) {
        readAt = Date.now()
        known = trunkline.tasks().then((tasks) => new Map(tasks.map((t) => [t.task, t.inputSchema])))
        known.catch(() => {
          known = undefined
        })
      }
      return (await known)?.get(task) ?? null
    },
  }
}
