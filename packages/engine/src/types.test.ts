import { describe, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { defineTask, type Job, type Task, type Trunkline } from './index.ts'

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

  test('a task without a schema takes every JSON value', () => {
    const plain = defineTask('plain', { run: ({ input }) => input })
    expectTypeOf(plain).toExtend<Task>()
  })
})
