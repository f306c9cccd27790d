import { useQuery, useQueryClient } from '@tanstack/react-query'
import { type JobAnswer, type JobEvent, jobEventNames } from '@trunkline/client/contract'
import { readAgain, useLive } from '../../live/live.ts'
import { readJson } from '../../parts/exact.ts'
import { client } from '../../session.tsx'

/** A job with its payload and result, why it is as it is, and what happened to it; live. */
export function useJob(id: string) {
  const queries = useQueryClient()
  const job = useQuery({
    queryKey: ['job', id],
    queryFn: ({ signal }) => client.jobs.get(id, { includeData: true, signal, parse: readJson }),
  })
  const why = useQuery({ queryKey: ['job', id, 'why'], queryFn: () => client.jobs.why(id), enabled: job.data !== undefined })
  const timeline = useQuery({ queryKey: ['job', id, 'timeline'], queryFn: () => client.jobs.timeline(id), enabled: job.data !== undefined })
  const steps = useQuery({ queryKey: ['job', id, 'steps'], queryFn: () => client.jobs.steps(id), enabled: job.data !== undefined })
  useLive(
    'Job',
    { jobId: id },
    [['job', id]],
    (events) => {
      const about = events.filter(({ name, event }) => (jobEventNames as readonly string[]).includes(name) && event.jobId === id)
      const last = about.at(-1)?.event as JobEvent | undefined
      if (!last) return
      const before = queries.getQueryData<JobAnswer>(['job', id])
      // progress is told whole; how it stands otherwise is read, with payload, error and reasons
      if (before?.progress?.stage !== last.progress?.stage || before?.progress?.current !== last.progress?.current)
        readAgain('job', id, 'steps')
      if (before && !last.deleted && before.state === last.state && before.attempt === last.attempt)
        queries.setQueryData<JobAnswer>(['job', id], {
          ...before,
          progress: last.progress,
          outcome: last.outcome,
          tags: last.tags,
          priority: last.priority,
        })
      else readAgain('job', id)
    },
    () => readAgain('job', id),
  )
  return { job, why, timeline, steps }
}
