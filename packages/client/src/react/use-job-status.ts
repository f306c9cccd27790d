import { useEffect, useRef, useState } from 'react'
import type { ApiError } from '../http.ts'
import type { WatchedJob } from '../watch-job.ts'
import { useClient } from './client-context.ts'

/** Options of {@link useJobStatus}. */
export interface UseJobStatusOptions {
  /** None: nothing is watched yet. */
  jobId: string | null | undefined
  /** Once, when the job has completed. */
  onComplete?: (job: WatchedJob) => void
  /** Once, when the job has failed or was cancelled, or cannot be watched. */
  onError?: (error: Error, job: WatchedJob | null) => void
  /** Between two looks while the socket is down. Default 2,000 ms. */
  pollInterval?: number
}

/** What {@link useJobStatus} answers. */
export interface JobStatus {
  /** Null until the first answer. */
  job: WatchedJob | null
  state: WatchedJob['state'] | null
  progress: WatchedJob['progress']
  /** 0 to 100; null while it is not known. */
  percent: number | null
  isRunning: boolean
  isComplete: boolean
  isFailed: boolean
  isCancelled: boolean
  /** Why it cannot be watched. */
  error: ApiError | null
}

/**
 * The state of a job, live: by the socket, and by polling while the socket is down. It stops by itself when the job has ended.
 * Callbacks are called once per job, also in strict mode, and never after the component is gone.
 */
export function useJobStatus({ jobId, onComplete, onError, pollInterval = 2000 }: UseJobStatusOptions): JobStatus {
  const client = useClient()
  const [seen, setSeen] = useState<{ id: string; job: WatchedJob | null; error: ApiError | null } | null>(null)
  const callbacks = useRef({ onComplete, onError })
  const told = useRef<string | null>(null)
  useEffect(() => {
    callbacks.current = { onComplete, onError }
  })
  useEffect(() => {
    if (!jobId) return
    return client.watchJob(jobId, {
      pollInterval,
      onChange: (job) => setSeen({ id: jobId, job, error: null }),
      onEnd: (job) => {
        setSeen({ id: jobId, job, error: null })
        if (told.current === jobId) return
        told.current = jobId
        if (job.state === 'completed') callbacks.current.onComplete?.(job)
        else callbacks.current.onError?.(new Error(job.error?.message ?? `the job was ${job.state}`), job)
      },
      onError: (error) => {
        setSeen({ id: jobId, job: null, error })
        if (told.current === jobId) return
        told.current = jobId
        callbacks.current.onError?.(error, null)
      },
    })
  }, [client, jobId, pollInterval])

  // what was seen of another job is not shown for this one
  const current = seen?.id === jobId ? seen : null
  const job = current?.job ?? null
  const state = job?.state ?? null
  return {
    job,
    state,
    progress: job?.progress ?? null,
    percent: state === 'completed' ? 100 : (job?.progress?.percent ?? null),
    isRunning: state === 'running',
    isComplete: state === 'completed',
    isFailed: state === 'failed',
    isCancelled: state === 'cancelled',
    error: current?.error ?? null,
  }
}
