import pg from 'pg'
import { PgBoss } from 'pg-boss'
import { pause } from '../measure.mjs'

const best = { batchSize: 2000, localConcurrency: 4, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5 }

/** @param options of `work`; none = as it comes  @param notify wake workers by LISTEN */
function pgBoss(settings, options, notify) {
  return {
    peer: 'pg-boss',
    name: 'pg-boss 12.38',
    settings,
    tables: 'pgboss',
    async create({ connectionString, onJob }) {
      const boss = new PgBoss({ connectionString, ...(notify ? { useListenNotify: true, max: 20 } : {}) })
      boss.on('error', () => {})
      await boss.start()
      for (const queue of ['noop', 'slow']) await boss.createQueue(queue, notify ? { notify: true } : {})
      const pool = new pg.Pool({ connectionString, max: 1 })
      return {
        async bulk(n, from = 0) {
          for (let at = 0; at < n; at += 5000) {
            await boss.insert(
              'noop',
              Array.from({ length: Math.min(5000, n - at) }, (_, i) => ({ data: { i: from + at + i } })),
            )
          }
        },
        add: (data) => boss.send('noop', data),
        addSlow: (ms) => boss.send('slow', { ms }),
        async work() {
          const handle = async (jobs) => {
            for (const job of jobs) onJob(job.data)
          }
          await (options ? boss.work('noop', options, handle) : boss.work('noop', handle))
          await boss.work('slow', async ([job]) => pause(job.data.ms))
          return async () => {
            await boss.offWork('noop')
            await boss.offWork('slow')
          }
        },
        async empty(left = 0) {
          const { rows } = await pool.query(
            `select count(*)::int n from (select from pgboss.job where name = 'noop' and state < 'completed' limit $1) z`,
            [left + 1],
          )
          return rows[0].n <= left
        },
        async close() {
          await pool.end()
          await boss.stop({ graceful: false })
        },
      }
    },
  }
}

export const pgBossBest = pgBoss('best', best, true)
export const pgBossDefault = pgBoss('default')
