import { didYouMean, show, TrunklineError } from '@trunkline/contract'
import type { Database } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'
import { checkName } from './check-options.ts'
import type { Task } from './define-task.ts'

const publish = statement(import.meta.url, 'publish-task.sql')
const findTask = statement(import.meta.url, 'find-task.sql')
const findQueue = statement(import.meta.url, 'find-queue.sql')
const knownQueue = statement(import.meta.url, 'known-queue.sql')

/** What producers know of a task. */
export interface KnownTask {
  readonly id: number
  readonly name: string
  readonly queue: string
  readonly priority: number
  readonly attempts: number
  readonly timeoutMs: number | null
  /** Payload paths by whose values its jobs can be found. */
  readonly searchable: readonly string[]
  /** JSON Schema of its payload, as it was published; null = none. */
  readonly inputSchema: unknown
}

/** Numbers of queues and tasks, remembered. */
export interface Names {
  /** The number of a queue, which is made when it is new. @throws `invalid_name` */
  queueId(name: string): Promise<number>
  /** The number of a queue that is there already. @throws `unknown_queue` */
  knownQueue(name: string): Promise<number>
  /** The name of a queue by number. */
  queueName(id: number): string | undefined
  /** Publishes a task's name, defaults and JSON Schema for those who enqueue by name. */
  publish(task: Task): Promise<KnownTask>
  /** A task that somebody has published. @throws `unknown_task` */
  task(name: string): Promise<KnownTask>
}

/** Makes {@link Names} for one database. */
export function createNames(database: Database): Names {
  const queues = new Map<string, number>()
  const queueNames = new Map<number, string>()
  const published = new Map<Task, KnownTask>()

  return {
    async queueId(name) {
      const known = queues.get(name)
      if (known !== undefined) return known
      checkName(name, 'queue')
      const [row] = await database.run<{ id: number }>(findQueue, [name])
      const id = (row as { id: number }).id
      queues.set(name, id)
      queueNames.set(id, name)
      return id
    },
    async knownQueue(name) {
      const remembered = queues.get(name)
      if (remembered !== undefined) return remembered
      const [row] = await database.run<{ id: number | null; known: string[] | null }>(knownQueue, [name])
      if (row?.id != null) return row.id
      const known = row?.known ?? []
      throw new TrunklineError('unknown_queue', {
        field: 'queue',
        received: name,
        meant: didYouMean(name, known),
        allowed: known.length ? known.slice(0, 20).join(', ') : 'none yet',
      })
    },
    queueName: (id) => queueNames.get(id),
    async publish(task) {
      const known = published.get(task)
      if (known) return known
      const values = [
        task.name,
        task.queue,
        task.priority,
        task.attempts,
        task.timeoutMs,
        task.description,
        task.inputSchema === null ? null : JSON.stringify(task.inputSchema),
        task.searchable.length > 0 ? [...task.searchable] : null,
      ]
      const ask = async () => (await database.run<{ id: number }>(publish, values))[0]
      // no row: somebody published the very same beside us, and committed after our statement had begun to look; the next one sees it
      const row = (await ask()) ?? (await ask())
      const made: KnownTask = {
        id: (row as { id: number }).id,
        name: task.name,
        queue: task.queue,
        priority: task.priority,
        attempts: task.attempts,
        timeoutMs: task.timeoutMs,
        searchable: task.searchable,
        inputSchema: task.inputSchema,
      }
      published.set(task, made)
      return made
    },
    async task(name) {
      checkName(name, 'task')
      const [row] = await database.run<KnownTask & { known: string[] }>(findTask, [name])
      if (row && row.id !== null) return row
      const known = row?.known ?? []
      throw new TrunklineError('unknown_task', {
        field: 'task',
        received: name,
        meant: didYouMean(name, known),
        allowed: known.length ? known.slice(0, 20).join(', ') : 'none yet',
      })
    },
  }
}

/** @throws `invalid_job_id` unless `id` is a decimal job number */
export function checkJobId(id: unknown, field = 'jobId'): string {
  if (typeof id === 'string' && /^[1-9]\d{0,17}$/.test(id)) return id
  throw new TrunklineError('invalid_job_id', { field, received: show(id) })
}
