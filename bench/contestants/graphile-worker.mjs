import { Logger, makeWorkerUtils, run } from 'graphile-worker'
import pg from 'pg'
import { pause } from '../measure.mjs'

const best = { concurrentJobs: 24, pollInterval: 1000, localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 }

/** @param preset the worker's part of a preset; none = as it comes */
function graphile(settings, preset) {
  return {
    peer: 'graphile-worker',
    name: 'graphile-worker 0.18',
    settings,
    tables: 'graphile_worker',
    async create({ connectionString, onJob }) {
      const logger = new Logger(() => () => {})
      const pool = new pg.Pool({ connectionString, max: 10 })
      pool.on('error', () => {})
      pool.on('connect', (client) => client.on('error', () => {}))
      const utils = await makeWorkerUtils({ pgPool: pool, logger })
      await utils.migrate()
      return {
        async bulk(n, from = 0) {
          for (let at = 0; at < n; at += 5000) {
            const jobs = Array.from({ length: Math.min(5000, n - at) }, (_, i) => ({ identifier: 'noop', payload: { i: from + at + i } }))
            await utils.addJobs(jobs)
          }
        },
        add: (payload) => utils.addJob('noop', payload),
        addSlow: (ms) => utils.addJob('slow', { ms }),
        async work() {
          const runner = await run({
            pgPool: pool,
            logger,
            noHandleSignals: true,
            taskList: { noop: (payload) => onJob(payload), slow: ({ ms }) => pause(ms) },
            ...(preset ? { preset: { worker: preset } } : {}),
          })
          return () => runner.stop()
        },
        async empty(left = 0) {
          const { rows } = await pool.query('select count(*)::int n from (select from graphile_worker._private_jobs limit $1) z', [
            left + 1,
          ])
          return rows[0].n <= left
        },
        async close() {
          await utils.release()
          await pool.end()
        },
      }
    },
  }
}

export const graphileBest = graphile('best', best)
export const graphileDefault = graphile('default')
