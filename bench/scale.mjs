// npm run bench:scale [-- --finished 10000000 --waiting 1000000 --runs 50 --json]: twelve searches and the overview over a long
// history, made inside an embedded server of its own. Exit code 1 when a bar fails: 300 ms (the 99th percentile), a sequential scan
// of jobs or outcomes, 10 minutes or 20 GB for the history.
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { startEmbedded } from '../packages/trunkline/dist/embedded.js'
import { Trunkline } from '../packages/trunkline/dist/index.js'
import { pause, percentile } from './measure.mjs'

const barMs = 300
const rangeSize = 500_000
const { values } = parseArgs({
  options: {
    finished: { type: 'string', default: '10000000' },
    waiting: { type: 'string', default: '1000000' },
    runs: { type: 'string', default: '50' },
    json: { type: 'boolean', default: false },
  },
})
const count = (name) => {
  const n = Number(values[name])
  if (!Number.isInteger(n) || n < 1) {
    console.error(`error: --${name} is "${values[name]}"; allowed: a whole number from 1`)
    process.exit(2)
  }
  return n
}
const finished = count('finished')
const waiting = count('waiting')
const runs = count('runs')
const total = finished + waiting
const say = (text) => console.error(text)

async function measure(connectionString) {
  const clients = await Promise.all([1, 2].map(() => connect(connectionString)))
  const [admin] = clients
  const trunkline = await Trunkline.connect({ connectionString, migrate: true })
  const keeper = trunkline.keeper({ retention: { completed: false, failed: false, cancelled: false } })

  const begun = performance.now()
  await names(admin)
  await admin.query(`select setval('trunkline.id', ${total})`)
  // makes the partitions
  await keeper.runOnce()
  await fill(clients)
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
  if (values.json)
    console.log(JSON.stringify({ finished, waiting, runs, cores: cpus().length, generated, indexed, gigabytes, results, bad }))
  say(bad.length === 0 ? `all within ${barMs} ms (p99), no sequential scan of jobs` : `failed: ${bad.join(', ')}`)
  return bad.length > 0
}

async function connect(connectionString) {
  const client = new pg.Client({ connectionString })
  client.on('error', () => {})
  await client.connect()
  // the data is thrown away with the server
  await client.query('set synchronous_commit = off; set jit = off')
  return client
}

/** 40 tasks in 6 queues, 20 workers. Task 40 is rare, queue 6 as well. */
async function names(admin) {
  await admin.query(`
    insert into trunkline.queue(name) select unnest(array['default', 'mail', 'etl', 'media', 'backups', 'slow']);
    insert into trunkline.task(name, queue) select case n when 1 then 'email_send' when 2 then 'backup_create' when 3 then 'backup_prune' when 40 then 'report_yearly' else 'task_' || n end, 'default'
      from generate_series(1, 40) n;
    insert into trunkline.worker_past(id, name, host, pid, version, started_at, how, concurrency, queues, tasks)
      select n, 'worker-' || n, 'host' || n % 5, n, '0.1.0', now() - interval '30 days', 'stopped', 5, '{}', '{}' from generate_series(1000, 1019) n`)
}

// believable: a few tasks make most of the jobs, times thin out towards long ones, one in thirty fails, and all of it the same in every run
const shape = (g) => `
  select g id, (case when h < 400 then 1 when h < 550 then 4 when h < 600 then 2 when h < 620 then 3 when g % 50000 = 7 then 40 else 5 + (h % 35) end) task,
    (case when g % 2000 = 11 then 6 when h < 400 then 2 when h < 550 then 1 when h < 620 then 5 else 3 + (h % 2) end) queue,
    now() - case when g <= ${finished} then interval '1 hour' + interval '20 days' * (1 - g::float8 / ${finished}) else interval '1 hour' * (1 - (g - ${finished})::float8 / ${waiting}) end made, h, k
  from (select g, (hashint8extended(g, 1) & 1073741823) % 1000 h, (hashint8extended(g, 2) & 1073741823) % 10000 k from ${g}) s`

const jobsOf = (
  from,
  below,
  no,
) => `insert into trunkline.job_${no}(id, queue_id, task_id, priority, created_at, created_by, payload, key, tags)
  select id, queue, task, case when k % 50 = 0 then -5 else 0 end, made, case when k % 20 = 3 then 'user:anna@example.com' when k % 3 = 0 then 'user:import' end,
    jsonb_build_object('n', k, 'customer', jsonb_build_object('id', h), 'path', '/var/data/' || id || '.csv'), case when k % 100 = 5 then 'key-' || id end,
    case when k = 77 then '{vip}'::text[] when k % 25 = 4 then '{nightly,eu}'::text[] end
  from (${shape(`generate_series(${from}, ${below - 1}) g`)}) z`

const outcomesOf = (
  from,
  below,
  no,
) => `insert into trunkline.outcome_${no}(id, status, attempt, worker_id, queue_id, task_id, started_at, finished_at, result, error)
  select id, status, case when status = 3 then 4 when k % 30 = 1 then 1 else 0 end, 1000 + k % 20, queue, task, began, began + interval '1 ms' * least(7200000, 600 / (1.0001 - k / 10000.0)),
    case when status = 2 then '{"rows": 120}'::jsonb end,
    case when status = 3 then jsonb_build_object('message', (array['deadlock detected', 'connection reset by peer', 'no such file', 'timeout of 30s', 'disk full'])[1 + h % 5],
      'reason', (array['fatal', 'timeout', 'crash_limit'])[1 + h % 3], 'fingerprint', substr(md5((h % 60)::text), 1, 16), 'stack', repeat('at run (/srv/app/worker.js:10:3) ', 6)) end
  from (select *, case when k % 33 = 5 then 3 when k % 100 = 9 then 4 else 2 end status, made + interval '1 ms' * (k % 4000) began from (${shape(`generate_series(${from}, ${below - 1}) g`)}) y) z`

/** Jobs on one connection, outcomes on the other, straight into the partitions. */
async function fill([one, two]) {
  const parts = []
  for (let from = 1; from <= total; ) {
    const below = Math.min(total + 1, (Math.floor(from / rangeSize) + 1) * rangeSize)
    parts.push([from, below, Math.floor(from / rangeSize)])
    from = below
  }
  const make = async (client, text, most) => {
    for (const [from, below, no] of parts) if (from <= most) await client.query(text(from, Math.min(below, most + 1), no))
  }
  await Promise.all([make(one, jobsOf, total), make(two, outcomesOf, finished)])
  // four of five are due, in chunks as enqueue leaves them; the rest waits for its time
  await one.query(`insert into trunkline.ready(queue_id, priority, seq, n, ids) select queue_id, priority, min(id), count(*), array_agg(id order by id)
    from (select *, row_number() over (partition by queue_id, priority order by id) r from trunkline.job where id > ${finished} and id % 5 <> 0) z group by queue_id, priority, r / 100`)
  await one.query(`insert into trunkline.scheduled(id, run_at, queue_id, priority, attempt, why) select id, now() + id % 100000 * interval '1 s', queue_id, priority, 0, case when id % 50 = 0 then 1 else 0 end
    from trunkline.job where id > ${finished} and id % 5 = 0`)
  await one.query(
    `insert into trunkline.stat(minute, queue_id, task_id, status, n, sum_us) select date_trunc('hour', finished_at), queue_id, task_id, status, count(*), 1000 from trunkline.outcome group by 1, 2, 3, 4`,
  )
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
