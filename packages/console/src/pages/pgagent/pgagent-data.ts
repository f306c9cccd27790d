import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import type { PgAgentJobListAnswer, PgAgentRunAnswer } from '@trunkline/client/contract'
import { client } from '../../session.tsx'

/** A job as lists show it. */
export type JobLine = PgAgentJobListAnswer['data'][number]
/** A run as the history shows it. */
export type Run = PgAgentRunAnswer
/** A letter of the log. */
export type RunStatus = Run['status']

/** All servers that the user may see. */
export const useServers = () => useQuery({ queryKey: ['pgagent servers'], queryFn: () => client.pgagent.servers.list() })
/** One of them. */
export const useServer = (sid: string) => useQuery({ queryKey: ['pgagent servers', sid], queryFn: () => client.pgagent.servers.get(sid) })
/** How the jobs of a server are read. */
export const jobsQuery = (sid: string) => ({
  queryKey: ['pgagent', sid, 'jobs'],
  queryFn: () => client.pgagent.jobs.list(sid),
  retry: false as const,
})
/** The jobs of a server. */
export const useJobLines = (sid: string) => useQuery(jobsQuery(sid))
/** A job with its steps and schedules. */
export const useJob = (sid: string, id: string) =>
  useQuery({ queryKey: ['pgagent', sid, 'job', id], queryFn: () => client.pgagent.jobs.get(sid, id), retry: false })
/** A run with the output of its steps. @param id null = none */
export const useRun = (sid: string, id: string | null) =>
  useQuery({
    queryKey: ['pgagent', sid, 'run', id ?? ''],
    enabled: id !== null,
    queryFn: () => client.pgagent.runs.get(sid, id as string),
    retry: false,
  })

/** Runs, the latest first, a page after the other. @param jobId null = of all jobs */
export function useRuns(sid: string, jobId: string | null, limit: number) {
  return useInfiniteQuery({
    queryKey: ['pgagent', sid, 'runs', jobId ?? '', String(limit)],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) => {
      const page = { limit, ...(pageParam ? { cursor: pageParam } : {}) }
      return jobId === null ? client.pgagent.runs.list(sid, page) : client.pgagent.jobs.runs(sid, jobId, page)
    },
    getNextPageParam: (last) => last.nextCursor ?? undefined,
    retry: false,
  })
}

/** Does it run now, held by an agent that lives? */
export const isRunning = ({ agent, claimedByDead }: JobLine) => agent !== null && !claimedByDead
/** Did its last run fail, or was it cut off? */
export const isFailing = ({ last }: JobLine) => last?.status === 'f' || last?.status === 'd'

/** Where the page of a job is. */
export const jobPath = (sid: string, id: string) => `/pgagent/${encodeURIComponent(sid)}/jobs/${id}`
/** Where the page of a server is. */
export const serverPath = (sid: string) => `/pgagent/${encodeURIComponent(sid)}`

const slowFrom = 2
const worthMs = 1000
const fewest = 5

/** What a run of a job usually takes: the median of those that ended well; null where too few did. Ms. */
export function usualMs(runs: readonly Run[]): number | null {
  const good = runs.filter(({ status, durationMs, onlyStepId }) => status === 's' && durationMs !== null && onlyStepId === null)
  if (good.length < fewest) return null
  const sorted = good.map(({ durationMs }) => durationMs as number).toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] as number
}

/** How many times slower than usual a run was, where that is worth a word; else null. */
export function slowness(ms: number | null, usual: number | null): number | null {
  if (ms === null || usual === null || ms < worthMs || ms < usual * slowFrom) return null
  return ms / Math.max(1, usual)
}
