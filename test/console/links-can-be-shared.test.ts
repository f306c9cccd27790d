import type { Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { defineTask, type Worker } from '../../packages/engine/src/index.ts'
import { addAccount } from '../../packages/server/src/door/accounts.ts'
import { until } from '../support/database.ts'
import { consoleScene, type Desk, password, settled, visit } from './scene.ts'

const scene = await consoleScene()
const { trunkline } = scene

const tidy = defineTask('shop.tidy', { queue: 'shop', retry: { attempts: 1 }, run: () => ({ tidy: true }) })
const sum = defineTask('shop.sum', {
  queue: 'shop',
  retry: { attempts: 2, backoff: { curve: 'fixed', delay: 20 } },
  run({ log, attempt }) {
    for (let i = 1; i <= 400; i++) log[i % 10 === 0 ? 'warn' : 'info'](`step ${i} of try ${attempt}`)
    throw new Error(`try ${attempt} did not add up`)
  },
})

let worker: Worker
let anna: Desk
let ben: Desk
let cleo: Desk
let job: string
let schedule: string

beforeAll(async () => {
  worker = await trunkline.work([tidy, sum], { pollMs: 20 })
  trunkline.keeper().start()
  await trunkline.enqueueMany(tidy, [{}, {}, {}], { tags: ['nightly'] })
  job = (await trunkline.enqueue(sum, {}, { tags: ['nightly'] })).id
  await trunkline.enqueue(tidy, {}, { delay: '1h' })
  const nightly = { name: 'Nightly', task: 'shop.tidy', cronExpression: '30 2 * * *', timezone: 'Europe/Berlin' }
  schedule = (await trunkline.schedules.create(nightly)).id
  await until(async () => (await trunkline.get(job)).state === 'failed', 'the job to fail', 30_000)
  anna = await scene.desk('operator', '', {}, { rights: ['payload.read'] })
  // another person, another browser
  ben = await scene.desk('admin', '', { viewport: { width: 1440, height: 900 } }, { rights: ['payload.read'] })
  // who changes things
  cleo = await scene.desk('owner', '', {}, { rights: ['payload.read'] })
})
afterAll(() => worker.stop())

interface Shared {
  /** Where the console leads to it. */
  path: () => string
  /** What somebody does there. */
  act: (page: Page) => Promise<unknown>
  /** What the address says then. */
  says: Record<string, string | RegExp>
  /** What both see. */
  seen: (page: Page) => Promise<unknown>
}

const rowsOf = async (page: Page) => {
  await page.getByText(/that is all$/).waitFor()
  return await page.locator('[data-job]').allTextContents()
}
const pressed = (page: Page, group: string) => page.getByRole('group', { name: group }).locator('[aria-pressed="true"]').textContent()
const chosenTab = (page: Page) => page.getByRole('tab', { selected: true }).textContent()

const screens: Record<string, Shared> = {
  'a query that was typed, a state, an order': {
    path: () => '/list',
    async act(page) {
      await page.getByRole('combobox', { name: 'Query' }).pressSequentially('tag:nightly task:shop.tidy')
      await page.waitForURL(/q=tag:nightly/)
      await page
        .getByRole('group', { name: 'States' })
        .getByRole('button', { name: /^completed/ })
        .click()
      await page.getByRole('combobox', { name: 'Order' }).click()
      await page.getByRole('option', { name: 'Oldest first' }).click()
      await page.waitForURL(/sort=created/)
    },
    says: { q: 'tag:nightly task:shop.tidy', state: 'completed', sort: 'created' },
    async seen(page) {
      expect(await rowsOf(page)).toHaveLength(3)
      return [
        await rowsOf(page),
        await page.getByRole('combobox', { name: 'Query' }).inputValue(),
        (await pressed(page, 'States'))?.split(' ')[0],
      ]
    },
  },
  'a job beside the list': {
    path: () => '/list',
    async act(page) {
      await page.getByText(`#${job}`).first().waitFor()
      await page
        .locator('[role="row"]')
        .filter({ hasText: `#${job}` })
        .locator('[role="cell"]')
        .nth(3)
        .click()
      await page.getByRole('complementary', { name: `Job ${job}` }).waitFor()
    },
    says: { side: /^\d+$/ },
    async seen(page) {
      const beside = page.getByRole('complementary', { name: `Job ${job}` })
      // it arrives after the page, and its job after it
      await beside.waitFor()
      await settled(page)
      return await beside.getByRole('heading').textContent()
    },
  },
  'an attempt': {
    path: () => `/${job}`,
    async act(page) {
      await page.getByRole('tab', { name: /^Attempts/ }).click()
      await page.getByText('did not add up').first().waitFor()
      await page.keyboard.press('[')
      await page.waitForURL(/attempt=1/)
    },
    says: { tab: 'attempts', attempt: '1' },
    async seen(page) {
      const chosen = page.locator('[data-chosen]')
      await chosen.waitFor()
      expect(await chosen.textContent()).toContain('try 1 did not add up')
      return [await chosenTab(page), await chosen.count()]
    },
  },
  'a line of a log, with its level': {
    path: () => `/${job}?tab=logs`,
    async act(page) {
      await page.getByRole('group', { name: 'Levels' }).getByRole('button', { name: 'warn' }).click()
      await page.waitForURL(/level=warn/)
      const line = page.locator('[data-level]').filter({ hasText: 'step 350 of try 2' })
      await line.hover()
      await line.getByRole('button').click()
      await page.waitForURL(/line=\d+/)
    },
    says: { tab: 'logs', level: 'warn', line: /^\d+$/ },
    async seen(page) {
      const marked = page.locator('[data-marked]')
      await marked.waitFor()
      const box = await marked.boundingBox()
      const log = await page.getByRole('log').boundingBox()
      expect(box && log && box.y >= log.y && box.y + box.height <= log.y + log.height).toBe(true)
      return [await marked.textContent(), (await marked.textContent())?.includes('step 350 of try 2')]
    },
  },
  'a search in a log': {
    path: () => `/${job}?tab=logs`,
    async act(page) {
      await page.getByRole('textbox', { name: 'Search the log' }).fill('step 123 of')
      await page.keyboard.press('Enter')
      await page.waitForURL(/find=/)
    },
    says: { tab: 'logs', find: 'step 123 of' },
    async seen(page) {
      await page.locator('mark').first().waitFor()
      await settled(page)
      return [await page.locator('[data-level] mark').count(), await page.getByRole('textbox', { name: 'Search the log' }).inputValue()]
    },
  },
  'payload and result': {
    path: () => `/${job}`,
    act: (page) => page.getByRole('tab', { name: 'Payload and result' }).click(),
    says: { tab: 'payload' },
    seen: chosenTab,
  },
  'causes of a state and a time': {
    path: () => '/errors',
    async act(page) {
      await page.getByRole('group', { name: 'State' }).getByRole('button').nth(1).click()
      await page.getByRole('group', { name: 'Of the last' }).getByRole('button').first().click()
      await page.waitForURL(/range=/)
    },
    says: { state: /^\w+$/, range: /^\w+$/ },
    seen: async (page) => [await pressed(page, 'State'), await pressed(page, 'Of the last')],
  },
  'a month of the calendar': {
    path: () => '/schedules',
    async act(page) {
      await page.getByRole('button', { name: 'Calendar' }).click()
      await page.getByRole('button', { name: 'The month after' }).click()
      await page.waitForURL(/month=/)
    },
    says: { layout: 'calendar', month: /^\d{4}-\d{2}$/ },
    seen: (page) => page.locator('main h2').first().textContent(),
  },
  'workers that have ended': {
    path: () => '/workers',
    act: (page) => page.getByRole('group', { name: 'Which workers' }).getByRole('button').nth(1).click(),
    says: { view: /^\w+$/ },
    seen: (page) => pressed(page, 'Which workers'),
  },
}

describe('what one sees another sees by the link, and going back leaves the screen at once', () => {
  test.each(Object.keys(screens))('%s', async (name) => {
    const { path, act, says, seen } = screens[name] as Shared
    const { page } = anna
    await visit(page, '/inbox')
    await page.getByRole('heading', { level: 1, name: 'Inbox' }).waitFor()
    await visit(page, path())
    await page.locator('main h1').filter({ hasNotText: 'Inbox' }).waitFor()
    await settled(page)
    await act(page)
    await settled(page)
    const own = await seen(page)
    const { searchParams } = new URL(page.url())
    expect(Object.fromEntries(Object.keys(says).map((key) => [key, searchParams.get(key)]))).toEqual(
      Object.fromEntries(
        Object.entries(says).map(([key, value]) => [key, typeof value === 'string' ? value : expect.stringMatching(value)]),
      ),
    )

    await ben.page.goto(page.url())
    await ben.page.locator('main h1').waitFor()
    await settled(ben.page)
    expect(await seen(ben.page)).toEqual(own)

    await page.goBack()
    await page.getByRole('heading', { level: 1, name: 'Inbox' }).waitFor()
    expect(new URL(page.url()).pathname).toMatch(/\/inbox$/)
  })
})

test('who is not logged in logs in by the form, and is where the link leads', async () => {
  const context = await scene.browser.newContext()
  const page = await context.newPage()
  await page.goto(`${scene.address}/list?q=tag:nightly&state=completed`)
  await page.waitForURL(/\/admin\/login\?next=/)
  const email = 'dora@example.com'
  await addAccount(scene.server.service.database, { email, password, role: 'viewer' })
  await page.getByLabel('E-mail').fill(email)
  await page.getByLabel('Password').fill('wrong')
  await page.getByLabel('Password').press('Enter')
  await page
    .getByRole('alert')
    .filter({ hasText: /wrong|match|not/i })
    .waitFor()
  await page.getByLabel('Password').fill(password)
  await page.getByLabel('Password').press('Enter')
  await page.getByRole('heading', { level: 1, name: 'Jobs' }).waitFor()
  expect(await rowsOf(page)).toHaveLength(3)
  expect(page.url()).toMatch(/\/admin\/jobs\/list\?q=tag:nightly&state=completed$/)
  await context.close()
})

interface Form {
  path: () => string
  heading: string | RegExp
  /** Changes it, and tells what it says then. */
  change: (page: Page) => Promise<() => Promise<string>>
}

/** What stands in a field, or in an editor. */
const textOf = (field: Locator) =>
  field.evaluate((element) => (element instanceof HTMLInputElement ? element.value : (element.textContent ?? '')))
const filled = (field: (page: Page) => Locator, text: string) => async (page: Page) => {
  await field(page).fill(text)
  return () => textOf(field(page))
}
const named = filled((page) => page.getByRole('textbox', { name: 'Name', exact: true }), 'Another')

const forms: Record<string, Form> = {
  'a new schedule': { path: () => '/schedules/new', heading: 'New schedule', change: named },
  'a schedule': { path: () => `/schedules/${schedule}/edit`, heading: 'Nightly', change: named },
  'a payload': {
    path: () => '/new?task=shop.tidy&view=json',
    heading: 'Run a new job',
    change: filled((page) => page.locator('.cm-content'), '{"all": true}'),
  },
  'the options of a job': {
    path: () => `/new?from=${job}`,
    heading: /^Run job \d+ again$/,
    async change(page) {
      await page.getByText('Options: queue').click()
      return await filled((page) => page.getByLabel('Queue'), 'other')(page)
    },
  },
  'how long jobs are kept': {
    path: () => '/settings/retention',
    heading: 'Settings',
    change: filled((page) => page.getByLabel('All tasks, failed: how many days'), '90'),
  },
  'a new password': {
    path: () => '/settings',
    heading: 'Settings',
    change: filled((page) => page.getByRole('textbox', { name: 'New password' }), 'correct-horse-battery-10'),
  },
}

describe('what is not saved is asked about before its page is left', () => {
  const question = (page: Page) => page.getByRole('dialog', { name: 'Discard the changes?' })
  const at = (page: Page, heading: string | RegExp) => page.getByRole('heading', { level: 1, name: heading, exact: true }).waitFor()
  const follow = (page: Page, place: string) => page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: place })

  test.each(Object.keys(forms))('%s, with a pointer', async (name) => {
    const { path, heading, change } = forms[name] as Form
    const { page } = cleo
    await visit(page, '/inbox')
    await at(page, 'Inbox')
    await follow(page, 'Queues').click()
    await at(page, 'Queues')
    await visit(page, path())
    await at(page, heading)
    await settled(page)
    const here = page.url()
    // what was only looked at is left without a word
    await follow(page, 'Workers').click()
    await at(page, 'Workers')
    await page.goBack()
    await at(page, heading)
    await settled(page)
    const says = await change(page)
    const text = await says()

    await follow(page, 'Workers').click()
    await question(page).getByRole('button', { name: 'Stay here' }).click()
    await question(page).waitFor({ state: 'detached' })
    expect([page.url(), await says()]).toEqual([here, text])

    await page.evaluate(() => history.back())
    await question(page).getByRole('button', { name: 'Stay here' }).click()
    await question(page).waitFor({ state: 'detached' })
    await page.waitForURL(here)
    expect(await says()).toBe(text)

    await page.evaluate(() => history.back())
    await question(page).getByRole('button', { name: 'Discard them' }).click()
    await at(page, 'Queues')
    await page.goBack()
    await at(page, 'Inbox')
  })

  test('by keyboard alone; the focus stays where one is', async () => {
    const { page } = cleo
    await page.goto(`${scene.address}/schedules/new`)
    await at(page, 'New schedule')
    await page.getByRole('textbox', { name: 'Name', exact: true }).focus()
    await page.keyboard.type('Weekly')
    const link = follow(page, 'Flows')
    const hasFocus = (one: Locator) => one.evaluate((element) => element === document.activeElement)
    await link.focus()
    await page.keyboard.press('Enter')
    await question(page).waitFor()
    await page.keyboard.press('Escape')
    await question(page).waitFor({ state: 'detached' })
    await until(() => hasFocus(link), 'the link to have the focus again')
    expect(await page.getByRole('textbox', { name: 'Name', exact: true }).inputValue()).toBe('Weekly')
    // the browser asks where the whole tab goes
    const warned = new Promise<string>((resolve) => {
      page.once('dialog', (warning) => {
        resolve(warning.type())
        warning.dismiss().catch(() => {})
      })
    })
    page.evaluate(() => location.reload()).catch(() => {})
    expect(await warned).toBe('beforeunload')
    await page.keyboard.press('Enter')
    await question(page).waitFor()
    await until(() => hasFocus(question(page).getByRole('button', { name: 'Discard them' })), 'the button to have the focus')
    await page.keyboard.press('Enter')
    await at(page, 'Flows')
    await until(() => hasFocus(page.locator('main h1')), 'the heading to have the focus')
  })

  test('another task on the same page is asked about too; what is saved, as a schedule or as a template, is not', async () => {
    const { page } = cleo
    await page.goto(`${scene.address}/new?task=shop.tidy&view=json`)
    const payload = page.locator('.cm-content')
    await payload.fill('{"all": true}')
    await page.getByRole('combobox', { name: 'Task' }).click()
    await page.getByRole('option', { name: 'shop.sum' }).click()
    await question(page).getByRole('button', { name: 'Stay here' }).click()
    await question(page).waitFor({ state: 'detached' })
    expect(await textOf(payload)).toBe('{"all": true}')

    const before = (await trunkline.list({ limit: 1 }))[0]?.id
    await page.getByRole('button', { name: 'Save as a template' }).click()
    await page.getByRole('dialog').getByLabel('Name').fill('Tidy all')
    await page.keyboard.press('Enter')
    await page.getByText('Saved as Tidy all').waitFor()
    await follow(page, 'Schedules').click()
    await at(page, 'Schedules')
    // the form behind the dialog was not sent with it
    expect((await trunkline.list({ limit: 1 }))[0]?.id).toBe(before)

    await page.getByRole('link', { name: 'Nightly' }).click()
    await page.getByRole('button', { name: 'Change' }).click()
    await page.getByLabel('Description').fill('Every night')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.waitForURL(/schedules\/[\w-]{36}$/)
    await at(page, 'Nightly')
    await follow(page, 'Flows').click()
    await at(page, 'Flows')
  })
})

test('nothing that the browser could complain of', () => {
  expect([...anna.complaints, ...ben.complaints, ...cleo.complaints]).toEqual([])
})
