import { mkdtempSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { serverScene } from '../../../../test/support/server-scene.ts'
import { fileSystemStorage } from '../../../engine/src/storage/file-system.ts'

const scene = await serverScene()
const owner = await scene.user('owner')

const names = [
  '../a.dump',
  '..%2fa.dump',
  '%2e%2e%2fa.dump',
  '%252e%252e%252fa.dump',
  '..%5ca.dump',
  'a.dump%00.txt',
  '%00',
  '.',
  '..',
  '.hidden',
  '%2fetc%2fpasswd',
  'C:%5cwindows%5cwin.ini',
  '%5c%5cserver%5cshare',
  'con%0d%0aset-cookie:%20a=b',
  `${'a'.repeat(300)}.dump`,
  'a%E2%80%AE.dump',
]

test.each(names)('the name %s reaches no file by any route that takes one, and makes no job', async (name) => {
  const before = await scene.db.rows('select count(*) from trunkline.job')
  for (const [method, act] of [
    ['POST', '/verify'],
    ['POST', '/restore'],
    ['DELETE', ''],
  ] as const) {
    const answer = await owner(method, `/backups/${name}${act}`, act === '/restore' ? { database: 'other' } : undefined)
    expect([400, 404, 405, 414], `${method} ${name}${act}: ${answer.text}`).toContain(answer.status)
    expect(answer.text).not.toMatch(/ENOENT|EACCES|\/etc\/|at file:/)
  }
  expect(await scene.db.rows('select count(*) from trunkline.job')).toEqual(before)
})

test('the folder itself gives out plain files of its own only: no links, not even one that is swapped in while it is read', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'storage-'))
  try {
    const storage = fileSystemStorage(join(folder, 'files'))
    const pending = await storage.begin('real.dump')
    writeFileSync(pending.path, 'mine')
    await pending.commit()
    writeFileSync(join(folder, 'secret'), 'not yours')
    symlinkSync(join(folder, 'secret'), join(folder, 'files', 'link.dump'))
    symlinkSync(folder, join(folder, 'files', 'out'))
    for (const name of ['link.dump', 'out', 'out/secret', '../secret', '/etc/passwd', 'real.dump\0', '', '.', '..']) {
      await expect(storage.read(name), JSON.stringify(name)).rejects.toMatchObject({
        code: expect.stringMatching(/file_not_found|invalid_/),
      })
    }
    expect((await storage.list()).map((file) => file.name)).toEqual(['real.dump'])
    // the race: the name is looked at, and is a link by the time it is opened
    const read = async () => {
      let text = ''
      for await (const chunk of await storage.read('real.dump')) text += chunk
      return text
    }
    for (let i = 0; i < 200; i++) {
      const reading = read().catch(() => '')
      renameSync(join(folder, 'files', 'real.dump'), join(folder, 'files', 'aside'))
      symlinkSync(join(folder, 'secret'), join(folder, 'files', 'real.dump'))
      expect(await reading).not.toContain('not yours')
      rmSync(join(folder, 'files', 'real.dump'))
      renameSync(join(folder, 'files', 'aside'), join(folder, 'files', 'real.dump'))
    }
    expect(readdirSync(join(folder, 'files'))).toContain('real.dump')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
