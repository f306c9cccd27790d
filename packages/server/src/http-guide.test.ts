import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { fileSystemStorage } from '@trunkline/engine'
import { afterAll, expect, test } from 'vitest'
import { scenePassword, serverScene } from '../../../test/support/server-scene.ts'
import { backupCreate } from '../../tasks/src/backup-create.ts'

const run = promisify(execFile)
const has = (program: string) =>
  run(program, ['--version']).then(
    () => true,
    () => false,
  )
const tools = (await has('curl')) && (await has('jq'))
const text = readFileSync(new URL('../../../docs/http.md', import.meta.url), 'utf8')
const blocks = (language: string) =>
  [...text.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, block]) => block as string)

const scene = await serverScene()
const folder = mkdtempSync(join(tmpdir(), 'trunkline-guide-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test.skipIf(!tools)('docs/http.md runs as printed (needs curl and jq)', async () => {
  const owner = await scene.user('owner', { rights: ['payload.read'] })
  const worker = await scene.db.connect()
  await worker.work([backupCreate({ connectionString: scene.db.url, storage: fileSystemStorage(folder) })])
  const env = { ...process.env, URL: await scene.server.start(), EMAIL: owner.email, PASSWORD: scenePassword }
  const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', blocks('sh').join('\n')], { env, timeout: 50_000 })
  expect(scene.events).toEqual([])
  expect(stdout).toBe(blocks('text').join(''))
})
