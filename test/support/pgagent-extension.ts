import { copyFileSync, existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type pg from 'pg'

const shared = '/usr/share/postgresql'

/** The folder of the extension `pgagent` as Debian's package brings it, whatever version it is meant for; null where there is none. */
export function findExtension(): string | null {
  const versions = existsSync(shared) ? readdirSync(shared) : []
  return versions.map((version) => join(shared, version)).find((folder) => existsSync(join(folder, 'extension/pgagent.control'))) ?? null
}

/** Makes the extension in the database of a superuser's client. It is made of SQL alone, so any version of the server takes it. */
export async function createExtension(admin: pg.Client, folder: string): Promise<void> {
  const { rows } = await admin.query(
    `select setting share, current_setting('server_version_num')::int >= 180000 finds from pg_config where name = 'SHAREDIR'`,
  )
  if (rows[0].finds) await admin.query(`set extension_control_path = '${folder}:$system'`)
  else {
    // these are told one place alone
    const from = join(folder, 'extension')
    for (const file of readdirSync(from).filter((name) => name.startsWith('pgagent')))
      copyFileSync(join(from, file), join(rows[0].share, 'extension', file))
  }
  await admin.query('create extension pgagent')
}
