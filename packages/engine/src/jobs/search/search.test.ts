import { isTrunklineError, type JobState, parseQuery, type Query, type QueryTerm, type QueryValue } from '@trunkline/contract'
import { beforeAll, describe, expect, test } from 'vitest'
import { testDatabase } from '../../../../../test/support/database.ts'
import { createSearchIndexes } from '../../keeper/search-indexes.ts'
import { defineTask } from '../define-task.ts'
import { getJobs, type JobView } from '../show.ts'
import type { SearchOptions } from './search.ts'

const db = await testDatabase()
const database = db.open()
const trunkline = await db.connect()
const dayMs = 86_400_000

/** A generator of numbers in 0…1 that begins at a seed. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/** Every job that is not hidden, as people see it: what the answers are compared with. */
let jobs: (JobView & { workerName: string | null })[] = []
let now = 0

const fitsName = (name: string | null, v: QueryValue) =>
  name !== null && (v.match === 'is' ? name === v.value : v.match === 'prefix' && name.startsWith(v.value))

function fitsNumber(n: number | null, v: QueryValue, halfOpen = false): boolean {
  if (n === null) return false
  if (v.match === 'range') return n >= v.from && (halfOpen ? n < v.to : n <= v.to)
  if (v.match === 'is' || v.match === 'prefix') return n === Number(v.value)
  return v.match === '<' ? n < v.value : v.match === '<=' ? n <= v.value : v.match === '>' ? n > v.value : n >= v.value
}

function valueAt(payload: unknown, path: readonly string[]): string | null {
  let at = payload as any
  for (const name of path) at = at === null || typeof at !== 'object' ? undefined : at[name]
  return at === undefined || at === null ? null : typeof at === 'string' ? at : JSON.stringify(at)
}

/** The meaning of a term, in the plainest words. */
function fitsTerm(job: (typeof jobs)[number], { field, path, values }: QueryTerm): boolean {
  const time = (at: Date | null) => at?.getTime() ?? null
  const fits = (v: QueryValue): boolean => {
    const text = v.match === 'is' || v.match === 'prefix' ? v.value : ''
    switch (field) {
      case null:
        return job.id === text || job.task.toLowerCase().includes(text.toLowerCase())
      case 'state':
        return job.state === text || job.reason === text
      case 'task':
      case 'queue':
      case 'key':
        return fitsName(job[field], v)
      case 'by':
        return fitsName(job.createdBy, v)
      case 'tag':
        return job.tags.some((tag) => fitsName(tag, v))
      case 'worker':
        return fitsName(job.workerName, v) || (v.match === 'is' && job.workerId === v.value)
      case 'age':
        return fitsNumber(now - job.createdAt.getTime(), v)
      case 'created':
        return fitsNumber(time(job.createdAt), v, true)
      case 'started':
        return fitsNumber(time(job.startedAt), v, true)
      case 'finished':
        return fitsNumber(time(job.finishedAt), v, true)
      case 'duration':
        return fitsNumber(job.durationMs, v)
      case 'wait':
        return fitsNumber(job.waitMs, v)
      case 'attempt':
      case 'priority':
        return fitsNumber(job[field], v)
      case 'id':
        return fitsNumber(Number(job.id), v)
      case 'rerun':
        return fitsNumber(job.rerunOf === null ? null : Number(job.rerunOf), v)
      case 'error':
        return job.error?.message.toLowerCase().includes(text.toLowerCase()) ?? false
      case 'fingerprint':
        return job.state === 'failed' && job.error?.fingerprint === text
      case 'args':
        return valueAt(job.payload, path ?? []) === text
    }
  }
  return values.some(fits)
}

function fits(job: (typeof jobs)[number], query: Query): boolean {
  if (query.op === 'and') return query.parts.every((part) => fits(job, part))
  if (query.op === 'or') return query.parts.some((part) => fits(job, part))
  return query.op === 'not' ? !fits(job, query.part) : fitsTerm(job, query)
}

const wanted = (q: string) => jobs.filter((job) => fits(job, parseQuery(q))).map((job) => job.id)

/** All pages of a search. */
async function all(options: SearchOptions): Promise<string[]> {
  const ids: string[] = []
  for (let cursor: string | undefined; ; ) {
    const page = await trunkline.search({ ...options, ...(cursor === undefined ? {} : { cursor }) })
    for (const job of page.jobs) ids.push(job.id)
    if (page.nextCursor === null) return ids
    cursor = page.nextCursor
  }
}

// ids all over three ranges; the two that are full get their indexes, the third has none
const many = 480
const top = 1_400_000

beforeAll(async () => {
  await db.rows(`insert into trunkline.queue(name) values ('etl'), ('mail'), ('media')`)
  for (const name of ['backup_create', 'backup_prune', 'email_send', 'image:resize']) {
    await trunkline.enqueue(defineTask(name, { searchable: name === 'email_send' ? ['to'] : [], run: () => {} }), { to: 'nobody' })
  }
  await db.rows(`delete from trunkline.ready`)
  await db.rows(`insert into trunkline.hidden(id) select id from trunkline.job`)
  await db.rows(`select setval('trunkline.id', ${top})`)
  await db.rows(
    `insert into trunkline.worker(name, host, pid, version, concurrency, queues, tasks) values ('w1', 'host7', 1, '1', 1, '{}', '{}'), ('w2', 'host8', 1, '1', 1, '{}', '{}')`,
  )
  const id = (n: number) => 100 + Math.floor((n * (top - 200)) / many)
  const next = random(11)
  const pick = <T>(of: readonly T[]) => of[Math.floor(next() * of.length)] as T
  const leases: Record<number, number[]> = { 1: [], 2: [] }
  const ready: number[] = []
  for (let n = 0; n < many; n++) {
    const [task, queue, tags] = [
      1 + Math.floor(next() * 4),
      pick(['etl', 'mail', 'media']),
      pick([null, ['nightly'], ['nightly', 'big'], ['x y']]),
    ]
    const madeMin = (many - n) * 13
    const payload = { to: pick(['anna', 'bob', 'nobody']), n: Math.floor(next() * 5), customer: { id: Math.floor(next() * 4) } }
    const place = pick([
      'completed',
      'completed',
      'failed',
      'failed',
      'cancelled',
      'running',
      'due',
      'due',
      'scheduled',
      'retrying',
      'debounced',
    ])
    const table = place === 'debounced' ? 'debounce' : 'job'
    const columns = table === 'debounce' ? ', run_at, last_at' : ', rerun_of'
    await db.rows(
      `insert into trunkline.${table}(id, queue_id, task_id, priority, max_attempts, created_at, created_by, key, tags, payload${columns})
      select $1, q.id, $3, $4, 5, now() - $5 * interval '1 min' - interval '30 s', $6, $7, $8, $9, ${table === 'debounce' ? "now() + $10::int * interval '1 h', now()" : '$10'} from trunkline.queue q where q.name = $2`,
      [
        id(n),
        queue,
        task,
        Math.floor(next() * 7) - 3,
        madeMin,
        pick([null, 'anna', 'ben']),
        table === 'debounce' ? `k${n}` : pick([null, `k${n}`]),
        tags,
        payload,
        table === 'debounce' ? 1 : pick([null, null, 8849]),
      ],
    )
    if (place === 'debounced') continue
    if (payload.to && task === 3) await db.rows(`insert into trunkline.searchable values ($1, 'to', $2, $3)`, [task, payload.to, id(n)])
    if (place === 'completed' || place === 'failed' || place === 'cancelled') {
      const error = {
        message: pick(['deadlock detected', '100% _off', 'no such file']),
        reason: pick(['fatal', 'timeout', 'crash_limit']),
        fingerprint: pick(['0123456789abcdef', 'fedcba9876543210']),
      }
      const status = place === 'completed' ? 2 : place === 'failed' ? 3 : pick([4, 5])
      await db.rows(
        `insert into trunkline.outcome(id, status, attempt, worker_id, queue_id, task_id, started_at, finished_at, error)
        select j.id, $2, $3, $4, j.queue_id, j.task_id, x.at, coalesce(x.at, j.created_at) + $6 * interval '1 s', $7
        from trunkline.job j, lateral (select case when $2 < 4 then j.created_at + $5 * interval '1 s' end at) x where j.id = $1`,
        [
          id(n),
          status,
          Math.floor(next() * 4),
          status < 4 ? pick([1, 2]) : null,
          Math.floor(next() * 600),
          Math.floor(next() * 900),
          status === 3 ? error : null,
        ],
      )
    } else if (place === 'running') (leases[pick([1, 2])] as number[]).push(id(n))
    else if (place === 'due') ready.push(id(n))
    else {
      await db.rows(
        `insert into trunkline.scheduled(id, run_at, queue_id, priority, attempt, why) select id, now() + interval '1 h', queue_id, priority, 1, $2 from trunkline.job where id = $1`,
        [id(n), place === 'retrying' ? 1 : pick([0, 2])],
      )
      if (place === 'retrying') {
        await db.rows(`insert into trunkline.attempt values ($1, 0, 1, 1, now(), now(), $2)`, [
          id(n),
          { message: 'deadlock again', reason: 'x' },
        ])
      }
    }
    if (next() < 0.1)
      await db.rows(`insert into trunkline.moved select $1, id, -9 from trunkline.queue where name = $2`, [id(n), pick(['etl', 'mail'])])
    if (next() < 0.1) await db.rows(`insert into trunkline.retagged values ($1, $2)`, [id(n), pick([['nightly'], ['moved'], []])])
    if (next() < 0.05) await db.rows(`insert into trunkline.hidden(id) values ($1)`, [id(n)])
  }
  for (const [worker, ids] of Object.entries(leases)) {
    // whole milliseconds, as jobs are shown: two of one millisecond are ordered by their ids on both sides
    await db.rows(
      `insert into trunkline.lease(worker_id, at, ids, attempts) values ($1, date_trunc('milliseconds', now()) - interval '10 min', $2, $3)`,
      [worker, ids, ids.map(() => 0)],
    )
  }
  await db.rows(`insert into trunkline.ready(queue_id, priority, seq, n, ids) values (1, 0, $1, $2, $3)`, [ready[0], ready.length, ready])
  await createSearchIndexes(database).runOnce()
  const rows = await db.rows(`select id from trunkline.jobs order by id desc`)
  const workers = new Map((await db.rows('select id, name from trunkline.worker')).map((w) => [String(w.id), w.name as string]))
  const found = await getJobs(
    database,
    rows.map((row) => row.id),
  )
  jobs = found.map((job) => ({ ...job, workerName: job.workerId === null ? null : (workers.get(job.workerId) ?? null) }))
  now = (await db.rows('select now() at'))[0].at.getTime()
}, 120_000)

const queries = [
  '',
  'state:failed',
  'state:completed,running',
  'state:failed,retrying',
  '-state:completed',
  'state:pending',
  'state:due',
  'state:scheduled',
  'state:retrying -tag:nightly',
  'state:paused',
  'state:fatal,timeout',
  'state:replaced OR state:running',
  'state:cancelled',
  'state:blocked',
  'task:backup_*',
  'task:nothing',
  '-task:nothing',
  'task:image:resize,email_send state:failed',
  'queue:etl',
  'queue:etl state:completed -queue:e*',
  '-queue:etl',
  'queue:m* task:email_send',
  'tag:nightly',
  'tag:"x y",moved',
  'tag:n*',
  '-tag:nightly state:pending',
  'by:anna',
  'by:a* -by:ben',
  'key:k7,k8,k9,k10',
  'key:k1*',
  'worker:w1',
  'worker:2 state:failed',
  '-worker:w1',
  'age:<24h',
  'age:1d..2d state:failed',
  'age:>=3d',
  'duration:>5m',
  'duration:<=1m -state:running',
  'duration:1m..2m',
  '-duration:>1m',
  'wait:>5m',
  'attempt:0',
  'attempt:>=3',
  'priority:>2',
  'priority:-3..-1 state:completed',
  'priority:9',
  'age:<24h error:deadlock',
  'age:<24h error:"100% _off"',
  'age:<24h -error:deadlock',
  'fingerprint:0123456789abcdef error:file',
  '-fingerprint:0123456789abcdef state:failed',
  'age:<1d args.customer.id:2',
  'task:email_send args.to:anna',
  'task:email_send args.to:anna,bob state:failed',
  'age:<1d -args.n:1',
  'backup',
  'BACKUP state:failed',
  'rerun:8849',
  'rerun:100,8850,8851',
  '(state:failed OR tag:big) -(queue:etl task:backup_create)',
  'a OR (state:running queue:mail)',
  '-(-task:email_send OR -state:failed)',
  'state:failed task:backup_* queue:etl age:<48h duration:>1m attempt:>=2 tag:nightly',
]

describe('an answer is what looking at every job would give', () => {
  test.each(queries)('%s', async (q) => {
    const { jobs: found, total, totalIsEstimate, nextCursor } = await trunkline.search({ q, limit: 500 })
    expect(found.map((job) => job.id)).toEqual(wanted(q))
    expect({ total, totalIsEstimate, nextCursor }).toEqual({ total: found.length, totalIsEstimate: false, nextCursor: null })
  })

  test('which is something for all but a few of them', () => {
    expect(queries.filter((q) => wanted(q).length === 0)).toEqual([
      'state:paused',
      'state:blocked',
      'task:nothing',
      'queue:etl state:completed -queue:e*',
      'rerun:100,8850,8851',
    ])
  })

  test('in either order, by pages and by offset', async () => {
    for (const q of ['', 'state:failed', 'state:pending queue:mail', 'task:backup_* -tag:nightly']) {
      expect(await all({ q, limit: 7 }), q).toEqual(wanted(q))
      expect(await all({ q, limit: 50, sortOrder: 'asc' }), `${q} ascending`).toEqual(wanted(q).reverse())
      const { jobs: later } = await trunkline.search({ q, offset: 5, limit: 9 })
      expect(later.map((job) => job.id)).toEqual(wanted(q).slice(5, 14))
    }
  })

  test('in the order of a value, where all that have it are there', async () => {
    const values = { startedAt: 'startedAt', finishedAt: 'finishedAt', priority: 'priority' } as const
    for (const sortBy of Object.keys(values) as (keyof typeof values)[]) {
      const having = jobs.filter((job) => job[sortBy] !== null && fits(job, parseQuery('-state:cancelled')))
      const of = (job: JobView) => Number(job[sortBy])
      const down = having.toSorted((a, b) => of(b) - of(a) || Number(b.id) - Number(a.id)).map((job) => job.id)
      expect(await all({ q: '-state:cancelled', sortBy, limit: 60 }), sortBy).toEqual(down)
      expect(await all({ q: '-state:cancelled', sortBy, sortOrder: 'asc', limit: 499 }), `${sortBy} up`).toEqual(down.reverse())
    }
    const longest = await trunkline.search({ q: 'state:completed', sortBy: 'duration', limit: 20 })
    const durations = jobs.filter((job) => job.state === 'completed').map((job) => job.durationMs as number)
    expect(longest.jobs.map((job) => job.durationMs)).toEqual(durations.toSorted((a, b) => b - a).slice(0, 20))
  })

  test('also for random trees of conditions', async () => {
    const next = random(23)
    const bits = [
      'state:failed',
      'state:pending',
      'state:running',
      'task:backup_*',
      'queue:etl',
      'tag:nightly',
      'by:anna',
      'attempt:>=2',
      'priority:<0',
      'worker:w1',
      'duration:>3m',
      'wait:<1m',
      'email',
      'age:<36h',
      'key:k*',
    ]
    const tree = (depth: number): string => {
      const turn = next()
      if (depth === 0 || turn < 0.3) return bits[Math.floor(next() * bits.length)] as string
      if (turn < 0.5) return `-(${tree(depth - 1)})`
      return `(${tree(depth - 1)}${turn < 0.75 ? ' ' : ' OR '}${tree(depth - 1)})`
    }
    for (let turn = 0; turn < 60; turn++) {
      const q = tree(4)
      const { jobs: found } = await trunkline.search({ q, limit: 500 })
      expect(
        found.map((job) => job.id),
        q,
      ).toEqual(wanted(q))
    }
  })
})

test('the parameters say what the query language says', async () => {
  const same: [SearchOptions, string][] = [
    [{ search: ' backup ' }, 'backup'],
    [{ status: ['failed', 'retrying'] satisfies (JobState | 'retrying')[] }, 'state:failed,retrying'],
    [{ queues: ['etl'], tasks: ['backup_*', 'email_send'] }, 'queue:etl task:backup_*,email_send'],
    [{ tags: ['nightly', 'big'] }, 'tag:nightly tag:big'],
    [{ minDuration: 60_000, maxDuration: 300_000 }, 'duration:1m..5m'],
    [{ minPriority: -1, maxPriority: 2, q: 'state:failed OR state:running' }, '(state:failed OR state:running) priority:-1..2'],
  ]
  for (const [options, q] of same) expect(await all({ ...options, limit: 500 }), q).toEqual(wanted(q))
  const [from, before] = [new Date(now - 2 * dayMs), new Date(now - dayMs)]
  expect(await all({ startDate: from, endDate: before.toISOString(), limit: 500 })).toEqual(
    jobs.filter((job) => job.createdAt >= from && job.createdAt < before).map((job) => job.id),
  )
})

test('nobody finds what is not theirs', async () => {
  const within = { by: 'anna', queues: ['et*'], tasks: ['backup_*'] }
  const mine = jobs.filter((job) => job.createdBy === 'anna' || (job.queue === 'etl' && job.task.startsWith('backup_')))
  for (const q of ['', 'state:failed', '-state:failed', 'state:running OR state:pending', 'queue:mail']) {
    expect(await all({ q, within, limit: 100 }), q).toEqual(mine.filter((job) => fits(job, parseQuery(q))).map((job) => job.id))
  }
})

test('a verb takes a query for many jobs', async () => {
  const report = await trunkline.bulk('cancel', { search: { q: 'state:due queue:mail' } }, { dryRun: true })
  expect(report.ids).toEqual(wanted('state:due queue:mail'))
  for (const search of [{ q: '  ' }, { status: [] }, {}]) {
    await expect(trunkline.bulk('cancel', { search }, { dryRun: true })).rejects.toMatchObject({ code: 'invalid_option', field: 'filter' })
  }
})

describe('what would read all of the history is refused', () => {
  test.each<[SearchOptions, string]>([
    [{ q: 'error:deadlock' }, 'error'],
    [{ q: 'state:failed error:deadlock age:<25h' }, 'error'],
    [{ q: 'age:<1h OR error:deadlock' }, 'error'],
    [{ q: 'args.customer.id:42' }, 'args.customer.id'],
    [{ q: 'task:backup_create args.to:anna' }, 'args.to'],
    [{ q: 'task:email_send OR args.to:anna' }, 'args.to'],
  ])('%j', async (options, field) => {
    await expect(trunkline.search(options)).rejects.toMatchObject({ code: 'query_too_broad', field })
  })
})

describe('bad parameters are refused by name', () => {
  test.each<[object, string, string]>([
    [{ q: 'state:faild' }, 'invalid_query', 'q'],
    [{ status: ['faild'] }, 'invalid_option', 'status'],
    [{ queues: 'etl' }, 'invalid_option', 'queues'],
    [{ minDuration: -1 }, 'invalid_option', 'minDuration'],
    [{ maxPriority: 101 }, 'invalid_option', 'maxPriority'],
    [{ sortBy: 'created_at' }, 'invalid_option', 'sortBy'],
    [{ sortOrder: 'down' }, 'invalid_option', 'sortOrder'],
    [{ offset: 10_001 }, 'invalid_option', 'offset'],
    [{ limit: 501 }, 'invalid_option', 'limit'],
    [{ cursor: 'x' }, 'invalid_cursor', 'cursor'],
    [{ startDate: 'yesterday' }, 'invalid_run_at', 'startDate'],
    [{ quey: 'x' }, 'unknown_option', 'quey'],
  ])('%j', async (options, code, field) => {
    await expect(trunkline.search(options as SearchOptions)).rejects.toMatchObject({ code, field })
  })

  test('the cursor of another search', async () => {
    const { nextCursor } = await trunkline.search({ q: 'state:failed', limit: 1 })
    await expect(trunkline.search({ q: 'state:completed', cursor: nextCursor as string })).rejects.toMatchObject({ code: 'invalid_cursor' })
    const forged = Buffer.from(
      `${
        Buffer.from(nextCursor as string, 'base64url')
          .toString()
          .split(' ')[0]
      } 1); drop table x`,
    ).toString('base64url')
    await expect(trunkline.search({ q: 'state:failed', cursor: forged })).rejects.toMatchObject({ code: 'invalid_cursor' })
  })
})

test('hostile texts find nothing and break nothing', async () => {
  const evil = [
    `'; drop table trunkline.job; --`,
    `$1`,
    `%`,
    `_`,
    `\\`,
    `") or true --`,
    '{a,b}',
    '{"a"}',
    'NULL',
    '\u202e',
    '9'.repeat(200),
    "x' || pg_sleep(10) || '",
  ]
  const fields = ['task', 'queue', 'tag', 'by', 'key', 'worker']
  for (const text of evil) {
    const quoted = `"${text.replace(/["\\]/g, '\\$&')}"`
    for (const q of [quoted, ...fields.map((field) => `${field}:${quoted}`), `age:<1h error:${quoted}`, `age:<1h args.a:${quoted}`]) {
      const { jobs: found } = await trunkline.search({ q }).catch((error) => {
        throw new Error(`${q}: ${isTrunklineError(error) ? error.code : error}`)
      })
      expect(
        found.map((job) => job.id),
        q,
      ).toEqual(wanted(q).slice(0, 50))
    }
  }
  expect((await db.rows('select count(*)::int n from trunkline.jobs'))[0].n).toBe(jobs.length)
})
