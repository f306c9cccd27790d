import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineTask, Trunkline } from '../../packages/trunkline/dist/index.js'

const warmUp = 50

/** A server in a process of its own, as `npm run bench:sockets` has one. */
async function startServer(connectionString, dataDir) {
  const child = fork(new URL('../sockets/server.mjs', import.meta.url), {
    env: { ...process.env, DATABASE_URL: connectionString, BENCH_DATA: dataDir },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const started = new Promise((resolve) => child.once('message', ({ answer }) => resolve(answer)))
  child.send({ no: 1, what: 'start', given: {} })
  const answer = await Promise.race([
    started,
    ended.then((code) => Promise.reject(new Error(`the server ended with code ${code} before it listened`))),
  ])
  return {
    ...answer,
    async stop() {
      child.kill('SIGTERM')
      await ended
    },
  }
}

async function create({ address, token }, description) {
  const begun = performance.now()
  const answer = await fetch(`${address}/api/erp/backups/create`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ description }),
  })
  const { success, job_id: id } = await answer.json()
  if (answer.status !== 202 || !success || !id) throw new Error(`POST /api/erp/backups/create answered ${answer.status}`)
  return performance.now() - begun
}

/**
 * How long `POST /api/erp/backups/create` takes until its answer is read, in ms: `samples` calls one after the other, over a connection
 * that is kept. A worker takes the jobs meanwhile; the backups themselves are nothing here.
 */
export async function facade(connectionString, samples) {
  const dataDir = mkdtempSync(join(tmpdir(), 'trunkline-facade-'))
  const queue = await Trunkline.connect({ connectionString, migrate: true })
  const worker = await queue.work([defineTask('backup_create', { run() {} })])
  try {
    const server = await startServer(connectionString, dataDir)
    try {
      const found = []
      for (let i = 0; i < warmUp + samples; i++) {
        const ms = await create(server, `nightly ${i}`)
        if (i >= warmUp) found.push(ms)
      }
      return found
    } finally {
      await server.stop()
    }
  } finally {
    await worker.stop()
    await queue.close()
    rmSync(dataDir, { recursive: true, force: true })
  }
}
