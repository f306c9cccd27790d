// A long, believable history for npm run bench:scale and bench:console.
import pg from 'pg'

const rangeSize = 500_000

/** Two connections for {@link makeHistory}. What they write is thrown away with the server. */
export async function connectTwice(connectionString) {
  return await Promise.all([1, 2].map(() => connect(connectionString)))
}

async function connect(connectionString) {
  const client = new pg.Client({ connectionString })
  client.on('error', () => {})
  await client.connect()
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
const shape = ({ finished, waiting }, g) => `
  select g id, (case when h < 400 then 1 when h < 550 then 4 when h < 600 then 2 when h < 620 then 3 when g % 50000 = 7 then 40 else 5 + (h % 35) end) task,
    (case when g % 2000 = 11 then 6 when h < 400 then 2 when h < 550 then 1 when h < 620 then 5 else 3 + (h % 2) end) queue,
    now() - case when g <= ${finished} then interval '1 hour' + interval '20 days' * (1 - g::float8 / ${finished}) else interval '1 hour' * (1 - (g - ${finished})::float8 / ${waiting}) end made, h, k
  from (select g, (hashint8extended(g, 1) & 1073741823) % 1000 h, (hashint8extended(g, 2) & 1073741823) % 10000 k from ${g}) s`

const jobsOf = (
  size,
  from,
  below,
  no,
) => `insert into trunkline.job_${no}(id, queue_id, task_id, priority, created_at, created_by, payload, key, tags)
  select id, queue, task, case when k % 50 = 0 then -5 else 0 end, made, case when k % 20 = 3 then 'user:anna@example.com' when k % 3 = 0 then 'user:import' end,
    jsonb_build_object('n', k, 'customer', jsonb_build_object('id', h), 'path', '/var/data/' || id || '.csv'), case when k % 100 = 5 then 'key-' || id end,
    case when k = 77 then '{vip}'::text[] when k % 25 = 4 then '{nightly,eu}'::text[] end
  from (${shape(size, `generate_series(${from}, ${below - 1}) g`)}) z`

const outcomesOf = (
  size,
  from,
  below,
  no,
) => `insert into trunkline.outcome_${no}(id, status, attempt, worker_id, queue_id, task_id, started_at, finished_at, result, error)
  select id, status, case when status = 3 then 4 when k % 30 = 1 then 1 else 0 end, 1000 + k % 20, queue, task, began, began + interval '1 ms' * least(7200000, 600 / (1.0001 - k / 10000.0)),
    case when status = 2 then '{"rows": 120}'::jsonb end,
    case when status = 3 then jsonb_build_object('message', (array['deadlock detected', 'connection reset by peer', 'no such file', 'timeout of 30s', 'disk full'])[1 + h % 5],
      'reason', (array['fatal', 'timeout', 'crash_limit'])[1 + h % 3], 'fingerprint', substr(md5((h % 60)::text), 1, 16), 'stack', repeat('at run (/srv/app/worker.js:10:3) ', 6)) end
  from (select *, case when k % 33 = 5 then 3 when k % 100 = 9 then 4 else 2 end status, made + interval '1 ms' * (k % 4000) began from (${shape(size, `generate_series(${from}, ${below - 1}) g`)}) y) z`

/**
 * Makes a history in SQL, in a database that has nothing but its tables: jobs on one connection, outcomes on the other, straight into
 * the partitions. Jobs have the numbers 1 to `finished + waiting`; the keeper makes the partitions first.
 */
export async function makeHistory({ clients: [one, two], keeper, finished, waiting }) {
  const total = finished + waiting
  const size = { finished, waiting }
  await names(one)
  await one.query(`select setval('trunkline.id', ${total})`)
  await keeper.runOnce()
  const parts = []
  for (let from = 1; from <= total; ) {
    const below = Math.min(total + 1, (Math.floor(from / rangeSize) + 1) * rangeSize)
    parts.push([from, below, Math.floor(from / rangeSize)])
    from = below
  }
  const make = async (client, text, most) => {
    for (const [from, below, no] of parts) if (from <= most) await client.query(text(size, from, Math.min(below, most + 1), no))
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
