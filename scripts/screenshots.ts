// npm run screenshots: every screen of the console, light and dark, 1440 and 390 px wide, into screenshots/ (git-ignored).
// The installation that runs is photographed: URL (default http://127.0.0.1:3000), EMAIL and PASSWORD of an owner.
// npm run screenshots -- --docs: the chosen few of docs/console.md, into docs/pictures/.
import { mkdirSync, readdirSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import type { Browser } from 'playwright-core'
import { createClient } from '../packages/client/src/index.ts'
import { launchBrowser } from './browser.mjs'

const { URL: address = 'http://127.0.0.1:3000', EMAIL = 'owner@example.com', PASSWORD } = process.env
if (!PASSWORD) {
  console.error('Set PASSWORD, and EMAIL unless it is owner@example.com.')
  process.exit(2)
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
  const { data: servers } = await client.pgagent.servers.list()
  const lines = servers[0] ? (await client.pgagent.jobs.list(servers[0].sid)).data : []
  const legacy = lines.find(({ last }) => last !== null)
  const server = `/pgagent/${servers[0]?.sid}`
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
    pgagent: '/pgagent',
    ...of('pgagent-server', '/pgagent/', servers[0]?.sid),
    ...of('pgagent-setup', '/pgagent/', servers[0]?.sid, '?tab=setup'),
    ...of('pgagent-job', `${server}/jobs/`, legacy?.id),
    ...of('pgagent-schedules', `${server}/jobs/`, legacy?.id, '?tab=schedules'),
    ...of('pgagent-history', `${server}/jobs/`, legacy?.id, '?tab=history'),
    ...of('pgagent-migration', `${server}/jobs/`, legacy?.id, '?tab=migration'),
    ...of('pgagent-edit', `${server}/jobs/`, legacy?.id, '/edit'),
    backups: '/backups',
    inbox: '/inbox',
    audit: '/audit',
    'settings-account': '/settings',
    'settings-appearance': '/settings/appearance',
    'settings-users': '/settings/users',
    'settings-keys': '/settings/keys',
    'settings-retention': '/settings/retention',
    'settings-about': '/settings/about',
  }
}

type Look = { colorScheme: 'light' | 'dark'; width: number }
const looks: Look[] = (['light', 'dark'] as const).flatMap((colorScheme) => [1440, 390].map((width) => ({ colorScheme, width })))

/** What docs/console.md shows. */
const chosen: [string, Look][] = [
  ['overview', { colorScheme: 'light', width: 1440 }],
  ['jobs-side', { colorScheme: 'light', width: 1440 }],
  ['job-log', { colorScheme: 'dark', width: 1440 }],
  ['schedule-new', { colorScheme: 'light', width: 1440 }],
  ['flow', { colorScheme: 'dark', width: 1440 }],
  ['pgagent-history', { colorScheme: 'light', width: 1440 }],
]

async function photograph(browser: Browser, all: Record<string, string>, { colorScheme, width }: Look, folder: string): Promise<void> {
  const context = await browser.newContext({ colorScheme, viewport: { width, height: width < 768 ? 844 : 900 } })
  const page = await context.newPage()
  await page.goto(`${address}/admin/login`)
  if (folder === 'screenshots') await page.screenshot({ path: `screenshots/login-${colorScheme}-${width}.png` })
  await page.getByLabel('E-mail').fill(EMAIL)
  await page.getByLabel('Password').fill(PASSWORD as string)
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.locator('main h1').waitFor()
  for (const [name, path] of Object.entries(all)) {
    await page.goto(`${address}/admin/jobs${path}`)
    await page.locator('main h1').waitFor()
    await page.waitForFunction(() => document.querySelector('main [aria-busy="true"]') === null)
    // what is read after that, such as a diagnosis; a page that changes all the time is never quiet
    await page.waitForLoadState('networkidle', { timeout: 3000 }).catch(() => {})
    await page.screenshot({ path: `${folder}/${name}-${colorScheme}-${width}.png` })
  }
  await context.close()
}

const browser = await launchBrowser()
const all = await screens()
const folder = process.argv.includes('--docs') ? 'docs/pictures' : 'screenshots'
mkdirSync(folder, { recursive: true })
for (const look of looks) {
  const wanted = folder === 'screenshots' ? Object.keys(all) : chosen.filter(([, at]) => isDeepStrictEqual(at, look)).map(([name]) => name)
  const found = wanted.filter((name) => all[name] !== undefined)
  if (found.length < wanted.length)
    throw new Error(`This installation has nothing for ${wanted.filter((name) => !found.includes(name)).join(', ')}: run npm run demo.`)
  await photograph(browser, Object.fromEntries(found.map((name) => [name, all[name] as string])), look, folder)
}
await browser.close()
console.log(`${readdirSync(folder).length} pictures in ${folder}/`)
