import { formatDuration, progressText } from '@trunkline/contract'
import { useEffect, useRef } from 'react'
import { toast } from 'sonner'
import type { WatchedJob } from '../watch-job.ts'
import { useJobStatus } from './use-job-status.ts'

/** Options of {@link JobStatusToast}. */
export interface JobStatusToastProps {
  jobId: string
  /** Such as "Backup". */
  title: string
  onComplete?: (job: WatchedJob) => void
  onError?: (error: Error) => void
}

function saying({ progress, state, reason }: WatchedJob): string {
  if (state === 'running') {
    const text = progress ? progressText(progress) : 'Running'
    return progress?.percent === null || progress?.percent === undefined ? text : `${text}, ${progress.percent} %`
  }
  return reason === 'retrying' ? 'Failed once; it is tried again' : 'Waiting for its turn'
}

/**
 * A toast that follows a job: its progress, then how it ended. It stays while the job runs, wherever the user goes on the page.
 * Needs sonner's `<Toaster />` somewhere on the page.
 */
export function JobStatusToast({ jobId, title, onComplete, onError }: JobStatusToastProps): null {
  /** Is there a toast that does not end by itself? */
  const shown = useRef(false)
  const id = `trunkline-job-${jobId}`
  const { job, error } = useJobStatus({
    jobId,
    onComplete: (ended) => {
      shown.current = false
      const took = ended.durationMs === null ? '' : ` in ${formatDuration(ended.durationMs)}`
      toast.success(title, { id, description: `Completed${took}`, duration: 8000 })
      onComplete?.(ended)
    },
    onError: (trouble, ended) => {
      shown.current = false
      toast.error(title, { id, description: ended?.state === 'cancelled' ? 'Cancelled' : trouble.message, duration: 20_000 })
      onError?.(trouble)
    },
  })
  const running = job !== null && (job.state === 'pending' || job.state === 'running' || job.state === 'blocked')
  const text = job === null ? 'Starting' : saying(job)
  useEffect(() => {
    if (error !== null || (job !== null && !running)) return
    toast.loading(title, { id, description: text, duration: Number.POSITIVE_INFINITY })
    shown.current = true
  }, [id, title, text, running, job, error])
  useEffect(
    () => () => {
      // nobody follows it any more: a toast that never ends would stay
      if (shown.current) toast.dismiss(id)
    },
    [id],
  )
  return null
}
