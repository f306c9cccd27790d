import type { LogLineAnswer } from '@trunkline/client/contract'
import { useCallback, useEffect, useRef, useState } from 'react'
import { useLive } from '../../live/live.ts'
import { client, sentenceOf } from '../../session.tsx'

/** Which lines are shown. */
export interface LogFilter {
  /** Empty = all. */
  levels: string[]
  stage: string
  search: string
}

export interface LogWindow {
  lines: LogLineAnswer[]
  /** The first line of the log is among them. */
  hasStart: boolean
  /** The last line that is known is among them: new ones are added. */
  hasEnd: boolean
  isLoading: boolean
  error: string | null
}

const pageSize = 500
/** So many lines are kept; what lies beyond is read again when somebody goes there. */
const mostKept = 5000
const beyondAll = '999999999999999999'
const empty: LogWindow = { lines: [], hasStart: false, hasEnd: false, isLoading: true, error: null }

/**
 * A window on the log of a job: its end at first, or around a line; it grows where somebody scrolls and forgets what lies far
 * away, so that a log of a million lines costs no more than one of five thousand.
 */
export function useLogWindow(jobId: string, { levels, stage, search }: LogFilter, around: string | undefined) {
  const [log, setLog] = useState<LogWindow>(empty)
  /** New lines while the end is not on screen. */
  const [unseen, setUnseen] = useState(0)
  const generation = useRef(0)
  const busy = useRef(false)
  const current = useRef(log)
  current.current = log
  const filter = JSON.stringify({
    ...(levels.length > 0 ? { level: levels } : {}),
    ...(stage ? { stage } : {}),
    ...(search ? { search } : {}),
  })

  const read = useCallback(
    async (where: { after?: string; before?: string }, limit = pageSize) =>
      (await client.jobs.logs(jobId, { ...JSON.parse(filter), ...where, limit })).data,
    [jobId, filter],
  )

  const begin = useCallback(
    async (line: string | undefined) => {
      const mine = ++generation.current
      busy.current = true
      setLog(empty)
      setUnseen(0)
      try {
        if (line === undefined) {
          const lines = await read({ before: beyondAll })
          if (mine === generation.current) setLog({ lines, hasStart: lines.length < pageSize, hasEnd: true, isLoading: false, error: null })
        } else {
          const [before, after] = await Promise.all([read({ before: line }), read({ after: String(BigInt(line) - 1n) })])
          const lines = [...before, ...after]
          if (mine === generation.current)
            setLog({ lines, hasStart: before.length < pageSize, hasEnd: after.length < pageSize, isLoading: false, error: null })
        }
      } catch (error) {
        if (mine === generation.current) setLog({ ...empty, isLoading: false, error: sentenceOf(error) })
      } finally {
        if (mine === generation.current) busy.current = false
      }
    },
    [read],
  )

  const first = useRef(around)
  first.current = around
  useEffect(() => {
    void begin(first.current)
  }, [begin])

  const grow = useCallback(
    async (side: 'start' | 'end'): Promise<number> => {
      const { lines, hasStart, hasEnd } = current.current
      const edge = side === 'start' ? lines[0] : lines.at(-1)
      if (busy.current || !edge || (side === 'start' ? hasStart : hasEnd)) return 0
      busy.current = true
      const mine = generation.current
      try {
        const more = await read(side === 'start' ? { before: edge.no } : { after: edge.no })
        if (mine !== generation.current) return 0
        setLog((now) => {
          if (side === 'start') {
            const all = [...more, ...now.lines]
            return { ...now, lines: all.slice(0, mostKept), hasStart: more.length < pageSize, hasEnd: now.hasEnd && all.length <= mostKept }
          }
          const all = [...now.lines, ...more]
          return { ...now, lines: all.slice(-mostKept), hasEnd: more.length < pageSize, hasStart: now.hasStart && all.length <= mostKept }
        })
        return more.length
      } catch {
        return 0
      } finally {
        busy.current = false
      }
    },
    [read],
  )

  /** Lines that came by the socket, where no filter hides them. */
  const add = useCallback(
    (fresh: LogLineAnswer[]) => {
      const wanted = JSON.parse(filter) as { level?: string[]; stage?: string; search?: string }
      const fit = fresh.filter(
        (line) =>
          (!wanted.level || wanted.level.includes(line.level)) &&
          (!wanted.stage || line.stage === wanted.stage) &&
          (!wanted.search || line.message.toLowerCase().includes(wanted.search.toLowerCase())),
      )
      if (fit.length === 0) return
      setLog((now) => {
        if (!now.hasEnd) return now
        const last = now.lines.at(-1)
        const later = fit.filter(({ no }) => !last || BigInt(no) > BigInt(last.no))
        const all = [...now.lines, ...later]
        return { ...now, lines: all.slice(-mostKept), hasStart: now.hasStart && all.length <= mostKept }
      })
      setUnseen((count) => count + fit.length)
    },
    [filter],
  )
  useLive(
    'Logs',
    { jobId },
    (events) => add(events.flatMap(({ name, event }) => (name === 'jobLog' ? (event.lines as LogLineAnswer[]) : []))),
    () => {
      if (current.current.hasEnd) {
        setLog((now) => ({ ...now, hasEnd: false }))
        void Promise.resolve().then(() => grow('end'))
      }
    },
  )
  return { ...log, unseen, seen: () => setUnseen(0), grow, toEnd: () => begin(undefined), toLine: (line: string) => begin(line), read }
}
