import type { JobEvent } from '@trunkline/contract'
import type { JobStatusAnswer } from '@trunkline/contract/http'
import { ApiError } from './http.ts'
import type { Jobs } from './jobs.ts'
import type { Live } from './live.ts'

/** How a job is, as its watchers see it. */
export type WatchedJob = Omit<JobStatusAnswer, 'error'> & { error: { message: string; code?: string | undefined } | null }

/** Options of {@link watchJob}. */
export interface WatchOptions {
  onChange?: (job: WatchedJob) => void
  /** Once, when the job has ended: completed, failed or cancelled. */
  onEnd?: (job: WatchedJob) => void
  /** The job cannot be watched: it is not there, or not for this caller. Nothing follows. */
  onError?: (error: ApiError) => void
  /** Between two looks while the socket is down. Default 2,000 ms. */
  pollInterval?: number
}

const ended = (state: string) => state === 'completed' || state === 'failed' || state === 'cancelled'

/** An event tells everything but how many attempts there may be. */
const ofEvent = (event: JobEvent, before: WatchedJob | null): WatchedJob => ({
  id: event.jobId,
  state: event.state,
  reason: event.reason,
  attempt: event.attempt,
  maxAttempts: before?.maxAttempts ?? event.attempt,
  progress: event.progress,
  startedAt: event.startedAt,
  finishedAt: event.finishedAt,
  durationMs: event.durationMs,
  error: event.error === null ? null : { message: event.error },
  outcome: event.outcome,
})

/**
 * Watches a job to its end: by the socket, and by polling as long as the socket is down. It stops by itself when the job has
 * ended; what it returns stops it earlier, after which nothing is called any more.
 */
export function watchJob({ jobs, live }: { jobs: Jobs; live: Live }, jobId: string, options: WatchOptions): () => void {
  const { onChange, onEnd, onError, pollInterval = 2000 } = options
  const stopped = new AbortController()
  let last: WatchedJob | null = null
  let timer: ReturnType<typeof setTimeout> | undefined

  function stop(): void {
    if (stopped.signal.aborted) return
    stopped.abort()
    clearTimeout(timer)
    subscription.stop()
    unwatch()
  }

  function tell(job: WatchedJob): void {
    if (stopped.signal.aborted) return
    const changed = JSON.stringify(job) !== JSON.stringify(last)
    last = job
    if (changed) onChange?.(job)
    if (!ended(job.state)) return
    stop()
    onEnd?.(job)
  }

  async function look(): Promise<void> {
    try {
      tell((await jobs.status(jobId, { signal: stopped.signal })) as WatchedJob)
    } catch (error) {
      if (stopped.signal.aborted) return
      // whoever is away may come back; a refusal stays
      if (error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 429) {
        stop()
        onError?.(error)
      }
    }
  }

  /** While the socket is down. */
  function poll(): void {
    clearTimeout(timer)
    if (stopped.signal.aborted || live.state().state === 'live') return
    timer = setTimeout(() => void look().then(poll), pollInterval)
  }

  const unwatch = live.onState(({ state }) => {
    // what happened while it was down is read once
    if (state === 'live') void look()
    else poll()
  })
  const subscription = live.subscribe(
    'Job',
    { jobId },
    {
      onEvent: (_name, event) => {
        if (event.deleted) {
          stop()
          onError?.(new ApiError(404, { code: 'job_not_found', detail: `there is no job ${jobId} any more` }))
        } else if (last === null || ended(event.state)) {
          // the end is read whole: error, outcome
          void look()
        } else tell(ofEvent(event, last))
      },
      onGap: () => void look(),
      onRefused: ({ code, message }) => {
        if (stopped.signal.aborted || code === 'database_unavailable') return
        stop()
        onError?.(new ApiError(404, { code, detail: message }))
      },
    },
  )
  void look()
  poll()
  return stop
}
