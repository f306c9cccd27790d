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
    /** All lines after the last one, page by page; pages of two calls may come in any order, since lines have numbers. */
    const readAll = async () => {
      try {
        for (let after = String(last); !gone; ) {
          const page = await client.jobs.logs(jobId, { after, limit: 1000 })
          add(page.data)
          const newest = page.data.at(-1)
          if (!newest || page.nextCursor === null) return
          after = newest.no
        }
      } catch (error) {
        if (!gone && error instanceof ApiError) setLog((before) => ({ ...before, of: jobId, error }))
      }
    }
    const subscription = client.live.subscribe(
      'Logs',
      { jobId },
      {
        onEvent: (_name, event) => add(event.lines as LogLineAnswer[]),
        onGap: () => void readAll(),
      },
    )
    void readAll()
    const timer = setInterval(() => {
      if (client.live.state().state !== 'live') void readAll()
    }, 2000)
    return () => {
      gone = true
      clearInterval(timer)
      subscription.stop()
    }
  }, [client, jobId, keep])
  return log.of === jobId ? { lines: log.lines, dropped: log.dropped, error: log.error } : { lines: [], dropped: 0, error: null }
}
