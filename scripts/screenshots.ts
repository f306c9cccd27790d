// npm run screenshots: every screen of the console, light and dark, 1440 and 390 px wide, into screenshots/ (git-ignored).
// The installation that runs is photographed: URL (default http://127.0.0.1:3000), EMAIL and PASSWORD of an owner.
import { existsSync, mkdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { createClient } from '../packages/client/src/index.ts'

const { URL: address = 'http://127.0.0.1:3000', EMAIL = 'owner@example.com', PASSWORD } = process.env
if (!PASSWORD) {
  console.error('Set PASSWORD, and EMAIL unless it is owner@example.com.')
  process.exit(2)
}

async function browserPath(): Promise<string> {
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
  const found = (process.env.PATH ?? '').split(delimiter).flatMap((folder) => names.map((name) => join(folder, name)))
  const installed = process.env.TRUNKLINE_CHROMIUM ?? found.find((path) => existsSync(path))
  if (installed) return installed
  return await (await import('@sparticuz/chromium')).default.executablePath()
}

/** Addresses of all screens; of single things one that is there. */
async function screens(): Promise<Record<string, string>> {
  const { token } = await createClient({ baseUrl: address }).auth.login({ email: EMAIL, password: PASSWORD as string, session: false })
  const client = createClient({ baseUrl: address, token: token as string })
  const job = async (q: string) => (await client.jobs.search({ q, limit: 1 })).data[0]?.id
  const [failed, done, running] = await Promise.all([job('state:failed'), job('state:completed'), job('state:running')])
  const [error] = (await client.errors.list({ limit: 1 })).data
  const [schedule] = (await client.schedules.list({ limit: 1 })).data
  const [flow] = (await client.flows.list({ limit: 1 })).data
  const [worker] = (await client.workers.list()).data
  const of = (name: string, path: string, id: string | undefined, more = '') => (id === undefined ? {} : { [name]: `${path}${id}${more}` })
  return {
    overview: '',
    jobs: '/list',
    ...of('jobs-side', '/list?state=failed&side=', failed),
    ...of('job-failed', '/', failed),
    ...of('job-payload', '/', done, '?tab=payload'),
    ...of('job-timeline', '/', failed, '?tab=timeline'),
    ...of('job-log', '/', running ?? done, '?tab=logs'),
    ...of('job-related', '/', done, '?tab=related'),
    errors: '/errors',
    ...of('error', '/errors/', error?.fingerprint),
    queues: '/queues',
    queue: '/queues/default',
    workers: '/workers',
    ...of('worker', '/workers/', worker?.id),
    'new-job': '/new?task=backup_create',
    ...of('new-job-again', '/new?from=', failed),
    schedules: '/schedules',
    'schedules-calendar': '/schedules?layout=calendar',
    'schedules-load': '/schedules?layout=heat',
    'schedule-new': '/schedules/new',
    ...of('schedule', '/schedules/', schedule?.id),
    flows: '/flows',
    ...of('flow', '/flows/', flow?.id),
    templates: '/templates',
    backups: '/backups',
    inbox: '/inbox',
    audit: '/audit',
    'settings-account': '/settings',
    'settings-appearance': '/settings/appearance',
    'settings-users': '/settings/users',
    'settings-keys': '/settings/keys',
    'settings-about': '/settings/about',
  }
}

async function photograph(browser: Browser, all: Record<string, string>, colorScheme: 'light' | 'dark', width: number): Promise<void> {
  const context = await browser.newContext({ colorScheme, viewport: { width, height: width < 768 ? 844 : 900 } })
  const page = await context.newPage()
  await page.goto(`${address}/admin/login`)
  await page.screenshot({ path: `screenshots/login-${colorScheme}-${width}.png` })
  await page.getByLabel('E-mail').fill(EMAIL)
  await page.getByLabel('Password').fill(PASSWORD as string)
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.locator('main h1').waitFor()
  for (const [name, path] of Object.entries(all)) {
    await page.goto(`${address}/admin/jobs${path}`)
    await page.locator('main h1').waitFor()
    await page.waitForFunction(() => document.querySelector('main [aria-busy="true"]') === null)
    await page.screenshot({ path: `screenshots/${name}-${colorScheme}-${width}.png` })
  }
  await context.close()
}

mkdirSync('screenshots', { recursive: true })
const browser = await chromium.launch({
  executablePath: await browserPath(),
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking'],
})
const all = await screens()
for (const colorScheme of ['light', 'dark'] as const) for (const width of [1440, 390]) await photograph(browser, all, colorScheme, width)
await browser.close()
console.log(`${(Object.keys(all).length + 1) * 4} pictures in screenshots/`)
