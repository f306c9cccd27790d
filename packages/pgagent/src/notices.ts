import { type Database, statement } from '@trunkline/engine/postgres'

const keepNotices = statement(import.meta.url, 'keep-notices.sql')

const flushMs = 1000
/** The first so many characters of a step's notices are kept. */
const mostCharacters = 65_536

/** What the server said while a step ran, such as by `raise notice`. pgAgent has no column for it. */
export interface Notices {
  add(severity: string, message: string): void
  /** Writes what is left; never throws. */
  end(): Promise<void>
}

/**
 * Keeps the notices of a step beside its log row, within a second of being said, so that a long step can be followed.
 * @param logId the step's log row
 * @param onError told once when they cannot be kept: the step goes on
 */
export function collectNotices(database: Database, logId: number, onError: (error: Error) => void): Notices {
  let text = ''
  let isFull = false
  let timer: NodeJS.Timeout | undefined
  let writing = Promise.resolve()
  let hasFailed = false

  async function write(said: string): Promise<void> {
    try {
      await database.run(keepNotices, [logId, said])
    } catch (error) {
      const problem = `the notices of a step are not kept (${(error as Error).message}); after an update run: trunkline pgagent install`
      if (!hasFailed) onError(new Error(problem, { cause: error }))
      hasFailed = true
    }
  }

  function flush(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    const said = text
    writing = writing.then(() => write(said))
    return writing
  }

  return {
    add(severity, message) {
      if (isFull) return
      const line = `${severity}:  ${message}\n`
      isFull = text.length + line.length > mostCharacters
      text = isFull ? `${text}… more was said, and is not kept\n` : text + line
      timer ??= setTimeout(() => void flush(), flushMs)
    },
    async end() {
      await (timer === undefined ? writing : flush())
    },
  }
}
