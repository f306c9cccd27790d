import { numbers, texts } from '../postgres/arrays.ts'
import type { Database } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'
import { createFeedback, type Feedback } from './feedback.ts'
import type { JobLogger } from './job-logger.ts'

const writeStatement = statement(import.meta.url, 'write-outside.sql')

/** A logger for a job from outside its handler. */
export interface OutsideLogger extends JobLogger {
  /** Resolves when everything is stored. */
  flush(): Promise<void>
}

/** Makes an {@link OutsideLogger}; what it is told is stored within 100 ms. */
export function createOutsideLogger(database: Database, jobId: string, onError: (error: Error) => void): OutsideLogger {
  let timer: NodeJS.Timeout | undefined
  let writing: Promise<void> = Promise.resolve()
  const feedback: Feedback = createFeedback(() => {
    timer ??= setTimeout(() => {
      timer = undefined
      flush().catch(onError)
    }, 100)
  })

  async function write(): Promise<void> {
    const lines = feedback.takeLines()
    const progress = feedback.takeProgress()
    if (lines.length === 0 && !progress) return
    const now = performance.now()
    await database.run(writeStatement, [
      jobId,
      numbers(lines.map((l) => Math.round(now - l.at))),
      numbers(lines.map((l) => l.level)),
      texts(lines.map((l) => l.stage)),
      texts(lines.map((l) => l.message)),
      texts(lines.map((l) => l.context)),
      progress?.stage ?? null,
      progress?.current ?? null,
      progress?.total ?? null,
      progress?.unit ?? null,
      progress?.outcome ?? null,
      progress !== null,
    ])
  }

  function flush(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    writing = writing.then(write, write)
    return writing
  }

  return { ...feedback, flush }
}
