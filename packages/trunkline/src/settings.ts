import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { didYouMean, namePattern, show, TrunklineError, toMilliseconds } from '@trunkline/contract'
import { serverSettings } from '@trunkline/server/settings'
import { parse } from 'yaml'
import { z } from 'zod'

const duration = z.union([z.string(), z.number()]).transform((value, context) => {
  try {
    return toMilliseconds(value, 'duration')
  } catch {
    context.addIssue({ code: 'custom', message: 'a duration such as 500ms, 30s, 2m, 1h, 1d, or milliseconds' })
    return z.NEVER
  }
})
/** How long something is kept; `false` = for ever. */
const keep = z
  .union([z.string(), z.number(), z.boolean()], { error: 'a duration such as 12h or 30d, or false: kept for ever' })
  .transform((value, context): number | false => {
    if (value === false || value === 'false' || value === 'never') return false
    try {
      return toMilliseconds(value as string, 'duration')
    } catch {
      context.addIssue({ code: 'custom', message: 'a duration such as 12h or 30d, or false: kept for ever' })
      return z.NEVER
    }
  })
  .optional()
const keeps = { completed: keep, failed: keep, cancelled: keep }
const count = (least: number, most: number) =>
  z.coerce
    .number()
    .int(`a whole number from ${least} to ${most}`)
    .min(least, `a whole number from ${least} to ${most}`)
    .max(most, `a whole number from ${least} to ${most}`)
const flag = z.union([z.boolean(), z.enum(['true', 'false', 'yes', 'no', '1', '0']).transform((v) => ['true', 'yes', '1'].includes(v))], {
  error: 'true or false',
})
const names = z
  .union([
    z.array(z.string()),
    z.string().transform((v) =>
      v
        .split(',')
        .map((n) => n.trim())
        .filter(Boolean),
    ),
  ])
  .refine((list) => list.every((n) => namePattern.test(n)), 'names of A-Z a-z 0-9 _ . : / -, separated by commas')

/** How the jobs of a registered server run here. */
const servedServer = z
  .strictObject({
    step_user: z.string().min(1).optional(),
    step_password: z.string().min(1).optional(),
    /** Where the step user may go: who changes a registration must not get its password sent elsewhere. */
    host: z.string().min(1).optional(),
    port: count(1, 65_535).default(5432),
    allow_batch: flag.default(false),
    max_parallel: count(1, 1000).default(8),
    keep_log_days: count(1, 36_500).optional(),
    keep_log_runs: count(1, 1_000_000).optional(),
  })
  .refine(
    // without a password the driver would send one meant for another server: PGPASSWORD
    ({ step_user, step_password, host }) => new Set([step_user, step_password, host].map((given) => given === undefined)).size === 1,
    'step_user, step_password and host: all three or none',
  )

const schema = z.strictObject({
  databaseUrl: z.string().min(1).optional(),
  databaseDirectUrl: z.string().min(1).optional(),
  pooler: z.enum(['auto', 'transaction', 'none'], 'auto, transaction or none').default('auto'),
  dataDir: z.string().min(1).default('.trunkline'),
  schema: z
    .string()
    .regex(/^[a-z_][a-z0-9_]{0,62}$/, '1 to 63 of a-z 0-9 _')
    .default('trunkline'),
  allowUnsafe: flag.default(false),
  /** The first owner, in place of a random one. */
  adminEmail: z
    .string()
    .regex(/^[^\s@]+@[^\s@]+$/, 'an e-mail address')
    .optional(),
  adminPassword: z.string().min(12, 'at least 12 characters').optional(),
  server: serverSettings.prefault({}),
  worker: z
    .strictObject({
      concurrency: count(1, 1000).default(5),
      queues: names.optional(),
      /** Shares of the queues; 1 each where nothing is said. */
      weights: z.record(z.string().regex(namePattern), z.number().min(0.01).max(1000)).optional(),
      tasks: names.optional(),
      singleton: z.string().regex(namePattern, 'a name of A-Z a-z 0-9 _ . : / -').optional(),
      /** MB of resident memory. */
      memoryLimit: count(32, 1_000_000).optional(),
      heartbeat: duration.default(10_000),
      grace: duration.default(5000),
      drain: duration.default(60_000),
    })
    .prefault({}),
  keeper: z
    .strictObject({ stale: duration.default(30_000), sweep: duration.default(5000), crashLimit: count(1, 100).default(3) })
    .prefault({}),
  retention: z
    .strictObject({
      ...keeps,
      tasks: z
        .record(z.string(), z.strictObject(keeps, 'what is kept of this task: completed, failed, cancelled'), 'a map of task names')
        .superRefine((tasks, context) => {
          for (const name of Object.keys(tasks)) {
            if (!namePattern.test(name)) context.addIssue({ code: 'custom', path: [name], message: 'a task name of A-Z a-z 0-9 _ . : / -' })
          }
        })
        .optional(),
    })
    .prefault({}),
  shell: z.strictObject({ allowed: flag.default(false), allowRoot: flag.default(false) }).prefault({}),
  http: z.strictObject({ allowPrivate: flag.default(true) }).prefault({}),
  pgagent: z
    .strictObject({
      enabled: flag.default(false),
      /** Without it the schema is in Trunkline's own database. */
      db_host: z.string().min(1).optional(),
      db_port: count(1, 65_535).default(5432),
      db_name: z.string().min(1).default('postgres'),
      /** Seconds between checks. */
      poll_time: count(1, 3600).default(10),
      retry_on_crash: flag.default(false),
      /** 0 = DEBUG, 1 = LOG, 2 = WARNING, 3 = ERROR. */
      log_level: count(0, 3).default(1),
      /** As whom SQL steps without a connection string run. */
      step_user: z.string().min(1).optional(),
      step_password: z.string().optional(),
      allow_batch: flag.default(false),
      max_parallel: count(1, 1000).default(8),
      /** How long ended runs stay in pgAgent's log, and how many of each job. Without them: for ever. */
      keep_log_days: count(1, 36_500).optional(),
      keep_log_runs: count(1, 1_000_000).optional(),
      timezone: z.string().min(1).default('UTC'),
      /** Registered servers whose jobs the agent here runs too, by their sid. */
      serve: z
        .record(z.string(), servedServer, 'a map: the sid of a registered server, and how its jobs run')
        .superRefine((servers, context) => {
          for (const sid of Object.keys(servers)) {
            if (!/^[a-z0-9][a-z0-9_-]{0,62}$/.test(sid) || sid === 'default')
              context.addIssue({ code: 'custom', path: [sid], message: 'the sid of a registered server: a-z 0-9 _ -, not default' })
          }
        })
        .optional(),
    })
    .prefault({}),
  backup: z
    .strictObject({
      directory: z.string().min(1).optional(),
      pgDump: z.string().min(1).optional(),
      pgRestore: z.string().min(1).optional(),
    })
    .prefault({}),
})

/** All settings, checked, with their defaults. Durations are milliseconds, folders absolute. */
export type Settings = z.output<typeof schema> & { dataDir: string; backupDir: string }

type Tree = { [key: string]: unknown }

/** Names of environment variables that are not TRUNKLINE_ + path. */
const plainEnvironment: Record<string, string[]> = {
  DATABASE_URL: ['databaseUrl'],
  DATABASE_DIRECT_URL: ['databaseDirectUrl'],
  HOST: ['server', 'host'],
  PORT: ['server', 'port'],
}

/** `TRUNKLINE_` variables that are read elsewhere. */
const otherVariables = new Set(['TRUNKLINE_CACHE_DIR', 'TRUNKLINE_CONFIG', 'TRUNKLINE_PGAGENT_URL'])

function typeAt(path: string[]): unknown {
  let at: unknown = schema
  for (const key of path) {
    const next = at instanceof z.ZodObject ? (at.shape as Record<string, unknown>)[key] : at instanceof z.ZodRecord ? at.valueType : null
    at = unwrap(next)
  }
  return at
}

function shapeAt(path: string[]): z.ZodObject | null {
  const at = typeAt(path)
  return at instanceof z.ZodObject ? at : null
}

function unwrap(type: unknown): unknown {
  let at = type as { unwrap?: () => unknown } | undefined
  while (at && !(at instanceof z.ZodObject) && typeof at.unwrap === 'function') at = at.unwrap() as typeof at
  return at
}

/** `CRASH_LIMIT` → `crashLimit`, as far as that names a key. */
function keyOf(word: string, path: string[], variable: string): string {
  const keys = Object.keys(shapeAt(path)?.shape ?? {})
  const found = keys.find((key) => key.replace(/([A-Z])/g, '_$1').toUpperCase() === word)
  if (found) return found
  const asWord = (key: string) => key.replace(/([A-Z])/g, '_$1').toUpperCase()
  const prefix = variable.slice(0, variable.length - word.length)
  // names of tasks and the like are no words of a variable: their map is one value
  const allowed = keys.length > 0 ? keys.map((key) => prefix + asWord(key)) : [prefix.replace(/__$/, '')]
  throw new TrunklineError('unknown_setting', {
    received: variable,
    where: 'the environment',
    meant: didYouMean(variable, allowed),
    allowed: allowed.join(', '),
  })
}

function put(tree: Tree, path: string[], value: unknown): void {
  let at = tree
  for (const key of path.slice(0, -1)) {
    at[key] ??= {}
    at = at[key] as Tree
  }
  at[path.at(-1) as string] = value
}

function fromEnvironment(env: NodeJS.ProcessEnv): Tree {
  const tree: Tree = {}
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || value === '') continue
    const plain = plainEnvironment[name]
    if (plain) put(tree, plain, value)
    else if (name.startsWith('TRUNKLINE_') && !otherVariables.has(name) && !name.startsWith('TRUNKLINE_TEST_')) {
      const path: string[] = []
      for (const word of name.slice('TRUNKLINE_'.length).split('__')) path.push(keyOf(word, path, name))
      put(tree, path, isMap(typeAt(path)) ? mapOf(value) : value)
    }
  }
  return tree
}

/** Is it written as in the file: a map, a list of maps? */
function isMap(type: unknown): boolean {
  return type instanceof z.ZodRecord || (type instanceof z.ZodArray && unwrap(type.element) instanceof z.ZodObject)
}

/** A map in an environment variable is written as in the file, on one line. What is none is left to the check. */
function mapOf(text: string): unknown {
  try {
    return parse(text)
  } catch {
    return text
  }
}

function fromFile(file: string): Tree {
  let tree: unknown
  try {
    tree = parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new TrunklineError('invalid_setting', {
      field: file,
      where: 'the file',
      received: (error as Error).message.split('\n')[0],
      allowed: 'YAML',
    })
  }
  if (tree === null || tree === undefined) return {}
  if (typeof tree !== 'object' || Array.isArray(tree))
    throw new TrunklineError('invalid_setting', { field: file, where: 'the file', received: show(tree), allowed: 'a map of settings' })
  return tree as Tree
}

function merge(...trees: Tree[]): Tree {
  const merged: Tree = {}
  for (const tree of trees) {
    for (const [key, value] of Object.entries(tree)) {
      if (value === undefined) continue
      const before = merged[key]
      const both = [before, value].every((v) => v !== null && typeof v === 'object' && !Array.isArray(v))
      merged[key] = both ? merge(before as Tree, value as Tree) : value
    }
  }
  return merged
}

function at(tree: Tree, path: PropertyKey[]): unknown {
  return path.reduce<unknown>((value, key) => (value as Tree | undefined)?.[key as string], tree)
}

/** Where a setting came from, for the error about it. */
function sourceOf(path: PropertyKey[], sources: [name: string, tree: Tree][]): string {
  return sources.findLast(([, tree]) => at(tree, path) !== undefined)?.[0] ?? 'the defaults'
}

/** Options of {@link readSettings}. */
export interface SettingsSources {
  /** From the command line, as a tree of settings. */
  flags?: Tree
  env?: NodeJS.ProcessEnv
  /** Default: `trunkline.yaml` in the current folder, where it exists. */
  file?: string
}

/**
 * Reads the settings: defaults, then the file, then the environment, then flags.
 * @throws `unknown_setting`, `invalid_setting` with the place and what is allowed
 */
export function readSettings({ flags = {}, env = process.env, file = env.TRUNKLINE_CONFIG }: SettingsSources = {}): Settings {
  const path = resolve(file ?? 'trunkline.yaml')
  if (file && !existsSync(path))
    throw new TrunklineError('invalid_setting', { field: 'config', where: 'the command line', received: file, allowed: 'an existing file' })
  const sources: [string, Tree][] = [
    [path, existsSync(path) ? fromFile(path) : {}],
    ['the environment', fromEnvironment(env)],
    ['the command line', flags],
  ]
  const tree = merge(...sources.map(([, t]) => t))
  const result = schema.safeParse(tree)
  if (!result.success) throw explain(result.error.issues[0] as z.core.$ZodIssue, tree, sources)
  const dataDir = resolve(result.data.dataDir)
  return {
    ...result.data,
    dataDir,
    backupDir: result.data.backup.directory ? resolve(result.data.backup.directory) : join(dataDir, 'backups'),
  }
}

function explain(issue: z.core.$ZodIssue, tree: Tree, sources: [string, Tree][]): TrunklineError {
  if (issue.code === 'unrecognized_keys') {
    const key = issue.keys[0] ?? ''
    const allowed = Object.keys(shapeAt(issue.path.map(String))?.shape ?? {})
    const where = [sourceOf([...issue.path, key], sources), ...issue.path.map(String)].join(', ')
    return new TrunklineError('unknown_setting', { received: key, where, meant: didYouMean(key, allowed), allowed: allowed.join(', ') })
  }
  const field = issue.path.join('.')
  const received = /url|password|secret/i.test(field) ? 'a value that is not shown' : show(at(tree, issue.path))
  return new TrunklineError('invalid_setting', { field, where: sourceOf(issue.path, sources), received, allowed: issue.message })
}
