import { useQuery, useQueryClient } from '@tanstack/react-query'
import type { FailureGroupAnswer, QueueAnswer, QueueListAnswer, QueueStatsEvent } from '@trunkline/client/contract'
import { client } from '../session.tsx'
import { readAgain, useLive } from './live.ts'

/** All queues with their counts; kept live by {@link useOverviewLive}. */
export const useQueues = () => useQuery({ queryKey: ['queues'], queryFn: () => client.queues.list() })
/** All workers. */
export const useWorkers = (past = false) => useQuery({ queryKey: ['workers', String(past)], queryFn: () => client.workers.list({ past }) })
/** All tasks that workers have published. */
export const useTasks = () => useQuery({ queryKey: ['tasks'], queryFn: () => client.tasks.list(), staleTime: 30_000 })
/** All schedules, up to 500. */
export const useSchedules = () => useQuery({ queryKey: ['schedules'], queryFn: () => client.schedules.list({ limit: 500 }) })

/** A cause of failures, and how many jobs still lie there because of it. */
export interface OpenFailure extends FailureGroupAnswer {
  open: number
}

const day = 86_400_000
const mostLookedAt = 12

/** Causes of failures of the last 24 hours by which jobs still lie there, newest first. Each is counted by a search. */
export const useOpenFailures = () =>
  useQuery({
    queryKey: ['failures', 'open'],
    queryFn: async (): Promise<{ groups: OpenFailure[]; hours: { at: string; count: number }[] }> => {
      const { data } = await client.errors.list({ from: new Date(Date.now() - day), limit: 100 })
      const worth = data.filter(({ state }) => state !== 'ignored' && state !== 'resolved').slice(0, mostLookedAt)
      const groups = await Promise.all(
        worth.map(async (group) => {
          const { total = 0 } = await client.jobs.search({ q: `state:failed fingerprint:${group.fingerprint}`, limit: 1 })
          return { ...group, open: total }
        }),
      )
      return { groups: groups.filter(({ open }) => open > 0), hours: data.flatMap(({ hours }) => hours) }
    },
  })

/** Keeps counts of queues live in place; what needs more than an event tells is read again. Once, in the frame. */
export function useOverviewLive(): void {
  const queries = useQueryClient()
  useLive(
    'Overview',
    undefined,
    [['queues'], ['workers']],
    (events) => {
      const stats = new Map<string, QueueStatsEvent>()
      for (const { name, event } of events) {
        if (name === 'queueStats') stats.set(event.queue, event)
        else if (name === 'queueStateChange') readAgain('queues')
        else if (name === 'workerUpdate') readAgain('workers')
      }
      if (stats.size === 0) return
      queries.setQueryData<QueueListAnswer>(['queues'], (before) => before && withStats(before, stats))
    },
    () => void queries.invalidateQueries(),
  )
}

function withStats(before: QueueListAnswer, stats: Map<string, QueueStatsEvent>): QueueListAnswer {
  const known = new Set(before.data.map(({ queue }) => queue))
  if ([...stats.keys()].some((queue) => !known.has(queue))) readAgain('queues')
  const data = before.data.map((one): QueueAnswer => {
    const fresh = stats.get(one.queue)
    if (!fresh) return one
    const { due, blocked, scheduled, running, completed, failed, cancelled, workers } = fresh
    return { ...one, due, blocked, scheduled, running, completed, failed, cancelled, workers }
  })
  return { ...before, data }
}
