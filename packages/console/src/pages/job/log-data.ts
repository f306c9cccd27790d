import type { LogLineAnswer } from '@trunkline/client/contract'
import { useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { useLive } from '../../live/live.ts'
import { client, sentenceOf } from '../../session.tsx'
import { empty, type LogWindow, logReader, pageSize, type ReadLines } from './log-reader.ts'

/** Which lines are shown. */
export interface LogFilter {
  /** Empty = all. */
  levels: string[]
  stage: string
  search: string
}

/**
 * A window on the log of a job: its end at first, or around a line; it grows where somebody scrolls and forgets what lies far
 * away, so that a log of a million lines costs no more than one of five thousand.
 */
export function useLogWindow(jobId: string, { levels, stage, search }: LogFilter, around: string | undefined) {
  const [log, show] = useState<LogWindow>(empty)
  /** New lines while the end is not on screen. */
  const [unseen, setUnseen] = useState(0)
  const filter = JSON.stringify({
    ...(levels.length > 0 ? { level: levels } : {}),
    ...(stage ? { stage } : {}),
    ...(search ? { search } : {}),
  })

  const read = useCallback<ReadLines>(
    async (where) => (await client.jobs.logs(jobId, { ...JSON.parse(filter), ...where, limit: pageSize })).data,
    [jobId, filter],
  )
  const reader = useMemo(() => logReader(read, sentenceOf, show), [read])

  const first = useRef(around)
  first.current = around
  const begin = useCallback(
    (line: string | undefined) => {
      setUnseen(0)
      return reader.begin(line)
    },
    [reader],
  )
  useEffect(() => {
    void begin(first.current)
    return reader.end
  }, [begin, reader])

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
      reader.add(fit)
      setUnseen((count) => count + fit.length)
    },
    [reader, filter],
  )
  useLive(
    'Logs',
    { jobId },
    reader.catchUp,
    (events) => add(events.flatMap(({ name, event }) => (name === 'jobLog' ? (event.lines as LogLineAnswer[]) : []))),
    reader.catchUp,
  )
  return {
    ...log,
    unseen,
    seen: () => setUnseen(0),
    grow: reader.grow,
    toEnd: () => begin(undefined),
    toLine: (line: string) => begin(line),
  }
}
