import { userInfo } from 'node:os'
import type { Trunkline } from '@trunkline/engine'
import { checkSchemaState, type Database, openDatabase } from '@trunkline/engine/postgres'
import { type Command, InvalidArgumentError } from 'commander'
import { connect, databaseOptions } from './platform.ts'
import { readSettings, type Settings } from './settings.ts'

/** Options that every verb has. */
export interface GlobalOptions {
  config?: string
  databaseUrl?: string
  dataDir?: string
  schema?: string
  json?: boolean
  unsafe?: boolean
}

/** The settings for a command: its flags go before everything else. */
export function settingsOf(command: Command, flags: Record<string, unknown> = {}): Settings {
  const { config, databaseUrl, dataDir, schema, unsafe } = command.optsWithGlobals<GlobalOptions>()
  return readSettings({ flags: { databaseUrl, dataDir, schema, allowUnsafe: unsafe, ...flags }, ...(config ? { file: config } : {}) })
}

/** Does this command print for programs? */
export function wantsJson(command: Command): boolean {
  return command.optsWithGlobals<GlobalOptions>().json === true
}

/** Runs `work` with a connection, and closes it. */
export async function withTrunkline<T>(command: Command, work: (trunkline: Trunkline, settings: Settings) => Promise<T>): Promise<T> {
  const settings = settingsOf(command)
  const trunkline = await connect(settings)
  try {
    return await work(trunkline, settings)
  } finally {
    await trunkline.close()
  }
}

/** Runs `work` with the way to the database itself, and closes it. */
export async function withDatabase<T>(command: Command, work: (database: Database) => Promise<T>): Promise<T> {
  const database = openDatabase(await databaseOptions(settingsOf(command)))
  try {
    await checkSchemaState(database)
    return await work(database)
  } finally {
    await database.close()
  }
}

/** Who changes something by the command line, for the audit. */
export function cliActor(): string {
  try {
    return `cli:${userInfo().username}`
  } catch {
    return 'cli'
  }
}

/** A whole number from the command line. */
export function wholeNumber(text: string): number {
  if (!/^-?\d{1,15}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.')
  return Number(text)
}

/** Aborts at the first Ctrl-C or SIGTERM. */
export function interruption(): AbortSignal {
  const controller = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => controller.abort(new Error(signal)))
  return controller.signal
}
