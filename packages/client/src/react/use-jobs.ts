import type { JobAnswer } from '@trunkline/contract/http'
import { useCallback, useEffect, useRef, useState } from 'react'
import { ApiError } from '../http.ts'
import type { JobListQuery } from '../jobs.ts'
import { useClient } from './client-context.ts'

/** What {@link useJobs} answers. */
export interface JobsResult {
  jobs: JobAnswer[]
  isLoading: boolean
  error: ApiError | null
  /** Is there another page? */
  hasMore: boolean
  loadMore(): Promise<void>
  /** Reads the first page again. */
  refresh(): Promise<void>
}

/** Changes of a list within this time are read at once. */
const gatherMs = 250

/** A list of jobs that stays as the server has it: read again, at most four times a second, when one of its jobs changes. */
export function useJobs(query: JobListQuery = {}): JobsResult {
  const client = useClient()
  const text = JSON.stringify(query)
  const [pages, setPages] = useState<{ of: string; jobs: JobAnswer[]; next: string | null } | null>(null)
  const [error, setError] = useState<ApiError | null>(null)
  const [isLoading, setLoading] = useState(true)
  const gone = useRef(false)

  const read = useCallback(
    async (cursor: string | undefined, signal?: AbortSignal) => {
      setLoading(true)
      try {
        const page = await client.jobs.list({ ...(JSON.parse(text) as JobListQuery), cursor }, signal ? { signal } : {})
        if (gone.current) return
        setPages((before) => ({
          of: text,
          jobs: cursor !== undefined && before?.of === text ? [...before.jobs, ...page.data] : page.data,
          next: page.nextCursor,
        }))
        setError(null)
      } catch (thrown) {
        if (!gone.current && thrown instanceof ApiError) setError(thrown)
      } finally {
        if (!gone.current) setLoading(false)
      }
    },
    [client, text],
  )

  useEffect(() => {
    gone.current = false
    const stopped = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    const soon = () => {
      timer ??= setTimeout(() => {
        timer = undefined
        void read(undefined, stopped.signal)
      }, gatherMs)
    }
    const { queue, task, tags } = JSON.parse(text) as JobListQuery
    const filter = {
      ...(queue === undefined ? {} : { queue }),
      ...(task === undefined ? {} : { task }),
      ...(tags === undefined ? {} : { tags }),
    }
    const subscription = client.live.subscribe('List', { filter }, { onBegin: soon, onEvent: soon, onGap: soon })
    void read(undefined, stopped.signal)
    return () => {
      gone.current = true
      stopped.abort()
      clearTimeout(timer)
      subscription.stop()
    }
  }, [client, text, read])

  const current = pages?.of === text ? pages : null
  const next = current?.next ?? null
  return {
    jobs: current?.jobs ?? [],
    isLoading,
    error,
    hasMore: next !== null,
    loadMore: async () => {
      if (next !== null) await read(next)
    },
    refresh: () => read(undefined),
  }
}
