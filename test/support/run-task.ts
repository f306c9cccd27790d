import type { JobLogger, StepTry, Task } from '../../packages/engine/src/index.ts'

/** What a handler said while it ran. */
export interface TaskRun {
  result: Promise<any>
  lines: string[]
  stages: string[]
  /** Each progress, as percent of the total. */
  percents: number[]
  abort(reason?: Error): void
}

/** Runs the handler of a task without a queue: payload through its schema, logger that records. */
export function runTask(task: Task, payload: unknown): TaskRun {
  const lines: string[] = []
  const stages: string[] = []
  const percents: number[] = []
  const controller = new AbortController()
  const write = (message: string, context?: object) => lines.push(context ? `${message} ${JSON.stringify(context)}` : message)
  const log: JobLogger = {
    setStage: (name) => void stages.push(name),
    setTotal: () => {},
    incrementProgress: () => {},
    setProgress: (current, total) => void percents.push(Math.round((100 * current) / (total ?? 100))),
    addOutcome: () => {},
    debug: write,
    info: write,
    warn: write,
    error: write,
    logSummary: () => {},
  }
  async function run(): Promise<unknown> {
    const checked = (await task.schema?.['~standard'].validate(payload)) ?? { value: payload }
    if (checked.issues) throw new Error(`invalid: ${checked.issues.map((i) => i.message).join('; ')}`)
    const job = { id: '1', task: task.name, queue: task.queue, priority: 0, leaseId: '1' }
    const transactions = {
      complete: async () => {},
      assertLease: async () => {},
      parents: async () => [],
      pauseQueue: async () => {},
      step: {
        run: async (_: string, work: (one: StepTry) => any) => await work({ signal: controller.signal, attempt: 1 }),
        plan: async () => new Map(),
        skip: async () => {},
      },
      tasks: new Map([[task.name, task]]),
    }
    return await task.run({ input: checked.value, job, log, signal: controller.signal, attempt: 1, ...transactions })
  }
  const result = run()
  result.catch(() => {})
  return { result, lines, stages, percents, abort: (reason = new Error('aborted')) => controller.abort(reason) }
}
