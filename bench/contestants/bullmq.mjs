import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Queue, Worker } from 'bullmq'
import { pause } from '../measure.mjs'

/**
 * Starts Debian's redis-server on a port of its own with an append-only file that is written to disk once a second, as BullMQ's users are
 * told to: the last second of accepted jobs can be lost in a crash, which none of the databases here does. Null where there is none.
 */
export async function startRedis() {
  const port = await new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address()
      probe.close(() => resolve(port))
    })
  })
  const dir = mkdtempSync(join(tmpdir(), 'trunkline-bench-redis-'))
  const args = ['--port', port, '--bind', '127.0.0.1', '--dir', dir, '--appendonly', 'yes', '--appendfsync', 'everysec', '--save', '']
  const child = spawn('redis-server', args.map(String), { stdio: ['ignore', 'pipe', 'ignore'] })
  const ready = await new Promise((resolve) => {
    child.once('error', () => resolve(false))
    child.once('exit', () => resolve(false))
    let text = ''
    child.stdout?.on('data', (part) => {
      text += part
      if (/ready to accept connections/i.test(text)) resolve(true)
    })
  })
  const clear = () => rmSync(dir, { recursive: true, force: true })
  if (!ready) {
    clear()
    return null
  }
  return {
    port,
    pid: child.pid,
    async stop() {
      const gone = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGTERM')
      await gone
      clear()
    },
  }
}

/** @param concurrency of its worker; none = as it comes (one) */
function bullmq(settings, concurrency) {
  return {
    peer: 'bullmq',
    name: 'BullMQ 6.7 (Redis, fsync once a second)',
    settings,
    redis: true,
    async create({ redisPort, name, onJob }) {
      const connection = { host: '127.0.0.1', port: redisPort, maxRetriesPerRequest: null }
      const queue = new Queue(name, { connection })
      return {
        async bulk(n, from = 0) {
          for (let at = 0; at < n; at += 5000) {
            await queue.addBulk(Array.from({ length: Math.min(5000, n - at) }, (_, i) => ({ name: 'noop', data: { i: from + at + i } })))
          }
        },
        add: (data) => queue.add('noop', data),
        addSlow: (ms) => queue.add('slow', { ms }),
        async work() {
          const handle = async (job) => (job.name === 'slow' ? pause(job.data.ms) : onJob(job.data))
          const worker = new Worker(name, handle, { connection, ...(concurrency ? { concurrency } : {}) })
          worker.on('error', () => {})
          await worker.waitUntilReady()
          return () => worker.close()
        },
        async empty(left = 0) {
          const counts = await queue.getJobCounts('waiting', 'active', 'prioritized')
          return Object.values(counts).reduce((sum, n) => sum + n, 0) <= left
        },
        async close() {
          await queue.close()
        },
      }
    },
  }
}

export const bullmqBest = bullmq('best', 100)
export const bullmqDefault = bullmq('default')
