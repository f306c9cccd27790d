import { numbers, texts } from '../postgres/arrays.ts'
import type { Link } from '../postgres/link.ts'
import { statement } from '../postgres/statement.ts'
import { isTransient } from '../postgres/transient.ts'
import { createFeedback, type Feedback, type FeedbackProgress, type LogLine } from './feedback.ts'

const writeStatement = statement(import.meta.url, 'write-feedback.sql')

/** Whose feedback it is. Its lease is read each time: it may get another one. */
export interface FeedbackOwner {
  readonly id: number
  readonly leaseId: number
  readonly attempt: number
}

/** Gathers the feedback of all running jobs of a worker and stores it in few statements. */
export interface FeedbackWriter {
  /** The logger of one execution. */
  open(owner: FeedbackOwner): Feedback
  /** Stores what is left of this execution, before its end is stored: afterwards the fence would refuse it. */
  settle(feedback: Feedback): Promise<void>
  /** Stores what was said so far, and keeps what follows until `release`: its lease is about to change or to be locked. */
  hold(feedback: Feedback): Promise<void>
  release(feedback: Feedback): void
  /** Forgets what is left of this execution: its end is stored already. */
  drop(feedback: Feedback): void
  /** Stores everything. */
  flush(): Promise<void>
  stop(): Promise<void>
}

/** Options of {@link createFeedbackWriter}. */
export interface FeedbackWriterOptions {
  link: Link
  workerId: () => number
  /** Told of jobs whose lease was lost: what they write is refused. */
  onRefused: (ids: number[]) => void
  onError: (error: Error) => void
  /** How long feedback may wait to be stored with others. Default 100 ms. */
  everyMs?: number
}

interface Batch {
  owners: FeedbackOwner[]
  lines: { owner: FeedbackOwner; line: LogLine }[]
  progress: { owner: FeedbackOwner; progress: FeedbackProgress }[]
}

/** Lines in one statement. */
const mostLines = 5000

/** Makes a {@link FeedbackWriter}. */
export function createFeedbackWriter(options: FeedbackWriterOptions): FeedbackWriter {
  const { link, onRefused, onError, everyMs = 100 } = options
  const owners = new Map<Feedback, FeedbackOwner>()
  const dirty = new Set<Feedback>()
  const held = new Set<Feedback>()
  let timer: NodeJS.Timeout | undefined
  let writing: Promise<void> = Promise.resolve()

  function plan(): void {
    timer ??= setTimeout(() => {
      timer = undefined
      void flush()
    }, everyMs)
  }

  function take(): Batch {
    const batch: Batch = { owners: [], lines: [], progress: [] }
    for (const feedback of dirty) {
      if (held.has(feedback)) continue
      dirty.delete(feedback)
      const owner = owners.get(feedback)
      if (!owner) continue
      batch.owners.push(owner)
      for (const line of feedback.takeLines()) batch.lines.push({ owner, line })
      const progress = feedback.takeProgress()
      if (progress) batch.progress.push({ owner, progress })
    }
    return batch
  }

  async function send(batch: Batch): Promise<void> {
    for (let from = 0; from === 0 || from < batch.lines.length; from += mostLines) {
      const lines = batch.lines.slice(from, from + mostLines)
      const progress = from === 0 ? batch.progress : []
      const now = performance.now()
      const rows = await link.run(writeStatement, [
        options.workerId(),
        numbers(batch.owners.map((o) => o.leaseId)),
        numbers(batch.owners.map((o) => o.id)),
        numbers(lines.map((l) => l.owner.id)),
        numbers(lines.map((l) => l.owner.attempt)),
        numbers(lines.map((l) => Math.round(now - l.line.at))),
        numbers(lines.map((l) => l.line.level)),
        texts(lines.map((l) => l.line.stage)),
        texts(lines.map((l) => l.line.message)),
        texts(lines.map((l) => l.line.context)),
        numbers(progress.map((p) => p.owner.id)),
        numbers(progress.map((p) => p.owner.attempt)),
        texts(progress.map((p) => p.progress.stage)),
        numbers(progress.map((p) => p.progress.current)),
        numbers(progress.map((p) => p.progress.total)),
        texts(progress.map((p) => p.progress.unit)),
        texts(progress.map((p) => p.progress.outcome)),
      ])
      const refused = rows[0]?.[0] as string[]
      if (refused.length > 0) onRefused(refused.map(Number))
    }
  }

  async function write(): Promise<void> {
    const batch = take()
    if (batch.owners.length === 0) return
    for (let turn = 0; turn < 3; turn++) {
      try {
        return await send(batch)
      } catch (error) {
        onError(error as Error)
        if (!isTransient(error)) return
      }
    }
  }

  function flush(): Promise<void> {
    writing = writing.then(write)
    return writing
  }

  return {
    open(owner) {
      const feedback: Feedback = createFeedback(() => {
        if (!owners.has(feedback)) return
        dirty.add(feedback)
        plan()
      })
      owners.set(feedback, owner)
      return feedback
    },
    async settle(feedback) {
      if (dirty.has(feedback)) await flush()
      else await writing
      owners.delete(feedback)
    },
    async hold(feedback) {
      if (dirty.has(feedback)) await flush()
      held.add(feedback)
      await writing
    },
    release(feedback) {
      held.delete(feedback)
      if (dirty.has(feedback)) plan()
    },
    drop(feedback) {
      held.delete(feedback)
      dirty.delete(feedback)
      owners.delete(feedback)
    },
    flush,
    async stop() {
      clearTimeout(timer)
      timer = undefined
      await flush()
    },
  }
}
