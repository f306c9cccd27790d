import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { testDatabase } from './support/database.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const guides = readdirSync(`${root}/docs/guides`).filter((file) => file.endsWith('.md'))
const databases = new Map<string, string>()
for (const guide of guides) databases.set(guide, (await testDatabase()).url)

// where `trunkline`, `kysely` and the like resolve, and no tool looks
const folder = mkdtempSync(join(root, 'node_modules', '.guides-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Blocks of a page by language, joined. */
function blocks(page: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const [, language = '', text = ''] of page.matchAll(/^```(\w*)\n(.*?)^```$/gms))
    found.set(language, (found.get(language) ?? '') + text)
  return found
}

function run(file: string, url: string): Promise<{ code: number | null; out: string }> {
  const child = spawn(process.execPath, [file], { cwd: folder, env: { PATH: process.env.PATH, DATABASE_URL: url } })
  let out = ''
  const read = (text: Buffer) => {
    out += text
  }
  child.stdout.on('data', read)
  child.stderr.on('data', read)
  return new Promise((done) => child.once('close', (code) => done({ code, out })))
}

describe('a guide prints what it says', () => {
  test.concurrent.each(guides)('docs/guides/%s', { timeout: 180_000 }, async (guide) => {
    const found = blocks(readFileSync(`${root}/docs/guides/${guide}`, 'utf8'))
    expect([...found.keys()].filter((language) => !['js', 'text', 'sql', 'sh'].includes(language))).toEqual([])
    const file = join(folder, guide.replace(/md$/, 'mjs'))
    writeFileSync(file, found.get('js') ?? '')
    const { code, out } = await run(file, databases.get(guide) ?? '')
    expect(out).toBe(found.get('text'))
    expect(code).toBe(0)
  })
})
