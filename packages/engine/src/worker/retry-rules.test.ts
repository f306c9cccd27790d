import { describe, expect, test } from 'vitest'
import { testDatabase } from '../../../../test/support/database.ts'
import { workerScene } from '../../../../test/support/worker-scene.ts'
import { defineTask } from '../jobs/define-task.ts'
import { Snooze } from '../jobs/fate.ts'
import type { RetryRule } from '../jobs/retry-rules.ts'

const db = await testDatabase()
const trunkline = await db.connect()

class RateLimited extends Error {
  override readonly name = 'RateLimited'
}
const coded = (code: string, message = 'coded') => Object.assign(new Error(message), { code })
const fixed = { curve: 'fixed', delay: 5 } as const

describe('rules decide by the error', () => {
  const rules: RetryRule[] = [
    { name: 'RateLimited', fate: 'snooze', delay: 20 },
    { code: '23505', fate: 'fail' },
    { code: 'timeout', fate: 'fail' },
    { message: 'deadlock', fate: 'retry', attempts: 4, backoff: fixed },
    { when: (error) => (error as { hopeless?: boolean }).hopeless === true, fate: 'fail' },
    { when: () => JSON.parse('broken'), fate: 'fail' },
    { code: 'ONCE', fate: 'retry', attempts: 1 },
  ]

  test('snooze spends no attempt, fail ends at once, retry may have its own attempts', async () => {
    const { task, work } = workerScene(trunkline)
    const tries = new Map<string, number>()
    const moody = task(
      ({ input, job, signal }) => {
        const n = (tries.get(job.id) ?? 0) + 1
        tries.set(job.id, n)
        if (input === 'limited' && n < 4) throw new RateLimited('slow down')
        if (input === 'unique') throw coded('23505')
        if (input === 'once') throw coded('ONCE')
        if (input === 'deadlock') throw new Error('a deadlock was detected')
        if (input === 'hopeless') throw Object.assign(new Error('no'), { hopeless: true })
        if (input === 'other') throw new Error('other')
        if (input === 'nap' && n === 1) throw new Snooze(5)
        if (input === 'slow') return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
        return n
      },
      { timeout: 2000, retry: { attempts: 2, backoff: fixed, rules } },
    )
    const worker = await work([moody])
    const end = async (input: string, options = {}) => {
      const job = await trunkline.enqueue(moody, input, options)
      await job.result().catch(() => {})
      return await job.get()
    }
    expect(await end('limited')).toMatchObject({ state: 'completed', attempt: 1 })
    expect(await end('unique')).toMatchObject({ state: 'failed', reason: 'fatal', attempt: 1, error: { code: '23505' } })
    expect(await end('once')).toMatchObject({ state: 'failed', reason: 'attempts_used', attempt: 1 })
    // more than the job allows, because the rule says so; never reached by the attempts of others
    expect(await end('deadlock')).toMatchObject({ state: 'failed', reason: 'attempts_used', attempt: 4 })
    expect(await end('hopeless')).toMatchObject({ reason: 'fatal', attempt: 1 })
    expect(await end('other')).toMatchObject({ reason: 'attempts_used', attempt: 2 })
    expect(await end('nap')).toMatchObject({ state: 'completed', attempt: 1 })
    expect(await end('slow', { timeout: 30 })).toMatchObject({ reason: 'fatal', attempt: 1, error: { code: 'timeout' } })
    await worker.stop()
  })
})

test('a failed try carries the fingerprint of its cause, the same for other values', async () => {
  const { task, work } = workerScene(trunkline)
  const failing = task(
    ({ input }) => {
      throw new TypeError(`user ${input} is gone`)
    },
    { retry: { attempts: 1 } },
  )
  const worker = await work([failing])
  const prints = []
  for (const input of [1, 22]) {
    const job = await trunkline.enqueue(failing, input)
    await job.result().catch(() => {})
    prints.push((await job.get()).error?.fingerprint)
  }
  expect(prints[0]).toMatch(/^[0-9a-f]{16}$/)
  expect(prints[1]).toBe(prints[0])
  await worker.stop()
})

test.each([
  [{}, 'retry.rules[0].fate'],
  [{ fate: 'retry' }, 'retry.rules[0]'],
  [{ fate: 'never', name: 'X' }, 'retry.rules[0].fate'],
  [{ fate: 'snooze', name: 'X' }, 'retry.rules[0].delay'],
  [{ fate: 'retry', name: 'X', delay: 5 }, 'retry.rules[0].delay'],
  [{ fate: 'fail', name: 'X', attempts: 5 }, 'retry.rules[0].attempts'],
  [{ fate: 'retry', name: 'X', attempts: 0 }, 'retry.rules[0].attempts'],
  [{ fate: 'retry', name: 'X', backoff: 'cubic' }, 'retry.rules[0].backoff'],
  [{ fate: 'retry', code: 23505 }, 'retry.rules[0].code'],
  [{ fate: 'retry', when: 'yes' }, 'retry.rules[0].when'],
  [{ fate: 'snooze', name: 'X', delay: 'soon' }, 'retry.rules[0].delay'],
  [null, 'retry.rules[0]'],
])('the rule %j is refused with the field %s', (rule, field) => {
  expect(() => defineTask('x', { run: () => {}, retry: { rules: [rule as never] } })).toThrow(
    expect.objectContaining({ field, code: expect.stringMatching(/^invalid_/) }),
  )
})

test('an unknown key of a rule is named with the nearest', () => {
  const rules = [{ fate: 'retry', nmae: 'X' } as never]
  expect(() => defineTask('x', { run: () => {}, retry: { rules } })).toThrow(/did you mean "name"/)
})
