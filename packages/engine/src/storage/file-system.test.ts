import { mkdir, mkdtemp, readdir, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { fileSystemStorage } from './file-system.ts'
import type { Storage } from './storage.ts'

const root = await mkdtemp(join(tmpdir(), 'storage-'))
afterAll(() => rm(root, { recursive: true, force: true }))
let made = 0
const fresh = () => join(root, `folder-${++made}`)

async function put(storage: Storage, name: string, content: string) {
  const pending = await storage.begin(name)
  await writeFile(pending.path, content)
  return pending.commit()
}

async function textOf(storage: Storage, name: string) {
  let text = ''
  for await (const chunk of await storage.read(name)) text += chunk
  return text
}

describe('a file in the folder', () => {
  test('is visible only after commit, whole, and for its owner only', async () => {
    const folder = fresh()
    const storage = fileSystemStorage(folder)
    const pending = await storage.begin('a.dump')
    await writeFile(pending.path, 'con')
    expect(await storage.list()).toEqual([])
    await expect(storage.stat('a.dump')).rejects.toMatchObject({ code: 'file_not_found' })
    await writeFile(pending.path, 'content')
    expect(await pending.commit()).toMatchObject({ name: 'a.dump', size: 7 })
    await pending.discard()
    expect(await textOf(storage, 'a.dump')).toBe('content')
    expect(await storage.localPath('a.dump')).toBe(join(folder, 'a.dump'))
    expect((await stat(folder)).mode & 0o777).toBe(0o700)
    expect((await stat(join(folder, 'a.dump'))).mode & 0o777).toBe(0o600)
  })

  test('leaves nothing when it is discarded or empty', async () => {
    const folder = fresh()
    const storage = fileSystemStorage(folder)
    const pending = await storage.begin('a.dump')
    await writeFile(pending.path, 'half')
    await pending.discard()
    const empty = await storage.begin('b.dump')
    await expect(empty.commit()).rejects.toMatchObject({ code: 'storage_failed', message: expect.stringContaining('empty') })
    await empty.discard()
    await empty.discard()
    expect(await readdir(folder)).toEqual([])
  })

  test('is listed newest first and deleted once', async () => {
    const folder = fresh()
    const storage = fileSystemStorage(folder)
    await put(storage, 'old', '1')
    await utimes(join(folder, 'old'), 1000, 1000)
    await put(storage, 'new', '22')
    expect((await storage.list()).map((file) => file.name)).toEqual(['new', 'old'])
    expect(await storage.delete('old')).toBe(true)
    expect(await storage.delete('old')).toBe(false)
  })

  test('with the longest name can be written', async () => {
    await put(fileSystemStorage(fresh()), 'n'.repeat(200), 'x')
  })

  test('that a crash left half-written is removed after a day, a younger one is kept', async () => {
    const folder = fresh()
    await mkdir(folder)
    const stale = join(folder, '.a.dump.0123456789ab.partial')
    await writeFile(stale, 'x')
    await utimes(stale, Date.now() / 1000 - 90_000, Date.now() / 1000 - 90_000)
    await writeFile(join(folder, '.b.dump.0123456789ab.partial'), 'x')
    const storage = fileSystemStorage(folder)
    await (await storage.begin('c')).discard()
    expect(await readdir(folder)).toEqual(['.b.dump.0123456789ab.partial'])
    expect(await storage.list()).toEqual([])
  })
})

describe('a name', () => {
  test.each(['', '.', '..', '.hidden', '../a', 'a/b', 'a\\b', 'a\0b', 'ä', 'a b', 'n'.repeat(201)])('%j is refused', async (name) => {
    const storage = fileSystemStorage(fresh())
    for (const act of [storage.begin, storage.stat, storage.read, storage.localPath, storage.delete]) {
      await expect(act(name)).rejects.toMatchObject({ code: 'invalid_file_name' })
    }
  })

  test('of a symbolic link or a folder counts as not there', async () => {
    const folder = fresh()
    await mkdir(join(folder, 'sub'), { recursive: true })
    await writeFile(join(root, 'secret'), 'secret')
    await symlink(join(root, 'secret'), join(folder, 'link'))
    const storage = fileSystemStorage(folder)
    expect(await storage.list()).toEqual([])
    await expect(storage.read('link')).rejects.toMatchObject({ code: 'file_not_found' })
    await expect(storage.localPath('sub')).rejects.toMatchObject({ code: 'file_not_found' })
    expect(await storage.delete('link')).toBe(false)
    await expect(put(storage, 'link', 'x')).rejects.toMatchObject({ code: 'invalid_file_name' })
  })

  test('with a slip gets the nearest file', async () => {
    const storage = fileSystemStorage(fresh())
    await put(storage, 'app.dump', 'x')
    await expect(storage.stat('app.dmup')).rejects.toThrow('did you mean "app.dump"?')
  })
})

describe('a folder', () => {
  test('that works passes its check and stays as it was', async () => {
    const folder = fresh()
    await fileSystemStorage(folder).check()
    expect(await readdir(folder)).toEqual([])
  })

  test('below a file is reported with the cause', async () => {
    await writeFile(join(root, 'file'), 'x')
    const storage = fileSystemStorage(join(root, 'file', 'below'))
    await expect(storage.check()).rejects.toMatchObject({ code: 'storage_failed', message: expect.stringContaining('not a folder') })
  })

  test('that may not be written is reported with the cause', async () => {
    const folder = fresh()
    await mkdir(folder, { mode: 0o555 })
    // the superuser may write everywhere: act as nobody
    const root = process.geteuid?.() === 0
    if (root) process.seteuid?.(65534)
    try {
      await expect(fileSystemStorage(folder).begin('a')).rejects.toMatchObject({
        code: 'storage_failed',
        message: expect.stringContaining('permission denied'),
      })
    } finally {
      if (root) process.seteuid?.(0)
    }
  })

  test('without room is reported with the cause', async () => {
    const storage = fileSystemStorage('/dev/full')
    await expect(storage.begin('a')).rejects.toMatchObject({ code: 'storage_failed' })
  })
})
