import { defineTask, Trunkline } from '../../packages/trunkline/dist/index.js'
import { pause } from '../measure.mjs'

/** Trunkline as it comes: no option is set but the address of the database. */
export const trunkline = {
  peer: 'trunkline',
  name: 'Trunkline',
  settings: 'default',
  tables: 'trunkline',
  async create({ connectionString, onJob }) {
    const noop = defineTask('noop', { run: ({ input }) => onJob(input) })
    const slow = defineTask('slow', { queue: 'default', run: ({ input }) => pause(input.ms) })
    const chat = defineTask('chat', { queue: 'chat', run: talk })
    const queue = await Trunkline.connect({ connectionString, migrate: true })
    return {
      async bulk(n, from = 0) {
        for (let at = 0; at < n; at += 100_000) {
          await queue.enqueueMany(
            noop,
            Array.from({ length: Math.min(100_000, n - at) }, (_, i) => ({ i: from + at + i })),
          )
        }
      },
      limit: (limits) => queue.setLimits('default', limits),
      /** `n` jobs, each with one of so many concurrency keys. */
      async keyed(n, keys) {
        const payloads = Array.from({ length: n }, (_, i) => ({ i }))
        await queue.enqueueMany(noop, payloads, { concurrencyKey: ({ i }) => `key ${i % keys}` })
      },
      add: (payload) => queue.enqueue(noop, payload),
      /** `n` jobs without and `n` with a parent. */
      async pairs(n) {
        for (let at = 0; at < n; at += 5000) {
          const jobs = Array.from({ length: Math.min(5000, n - at) }, (_, i) => [
            { name: `a${i}`, task: noop, payload: { i } },
            { task: noop, payload: { i }, dependsOn: [`a${i}`] },
          ])
          await queue.flows.add({ jobs: jobs.flat() })
        }
      },
      /** Has every job ended? */
      async ended() {
        const counts = (await queue.queues()).find((q) => q.queue === 'default')
        return (counts?.due ?? 0) + (counts?.held ?? 0) + (counts?.blocked ?? 0) + (counts?.running ?? 0) === 0
      },
      /** `n` schedules, each once a minute in its own second. */
      async schedules(n) {
        await queue.enqueue(noop, {})
        for (let at = 0; at < n; at += 20) {
          await Promise.all(
            Array.from({ length: Math.min(20, n - at) }, (_, i) =>
              queue.schedules.create({ name: `s${at + i}`, task: 'noop', payload: {}, cronExpression: `${(at + i) % 60} * * * * *` }),
            ),
          )
        }
      },
      /** All firings of the next thirty days. */
      async month() {
        const from = new Date(Date.now() + 86_400_000)
        return await queue.schedules.calendar({
          from,
          to: new Date(from.getTime() + 30 * 86_400_000),
          timezone: 'Europe/Berlin',
          limit: 5000,
        })
      },
      addSlow: (ms) => queue.enqueue(slow, { ms }),
      async talker() {
        const job = await queue.enqueue(chat, {})
        return () => queue.cancel(job.id)
      },
      async work() {
        const worker = await queue.work([noop, slow, chat])
        return () => worker.stop()
      },
      async empty(left = 0) {
        const counts = (await queue.queues()).find((q) => q.queue === 'default')
        return (counts?.due ?? 0) + (counts?.running ?? 0) <= left
      },
      close: () => queue.close(),
    }
  },
}

/** Writes 10,000 lines a second into the log of its job until it is told to stop. */
async function talk({ log, signal }) {
  const begun = performance.now()
  for (let lines = 0; !signal.aborted; ) {
    for (const due = (performance.now() - begun) * 10; lines < due; lines++)
      log.info('one line of a handler that has much to say', { lines })
    await pause(5)
  }
}
