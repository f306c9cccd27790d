// npm run bench [-- --jobs 100000 --rounds 3]: Trunkline in its default settings against graphile-worker in its best ones, interleaved
// in one run on one embedded server. Prints Markdown and JSON; the peers come from bench/package.json, installed on demand.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const here = fileURLToPath(new URL('.', import.meta.url))
const root = join(here, '..')
const { values } = parseArgs({
  options: {
    jobs: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '3' },
    json: { type: 'boolean', default: false },
  },
})
const total = Number(values.jobs)
const rounds = Number(values.rounds)

if (!existsSync(join(here, 'node_modules'))) execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: here, stdio: 'inherit' })
execFileSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: 'inherit' })
const { startEmbedded } = await import('../packages/trunkline/dist/embedded.js')
const { Trunkline, defineTask } = await import('../packages/trunkline/dist/index.js')
const { run, Logger, makeWorkerUtils } = await import('graphile-worker')
const { default: pg } = await import('pg')

const dataDir = mkdtempSync(join(tmpdir(), 'trunkline-bench-'))
const server = await startEmbedded({ dataDir })
const admin = new pg.Client({ connectionString: server.connectionString('postgres') })
await admin.connect()
for (const name of ['ours', 'chatty', 'graphile']) await admin.query(`create database ${name}`)

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** Time, WAL and server CPU-independent figures of one phase. */
async function measured(work) {
  const wal = async () => BigInt((await admin.query(`select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::text n`)).rows[0].n)
  await admin.query('checkpoint')
  const before = await wal()
  const cpu = process.cpuUsage()
  const begun = performance.now()
  await work()
  const ms = performance.now() - begun
  const used = process.cpuUsage(cpu)
  return {
    perSecond: Math.round((total / ms) * 1000),
    walPerJob: Number((await wal()) - before) / total,
    clientUsPerJob: (used.user + used.system) / total,
  }
}

/** @param chatty beside the drain one handler of the same worker writes 10,000 log lines a second */
async function trunklineContestant({ chatty = false } = {}) {
  const connectionString = server.connectionString(chatty ? 'chatty' : 'ours')
  const noop = defineTask('noop', { run() {} })
  const chat = defineTask('chat', {
    queue: 'chat',
    async run({ log, signal }) {
      const begun = performance.now()
      for (let lines = 0; !signal.aborted; ) {
        for (const due = (performance.now() - begun) * 10; lines < due; lines++)
          log.info('one line of a handler that has much to say', { lines })
        await pause(5)
      }
    },
  })
  const trunkline = await Trunkline.connect({ connectionString, migrate: true })
  const payloads = Array.from({ length: total }, (_, i) => ({ i }))
  const counts = async () => (await trunkline.queues()).find((q) => q.queue === 'default') ?? { due: 0, running: 0 }
  return {
    name: chatty ? 'Trunkline beside 10,000 log lines/s' : 'Trunkline, default settings',
    enqueue: () => trunkline.enqueueMany(noop, payloads),
    async drain() {
      const talker = chatty ? await trunkline.enqueue(chat, {}) : null
      const worker = await trunkline.work([noop, chat])
      for (;;) {
        const { due, running } = await counts()
        if (due + running === 0) break
        await pause(10)
      }
      return async () => {
        if (talker) await trunkline.cancel(talker.id)
        await worker.stop()
      }
    },
    close: () => trunkline.close(),
  }
}

async function graphileContestant() {
  const connectionString = server.connectionString('graphile')
  const logger = new Logger(() => () => {})
  const pool = new pg.Pool({ connectionString, max: 10 })
  const utils = await makeWorkerUtils({ pgPool: pool, logger })
  await utils.migrate()
  return {
    name: 'graphile-worker 0.18, best settings',
    async enqueue() {
      for (let from = 0; from < total; from += 5000) {
        await utils.addJobs(
          Array.from({ length: Math.min(5000, total - from) }, (_, i) => ({ identifier: 'noop', payload: { i: from + i } })),
        )
      }
    },
    async drain() {
      let done = 0
      const runner = await run({
        pgPool: pool,
        logger,
        noHandleSignals: true,
        taskList: { noop: () => void done++ },
        preset: {
          worker: { concurrentJobs: 24, pollInterval: 1000, localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 },
        },
      })
      while (done < total) await pause(5)
      for (;;) {
        const { rows } = await pool.query('select exists(select from graphile_worker._private_jobs) left_over')
        if (!rows[0].left_over) break
        await pause(5)
      }
      return () => runner.stop()
    },
    async close() {
      await utils.release()
      await pool.end()
    },
  }
}

const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)]
const contestants = [await trunklineContestant(), await trunklineContestant({ chatty: true }), await graphileContestant()]
const results = contestants.map((c) => ({ name: c.name, enqueue: [], drain: [] }))
try {
  for (let round = 0; round < rounds; round++) {
    for (const [i, contestant] of contestants.entries()) {
      results[i].enqueue.push(await measured(() => contestant.enqueue()))
      let stop
      results[i].drain.push(
        await measured(async () => {
          stop = await contestant.drain()
        }),
      )
      await stop()
      console.error(`round ${round + 1}: ${contestant.name}: drain ${results[i].drain.at(-1).perSecond}/s`)
    }
  }
} finally {
  for (const contestant of contestants) await contestant.close()
  await admin.end()
  await server.stop()
  rmSync(dataDir, { recursive: true, force: true })
}

const rows = results.map((r) => ({
  name: r.name,
  enqueuePerSecond: median(r.enqueue.map((x) => x.perSecond)),
  drainPerSecond: median(r.drain.map((x) => x.perSecond)),
  drainRounds: r.drain.map((x) => x.perSecond),
  walPerJob: Math.round(median(r.drain.map((x) => x.walPerJob))),
  clientUsPerJob: Math.round(median(r.drain.map((x) => x.clientUsPerJob)) * 10) / 10,
}))
const [ours, chatty, theirs] = rows
const ratio = (a, b) => (a / b).toFixed(2)
if (values.json) console.log(JSON.stringify({ jobs: total, rounds, node: process.versions.node, cpus: cpus().length, rows }, null, 2))
else {
  console.log(
    `\n${total.toLocaleString('en-US')} jobs, ${rounds} interleaved rounds, medians; PostgreSQL ${server.version}, Node ${process.versions.node}, ${cpus().length} cores, version ${JSON.parse(readFileSync(join(root, 'package.json'))).version}\n`,
  )
  console.log('| | bulk enqueue, jobs/s | drain, jobs/s (rounds) | WAL, B/job of the drain | client CPU, µs/job |\n|---|---|---|---|---|')
  for (const r of rows)
    console.log(
      `| ${r.name} | ${r.enqueuePerSecond} | ${r.drainPerSecond} (${r.drainRounds.join(', ')}) | ${r.walPerJob} | ${r.clientUsPerJob} |`,
    )
  console.log(
    `| ratio to graphile-worker | ${ratio(ours.enqueuePerSecond, theirs.enqueuePerSecond)} | **${ratio(ours.drainPerSecond, theirs.drainPerSecond)}** | ${ratio(ours.walPerJob, theirs.walPerJob)} | ${ratio(ours.clientUsPerJob, theirs.clientUsPerJob)} |`,
  )
  console.log(`| beside the log lines, ratio to without | | **${ratio(chatty.drainPerSecond, ours.drainPerSecond)}** | | |`)
}
