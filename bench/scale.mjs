// npm run bench:scale [-- --finished 10000000 --waiting 1000000 --runs 50 --json]: searches and the overview over a long
// history, made inside an embedded server of its own. Exit code 1 when a bar fails: 300 ms (the 99th percentile), a sequential scan
// of jobs or outcomes, 10 minutes or 20 GB for the history.
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbedded } from '../packages/trunkline/dist/embedded.js'
import { Trunkline } from '../packages/trunkline/dist/index.js'
import { connectTwice, makeHistory } from './history.mjs'
import { pause, percentile } from './measure.mjs'
import { readOptions } from './options.mjs'

const barMs = 300
const { finished, waiting, runs, json } = readOptions({ finished: 10_000_000, waiting: 1_000_000, runs: 50 }, ['json'])
const total = finished + waiting
const say = (text) => console.error(text)

async function measure(connectionString) {
  const clients = await connectTwice(connectionString)
  const [admin] = clients
  const trunkline = await Trunkline.connect({ connectionString, migrate: true })
  const keeper = trunkline.keeper({ retention: { completed: false, failed: false, cancelled: false } })

  const begun = performance.now()
  await makeHistory({ clients, keeper, finished, waiting })
  const generated = (performance.now() - begun) / 1000
  say(`${total} jobs generated in ${generated.toFixed(0)} s`)
  const indexing = performance.now()
  await keeper.runOnce()
  await admin.query('vacuum analyze')
  const indexed = (performance.now() - indexing) / 1000
  const { rows } = await admin.query('select pg_database_size(current_database())::float8 n')
  const gigabytes = rows[0].n / 1e9
  say(`indexes and statistics in ${indexed.toFixed(0)} s; ${gigabytes.toFixed(1)} GB`)

  const results = []
  for (const [name, run] of Object.entries(await calls(admin, trunkline))) {
    const before = await scans(admin)
    const times = []
    let found
    for (let turn = 0; turn <= runs; turn++) {
      const started = performance.now()
      found = await run()
      times.push(performance.now() - started)
    }
    const [first, ...rest] = times
    const scanned = (await scans(admin)) - before
    const line = { name, first, p50: percentile(rest, 0.5), p99: percentile(rest, 0.99), scans: scanned, found }
    results.push(line)
    say(
      `${name.padEnd(34)} p50 ${line.p50.toFixed(1).padStart(6)} ms  p99 ${line.p99.toFixed(1).padStart(6)} ms  first ${first.toFixed(0).padStart(5)} ms  ` +
        `sequential scans ${scanned}  ${found}${line.p99 > barMs || scanned > 0 ? '  FAILS' : ''}`,
    )
  }
  await trunkline.close()
  await Promise.all(clients.map((client) => client.end()))
  const bad = results.filter((line) => line.p99 > barMs || line.scans > 0).map((line) => line.name)
  if (generated > 600) bad.push(`the history took ${generated.toFixed(0)} s`)
  if (gigabytes > 20) bad.push(`it has ${gigabytes.toFixed(1)} GB`)
  if (json) console.log(JSON.stringify({ finished, waiting, runs, cores: cpus().length, generated, indexed, gigabytes, results, bad }))
  say(bad.length === 0 ? `all within ${barMs} ms (p99), no sequential scan of jobs` : `failed: ${bad.join(', ')}`)
  return bad.length > 0
}

async function calls(admin, trunkline) {
  const search =
    (q, more = {}) =>
    async () => {
      const { jobs, total: all, totalIsEstimate, complete } = await trunkline.search({ q, ...more })
      return `${jobs.length} of ${all}${totalIsEstimate ? ' (estimate)' : ''}${complete ? '' : ', cut short'}`
    }
  const { rows } = await admin.query(
    `select error ->> 'fingerprint' f, date_trunc('day', now() - interval '9 days')::date::text d from trunkline.outcome where status = 3 limit 1`,
  )
  const [{ f, d }] = rows
  return {
    'the newest': search(''),
    failed: search('state:failed'),
    'a common task': search('task:email_send'),
    'a rare task': search('task:report_yearly'),
    'failed backups of a day': search('state:failed task:backup_* age:<24h'),
    'a queue on a day': search(`queue:slow created:${d}`),
    'a rare tag': search('tag:vip'),
    'long runs': search('duration:>10m'),
    'the longest runs': search('state:completed', { sortBy: 'duration' }),
    'waiting in a queue': search('state:pending queue:slow'),
    'an error text of a day': search('state:failed age:<24h error:"deadlock"'),
    'a cause': search(`fingerprint:${f}`),
    'a tree': search('(state:failed OR tag:nightly) -queue:etl attempt:>=2 by:user:anna@example.com'),
    'overview figures': async () => `${(await trunkline.queues()).length} queues`,
  }
}

/** Sequential scans of jobs and outcomes so far. */
async function scans(admin) {
  // a backend tells its figures at most once a second
  await pause(1200)
  const { rows } = await admin.query(
    `select coalesce(sum(seq_scan), 0)::int n from pg_stat_user_tables where schemaname = 'trunkline' and relname ~ '^(job|outcome)(_[0-9]+)?$'`,
  )
  return rows[0].n
}

const dataDir = mkdtempSync(join(tmpdir(), 'trunkline-scale-'))
const server = await startEmbedded({ dataDir })
let failed = false
try {
  failed = await measure(server.connectionString())
} finally {
  await server.stop()
  rmSync(dataDir, { recursive: true, force: true })
}
process.exit(failed ? 1 : 0)
