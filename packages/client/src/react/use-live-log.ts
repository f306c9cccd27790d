import type { LogLineAnswer } from '@trunkline/contract/http'
import { useEffect, useState } from 'react'
import { ApiError } from '../http.ts'
import { useClient } from './client-context.ts'

/** Options of {@link useLiveLog}. */
export interface LiveLogOptions {
  jobId: string | null | undefined
  /** Lines that are kept, the newest of them. Default 5,000. */
  keep?: number
}

/** What {@link useLiveLog} answers. */
export interface LiveLog {
  lines: LogLineAnswer[]
  /** Lines that came and are not kept any more. */
  dropped: number
  error: ApiError | null
}

/** The log of a job from its first line on, live. */
export function useLiveLog({ jobId, keep = 5000 }: LiveLogOptions): LiveLog {
  const client = useClient()
  const [log, setLog] = useState<LiveLog & { of: string | null }>({ of: null, lines: [], dropped: 0, error: null })
  useEffect(() => {
    if (!jobId) return
    let gone = false
    let last = 0n
    let isReading = false
    /** Have all lines been read that nobody tells of? */
    let isCurrent = false
    let isMissed = false
    /** Lines that came while pages were being read: they are later than those. */
    let early: LogLineAnswer[] = []
    const add = (lines: readonly LogLineAnswer[]) => {
      const fresh = lines.filter((line) => BigInt(line.no) > last)
      const newest = fresh.at(-1)
      if (gone || !newest) return
      last = BigInt(newest.no)
      setLog((before) => {
        const mine = before.of === jobId ? before : { lines: [], dropped: 0 }
        const all = [...mine.lines, ...fresh]
        const over = Math.max(0, all.length - keep)
        return { of: jobId, lines: all.slice(over), dropped: mine.dropped + over, error: null }
      })
    }
    /** All lines after the last one, page by page; once more where something may have been missed meanwhile. */
    const readAll = async () => {
      isMissed = isReading
      if (isReading) return
      isReading = true
      isCurrent = false
      try {
        for (let isMore = true; isMore && !gone; ) {
          isMissed = false
          early = []
          const page = await client.jobs.logs(jobId, { after: String(last), limit: 1000 })
          add(page.data)
          isMore = isMissed || (page.nextCursor !== null && page.data.length > 0)
        }
        isCurrent = true
        add(early)
      } catch (error) {
        if (!(error instanceof ApiError)) return
        // whoever is away may come back; a refusal stays
        isCurrent = error.status >= 400 && error.status < 500 && error.status !== 429
        if (!gone) setLog((before) => ({ ...before, of: jobId, error }))
      } finally {
        isReading = false
      }
    }
    const subscription = client.live.subscribe(
      'Logs',
      { jobId },
      {
        onEvent: (_name, event) => {
          const lines = event.lines as LogLineAnswer[]
          if (isCurrent) add(lines)
          else early.push(...lines)
        },
        onBegin: () => void readAll(),
        onGap: () => void readAll(),
      },
    )
    void readAll()
    const timer = setInterval(() => {
      if (!isReading && !(isCurrent && client.live.state().state === 'live')) void readAll()
    }, 2000)
    return () => {
      gone = true
      clearInterval(timer)
      subscription.stop()
    }
  }, [client, jobId, keep])
  return log.of === jobId ? { lines: log.lines, dropped: log.dropped, error: log.error } : { lines: [], dropped: 0, error: null }
}
