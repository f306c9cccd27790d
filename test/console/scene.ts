import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll } from 'vitest'
import type { Role } from '../../packages/contract/src/index.ts'
import type { Trunkline } from '../../packages/engine/src/index.ts'
import { addAccount, type NewAccount } from '../../packages/server/src/door/accounts.ts'
import { createServer, type Server } from '../../packages/server/src/index.ts'
import { serverSettings } from '../../packages/server/src/settings.ts'
import { startBrowser } from '../support/browser.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const password = 'correct-horse-battery-9'

/** A page of the console with somebody in front of it. */
export interface Desk {
  readonly page: Page
  readonly context: BrowserContext
  /** What they have done: clicks, keys, and texts that end with Enter, each counts one. */
  actions(): number
  /** Begins to count anew. */
  reset(): void
  click(target: Parameters<Page['getByRole']>[0], name: string | RegExp): Promise<void>
  press(keys: string): Promise<void>
  /** A text and Enter, or another key: one token. */
  type(text: string, end?: string): Promise<void>
  /** Problems that the browser told: errors of scripts, violations of the content security policy. */
  readonly complaints: string[]
}

/** A server with the console, a database, a browser. */
export interface ConsoleScene {
  readonly db: TestDatabase
  readonly trunkline: Trunkline
  readonly server: Server
  /** Where the console is. */
  readonly address: string
  readonly browser: Browser
  /** Somebody logs in by the form and looks at a page. */
  desk(role: Role, path?: string, options?: BrowserContextOptions, more?: Partial<NewAccount>): Promise<Desk>
}

async function sitDown(context: BrowserContext): Promise<Desk> {
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(`error: ${error.message}`))
  page.on('console', (message) => {
    if (/Content Security Policy|Refused to/.test(message.text())) complaints.push(message.text())
  })
  let done = 0
  return {
    page,
    context,
    complaints,
    actions: () => done,
    reset() {
      done = 0
    },
    async click(role, name) {
      done++
      await page.getByRole(role, { name }).first().click()
    },
    async press(keys) {
      done++
      await page.keyboard.press(keys)
    },
    async type(text, end = 'Enter') {
      done++
      await page.keyboard.type(text)
      await page.keyboard.press(end)
    },
  }
}

let accounts = 0

/** Makes a {@link ConsoleScene}; the console is built where its sources have changed. */
export async function consoleScene(settings: object = {}): Promise<ConsoleScene> {
  execFileSync(process.execPath, [join(root, 'scripts/build-console.mjs')], { stdio: 'inherit' })
  const db = await testDatabase()
  const dataDir = mkdtempSync(join(tmpdir(), 'trunkline-console-'))
  const server = await createServer({
    database: { connectionString: db.url },
    settings: serverSettings.parse({
      port: 0,
      limits: { loginsPerMinute: 1000, bulkPerMinute: 1000, requestsPerMinute: 1_000_000 },
      ...settings,
    }),
    dataDir,
    backups: async () => [],
    consoleDir: join(root, 'packages/trunkline/dist/console/'),
    version: '0.0.0-test',
  })
  const address = `${await server.start()}/admin/jobs`
  const browser = await startBrowser()
  afterAll(async () => {
    await server.stop()
    rmSync(dataDir, { recursive: true, force: true })
  })
  return {
    db,
    trunkline: await db.connect(),
    server,
    address,
    browser,
    async desk(role, path = '', options = {}, more = {}) {
      const email = `${role}-${++accounts}@example.com`
      await addAccount(server.service.database, { email, password, role, ...more })
      const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options })
      afterAll(() => context.close())
      const desk = await sitDown(context)
      await desk.page.goto(`${address}${path}`)
      await desk.page.getByLabel('E-mail').fill(email)
      await desk.page.getByLabel('Password').fill(password)
      await desk.page.getByRole('button', { name: 'Log in' }).click()
      await desk.page.locator('main h1').waitFor()
      return desk
    },
  }
}
