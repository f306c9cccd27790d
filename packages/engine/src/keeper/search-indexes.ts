import type pg from 'pg'
import { rangeSize } from '../jobs/partitions.ts'
import type { Database } from '../postgres/database.ts'
import { inSchema, statement } from '../postgres/statement.ts'

const rangesStatement = statement(import.meta.url, 'searchable-ranges.sql')

/**
 * What search reads old ranges by. On the partitions themselves, never on their parents: a new partition, into which all of the
 * traffic goes, would get them too. Those of jobs are built when the range is full, since jobs never change; those of outcomes
 * when next to all of them are there.
 */
const indexes = {
  job: {
    task: '(task_id, id)',
    queue: '(queue_id, id)',
    by: '(created_by, id) where created_by is not null',
    key: '(key, id) where key is not null',
    rerun: '(rerun_of, id) where rerun_of is not null',
  },
  outcome: {
    status: '(status, id) where status <> 2',
    task: '(task_id, status, id) where status <> 2',
    cause: "((error ->> 'fingerprint'), id) where status = 3",
    worker: '(worker_id, id)',
    finished: '(finished_at, id)',
    duration: '((finished_at - started_at), id)',
  },
} as const

/** A whole build of 500,000 rows takes a second; what waits for an old snapshot may wait for as long as that is held. */
const longestMs = 3_600_000

interface Range {
  no: number
  standing: string[]
  broken: string[]
  ended: boolean
}

/** Builds the indexes that search reads old ranges by. */
export interface SearchIndexes {
  /** Builds what is missing, one index at a time, beside all traffic; what was left half built is built anew. Returns how many were built. */
  runOnce(): Promise<number>
  /** Ends a build that is under way; the next run begins it anew. */
  stop(): Promise<void>
}

/** Makes the {@link SearchIndexes} of a schema. */
export function createSearchIndexes(database: Database): SearchIndexes {
  let client: pg.Client | undefined
  let pid: number | undefined
  let stopped = false
  let running: Promise<number> | undefined

  async function send(text: string): Promise<void> {
    await client?.query({ text: inSchema(text, database.schema), query_timeout: longestMs } as pg.QueryConfig)
  }

  async function buildFor(range: Range, table: 'job' | 'outcome'): Promise<number> {
    let built = 0
    const partition = `${table}_${range.no}`
    for (const [name, columns] of Object.entries(indexes[table])) {
      const index = `${partition}_search_${name}`
      if (stopped || range.standing.includes(index)) continue
      if (range.broken.includes(index)) await send(`drop index concurrently if exists trunkline.${index}`)
      await send(`create index concurrently if not exists ${index} on trunkline.${partition} ${columns.replace(/^\(/, 'using btree (')}`)
      built++
    }
    if (built > 0 && !stopped) await send(`analyze trunkline.${partition}`)
    return built
  }

  async function build(): Promise<number> {
    const ranges = (await database.run<Range>(rangesStatement, [rangeSize])).filter(
      (range) => range.standing.length < Object.keys(indexes.job).length + (range.ended ? Object.keys(indexes.outcome).length : 0),
    )
    if (ranges.length === 0 || stopped) return 0
    let built = 0
    client = await database.direct.connect('general', 'search indexes')
    try {
      pid = (await client.query('select pg_backend_pid() pid')).rows[0].pid
      for (const range of ranges) {
        built += await buildFor(range, 'job')
        if (range.ended) built += await buildFor(range, 'outcome')
      }
    } finally {
      pid = undefined
      await client.end().catch(() => {})
      client = undefined
    }
    return built
  }

  return {
    runOnce() {
      stopped = false
      running ??= build().finally(() => {
        running = undefined
      })
      return running
    },
    async stop() {
      stopped = true
      if (pid !== undefined) await database.query('select pg_cancel_backend($1)', [pid]).catch(() => {})
      await running?.catch(() => {})
    },
  }
}
