import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { testDatabase } from './support/database.ts'

const db = await testDatabase({ empty: true })
const root = fileURLToPath(new URL('..', import.meta.url))

test('examples/own-task: runs, is retried, shows its progress, is cancelled within a second', async () => {
  const child = spawn(process.execPath, ['examples/own-task/run.mjs'], { cwd: root, env: { PATH: process.env.PATH, DATABASE_URL: db.url } })
  let out = ''
  child.stdout.on('data', (text) => {
    out += text
  })
  child.stderr.on('data', (text) => {
    out += text
  })
  const code = await new Promise((done) => child.once('close', done))
  expect(out).toBe(
    'result { bytes: 600 }\nafter a retry { bytes: 300 } attempt 2\nprogress Resizing true\ncancelled within a second: true\n',
  )
  expect(code).toBe(0)
})

test('the README shows the task of the example', () => {
  const task = readFileSync(`${root}/examples/own-task/resize.mjs`, 'utf8')
  const readme = readFileSync(`${root}/README.md`, 'utf8')
  expect(readme).toContain(task.slice(task.indexOf('export const')).trim())
})
