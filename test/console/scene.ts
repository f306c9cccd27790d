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
import { createServer, type Server, type ServerOptions } from '../../packages/server/src/index.ts'
import { serverSettings } from '../../packages/server/src/settings.ts'
import { startBrowser } from '../support/browser.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** That of everybody at a desk. */
export const password = 'correct-horse-battery-9'

/** A page of the console with somebody in front of it. */
export interface Desk {
  readonly page: Page
  readonly context: BrowserContext
  /** What they have done: clicks, keys, and texts that end with Enter, each counts one. */
  actions(): number
  /** Counts one that is done by other means than {@link press} and {@link type}. */
  count(): void
  /** Begins to count anew. */
  reset(): void
  /** How often a pointer was pressed since the login. */
  pointed(): number
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
  /** Somebody who has logged in looks at a page. */
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
  let pressed = 0
  await page.exposeFunction('pointerWasPressed', () => pressed++)
  await page.addInitScript("addEventListener('pointerdown', () => pointerWasPressed(), true)")
  return {
    page,
    context,
    complaints,
    actions: () => done,
    count() {
      done++
    },
    reset() {
      done = 0
    },
    pointed: () => pressed,
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

/**
 * Goes to a page of the console as a link inside of it does: the console is not loaded anew. Resolves when the page is there; what it
 * reads may be on its way still.
 * @param path as in an address, after that of the console
 */
export async function visit(page: Page, path: string): Promise<void> {
  // not a promise to wait for: one that nothing but a listener of the page holds is collected by some browsers
  await page.evaluate((href) => {
    const { __TSR_ROUTER__: router } = self as unknown as {
      __TSR_ROUTER__: { basepath: string; history: { push(href: string): void }; subscribe(event: string, told: () => void): () => void }
    }
    const told = { isThere: false }
    Object.assign(self, { visit: told })
    const leave = router.subscribe('onRendered', () => {
      told.isThere = true
      leave()
    })
    router.history.push(`${router.basepath}${href}`)
  }, path)
  await page.waitForFunction(() => (self as unknown as { visit?: { isThere: boolean } }).visit?.isThere)
}

/** Waits until nothing of the page is being read any more. */
export async function settled(page: Page): Promise<void> {
  await page.waitForFunction(() => document.querySelector('main [aria-busy="true"]') === null)
}

let accounts = 0

/**
 * Makes a {@link ConsoleScene}; the console is built where its sources have changed.
 * @param more `withPgAgent`: jobs of pgAgent are looked for in the same database
 */
export async function consoleScene(
  settings: object = {},
  { withPgAgent = false, ...more }: Pick<ServerOptions, 'backups' | 'compareBackup'> & { withPgAgent?: boolean } = {},
): Promise<ConsoleScene> {
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
    ...(withPgAgent ? { pgagent: { database: { connectionString: db.url }, timezone: 'UTC' } } : {}),
    ...more,
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
      const desk = await sitDown(context)
      const answer = await context.request.post(`${new URL(address).origin}/api/v1/auth/login`, {
        data: { email, password, session: true },
      })
      if (!answer.ok()) throw new Error(`the login was refused: ${await answer.text()}`)
      await desk.page.goto(`${address}${path}`)
      await desk.page.locator('main h1').waitFor()
      return desk
    },
  }
}
