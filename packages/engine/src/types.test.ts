import { describe, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { defineTask, type Job, type Middleware, type Task, type Trunkline } from './index.ts'

const resize = defineTask('image.resize', {
  input: z.object({ url: z.url(), width: z.coerce.number().default(100) }),
  run({ input }) {
    expectTypeOf(input).toEqualTypeOf<{ url: string; width: number }>()
    return { bytes: input.width }
  },
})

describe('types from end to end', () => {
  test('a task knows what is sent, what its handler gets, and what comes back', () => {
    expectTypeOf(resize).toEqualTypeOf<Task<{ url: string; width?: unknown }, { bytes: number }>>()
    type Enqueue = Trunkline['enqueue']
    const use = async (enqueue: Enqueue, many: Trunkline['enqueueMany']) => {
      const job = await enqueue(resize, { url: 'https://example.com', width: 5 })
      expectTypeOf(job).toEqualTypeOf<Job<{ bytes: number }>>()
      expectTypeOf(await job.result()).toEqualTypeOf<{ bytes: number }>()
      expectTypeOf(await many(resize, [{ url: 'x' }])).toEqualTypeOf<Job<{ bytes: number }>[]>()
      // @ts-expect-error a payload that breaks the schema does not compile
      await enqueue(resize, { link: 'https://example.com' })
      // @ts-expect-error nor does an option that does not exist
      await enqueue(resize, { url: 'x' }, { priorty: 5 })
      expectTypeOf(await enqueue('by.name', { anything: true })).toEqualTypeOf<Job>()
    }
    expectTypeOf(use).toBeFunction()
  })

  test('a batch knows the input of each job, and its array is the results', () => {
    const index = defineTask('search.index', {
      input: z.object({ id: z.number() }),
      batch: { size: 10 },
      async runBatch({ jobs }) {
        expectTypeOf(jobs[0]?.input).toEqualTypeOf<{ id: number } | undefined>()
        return jobs.map((j) => ({ indexed: j.input.id }))
      },
    })
    expectTypeOf(index).toEqualTypeOf<Task<{ id: number }, { indexed: number }>>()
    defineTask('quiet', { runBatch: ({ jobs }) => jobs[0]?.complete() })
    // @ts-expect-error one handler, not two
    const both = () => defineTask('both', { run: () => 1, runBatch: () => [] })
    expectTypeOf(both).toBeFunction()
  })

  test('a middleware sees the context of a job or of a batch', () => {
    const named: Middleware = async (context, next) => ('jobs' in context ? context.task : context.job.task) && (await next())
    expectTypeOf(named).toBeFunction()
  })

  test('a task without a schema takes every JSON value', () => {
    const plain = defineTask('plain', { run: ({ input }) => input })
    expectTypeOf(plain).toExtend<Task>()
  })
})
