import { median } from './measure.mjs'

const number = (n) => (n >= 100 ? Math.round(n).toLocaleString('en-US') : String(Math.round(n * 100) / 100))
const mid = (played, read) => median(played.rounds.map(read))
const titled = (p) => `${p.name}, ${p.settings}`
const table = (head, rows) => [
  `| ${head.join(' | ')} |`,
  `|${head.map(() => '---').join('|')}|`,
  ...rows.map((row) => `| ${row.join(' | ')} |`),
]

/** Prints Markdown, or JSON, of what was measured, and whether each bar of issue and documents holds. */
export function report(options, results) {
  const bars = Object.entries(results).flatMap(([name, played]) => (judges[name] ?? (() => []))(played))
  if (options.json) {
    const { dataDir: _, clear: __, ...told } = options
    console.log(JSON.stringify({ ...told, results, bars }, null, 2))
    return
  }
  const lines = [
    `${options.jobs.toLocaleString('en-US')} jobs, ${options.rounds} interleaved rounds, medians; PostgreSQL ${options.postgres}, Node ${options.node} for all, ${options.cores} cores, Trunkline ${options.version}${options.redis ? '' : '; without BullMQ: no redis-server here'}`,
  ]
  for (const [name, played] of Object.entries(results)) lines.push('', ...tables[name](played))
  if (bars.length > 0) {
    lines.push(
      '',
      ...table(
        ['bar', 'wanted', 'found', ''],
        bars.map((b) => [b.what, b.wanted, number(b.found), b.holds ? 'holds' : '**does not hold**']),
      ),
    )
  }
  console.log(lines.join('\n'))
}

const tables = {
  drain: (played) =>
    table(
      [
        'bulk enqueue and drain',
        'bulk, jobs/s',
        'drain, jobs/s (rounds)',
        'WAL, B/job',
        'server CPU, µs/job',
        'client CPU, µs/job',
        'tables after it, MB',
      ],
      played.map((p) => [
        titled(p),
        number(mid(p, (r) => r.bulk.perSecond)),
        `${number(mid(p, (r) => r.drain.perSecond))} (${p.rounds.map((r) => number(r.drain.perSecond)).join('; ')})`,
        p.peer === 'bullmq' ? '–' : number(mid(p, (r) => r.drain.walPerJob)),
        number(mid(p, (r) => r.drain.serverUsPerJob)),
        p.peer === 'plain-sql' ? '–' : number(mid(p, (r) => r.drain.clientUsPerJob)),
        p.size === null ? '–' : number(p.size / 1e6),
      ]),
    ),
  logs: (played) => pair(played, 'drain beside 10,000 log lines/s, jobs/s', 'without', 'beside'),
  pinned: (played) => pair(played, 'drain under a pinned snapshot, jobs/s', 'without', 'pinned'),
  backlog: (played) => pair(played, 'drain of the first jobs of a backlog, µs/job', 'without', 'backlog'),
  adds: (played) =>
    table(
      ['single adds, jobs/s', '1 caller', '10 callers'],
      played.map((p) => [titled(p), number(mid(p, (r) => r.one)), number(mid(p, (r) => r.ten))]),
    ),
  pickup: (played) =>
    table(
      ['pickup by an idle worker, ms', 'p50', 'p99'],
      played.map((p) => [titled(p), number(mid(p, (r) => r.p50)), number(mid(p, (r) => r.p99))]),
    ),
  flows: (played) => pair(played, 'jobs of which half wait for another, µs/job', 'without', 'beside'),
  gates: (played) =>
    table(
      ['drain, jobs/s', 'no limit', 'limit of the queue', '1,000 keys, one at a time each'],
      played.map((p) => [titled(p), ...['without', 'limited', 'keyed'].map((name) => number(mid(p, (r) => r[name])))]),
    ),
  rates: (played) =>
    table(
      ['100 starts a second for a minute', '% of them'],
      played.map((p) => [titled(p), number(mid(p, (r) => r.starts))]),
    ),
  schedules: (played) =>
    table(
      ['10,000 schedules', 'a look, p99 ms', 'late p50, ms', 'late p99, ms', 'slots/s', 'calendar of a month, p95 ms'],
      played.map((p) => [titled(p), ...['tick', 'p50', 'p99', 'perSecond', 'month'].map((name) => number(mid(p, (r) => r[name])))]),
    ),
  facade: (played) =>
    table(
      ['`POST /api/erp/backups/create`, answered after ms', 'p50', 'p99'],
      played.map((p) => [titled(p), number(mid(p, (r) => r.p50)), number(mid(p, (r) => r.p99))]),
    ),
  slow: (played) => pair(played, '20,000 quick jobs beside one of 8 s, ms', 'without', 'beside'),
  defaults: (played) =>
    table(
      ['out of the box: drain', 'jobs/s'],
      played.map((p) => [titled(p), number(mid(p, (r) => r.perSecond))]),
    ),
}

function pair(played, title, without, other) {
  return table(
    [title, 'without', 'with', 'ratio'],
    played.map((p) => [
      titled(p),
      number(mid(p, (r) => r[without])),
      number(mid(p, (r) => r[other])),
      number(mid(p, (r) => r[other] / r[without])),
    ]),
  )
}

const of = (played, peer) => played.find((p) => p.peer === peer)
const bar = (what, wanted, found, holds) => ({ what, wanted, found, holds })
const atLeast = (what, wanted, found) => bar(what, `≥ ${wanted}`, found, found >= wanted)
const atMost = (what, wanted, found) => bar(what, `≤ ${wanted}`, found, found <= wanted)
/** The best of the peers that keep their jobs in PostgreSQL. */
const bestPeer = (played, read) => Math.max(...['graphile-worker', 'pg-boss'].map((peer) => mid(of(played, peer), read)))

const judges = {
  drain: (played) => [
    atLeast(
      'drain with history, × the best PostgreSQL peer',
      1.6,
      mid(of(played, 'trunkline'), (r) => r.drain.perSecond) / bestPeer(played, (r) => r.drain.perSecond),
    ),
    atLeast(
      'bulk enqueue, × the best PostgreSQL peer',
      1.5,
      mid(of(played, 'trunkline'), (r) => r.bulk.perSecond) / bestPeer(played, (r) => r.bulk.perSecond),
    ),
  ],
  logs: (played) => [
    atLeast(
      'drain beside 10,000 log lines/s, × without',
      0.8,
      mid(of(played, 'trunkline'), (r) => r.beside / r.without),
    ),
  ],
  pinned: (played) => [
    atLeast(
      'drain under a pinned snapshot, × without',
      0.7,
      mid(of(played, 'trunkline'), (r) => r.pinned / r.without),
    ),
  ],
  backlog: (played) => [
    atMost(
      'time per job at a backlog of a million, × without',
      1.2,
      mid(of(played, 'trunkline'), (r) => r.backlog / r.without),
    ),
  ],
  adds: (played) => [
    atLeast(
      'ten concurrent adds, × the best PostgreSQL peer',
      5,
      mid(of(played, 'trunkline'), (r) => r.ten) / bestPeer(played, (r) => r.ten),
    ),
  ],
  pickup: (played) => {
    const [ours, theirs] = [of(played, 'trunkline'), of(played, 'graphile-worker')]
    return ['p50', 'p99'].map((p) => atMost(`pickup ${p}, × graphile-worker's`, 1, mid(ours, (r) => r[p]) / mid(theirs, (r) => r[p])))
  },
  flows: (played) => [
    atMost(
      'time per job where half wait for another, × without',
      1.2,
      mid(of(played, 'trunkline'), (r) => r.beside / r.without),
    ),
  ],
  gates: (played) => [
    atLeast(
      'drain under a limit of the queue, × without',
      0.7,
      mid(of(played, 'trunkline'), (r) => r.limited / r.without),
    ),
  ],
  rates: (played) => {
    const found = mid(of(played, 'trunkline'), (r) => r.starts)
    return [atLeast('starts of a minute under a rate, % of it', 98, found), atMost('starts of a minute under a rate, % of it', 102, found)]
  },
  schedules: (played) => {
    const ours = of(played, 'trunkline')
    return [
      atMost(
        'a look at 10,000 schedules, p99, ms',
        100,
        mid(ours, (r) => r.tick),
      ),
      atMost(
        'lateness of a slot, p99, ms',
        1000,
        mid(ours, (r) => r.p99),
      ),
      atMost(
        'calendar of 10,000 schedules over a month, p95, ms',
        2000,
        mid(ours, (r) => r.month),
      ),
    ]
  },
  facade: (played) => [
    atMost(
      'answer of the façade, median ms',
      50,
      mid(of(played, 'trunkline'), (r) => r.p50),
    ),
  ],
  slow: (played) => [
    atMost(
      'quick jobs beside a slow one, × without',
      1.2,
      mid(of(played, 'trunkline'), (r) => r.beside / r.without),
    ),
  ],
}
