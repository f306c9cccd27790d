import { randomBytes } from 'node:crypto'
import { constants, createReadStream } from 'node:fs'
import { chmod, lstat, mkdir, open, readdir, rename, rm, unlink, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { didYouMean, show, TrunklineError } from '@trunkline/contract'
import type { PendingFile, Storage, StoredFile } from './storage.ts'

const namePattern = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}$/
const partialPattern = /^\..+\.[0-9a-f]{12}\.partial$/
const staleMs = 86_400_000

const causes: Record<string, string> = {
  ENOSPC: 'no space is left on the disk',
  EDQUOT: 'the disk quota is used up',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'a part of the path is not a folder',
  EEXIST: 'a part of the path is not a folder',
  ELOOP: 'the path leads in a circle of symbolic links',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open',
  EIO: 'the disk reports an input/output error',
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | null)?.code
}

function checkFileName(name: string): void {
  if (typeof name === 'string' && namePattern.test(name)) return
  throw new TrunklineError('invalid_file_name', { received: show(name).replace(/^"|"$/g, ''), problem: problemOfName(name) })
}

function problemOfName(name: unknown): string {
  if (typeof name !== 'string' || name === '') return 'it is empty'
  if (name.includes('\0')) return 'it contains a NUL character'
  if (/[/\\]/.test(name)) return 'it names a folder'
  if (name.startsWith('.')) return 'it begins with a dot'
  if (name.length > 200) return `it has ${name.length} characters, at most 200 are allowed`
  return 'it has other characters than letters, digits, . _ -'
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/**
 * A folder of this machine as {@link Storage}. The folder is made when it is needed, open to its owner only (0700, files 0600).
 * A file gets its final name by one rename, after its content and before the answer are on the disk; a file of that name is replaced.
 * What a crash left half-written is invisible, and removed by the next `begin` once it is a day old.
 * @param folder its path; a relative one counts from the working directory of now
 * @throws every method: `storage_failed` with the cause (no space, permission …); those that take a name: `invalid_file_name`
 * @example const storage = fileSystemStorage('./backups')
 */
export function fileSystemStorage(folder: string): Storage {
  const root = resolve(folder)

  async function guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      const code = codeOf(error)
      if (error instanceof TrunklineError || code === undefined) throw error
      const problem = causes[code] ? `${causes[code]} (${code})` : (error as Error).message
      throw new TrunklineError('storage_failed', { where: root, problem }, { cause: error })
    }
  }

  async function entry(name: string): Promise<StoredFile | null> {
    // lstat: a symbolic link could lead out of the folder
    const found = await lstat(join(root, name)).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return null
      throw error
    })
    return found?.isFile() ? { name, size: found.size, modifiedAt: found.mtime } : null
  }

  async function names(): Promise<string[]> {
    return readdir(root).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return []
      throw error
    })
  }

  async function existing(name: string): Promise<StoredFile> {
    checkFileName(name)
    return guarded(async () => {
      const found = await entry(name)
      if (found) return found
      throw new TrunklineError('file_not_found', { received: name, meant: didYouMean(name, await names()) })
    })
  }

  async function removeStale(): Promise<void> {
    for (const name of await names()) {
      if (!partialPattern.test(name)) continue
      const found = await entry(name)
      if (found && Date.now() - found.modifiedAt.getTime() > staleMs) await rm(join(root, name), { force: true })
    }
  }

  async function publish(name: string, path: string): Promise<StoredFile> {
    const { size } = await lstat(path)
    if (size === 0) throw new TrunklineError('storage_failed', { where: root, problem: `"${name}" would be empty` })
    await chmod(path, 0o600)
    await syncPath(path)
    const before = await lstat(join(root, name)).catch(() => null)
    if (before && !before.isFile())
      throw new TrunklineError('invalid_file_name', { received: name, problem: 'something else than a file has that name' })
    await rename(path, join(root, name))
    // without it the new name may be gone after a power cut
    await syncPath(root)
    const stored = await entry(name)
    if (!stored) throw new TrunklineError('storage_failed', { where: root, problem: `"${name}" was removed at once` })
    return stored
  }

  async function begin(name: string): Promise<PendingFile> {
    checkFileName(name)
    const path = join(root, `.${name.slice(0, 200)}.${randomBytes(6).toString('hex')}.partial`)
    let state: 'open' | 'done' = 'open'
    await guarded(async () => {
      await mkdir(root, { recursive: true, mode: 0o700 })
      await removeStale()
      await writeFile(path, '', { flag: 'wx', mode: 0o600 })
    })
    return {
      path,
      async commit() {
        if (state === 'done') throw new TrunklineError('storage_failed', { where: root, problem: `"${name}" was finished before` })
        const stored = await guarded(() => publish(name, path))
        state = 'done'
        return stored
      },
      async discard() {
        if (state === 'done') return
        state = 'done'
        await guarded(() => rm(path, { force: true }))
      },
    }
  }

  const storage: Storage = {
    begin,
    async list() {
      return guarded(async () => {
        const found: StoredFile[] = []
        for (const name of await names()) {
          const file = namePattern.test(name) ? await entry(name) : null
          if (file) found.push(file)
        }
        return found.sort((a, b) => b.modifiedAt.getTime() - a.modifiedAt.getTime() || (a.name < b.name ? 1 : -1))
      })
    },
    stat: existing,
    async read(name): Promise<Readable> {
      await existing(name)
      return guarded(async () => {
        // a link may have taken its place since the look
        const handle = await open(join(root, name), constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0))
        return createReadStream('', { fd: handle, autoClose: true })
      })
    },
    async localPath(name) {
      await existing(name)
      return join(root, name)
    },
    async delete(name) {
      checkFileName(name)
      return guarded(async () => {
        if (!(await entry(name))) return false
        await unlink(join(root, name))
        return true
      })
    },
    async check() {
      const name = `check-${randomBytes(6).toString('hex')}`
      const pending = await begin(name)
      try {
        await guarded(() => writeFile(pending.path, name))
        await pending.commit()
        let content = ''
        for await (const chunk of await storage.read(name)) content += chunk
        if (content !== name)
          throw new TrunklineError('storage_failed', { where: root, problem: 'a file was read back with another content' })
      } finally {
        await pending.discard()
        await storage.delete(name)
      }
    },
  }
  return storage
}
