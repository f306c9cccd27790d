import { limits } from '@trunkline/contract'
import type { Database } from '../postgres/database.ts'
import { statement } from '../postgres/statement.ts'
import { taskIds } from './retention.ts'
import {
  flatRules,
  isBeyond,
  type RetentionOptions,
  type RetentionRules,
  type Rule,
  readRetention,
  shortestKeep,
  tasksOfRules,
  wholeRetention,
} from './retention-rules.ts'

const showStatement = statement(import.meta.url, 'show-retention.sql')
const setStatement = statement(import.meta.url, 'set-retention.sql')
const countStatement = statement(import.meta.url, 'count-removable.sql')

/** How long ended jobs are kept, and who says so. */
export interface RetentionView {
  readonly rules: RetentionRules
  /** `stored` in the database, `settings` of the keeper that leads, or the `default`: 30 days. */
  readonly source: 'stored' | 'settings' | 'default'
  /** Who stored them. */
  readonly by: string | null
  /** Since when they are stored, or are known from the settings. */
  readonly at: Date | null
  /** What holds when nothing is stored. */
  readonly otherwise: { readonly rules: RetentionRules; readonly source: 'settings' | 'default' }
}

/** What rules would remove now. */
export interface RetentionPreview {
  readonly total: number
  /** False = it was counted for as long as allowed: there are at least so many. */
  readonly isWhole: boolean
  readonly groups: readonly { readonly task: string; readonly state: 'completed' | 'failed' | 'cancelled'; readonly count: number }[]
}

/** Rules for the history that are stored in the database. They stand in the place of those that a keeper has by its options. */
export interface StoredRetention {
  get(): Promise<RetentionView>
  /**
   * Stores rules, whole: a state that is not named is kept for 30 days. The keeper takes them with its next pass, within ten minutes.
   * @throws `invalid_option`, `unknown_option`, `invalid_duration`, `invalid_name`
   * @example await trunkline.retention.set({ completed: '7d', failed: '90d', tasks: { 'bill.send': { completed: false } } })
   */
  set(rules: RetentionOptions, options?: { by?: string }): Promise<void>
  /** Back to what the options of the keeper say. */
  reset(): Promise<void>
  /**
   * Counts the ended jobs that rules would remove now, for at most two seconds, oldest jobs first; removes nothing.
   * @throws as `set`
   */
  preview(rules: RetentionOptions): Promise<RetentionPreview>
}

interface Row {
  source: 'stored' | 'settings'
  rules: RetentionOptions
  set_by: string | null
  set_at: Date
}

async function show(database: Database): Promise<RetentionView> {
  const rows = await database.run<Row>(showStatement, [])
  const [stored, ofSettings] = (['stored', 'settings'] as const).map((source) => rows.find((row) => row.source === source))
  const otherwise = { rules: wholeRetention(ofSettings?.rules), source: ofSettings ? ('settings' as const) : ('default' as const) }
  if (!stored) return { ...otherwise, by: null, at: ofSettings?.set_at ?? null, otherwise }
  return { rules: wholeRetention(stored.rules), source: 'stored', by: stored.set_by, at: stored.set_at, otherwise }
}

const sliceJobs = 50_000
const countMs = 1500
const stateOf = { 2: 'completed', 3: 'failed', 4: 'cancelled', 5: 'cancelled' } as const

interface Slice {
  groups: [task: string, status: 2 | 3 | 4 | 5, count: number][] | null
  looked: number
  last: string | null
  made: Date | null
}

/** Slices of the history, oldest first, until the end, the first that is too young, or the time is over. */
async function* slices(database: Database, rules: readonly Rule[], shortest: number): AsyncGenerator<Slice & { isLast: boolean }> {
  const flat = flatRules(rules, await taskIds(database, tasksOfRules(rules)))
  const until = performance.now() + countMs
  let after = '0'
  for (let isLast = false; !isLast && performance.now() < until; ) {
    const [slice] = await database.transaction(async (tx) => {
      // the slice comes by its ids, the rules that fit by a hash: without one each job would be held against every rule
      await tx.query("set local enable_hashjoin = on; set local statement_timeout = '2s'")
      return await database.run<Slice>(countStatement, [after, sliceJobs, ...flat], tx)
    }, 'walk')
    if (!slice) return
    isLast = slice.looked < sliceJobs || isBeyond(slice.made, shortest)
    after = slice.last ?? after
    yield { ...slice, isLast }
  }
}

async function preview(database: Database, options: RetentionOptions): Promise<RetentionPreview> {
  const rules = readRetention(options)
  const shortest = shortestKeep(rules)
  if (shortest === null) return { total: 0, isWhole: true, groups: [] }
  const counts = new Map<string, RetentionPreview['groups'][number]>()
  let isWhole = false
  try {
    for await (const { groups, isLast } of slices(database, rules, shortest)) {
      isWhole = isLast
      for (const [task, status, n] of groups ?? []) {
        const state = stateOf[status]
        const key = `${state} ${task}`
        counts.set(key, { task, state, count: (counts.get(key)?.count ?? 0) + n })
      }
    }
  } catch (error) {
    // query_canceled: a busy server; what was counted by then still holds
    if ((error as { code?: string }).code !== '57014') throw error
    isWhole = false
  }
  const groups = [...counts.values()].sort((a, b) => b.count - a.count)
  return { total: groups.reduce((sum, { count }) => sum + count, 0), isWhole, groups }
}

/** Makes the {@link StoredRetention} of a schema. */
export function createStoredRetention(database: Database): StoredRetention {
  const store = async (rules: string | null, by: string | null) => void (await database.run(setStatement, [rules, by]))
  return {
    get: () => show(database),
    set: async (rules, { by } = {}) => await store(JSON.stringify(wholeRetention(rules)), by?.slice(0, limits.keyLength) ?? null),
    reset: () => store(null, null),
    preview: (rules) => preview(database, rules),
  }
}
