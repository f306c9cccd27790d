import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { TrunklineError } from '@trunkline/contract'
import { takeSupervisorSeat } from '@trunkline/engine'
import { type Database, migrate, openDatabase } from '@trunkline/engine/postgres'
import type { Command } from 'commander'
import { settingsOf, wholeNumber } from '../command.ts'
import { isAlive } from '../embedded/postmaster.ts'
import { takeLock } from '../embedded/start-lock.ts'
import { type Embedded, startEmbedded } from '../embedded.ts'
import { narrator } from '../narrate.ts'
import { hasAgent } from '../pgagent-agents.ts'
import { databaseOptions } from '../platform.ts'
import type { Settings } from '../settings.ts'
import { createRemote, type Remote } from '../supervisor/remote.ts'
import { createSupervisor } from '../supervisor.ts'
import { checkPort, welcomeFirstOwner } from '../welcome.ts'

/** Workers of an installation at first; `trunkline workers start` asks for more. */
const firstWorkers = 1

const bin = fileURLToPath(new URL('../../bin/trunkline.js', import.meta.url))

/** `trunkline up`: database, server process and worker process, until Ctrl-C. */
export function upCommand(program: Command): void {
  program
    .command('up')
    .description('start everything: the embedded database (unless DATABASE_URL is set), the server and a worker')
    .option('--concurrency <n>', 'slots of the worker (default 5)', wholeNumber)
    .option('--port <n>', 'port of the embedded database (default: a free one)', wholeNumber)
    .action(async (options: { concurrency?: number; port?: number }, command: Command) => {
      await up(settingsOf(command, { worker: { concurrency: options.concurrency } }), options.port, command)
    })
}

/** One `up` per data directory. @throws `already_running` */
function holdDataDir(settings: Settings): () => void {
  mkdirSync(settings.dataDir, { recursive: true, mode: 0o700 })
  const lock = takeLock(join(settings.dataDir, 'up.lock'))
  if ('owner' in lock) throw new TrunklineError('already_running', { where: settings.dataDir, received: lock.owner })
  return lock.release
}

/** The command line for a child: the same flags that we were given. */
function childArgs(verb: string, command: Command): string[] {
  const { config, databaseUrl, dataDir, schema, unsafe } = command.optsWithGlobals()
  const flags = { '--config': config, '--data-dir': dataDir, '--schema': schema }
  // a URL may hold a password: children get it through the environment, never on their command line
  if (databaseUrl) process.env.DATABASE_URL = databaseUrl
  return [bin, ...Object.entries(flags).flatMap(([name, value]) => (value ? [name, value] : [])), ...(unsafe ? ['--unsafe'] : []), verb]
}

async function up(settings: Settings, port: number | undefined, command: Command): Promise<void> {
  await checkPort(settings)
  const release = holdDataDir(settings)
  const say = narrator('up')
  let embedded: Embedded | null = null
  let watch: NodeJS.Timeout | undefined
  let remote: Remote | null = null
  let address = ''
  let database: Database | null = null
  const workerArgs = [...childArgs('worker', command), '--concurrency', String(settings.worker.concurrency), '--supervised']
  const onError = (error: Error) => say({ type: 'database_error', where: 'supervisor', error })
  const supervisor = createSupervisor({
    children: [
      { name: 'server', command: process.execPath, args: childArgs('server', command) },
      ...(hasAgent(settings) ? [{ name: 'pgagent', command: process.execPath, args: childArgs('pgagent', command) }] : []),
    ],
    onEvent(event) {
      say(event)
      if (event.type === 'retired') remote?.retired(event.name)
      if (event.type === 'ready' && event.name === 'server') address = String(event.facts?.address ?? '')
    },
    stopTimeoutMs: settings.worker.drain + 15_000,
  })
  let interrupt = () => {}
  const interrupted = new Promise<void>((resolve) => {
    interrupt = resolve
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt)
  try {
    if (!settings.databaseUrl) {
      embedded = await startEmbedded({ dataDir: settings.dataDir, ...(port ? { port } : {}) })
      console.log(
        `PostgreSQL ${embedded.version} ${embedded.joined ? 'was running already' : 'started'} on ${embedded.host}:${embedded.port}, data in ${settings.dataDir}`,
      )
      watch = watchDatabase(
        settings,
        () => embedded,
        (next) => {
          embedded = next
        },
      )
    }
    database = openDatabase({ ...(await databaseOptions(settings)), applicationName: 'trunkline up', onError })
    const applied = await migrate(database)
    if (applied.length > 0) console.log(`schema "${settings.schema}" migrated: ${applied.join(', ')}`)
    await welcomeFirstOwner(settings)
    remote = createRemote({
      supervisor,
      seat: await takeSupervisorSeat(database, firstWorkers),
      wanted: firstWorkers,
      child: (name) => ({ name, command: process.execPath, args: workerArgs }),
      onError,
    })
    await Promise.race([Promise.all([supervisor.start(), remote.start()]), interrupted])
    console.log(`Trunkline is ready: console at ${address}/admin/jobs, API at ${address}/api/v1, documentation at ${address}/api/docs`)
    await interrupted
    console.log('stopping …')
  } finally {
    clearInterval(watch)
    await remote?.stop()
    await supervisor.stop()
    await database?.close()
    await embedded?.stop()
    release()
  }
}

/** A killed database server is started again; the processes reconnect by themselves, because it keeps its port. */
function watchDatabase(settings: Settings, current: () => Embedded | null, replace: (next: Embedded) => void): NodeJS.Timeout {
  let starting = false
  return setInterval(async () => {
    const server = current()
    if (starting || !server || isAlive(server.pid)) return
    starting = true
    console.log(`the database process ${server.pid} is gone; starting it again`)
    try {
      replace(await startEmbedded({ dataDir: settings.dataDir, port: server.port }))
    } catch (error) {
      console.error((error as Error).message)
    } finally {
      starting = false
    }
  }, 500)
}
