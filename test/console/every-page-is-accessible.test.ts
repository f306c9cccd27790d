import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineTask, fileSystemStorage, type Worker } from '../../packages/engine/src/index.ts'
import { installSchema, watch } from '../../packages/pgagent/src/index.ts'
import { addAccount } from '../../packages/server/src/door/accounts.ts'
import { addApiKey } from '../../packages/server/src/index.ts'
import { builtInTasks } from '../../packages/tasks/src/index.ts'
import { signal, until } from '../support/database.ts'
import { consoleScene, type Desk, settled, visit } from './scene.ts'

// In npm test every page, light and 1440 px wide, and that at 390 px neither it nor a list on it scrolls sideways. npm run test:matrix
// looks at each page, and at all that opens over one, in both themes and both widths.

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const isWhole = process.env.TRUNKLINE_TEST_MATRIX !== undefined
const wide = { width: 1440, height: 900 }
const narrow = { width: 390, height: 844 }
const scene = await consoleScene(
  { environment: { name: 'production', tone: 'red' } },
  {
    withPgAgent: true,
    compareBackup: async (filename, database) => ({
      backup: { filename, database: 'shop', server: '19.1', tables: 2 },
      target: { database, tables: 2 },
      server: '18.0',
      tables: [
        { schema: 'public', name: 'mail', inBackup: true, inTarget: true, targetRows: 1200 },
        { schema: 'public', name: 'order', inBackup: true, inTarget: false, targetRows: null },
        { schema: 'public', name: 'since', inBackup: false, inTarget: true, targetRows: null },
      ],
    }),
    backups: async () => [
      {
        filename: 'shop-1.dump',
        size: 12_345_678,
        createdAt: new Date().toISOString(),
        database: 'shop',
        format: 'custom',
        sha256: 'ab'.repeat(32),
        server: '18.0',
        label: 'before the sale',
      },
    ],
  },
)
const { trunkline, db, server } = scene

const mail = defineTask('mail.send', {
  queue: 'mail',
  retry: { attempts: 1 },
  description: 'Sends a mail',
  input: z.object({
    to: z.string(),
    kind: z.enum(['welcome', 'invoice']).default('welcome'),
    urgent: z.boolean().default(false),
    copies: z.array(z.string()).optional(),
    customer: z.object({ id: z.number().int() }).optional(),
    secret: z.string().optional().meta({ writeOnly: true }),
  }),
  run({ input, log }) {
    log.setTotal(3, 'mails')
    log.info('\u001b[31mred\u001b[0m and \u001b[33myellow\u001b[0m', { n: 1 })
    log.warn('slow')
    log.error('bad')
    log.incrementProgress(3)
    if (input.to === 'nobody') throw new Error('there is nobody')
    return { sent: true, list: [1, 2, { three: null }] }
  },
})
const goOn = signal()
const wait = defineTask('long.wait', { queue: 'long', run: () => goOn.promise })
let worker: Worker

const paths: Record<string, string> = {}
const rights = { rights: ['payload.read' as const, 'steps.sql' as const, 'steps.shell' as const] }

beforeAll(async () => {
  const tasks = [...builtInTasks({ connectionString: db.url, storage: fileSystemStorage(tmpdir()) }), mail, wait]
  worker = await trunkline.work(tasks, { pollMs: 20, name: 'one' })
  const other = await addAccount(server.service.database, { email: 'other@example.com', password: null, role: 'viewer', name: 'Other' })
  await addApiKey(server.service.database, { name: 'shop', accountId: other.id, role: 'viewer' })
  const [good, bad] = await trunkline.enqueueMany(mail, [{ to: 'a@example.com' }, { to: 'nobody' }], { tags: ['test'] })
  await trunkline.enqueue(mail, { to: 'later' }, { delay: '1h' })
  await trunkline.enqueue(wait, {})
  await trunkline.enqueue('mail.send', { to: 'x' }, { queue: 'unserved' })
  const steps = await trunkline.enqueue('steps_run', {
    steps: [
      { name: 'first', task: 'mail.send', payload: { to: 'a' } },
      { name: 'second', task: 'mail.send', payload: { to: 'nobody' } },
    ],
  })
  await until(async () => (await trunkline.steps(steps.id))[1]?.tries === 1)
  await trunkline.setLimits('mail', { concurrency: 20, rate: { limit: 100, per: '1m' }, concurrencyPerKey: 2 })
  await trunkline.setThresholds('unserved', { waiting: { warning: 0.5 }, workers: { critical: 1 } })
  await trunkline.pause('mail', { reason: 'a test' })
  const flow = await trunkline.flows.add({
    name: 'two',
    jobs: [
      { name: 'first', task: 'mail.send', payload: { to: 'nobody' } },
      { name: 'second', task: 'mail.send', payload: { to: 'b' }, dependsOn: ['first'] },
    ],
  })
  const schedule = await trunkline.schedules.create({
    name: 'Nightly',
    task: 'mail.send',
    payload: { to: 'c' },
    cronExpression: '30 2 * * *',
    timezone: 'Europe/Berlin',
  })
  await trunkline.templates.create({ name: 'Welcome', task: 'mail.send', payload: { to: 'd' } })
  const { job: old, run: oldRun } = await addPgAgentJob()
  await until(async () => (await trunkline.get((bad as { id: string }).id)).state === 'failed')
  await until(async () => (await trunkline.get((good as { id: string }).id)).state === 'completed')
  const { groups } = await trunkline.errors()
  const [failed, done] = [(bad as { id: string }).id, (good as { id: string }).id]
  Object.assign(paths, {
    overview: '',
    jobs: '/list',
    'no job fits': '/list?q=task:nothing',
    'a wrong query': '/list?q=state:faild',
    'a job beside the list': `/list?side=${failed}`,
    'a failed job': `/${failed}`,
    'its log': `/${done}?tab=logs`,
    'its payload': `/${done}?tab=payload`,
    'its timeline': `/${done}?tab=timeline`,
    'what it has to do with': `/${done}?tab=related`,
    'a job of steps': `/${steps.id}?tab=steps`,
    'its audit': `/${done}?tab=audit`,
    'a job that is not there': '/999999',
    errors: '/errors',
    'an error': `/errors/${groups[0]?.fingerprint}`,
    queues: '/queues',
    'a queue': '/queues/mail',
    workers: '/workers',
    'a worker': `/workers/${worker.id}`,
    'a new job': '/new?task=mail.send',
    'a new job as JSON': '/new?task=mail.send&view=json',
    'a job with changes': `/new?from=${failed}`,
    schedules: '/schedules',
    'the calendar': '/schedules?layout=calendar',
    'the load': '/schedules?layout=heat',
    'a new schedule': '/schedules/new',
    'a schedule': `/schedules/${schedule.id}`,
    'a schedule is changed': `/schedules/${schedule.id}/edit`,
    flows: '/flows',
    'a flow': `/flows/${flow.id}`,
    templates: '/templates',
    'servers of pgAgent': '/pgagent',
    'a server of pgAgent': '/pgagent/default',
    'what ran there': '/pgagent/default?tab=runs',
    'what it needs': '/pgagent/default?tab=setup',
    'a server that is not there': '/pgagent/nowhere',
    'a job of pgAgent': `/pgagent/default/jobs/${old}`,
    'its schedules': `/pgagent/default/jobs/${old}?tab=schedules`,
    'its history': `/pgagent/default/jobs/${old}?tab=history&run=${oldRun}`,
    'its rehearsal': `/pgagent/default/jobs/${old}?tab=migration`,
    'a job of pgAgent is changed': `/pgagent/default/jobs/${old}/edit`,
    'a new job of pgAgent': '/pgagent/default/new',
    inbox: '/inbox',
    audit: '/audit',
    backups: '/backups',
    'one’s own settings': '/settings',
    appearance: '/settings/appearance',
    users: '/settings/users',
    keys: '/settings/keys',
    retention: '/settings/retention',
    about: '/settings/about',
    'a page that is not there': '/nothing/here',
  })
})

afterAll(async () => {
  goOn.resolve()
  await worker.stop()
})

/** A job of pgAgent as a dead agent has left it: two steps, a schedule, a run that failed and one that is open. */
async function addPgAgentJob(): Promise<{ job: number; run: number }> {
  await installSchema(db.open())
  await watch(db.open())
  await db.rows(`insert into pgagent.pga_jobagent(jagpid, jagstation) values (2147483647, 'gone')`)
  const [made] = await db.rows(
    `insert into pgagent.pga_job(jobjclid, jobname, jobdesc, jobagentid) values (1, 'nightly', 'As it was', 2147483647) returning jobid job`,
  )
  await db.rows(
    `insert into pgagent.pga_schedule(jscjobid, jscname, jscminutes, jschours, jscstart)
    select $1, 'at two', array_agg(i = 0 order by i), (select array_agg(h = 2 order by h) from generate_series(0, 23) h), now() from generate_series(0, 59) i`,
    [made?.job],
  )
  const steps = await db.rows(
    `insert into pgagent.pga_jobstep(jstjobid, jstname, jstkind, jstcode, jstdbname)
    values ($1, '1 count', 's', 'select 1', $2), ($1, '2 tell', 'b', 'echo told', '') returning jstid step`,
    [made?.job, db.name],
  )
  const [run] = await db.rows(
    `with r as (insert into pgagent.pga_joblog(jlgjobid, jlgstatus, jlgduration) values ($1, 'f', '2 s'), ($1, 'r', null) returning jlgid)
    select min(jlgid) run from r`,
    [made?.job],
  )
  await db.rows(
    `insert into pgagent.pga_jobsteplog(jsljlgid, jsljstid, jslstatus, jslresult, jslduration, jsloutput)
    values ($1, $2, 's', 1, '1 s', ''), ($1, $3, 'f', 2, '1 s', E'Script Error:\nnot found')`,
    [run?.run, steps[0]?.step, steps[1]?.step],
  )
  return { job: made?.job as number, run: run?.run as number }
}

/** Nothing is being read or moves any more. */
async function still(page: Page): Promise<void> {
  await page.locator('main h1').waitFor()
  await settled(page)
  await page.evaluate(() =>
    Promise.all(
      document
        .getAnimations()
        .filter((one) => one.effect?.getComputedTiming().iterations !== Number.POSITIVE_INFINITY)
        .map((one) => one.finished.catch(() => {})),
    ),
  )
}

interface Found {
  violations: { id: string; nodes: { html: string; failureSummary: string }[] }[]
}

async function violations(page: Page): Promise<string[]> {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe)
  const { violations } = await page.evaluate(() => {
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
    const { axe } = window as unknown as { axe: { run(of: Document, options: object): Promise<Found> } }
    return axe.run(document, { runOnly: { type: 'tag', values: tags }, resultTypes: ['violations'], preload: false })
  })
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 160)} ${failureSummary.slice(0, 220)}`),
  )
}

/** By how many pixels the page can be scrolled sideways. */
const overhang = (page: Page) =>
  page.evaluate(
    () =>
      new Promise<number>((resolve) =>
        requestAnimationFrame(() => requestAnimationFrame(() => resolve(document.documentElement.scrollWidth - innerWidth))),
      ),
  )

/** Lists that have to be scrolled sideways to be read. */
const cutOff = (page: Page) =>
  page
    .locator('main [data-folds]')
    .evaluateAll((lists) => lists.filter((list) => list.scrollWidth > list.clientWidth).map((list) => list.getAttribute('aria-label')))

type Theme = 'light' | 'dark'

async function look(desk: Desk, viewport: { width: number; height: number }): Promise<Record<string, unknown>> {
  const { page } = desk
  const found: Record<string, unknown> = {}
  for (const [name, path] of Object.entries(paths)) {
    await page.setViewportSize(viewport)
    await visit(page, path)
    await still(page)
    const problems = await violations(page)
    const headings = await page.locator('main h1').count()
    await page.setViewportSize(narrow)
    const sideways = await overhang(page)
    const lists = await cutOff(page)
    if (problems.length > 0 || sideways > 0 || headings !== 1 || lists.length > 0) found[name] = { problems, sideways, headings, lists }
  }
  return found
}

const looks: [Theme, { width: number; height: number }][] = isWhole
  ? [
      ['light', wide],
      ['dark', wide],
      ['light', narrow],
      ['dark', narrow],
    ]
  : [['light', wide]]

describe.each(looks)('%s, %o', (colorScheme, viewport) => {
  let desk: Desk
  beforeAll(async () => {
    desk = await scene.desk('owner', '', { colorScheme, viewport }, rights)
  })

  test(
    'on every page axe finds nothing, there is one first heading, and nothing scrolls sideways at 390 px',
    async () => {
      expect(await look(desk, viewport)).toEqual({})
    },
    isWhole ? 900_000 : 240_000,
  )

  test.runIf(isWhole)(
    'nor in anything that opens over a page',
    async () => {
      const { page } = desk
      const found: Record<string, unknown> = {}
      await page.setViewportSize(viewport)
      for (const [name, { path, only, open }] of Object.entries(overlays())) {
        if (only !== undefined && only !== viewport) continue
        await page.goto(`${scene.address}${path}`)
        await still(page)
        await open(page)
        await page.locator('[role="dialog"], [role="menu"], [role="listbox"]').filter({ visible: true }).first().waitFor()
        await still(page)
        const problems = await violations(page)
        if (problems.length > 0 || (await overhang(page)) > 0) found[name] = problems
      }
      expect(found).toEqual({})
    },
    900_000,
  )

  test('the bar fits 390 px, whatever is told of the connection', async () => {
    const { page } = desk
    await page.setViewportSize(narrow)
    const chip = page.getByRole('region', { name: 'Bar' }).locator('[data-look] span')
    for (const text of ['Reconnecting 15 s', 'Offline since 23:59:59', 'Paused · 1,234,567 waiting']) {
      await chip.evaluate((element, told) => {
        element.textContent = told
      }, text)
      expect([text, await overhang(page)]).toEqual([text, 0])
    }
  })

  test('nothing that the browser could complain of', () => {
    expect(desk.complaints).toEqual([])
  })
})

const press = (name: string | RegExp) => (page: Page) => page.getByRole('button', { name }).first().click()
const menu = (button: string | RegExp, item: string) => async (page: Page) => {
  await press(button)(page)
  await page.getByRole('menuitem', { name: item }).click()
  await page.getByRole('dialog').waitFor()
}

interface Overlay {
  path: string
  /** Where it is there in one width only. */
  only?: typeof wide
  open: (page: Page) => Promise<unknown>
}

/** All that opens over a page: dialogs, drawers, menus, lists. */
function overlays(): Record<string, Overlay> {
  const failed = paths['a failed job'] as string
  const schedule = paths['a schedule'] as string
  const error = paths['an error'] as string
  const chosen = async (page: Page) => page.getByLabel('Choose all loaded jobs').check()
  return {
    'the palette': { path: '', open: (page) => page.keyboard.press('Control+k') },
    'the keys': { path: '', open: (page) => page.keyboard.press('?') },
    'the menu of the user': { path: '', open: press(/^You, theme/) },
    'the navigation': { path: '', only: narrow, open: press('Open the navigation') },
    'views of the list': { path: '/list', open: press('Views') },
    'a view is kept': { path: '/list?q=state:failed', open: menu('Views', 'Keep this view') },
    'what jobs have in common': { path: '/list', only: narrow, open: press('Narrow down') },
    'completions of a query': {
      path: '/list',
      async open(page) {
        await page.getByRole('combobox', { name: 'Query' }).fill('sta')
        await page.getByRole('option').first().waitFor()
      },
    },
    'a job over the list': { path: `/list?side=${failed.slice(1)}`, only: narrow, open: async () => {} },
    'more for chosen jobs': {
      path: '/list',
      async open(page) {
        await chosen(page)
        await press('More for the chosen jobs')(page)
      },
    },
    ...Object.fromEntries(
      ['Retry', 'Cancel'].map((verb) => [
        `${verb} of many`,
        {
          path: '/list?q=state:failed',
          async open(page: Page) {
            await chosen(page)
            await page.getByRole('region', { name: 'Chosen jobs' }).getByRole('button', { name: verb, exact: true }).click()
            await page.getByText(/meant/).waitFor()
          },
        },
      ]),
    ),
    ...Object.fromEntries(
      ['Re-run as new jobs', 'Change priority, queue, tags', 'Delete'].map((verb) => [
        `${verb} of many`,
        {
          path: '/list?q=state:failed',
          async open(page: Page) {
            await chosen(page)
            await menu('More for the chosen jobs', verb)(page)
            await page.getByText(/meant/).waitFor()
          },
        },
      ]),
    ),
    'more about a job': { path: failed, open: press('More') },
    'a job is deleted': { path: failed, open: menu('More', 'Delete') },
    'the download of a log': { path: paths['its log'] as string, open: press('Download') },
    'more about a cause': { path: error, open: press(/^More about/) },
    'all of a cause again': { path: error, open: press('Retry all') },
    'the pause of a queue': { path: '/queues/long', open: press('Pause') },
    'the thresholds of a queue': { path: '/queues/mail', open: press('Thresholds') },
    'the limits of a queue': { path: '/queues/mail', open: press('Change limits') },
    'a list within a dialog': {
      path: '/queues/mail',
      async open(page) {
        await press('Change limits')(page)
        await page.getByRole('dialog').getByRole('combobox').first().click()
        await page.getByRole('option').first().waitFor()
      },
    },
    'a list that is longer than its place': {
      path: '/settings/appearance',
      async open(page) {
        await page.getByRole('combobox', { name: 'Time zone of all times' }).click()
        await page.getByRole('option').first().waitFor()
      },
    },
    'changes that are not saved': {
      path: '/schedules/new',
      async open(page) {
        await page.getByRole('textbox', { name: 'Name', exact: true }).fill('Weekly')
        await press('Run a new job')(page)
      },
    },
    'recent payloads': { path: '/new?task=mail.send', open: press('Recent payloads') },
    'a template is saved': { path: '/new?task=mail.send', open: press('Save as a template') },
    'more about a schedule': { path: schedule, open: press(/^More about/) },
    'a schedule is deleted': { path: schedule, open: menu(/^More about/, 'Delete') },
    'the rhythms of a schedule': { path: '/schedules/new', open: (page) => page.getByRole('combobox', { name: 'Runs' }).click() },
    'more about a template': { path: '/templates', open: press(/^More about/) },
    'a template is deleted': { path: '/templates', open: menu(/^More about/, 'Delete') },
    'more about a job of pgAgent': { path: '/pgagent/default', open: press(/^More about nightly/) },
    'a job of pgAgent is deleted': { path: paths['a job of pgAgent'] as string, open: menu(/^More about/, 'Forget its history') },
    'a job of pgAgent as SQL': { path: paths['a job of pgAgent'] as string, open: press('As SQL') },
    'a job of pgAgent is cut over': { path: paths['its rehearsal'] as string, open: press('Cut over') },
    'a new server of pgAgent': { path: '/pgagent', open: press('Add a server') },
    'more about a backup': { path: '/backups', open: press(/^More about/) },
    'a backup is restored': { path: '/backups', open: menu(/^More about/, 'Restore') },
    'a backup is deleted': { path: '/backups', open: menu(/^More about/, 'Delete') },
    'a new user': { path: '/settings/users', open: press('New user') },
    'a user is changed': { path: '/settings/users', open: press(/^Change /) },
    'a user is removed': { path: '/settings/users', open: press(/^Remove other/) },
    'a new key': { path: '/settings/keys', open: press('New key') },
    'a key is revoked': { path: '/settings/keys', open: press(/^Revoke /) },
    'other rules for the history are saved': {
      path: '/settings/retention',
      async open(page) {
        await page.getByLabel('All tasks, failed: how many days').fill('90')
        await press('Save')(page)
        await page.getByText(/^Would remove/).waitFor()
      },
    },
    'how long is kept': {
      path: '/settings/retention',
      open: (page) => page.getByRole('combobox', { name: 'All tasks, failed: how long' }).click(),
    },
    'stored rules for the history are taken away': {
      path: '/settings/retention',
      async open(page) {
        await trunkline.retention.set({ completed: '7d', tasks: { 'mail.send': { failed: false } } })
        await page.reload()
        await press('Back to 30 days')(page)
        await page.getByText(/^Would remove/).waitFor()
        await trunkline.retention.reset()
      },
    },
    'the end of a session': {
      path: '/queues',
      async open(page) {
        await page.route('**/api/v1/queues', (route) => route.fulfill({ status: 401, json: { code: 'unauthenticated', detail: 'log in' } }))
        await page.reload()
        await page.getByRole('dialog', { name: 'Your session is over' }).waitFor()
        await page.unroute('**/api/v1/queues')
      },
    },
  }
}

test('the login page, with and without a problem', async () => {
  for (const colorScheme of isWhole ? (['light', 'dark'] as const) : (['light'] as const)) {
    const context = await scene.browser.newContext({ colorScheme, viewport: narrow })
    const page = await context.newPage()
    await page.goto(scene.address)
    await page.waitForURL(/\/admin\/login\?next=/)
    expect(await violations(page)).toEqual([])
    await page.getByLabel('E-mail').fill('nobody@example.com')
    await page.getByLabel('Password').fill('wrong')
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.getByRole('alert').waitFor()
    expect(await violations(page)).toEqual([])
    expect(await overhang(page)).toBeLessThanOrEqual(0)
    await context.close()
  }
})
