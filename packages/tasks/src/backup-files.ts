import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { isTrunklineError, TrunklineError } from '@trunkline/contract'
import type { Storage } from '@trunkline/engine'
import { z } from 'zod'

const manifestSchema = z.object({
  database: z.string(),
  server: z.string(),
  tool: z.string(),
  format: z.enum(['custom', 'sql.gz']),
  createdAt: z.string(),
  size: z.number(),
  sha256: z.string(),
  label: z.string().nullable(),
})

/** What is kept beside a backup, in `<filename>.json`. */
export type BackupManifest = z.output<typeof manifestSchema>

/** A backup as it is listed. Without a manifest only name and size are known. */
export interface Backup {
  filename: string
  size: number
  createdAt: string
  database: string | null
  format: 'custom' | 'sql.gz'
  sha256: string | null
  server: string | null
  label: string | null
}

const backupName = /\.(dump|sql\.gz)$/

/** SHA-256 of a file, hexadecimal. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}

/** Writes the manifest of a backup. */
export async function writeManifest(storage: Storage, filename: string, manifest: BackupManifest): Promise<void> {
  const file = await storage.begin(`${filename}.json`)
  try {
    await writeFile(file.path, `${JSON.stringify(manifest, null, 2)}\n`)
    await file.commit()
  } finally {
    await file.discard()
  }
}

/** The manifest of a backup, or null when it has none that can be read. */
export async function readManifest(storage: Storage, filename: string): Promise<BackupManifest | null> {
  try {
    let text = ''
    for await (const chunk of await storage.read(`${filename}.json`)) text += chunk
    return manifestSchema.parse(JSON.parse(text))
  } catch (error) {
    if (isTrunklineError(error, 'storage_failed')) throw error
    return null
  }
}

/** Finished backups, newest first. */
export async function listBackups(storage: Storage): Promise<Backup[]> {
  const files = (await storage.list()).filter((file) => backupName.test(file.name))
  const backups = files.map(async (file): Promise<Backup> => {
    const manifest = await readManifest(storage, file.name)
    return {
      filename: file.name,
      size: file.size,
      createdAt: manifest?.createdAt ?? file.modifiedAt.toISOString(),
      database: manifest?.database ?? null,
      format: file.name.endsWith('.dump') ? 'custom' : 'sql.gz',
      sha256: manifest?.sha256 ?? null,
      server: manifest?.server ?? null,
      label: manifest?.label ?? null,
    }
  })
  return (await Promise.all(backups)).sort((a, b) => b.createdAt.localeCompare(a.createdAt))
}

/** The trailer that pg_dump writes when it has finished. */
const trailer = '-- PostgreSQL database dump complete'

/** Unpacks an SQL dump to its end and looks for the trailer. @throws with the problem */
export async function checkSqlDump(path: string): Promise<void> {
  let end = ''
  await pipeline(createReadStream(path), createGunzip(), async (source: AsyncIterable<Buffer>) => {
    for await (const chunk of source) end = (end + chunk.toString('latin1')).slice(-4096)
  })
  if (!end.includes(trailer)) throw new Error('its end is missing')
}

/** The archive format of pg_dump begins so. */
const customMagic = Buffer.from('PGDMP')

async function checkCustomDump(path: string): Promise<void> {
  for await (const chunk of createReadStream(path, { end: 4 })) {
    if (!customMagic.equals(chunk)) throw new Error('it is not an archive of pg_dump')
  }
}

/** What is known of a backup that is whole. */
export interface VerifiedBackup {
  filename: string
  size: number
  sha256: string
  /** Was the checksum compared with a manifest? */
  compared: boolean
  manifest: BackupManifest | null
}

/**
 * Reads a backup to its end: its checksum must be the one of its manifest, its form that of a finished dump.
 * @throws `file_not_found`, `backup_damaged`, `invalid_file_name`, `storage_failed`
 */
export async function verifyBackup(storage: Storage, filename: string): Promise<VerifiedBackup> {
  const { size } = await storage.stat(filename)
  const damaged = (problem: string) => new TrunklineError('backup_damaged', { received: filename, problem })
  if (!backupName.test(filename)) throw damaged('a backup ends in .dump or .sql.gz')
  const path = await storage.localPath(filename)
  const manifest = await readManifest(storage, filename)
  const sha256 = await hashFile(path)
  if (manifest && manifest.size !== size) throw damaged(`it has ${size} bytes, it was made with ${manifest.size}`)
  if (manifest && manifest.sha256 !== sha256) throw damaged('its checksum is not the one it was made with')
  try {
    await (filename.endsWith('.dump') ? checkCustomDump(path) : checkSqlDump(path))
  } catch (error) {
    throw damaged((error as Error).message)
  }
  return { filename, size, sha256, compared: manifest !== null, manifest }
}
