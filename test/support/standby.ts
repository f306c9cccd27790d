import { spawnSync } from 'node:child_process'
import { copyFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { findBinaries } from '../../packages/trunkline/src/embedded/binaries.ts'
import { knownPlaces, placesIn } from '../../packages/trunkline/src/embedded/cluster.ts'
import { findRunner, giveTo } from '../../packages/trunkline/src/embedded/runner.ts'
import { launch, stopServer } from '../../packages/trunkline/src/embedded/server.ts'
import type { Embedded } from '../../packages/trunkline/src/embedded.ts'

/** A standby that streams from a primary. */
export interface Standby {
  readonly port: number
  /** Makes it the primary. */
  promote(): Promise<void>
  stop(): Promise<void>
  /** Starts it again, as what it is by now. */
  start(): Promise<void>
}

/**
 * Makes a standby of a running embedded server, in a folder of its own: a copy of the data between start and stop of a backup,
 * because the npm binaries have no pg_basebackup. Its application_name is `standby`.
 * @param settings at least as many connections as the primary has
 */
export async function makeStandby(
  primary: Embedded,
  primaryDir: string,
  dataDir: string,
  settings: Record<string, string>,
): Promise<Standby> {
  const from = knownPlaces(primaryDir)
  const runner = findRunner(from.cluster)
  const places = placesIn(dataDir, runner)
  const admin = new pg.Client({ connectionString: primary.connectionString('postgres') })
  await admin.connect()
  try {
    await admin.query(`select pg_backup_start('standby', true)`)
    // files of a running server come and go: only a copy that is no cluster would be a failure
    spawnSync('cp', ['-a', from.cluster, places.cluster])
    const { rows } = await admin.query('select labelfile from pg_backup_stop(false)')
    for (const file of ['postmaster.pid', 'postmaster.opts']) rmSync(join(places.cluster, file), { force: true })
    for (const [file, text] of [
      ['backup_label', rows[0].labelfile],
      ['standby.signal', ''],
    ]) {
      writeFileSync(join(places.cluster, file), text)
      giveTo(join(places.cluster, file), runner)
    }
  } finally {
    await admin.end()
  }
  copyFileSync(from.password, places.password)
  const url = new URL(primary.connectionString())
  const order = {
    places,
    runner,
    binaries: await findBinaries(runner),
    settings: {
      ...settings,
      primary_conninfo: `host=127.0.0.1 port=${url.port} user=trunkline password=${decodeURIComponent(url.password)} application_name=standby`,
    },
  }
  let running = await launch(order)
  return {
    port: running.port,
    async promote() {
      url.port = String(running.port)
      url.pathname = '/postgres'
      const client = new pg.Client({ connectionString: url.href })
      await client.connect()
      await client.query('select pg_promote()')
      await client.end()
    },
    stop: () => stopServer(running.pid, places),
    async start() {
      running = await launch({ ...order, port: running.port })
    },
  }
}
