import { didYouMean, TrunklineError } from '@trunkline/contract'
import type { TaskView, Trunkline } from '@trunkline/engine'
import { z } from 'zod'
import { redact } from './door/redact.ts'

/** What workers have published of their tasks, remembered for ten seconds: schemas of payloads, and what they mark as secret. */
export interface Schemas {
  /** A payload of a task without its secrets; of `steps_run` also those of its steps. */
  redact(task: string, payload: unknown): Promise<unknown>
  /**
   * Checks a payload of `steps_run` before a job is made of it, step by step by the schemas of their tasks; payloads of other tasks are
   * checked by their workers.
   * @throws `invalid_payload`, `unknown_task`
   */
  checkSteps(task: string, payload: unknown): Promise<void>
}

const rememberMs = 10_000
/** Before something is refused by it, what is remembered may not be older. */
const freshMs = 1000
const stepsTask = 'steps_run'

interface Step {
  readonly task?: unknown
  readonly payload?: unknown
}

const stepsOf = (payload: unknown): Step[] => {
  const { steps } = Object(payload) as { steps?: unknown }
  return Array.isArray(steps) ? steps.map((step) => Object(step) as Step) : []
}

function fieldOf(root: string, path: readonly PropertyKey[]): string {
  return path.reduce<string>((at, part) => at + (typeof part === 'number' ? `[${part}]` : `.${String(part)}`), root)
}

/** A schema that cannot be read here is left to the worker. */
function readable(schema: unknown): z.ZodType | null {
  try {
    return typeof schema === 'object' && schema !== null ? z.fromJSONSchema(schema as never) : null
  } catch {
    return null
  }
}

/** Slots of schedules are filled in when they fire: until then a text may be anything. */
const isOpen = (payload: unknown) => /\{\{/.test(JSON.stringify(payload) ?? '')

/** Makes {@link Schemas}. */
export function createSchemas(trunkline: Trunkline): Schemas {
  let known: Promise<Map<string, TaskView>> | undefined
  let readAt = 0

  async function tasks(maxAgeMs = rememberMs): Promise<Map<string, TaskView>> {
    if (!known || Date.now() - readAt > maxAgeMs) {
      readAt = Date.now()
      known = trunkline.tasks().then((found) => new Map(found.map((t) => [t.task, t])))
      known.catch(() => {
        known = undefined
      })
    }
    return await known
  }

  function check(schema: unknown, payload: unknown, field: string): void {
    const issue = readable(schema)?.safeParse(payload).error?.issues[0]
    if (!issue) return
    throw new TrunklineError('invalid_payload', { task: stepsTask, field: fieldOf(field, issue.path), problem: issue.message })
  }

  /** @throws `invalid_payload`, `unknown_task` */
  function checkAll(all: ReadonlyMap<string, TaskView>, payload: unknown): void {
    check(all.get(stepsTask)?.inputSchema, payload, 'payload')
    const names = [...all.keys()].filter((name) => name !== stepsTask)
    for (const [i, { task: of, payload: own = {} }] of stepsOf(payload).entries()) {
      const field = `payload.steps[${i}]`
      const found = names.includes(String(of)) ? all.get(String(of)) : undefined
      if (!found) {
        const values = {
          received: String(of),
          meant: didYouMean(String(of), names),
          allowed: names.slice(0, 20).join(', ') || 'none yet',
        }
        throw new TrunklineError('unknown_task', { field: `${field}.task`, ...values })
      }
      if (!isOpen(own)) check(found.inputSchema, own, `${field}.payload`)
    }
  }

  return {
    async redact(task, payload) {
      const all = await tasks()
      const clean = redact(payload, all.get(task)?.inputSchema)
      if (task !== stepsTask || stepsOf(payload).length === 0) return clean
      const inner = stepsOf(payload).map((step, i) => {
        const shown = stepsOf(clean)[i] as Step
        if (typeof step.task !== 'string' || step.payload === undefined) return shown
        return { ...shown, payload: redact(step.payload, all.get(step.task)?.inputSchema) }
      })
      return { ...(clean as object), steps: inner }
    },
    async checkSteps(task, payload) {
      if (task !== stepsTask) return
      try {
        checkAll(await tasks(), payload)
      } catch {
        checkAll(await tasks(freshMs), payload)
      }
    },
  }
}
