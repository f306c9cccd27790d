import { mkdtempSync, rmSync } from 'node:fs'
import { createServer as createPort } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { build, preview } from 'vite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fileSystemStorage } from '../packages/engine/src/index.ts'
import { addAccount } from '../packages/server/src/door/accounts.ts'
import { createServer, type Server } from '../packages/server/src/index.ts'
import { serverSettings } from '../packages/server/src/settings.ts'
import { builtInTasks } from '../packages/tasks/src/index.ts'
import { startBrowser } from './support/browser.ts'
import { testDatabase, until } from './support/database.ts'

const db = await testDatabase()
const trunkline = await db.connect()
const folder = mkdtempSync(join(tmpdir(), 'trunkline-page-'))
const example = fileURLToPath(new URL('../examples/react-backup/', import.meta.url))
const tasks = builtInTasks({ connectionString: db.url, storage: fileSystemStorage(join(folder, 'backups')) })
const email = 'owner@example.com'
const password = 'correct-horse-battery-9'
let server: Server
let page: Page
let port = 0

async function startServer(): Promise<Server> {
  const made = await createServer({
    database: { connectionString: db.url },
    settings: serverSettings.parse({ port }),
    dataDir: folder,
    version: 'test',
  })
  await made.start()
  return made
}

beforeAll(async () => {
  port = await new Promise<number>((resolve) => {
    const probe = createPort().listen(0, '127.0.0.1', () => {
      const { port: free } = probe.address() as { port: number }
      probe.close(() => resolve(free))
    })
  })
  server = await startServer()
  // what a worker of before has published, so that the server knows the task
  await (await trunkline.work(tasks)).stop()
  await addAccount(server.service.database, { email, password, role: 'owner' })
  const target = `http://127.0.0.1:${port}`
  const proxy = { '/api': { target }, '/socket.io': { target, ws: true } }
  const common = { root: example, configFile: join(example, 'vite.config.ts'), logLevel: 'silent' as const }
  await build({ ...common, build: { outDir: join(folder, 'page'), emptyOutDir: true } })
  const shown = await preview({ ...common, build: { outDir: join(folder, 'page') }, preview: { port: 0, host: '127.0.0.1', proxy } })
  const browser = await startBrowser()
  page = await browser.newPage()
  await page.goto(shown.resolvedUrls?.local[0] as string)
  afterAll(async () => {
    await shown.close()
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  })
}, 120_000)

test('the button does not freeze the page: the toast goes from loading to success while the user types', async () => {
  await page.getByLabel('E-mail').fill(email)
  await page.getByLabel('Password').fill('wrong')
  await page.getByRole('button', { name: 'Log in' }).click()
  await page
    .getByRole('alert')
    .filter({ hasText: /wrong|match|not/i })
    .waitFor()
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.getByRole('button', { name: 'Create a backup' }).click()
  const toast = page.locator('[data-sonner-toast]')
  await toast.filter({ hasText: 'Waiting for its turn' }).waitFor()
  await page.getByLabel('Go on working').fill('typed while it waits')
  const worker = await trunkline.work(tasks, { pollMs: 20 })
  await toast.filter({ hasText: /Completed in/ }).waitFor({ timeout: 40_000 })
  expect(await page.getByLabel('Go on working').inputValue()).toBe('typed while it waits')
  await page.getByRole('listitem').filter({ hasText: 'Completed' }).first().waitFor()
  await worker.stop()
})

test('it survives a restart of the server, and polls while no socket gets through', async () => {
  const [before] = await db.rows('select count(*)::int n from trunkline.job')
  await page.getByRole('button', { name: 'Create a backup' }).click()
  await until(async () => (await db.rows('select count(*)::int n from trunkline.job'))[0].n > before.n)
  const [{ id }] = await db.rows('select max(id)::text id from trunkline.job')
  const toast = page.locator('[data-sonner-toast]').filter({ hasText: `Backup ${id}` })
  await toast.filter({ hasText: 'Waiting for its turn' }).waitFor()
  await server.stop()
  server = await startServer()
  // from here on no socket opens: the page has only requests
  server.sockets.io.engine.opts.allowRequest = (_request, decide) => decide('no socket today', false)
  server.sockets.io.disconnectSockets(true)
  const polls: string[] = []
  page.on('request', (request) => {
    if (request.url().endsWith(`/jobs/${id}/status`)) polls.push(request.url())
  })
  await until(() => polls.length >= 2, 'the page to poll', 20_000)
  const worker = await trunkline.work(tasks, { pollMs: 20 })
  await toast.filter({ hasText: /Completed in/ }).waitFor({ timeout: 40_000 })
  await worker.stop()
}, 120_000)
