import { type InfiniteData, useInfiniteQuery, useQueries, useQueryClient } from '@tanstack/react-query'
import type { SearchQuery } from '@trunkline/client'
import { type JobAnswer, type JobEvent, type JobListAnswer, type JobState, jobEventNames, jobStates } from '@trunkline/client/contract'
import { useCallback, useMemo, useRef, useState } from 'react'
import { throttled, useLive } from '../../live/live.ts'
import { client } from '../../session.tsx'

/** What a list shows, as its address says it. */
export interface Asked {
  q: string
  /** A state, or empty for all. */
  state: string
  sort: string
}

const pageSize = 100

/** The query with the tab in it. */
export const wholeQuery = ({ q, state }: Asked): string =>
  [q.includes(' OR ') ? `(${q})` : q, state && `state:${state}`].filter(Boolean).join(' ')

/** `-created` → newest first. */
export const sorts: Record<string, { label: string; query: Pick<SearchQuery, 'sortBy' | 'sortOrder'> }> = {
  '-created': { label: 'Newest first', query: { sortBy: 'createdAt', sortOrder: 'desc' } },
  created: { label: 'Oldest first', query: { sortBy: 'createdAt', sortOrder: 'asc' } },
  '-finished': { label: 'Last ended first', query: { sortBy: 'finishedAt', sortOrder: 'desc' } },
  '-started': { label: 'Last started first', query: { sortBy: 'startedAt', sortOrder: 'desc' } },
  '-duration': { label: 'Longest first', query: { sortBy: 'duration', sortOrder: 'desc' } },
  '-priority': { label: 'Highest priority first', query: { sortBy: 'priority', sortOrder: 'desc' } },
}

type Pages = InfiniteData<JobListAnswer, string | undefined>

function changed(job: JobAnswer, event: JobEvent): JobAnswer {
  const { state, reason, attempt, priority, progress, tags, startedAt, finishedAt, durationMs, outcome } = event
  const error = event.error === null ? (state === 'failed' ? job.error : null) : { ...job.error, message: event.error }
  return { ...job, state, reason, attempt, priority, progress, tags, startedAt, finishedAt, durationMs, outcome, error }
}

/** A list of jobs, page by page, live: rows change in place, and what is new is counted until somebody wants to see it. */
export function useJobList(asked: Asked, { isStill }: { isStill: () => boolean }) {
  const queries = useQueryClient()
  const q = wholeQuery(asked)
  const order = (sorts[asked.sort] ?? sorts['-created'])?.query
  const key = useMemo(() => ['list', q, asked.sort], [q, asked.sort])
  const list = useInfiniteQuery({
    queryKey: key,
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) =>
      client.jobs.search({ ...(q ? { q } : {}), ...order, cursor: pageParam, limit: pageSize }, { signal }),
    getNextPageParam: (last) => last.nextCursor ?? undefined,
    // what is on screen is kept live by events; reading all pages again would move it
    refetchOnWindowFocus: false,
    refetchInterval: false,
    staleTime: Infinity,
  })
  const jobs = useMemo(() => {
    const seen = new Set<string>()
    return (list.data?.pages ?? []).flatMap(({ data }) => data.filter(({ id }) => !seen.has(id) && seen.add(id)))
  }, [list.data])
  const [fresh, setFresh] = useState<{ of: string; jobs: JobAnswer[] }>({ of: q, jobs: [] })
  const known = useRef(new Set<string>())
  known.current = useMemo(() => new Set(jobs.map(({ id }) => id)), [jobs])

  const show = useCallback(
    (more: readonly JobAnswer[]) => {
      queries.setQueryData<Pages>(key, (before) => {
        const [first, ...rest] = before?.pages ?? []
        return before && first ? { ...before, pages: [{ ...first, data: [...more, ...first.data] }, ...rest] } : before
      })
      setFresh({ of: q, jobs: [] })
    },
    [queries, key, q],
  )

  const look = useMemo(
    () =>
      throttled(async () => {
        const page = await client.jobs.search({ ...(q ? { q } : {}), ...order, limit: 50 }).catch(() => null)
        const unseen = page?.data.filter(({ id }) => !known.current.has(id)) ?? []
        if (unseen.length === 0) return
        if (isStill()) setFresh({ of: q, jobs: unseen })
        else show(unseen)
      }, 1000),
    [q, order, isStill, show],
  )
  const recount = useMemo(() => throttled(() => void queries.invalidateQueries({ queryKey: ['counts'] }), 2000), [queries])
  // what jobs have in common takes a long page to know
  const regroup = useMemo(() => throttled(() => void queries.invalidateQueries({ queryKey: ['facets'] }), 10_000), [queries])
  useLive(
    'List',
    { filter: {} },
    [key, ['counts'], ['facets']],
    (events) => {
      const byId = new Map<string, JobEvent>()
      for (const { name, event } of events) if ((jobEventNames as readonly string[]).includes(name)) byId.set(event.jobId, event)
      const loaded = [...byId.keys()].some((id) => known.current.has(id))
      if (loaded)
        queries.setQueryData<Pages>(
          key,
          (before) =>
            before && {
              ...before,
              pages: before.pages.map((page) => ({
                ...page,
                data: page.data.flatMap((job) => {
                  const event = byId.get(job.id)
                  return event === undefined ? [job] : event.deleted ? [] : [changed(job, event)]
                }),
              })),
            },
        )
      recount()
      regroup()
      if (byId.size === 0 || [...byId.keys()].some((id) => !known.current.has(id))) look()
    },
    () => {
      void queries.invalidateQueries({ queryKey: key })
      recount()
      regroup()
    },
  )
  return {
    ...list,
    q,
    jobs,
    asOf: list.data?.pages[0]?.asOf ?? null,
    total: list.data?.pages[0]?.total,
    isEstimate: list.data?.pages[0]?.totalIsEstimate ?? false,
    fresh: fresh.of === q ? fresh.jobs.length : 0,
    showFresh: () => show(fresh.jobs),
  }
}

/** How many jobs of a query stand in each state. */
export function useCounts(q: string): Partial<Record<JobState, { total: number; isEstimate: boolean }>> {
  return useQueries({
    queries: jobStates.map((state) => ({
      queryKey: ['counts', q, state],
      queryFn: async () => {
        const { total, totalIsEstimate } = await client.jobs.search({ q: wholeQuery({ q, state, sort: '' }), limit: 1 })
        // not known: counting would have taken too long
        return total === null ? null : { total, isEstimate: totalIsEstimate }
      },
      refetchInterval: false as const,
    })),
    combine: (answers) => Object.fromEntries(jobStates.flatMap((state, i) => (answers[i]?.data ? [[state, answers[i].data]] : []))),
  })
}
