import { type FunctionComponent, isValidElement, type ReactElement } from 'react'
import { describe, expect, expectTypeOf, test } from 'vitest'
import type { ApiError, WatchedJob } from '../index.ts'
import {
  JobStatusBadge,
  JobStatusToast,
  type JobStatusToastProps,
  TrunklineProvider,
  type useClient,
  useJobStatus,
  useJobs,
  useLiveLog,
} from './index.ts'

type State = 'pending' | 'running' | 'completed' | 'failed' | 'cancelled' | 'blocked'

describe('hooks have the types of the contract', () => {
  test('useJobStatus takes a job or none yet, and answers its state, its progress and its error', () => {
    const use = () => {
      const status = useJobStatus({
        jobId: null,
        pollInterval: 500,
        onComplete: (job) => expectTypeOf(job).toEqualTypeOf<WatchedJob>(),
        onError(error, job) {
          expectTypeOf(error).toEqualTypeOf<Error>()
          expectTypeOf(job).toEqualTypeOf<WatchedJob | null>()
        },
      })
      expectTypeOf(status.state).toEqualTypeOf<State | null>()
      expectTypeOf(status.percent).toEqualTypeOf<number | null>()
      expectTypeOf(status.error).toEqualTypeOf<ApiError | null>()
      expectTypeOf(status.isComplete).toEqualTypeOf<boolean>()
      // @ts-expect-error an id is text
      useJobStatus({ jobId: 42 })
      // @ts-expect-error nor is there such an option
      useJobStatus({ jobId: '42', intervall: 5 })
    }
    expectTypeOf(use).toBeFunction()
    expectTypeOf(useJobStatus).parameter(0).toHaveProperty('jobId')
  })

  test('useJobs takes what a list takes, and its jobs are those of the API', () => {
    const use = () => {
      const { jobs, loadMore, hasMore } = useJobs({ state: 'failed', tags: ['nightly'], limit: 20 })
      expectTypeOf(jobs[0]?.state).toEqualTypeOf<State | undefined>()
      expectTypeOf(jobs[0]?.durationMs).toEqualTypeOf<number | null | undefined>()
      expectTypeOf(hasMore).toEqualTypeOf<boolean>()
      expectTypeOf(loadMore).returns.resolves.toBeVoid()
      // @ts-expect-error a state that does not exist
      useJobs({ state: 'queued' })
    }
    expectTypeOf(use).toBeFunction()
  })

  test('useLiveLog answers lines with number, level and text', () => {
    const use = () => {
      const { lines, dropped } = useLiveLog({ jobId: '42', keep: 100 })
      expectTypeOf(lines[0]?.no).toEqualTypeOf<string | undefined>()
      expectTypeOf(lines[0]?.message).toEqualTypeOf<string | undefined>()
      expectTypeOf(dropped).toEqualTypeOf<number>()
    }
    expectTypeOf(use).toBeFunction()
  })

  test('components take states and jobs; a provider takes a client', () => {
    expectTypeOf(JobStatusBadge).returns.toEqualTypeOf<ReactElement>()
    expectTypeOf<FunctionComponent<JobStatusToastProps>>().toExtend<FunctionComponent<{ jobId: string; title: string }>>()
    expectTypeOf(JobStatusToast).returns.toBeNull()
    expectTypeOf(TrunklineProvider).parameter(0).toHaveProperty('client').toEqualTypeOf<ReturnType<typeof useClient>>()
    // @ts-expect-error a status that does not exist
    expect(() => JobStatusBadge({ status: 'queued' })).toThrow(TypeError)
    expect(isValidElement(JobStatusBadge({ status: 'completed' }))).toBe(true)
  })
})
