// npm run soak [-- --minutes 10]: one process that enqueues and works at full rate, watched for what grows: memory after a forced
// collection, connections, timers, open files, dead rows. Exit code 1 when one of them does.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { startEmbedded } from '../packages/trunkline/dist/embedded.js'
import { defineTask, Trunkline } from '../packages/trunkline/dist/index.js'
import { median, pause } from './measure.mjs'

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' }, json: { type: 'boolean', default: false } } })
const minutes = Number(values.minutes)
if (!(minutes > 0)) {
  console.error(`error: --minutes is "${values.minutes}"; allowed: a number above 0`)
  process.exit(2)
}
if (!global.gc) process.exit(spawnSync(process.execPath, ['--expose-gc', ...process.argv.slice(1)], { stdio: 'inherit' }).status ?? 1)

const dataDir = mkdtempSync(join(tmpdir(), 'trunkline-soak-'))
const server = await startEmbedded({ dataDir })
const connectionString = server.connectionString()
const admin = new pg.Client({ connectionString })
admin.on('error', () => {})
await admin.connect()
const trunkline = await Trunkline.connect({ connectionString, migrate: true })
let done = 0
const noop = defineTask('noop', {
  run({ log }) {
    // one in a hundred says something, so that the path of feedback is walked as well
    if (++done % 100 === 0) log.info('one of a hundred')
  },
})
const worker = await trunkline.work([noop], { concurrency: 5 })

const begun = performance.now()
const elapsed = () => (performance.now() - begun) / 60_000
let made = 0
const producer = (async () => {
  while (elapsed() < minutes) {
    if (made - done > 20_000) await pause(5)
    else {
      await trunkline.enqueueMany(
        noop,
        Array.from({ length: 5000 }, (_, i) => ({ i })),
      )
      made += 5000
    }
  }
})()

const samples = []
while (elapsed() < minutes) {
  await pause(Math.min(5000, minutes * 1000))
  for (let i = 0; i < 3; i++) global.gc()
  const { rows } = await admin.query(`select (select count(*)::int from pg_stat_activity where datname = current_database()) connections,
    (select coalesce(sum(n_dead_tup), 0)::float8 from pg_stat_user_tables where schemaname = 'trunkline') dead,
    pg_database_size(current_database())::float8 disk`)
  const resources = process.getActiveResourcesInfo()
  samples.push({
    minute: elapsed(),
    rss: process.memoryUsage.rss() / 1e6,
    heap: process.memoryUsage().heapUsed / 1e6,
    timers: resources.filter((name) => name === 'Timeout').length,
    files: readdirSync('/proc/self/fd').length,
    done,
    ...rows[0],
  })
  const s = samples.at(-1)
  console.error(
    `${s.minute.toFixed(1)} min: ${done} jobs, rss ${s.rss.toFixed(1)} MB, heap ${s.heap.toFixed(1)} MB, ${s.connections} connections, ${s.timers} timers, ${s.files} files, ${s.dead} dead rows`,
  )
}
await producer
while (done < made) await pause(20)
const wrong = await trunkline.reconcile()
await worker.stop()
await trunkline.close()
await admin.end()
await server.stop()
rmSync(dataDir, { recursive: true, force: true })

const warm = samples.filter((s) => s.minute > minutes * 0.2)
/** Least squares: growth a minute, and the upper end of its 95 % interval. */
function slope(read) {
  const n = warm.length
  const x = warm.map((s) => s.minute)
  const y = warm.map(read)
  const mx = x.reduce((a, b) => a + b, 0) / n
  const my = y.reduce((a, b) => a + b, 0) / n
  const sxx = x.reduce((a, v) => a + (v - mx) ** 2, 0)
  const b = x.reduce((a, v, i) => a + (v - mx) * (y[i] - my), 0) / sxx
  const rest = y.reduce((a, v, i) => a + (v - my - b * (x[i] - mx)) ** 2, 0)
  return { perMinute: b, atMost: b + 1.96 * Math.sqrt(rest / Math.max(1, n - 2) / sxx) }
}
const half = (list, which) => (which === 0 ? list.slice(0, Math.floor(list.length / 2)) : list.slice(Math.floor(list.length / 2)))
const growth = (read) => median(half(warm, 1).map(read)) - median(half(warm, 0).map(read))
const heap = slope((s) => s.heap)
const rss = slope((s) => s.rss)
const dead = [0, 1].map((which) => Math.max(...half(warm, which).map((s) => s.dead)))
const verdicts = [
  ['heap after collection, MB a minute', heap.perMinute, '< 1', heap.perMinute < 1],
  ['resident memory, MB a minute', rss.perMinute, '< 1', rss.perMinute < 1],
  ['connections, later less earlier', growth((s) => s.connections), '0', growth((s) => s.connections) <= 0],
  ['timers, later less earlier', growth((s) => s.timers), '≤ 1', growth((s) => s.timers) <= 1],
  ['open files, later less earlier', growth((s) => s.files), '0', growth((s) => s.files) <= 0],
  ['dead rows, later peak by earlier peak', dead[1] / Math.max(1, dead[0]), '≤ 2', dead[1] <= 2 * Math.max(10_000, dead[0])],
  ['counters that do not agree', wrong.length, '0', wrong.length === 0],
]
if (values.json) console.log(JSON.stringify({ minutes, jobs: made, heap, rss, samples, verdicts }, null, 2))
else {
  console.log(
    `${made.toLocaleString('en-US')} jobs in ${minutes} minutes; heap ${heap.perMinute.toFixed(3)} MB a minute (95 %: at most ${heap.atMost.toFixed(3)})\n`,
  )
  console.log('| what | found | wanted | |\n|---|---|---|---|')
  for (const [what, found, wanted, holds] of verdicts)
    console.log(`| ${what} | ${found.toFixed(3)} | ${wanted} | ${holds ? 'holds' : '**does not hold**'} |`)
}
process.exitCode = verdicts.every(([, , , holds]) => holds) ? 0 : 1
