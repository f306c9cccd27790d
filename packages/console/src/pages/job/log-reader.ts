import type { LogLineAnswer } from '@trunkline/client/contract'

/** The lines of a log that are known, in their order and without holes. */
export interface LogWindow {
  lines: LogLineAnswer[]
  /** The first line of the log is among them. */
  hasStart: boolean
  /** The last line that is known is among them: new ones are added. */
  hasEnd: boolean
  isLoading: boolean
  error: string | null
}

/** Reads lines before or after one, at most `pageSize` of them, in their order. */
export type ReadLines = (where: { after?: string; before?: string }) => Promise<LogLineAnswer[]>

export const pageSize = 500
/** So many lines are kept; what lies beyond is read again when somebody goes there. */
export const mostKept = 5000
const beyondAll = '999999999999999999'
export const empty: LogWindow = { lines: [], hasStart: false, hasEnd: false, isLoading: true, error: null }

/** Keeps a {@link LogWindow}. */
export interface LogReader {
  /** Reads anew: the lines around one, or the last ones. */
  begin(line: string | undefined): Promise<void>
  /** Reads on where somebody scrolls to. @returns how many lines came */
  grow(side: 'start' | 'end'): Promise<number>
  /** Lines that were told, as they were stored. */
  add(lines: readonly LogLineAnswer[]): void
  /** Lines may have been stored that nobody told of: reads them, where the end is on screen. */
  catchUp(): void
  /** Tells of nothing any more. */
  end(): void
}

/**
 * Makes a {@link LogReader}. What is told while lines are being read comes after them, so that no line is left out and none stands twice.
 * @param sentenceOf what to say of a problem
 * @param onChange hears of each state of the window
 */
export function logReader(read: ReadLines, sentenceOf: (error: unknown) => string, onChange: (log: LogWindow) => void): LogReader {
  let log = empty
  let generation = 0
  let isBusy = false
  /** Told while lines are being read. */
  let early: LogLineAnswer[] = []
  /** Something may have been missed since the reading began. */
  let isMissed = false
  /** What could not be read. */
  let retry: (() => unknown) | null = null

  function set(change: Partial<LogWindow>): void {
    log = { ...log, ...change }
    onChange(log)
  }

  function append(more: readonly LogLineAnswer[], change: Partial<LogWindow> = {}): void {
    const last = log.lines.at(-1)
    const all = [...log.lines, ...more.filter(({ no }) => !last || BigInt(no) > BigInt(last.no))]
    set({ lines: all.slice(-mostKept), hasStart: log.hasStart && all.length <= mostKept, ...change })
  }

  /** Reads, and shows what came; nothing of it where something else was begun meanwhile. */
  async function during<T>(work: () => Promise<T>, show: (found: T) => void, failed: (error: unknown) => void): Promise<void> {
    const mine = ++generation
    isBusy = true
    isMissed = false
    retry = null
    early = []
    try {
      const found = await work()
      if (mine !== generation) return
      show(found)
    } catch (error) {
      if (mine !== generation) return
      failed(error)
    }
    isBusy = false
    if (isMissed) catchUp()
    else if (log.hasEnd && early.length > 0) append(early)
  }

  /** Reads what comes after the last line. */
  async function readOn(): Promise<number> {
    let count = 0
    await during(
      () => read({ after: log.lines.at(-1)?.no ?? '0' }),
      (more) => {
        count = more.length
        append(more, { hasEnd: count < pageSize })
      },
      () => {
        set({ hasEnd: false })
        retry = readOn
      },
    )
    return count
  }

  async function grow(side: 'start' | 'end'): Promise<number> {
    const first = log.lines[0]?.no
    if (isBusy || log.isLoading || first === undefined || (side === 'start' ? log.hasStart : log.hasEnd)) return 0
    if (side === 'end') return readOn()
    let count = 0
    await during(
      () => read({ before: first }),
      (more) => {
        count = more.length
        const all = [...more, ...log.lines]
        set({ lines: all.slice(0, mostKept), hasStart: count < pageSize, hasEnd: log.hasEnd && all.length <= mostKept })
      },
      () => {},
    )
    return count
  }

  function catchUp(): void {
    if (isBusy) isMissed = true
    else if (retry) void retry()
    else if (log.hasEnd) void readOn()
  }

  async function begin(line: string | undefined): Promise<void> {
    log = empty
    onChange(log)
    await during(
      async () => {
        if (line === undefined) return { before: await read({ before: beyondAll }), after: [] }
        const [before, after] = await Promise.all([read({ before: line }), read({ after: String(BigInt(line) - 1n) })])
        return { before, after }
      },
      ({ before, after }) =>
        set({ lines: [...before, ...after], hasStart: before.length < pageSize, hasEnd: after.length < pageSize, isLoading: false }),
      (error) => {
        set({ isLoading: false, error: sentenceOf(error) })
        retry = () => begin(line)
      },
    )
  }

  return {
    begin,
    grow,
    catchUp,
    add(lines) {
      if (isBusy) early.push(...lines)
      else if (log.hasEnd) append(lines)
    },
    end() {
      generation++
      isBusy = true
    },
  }
}
