import { defineTask, type Task, type TaskContext, type Trunkline, type Worker, type WorkerEvent } from '../../packages/engine/src/index.ts'

/** A queue, a list of events and a way to start workers of one's own for one test. */
export interface WorkerScene {
  readonly queue: string
  readonly events: WorkerEvent[]
  task(run: (context: TaskContext<any>) => unknown, options?: object): Task
  work(tasks: Task[], options?: object): Promise<Worker>
  of<T extends WorkerEvent['type']>(type: T): Extract<WorkerEvent, { type: T }>[]
}

let round = 0

/** Makes a {@link WorkerScene}; its workers have quick beats and a quick keeper. */
export function workerScene(trunkline: Trunkline): WorkerScene {
  const queue = `scene-${++round}`
  const events: WorkerEvent[] = []
  return {
    queue,
    events,
    task: (run, options = {}) => defineTask(`${queue}.task`, { queue, run, ...options }),
    work: (tasks, options = {}) =>
      trunkline.work(tasks, {
        keeper: { staleMs: 5000, sweepMs: 200 },
        heartbeatMs: 300,
        graceMs: 200,
        onEvent: (e) => events.push(e),
        name: queue,
        ...options,
      }),
    of: <T extends WorkerEvent['type']>(type: T) => events.filter((e) => e.type === type) as Extract<WorkerEvent, { type: T }>[],
  }
}
