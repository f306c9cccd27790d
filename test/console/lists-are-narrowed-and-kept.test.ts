import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { defineTask, type Worker } from '../../packages/engine/src/index.ts'
import { until } from '../support/database.ts'
import { consoleScene, type Desk, visit } from './scene.ts'

const scene = await consoleScene()
const { trunkline } = scene

const pack = defineTask('shop.pack', {
  queue: 'shop',
  retry: { attempts: 1 },
  input: z.object({ order: z.number().int(), gift: z.enum(['none', 'paper', 'box']).default('none') }),
  run({ input }) {
    if (input.order > 100) throw new Error('the shelf is empty')
    return { packed: input.order }
  },
})
const post = defineTask('shop.post', { queue: 'post', run: () => ({ sent: true }) })

let worker: Worker
let anna: Desk

beforeAll(async () => {
  worker = await trunkline.work([pack, post], { pollMs: 20 })
  const made = [
    ...(await trunkline.enqueueMany(pack, [{ order: 1 }, { order: 2 }, { order: 3 }], { tags: ['spring'] })),
    ...(await trunkline.enqueueMany(pack, [{ order: 101 }, { order: 102 }], { tags: ['summer'] })),
    ...(await trunkline.enqueueMany(post, [{}, {}, {}, {}], { tags: ['summer'] })),
  ]
  await until(async () => (await Promise.all(made.map(({ id }) => trunkline.get(id)))).every(({ finishedAt }) => finishedAt !== null))
  anna = await scene.desk('admin', '/list', {}, { rights: ['payload.read'] })
})
afterAll(() => worker.stop())

test('what jobs have in common is counted; a press narrows the list to it, another widens it again', async () => {
  const { page } = anna
  const rail = page.getByRole('complementary', { name: 'Narrow down' })
  const value = (name: string | RegExp) => rail.getByRole('button', { name })
  const rows = page.locator('[data-job]')
  await value(/^shop\.pack ?5$/).waitFor()
  await value(/^summer ?6$/).waitFor()
  // two jobs failed of one cause: it is one line, with what it said
  await value(/^the shelf is empty ?2$/).waitFor()

  await value(/^shop\.pack/).click()
  await page.waitForURL(/q=task:shop\.pack/)
  await value(/^summer ?2$/).waitFor()
  await value(/^summer/).click()
  await page.waitForURL((url) => url.searchParams.get('q') === 'task:shop.pack tag:summer')
  await until(async () => (await rows.count()) === 2, 'the list to have two jobs')
  await page.getByText(/that is all$/).waitFor()
  expect(await rows.count()).toBe(2)
  expect(await value(/^summer/).getAttribute('aria-pressed')).toBe('true')

  await value(/^shop\.pack/).click()
  await page.waitForURL((url) => url.searchParams.get('q') === 'tag:summer')
  await value(/^shop\.post ?4$/).waitFor()
  await value(/^summer/).click()
  await page.waitForURL((url) => !url.searchParams.has('q'))
})

test('a view is kept under a name, with its count, in all tabs of the browser; it is opened and forgotten', async () => {
  const { page, context } = anna
  await page.goto(`${scene.address}/list?q=state:failed`)
  await page.getByRole('button', { name: 'Views' }).click()
  await page.getByRole('menuitem', { name: 'Keep this view' }).click()
  await page.getByRole('dialog').getByLabel('Name').fill('Empty shelves')
  await page.getByRole('dialog').getByRole('button', { name: 'Keep' }).click()
  const own = page.getByRole('button', { name: /^Empty shelves ?2$/ })
  await own.waitFor()
  expect(await own.getAttribute('aria-pressed')).toBe('true')

  const other = await context.newPage()
  await other.goto(`${scene.address}/list`)
  await other.getByRole('button', { name: /^Empty shelves/ }).click()
  await other.waitForURL(/q=state:failed/)
  // a third job of this sort is counted without a press
  await trunkline.enqueue(pack, { order: 103 })
  await page.getByRole('button', { name: /^Empty shelves ?3$/ }).waitFor()

  await other.getByRole('button', { name: 'Views' }).click()
  await other.getByRole('menuitem', { name: 'Forget Empty shelves' }).click()
  await own.waitFor({ state: 'detached' })
  await page.getByRole('button', { name: /^Empty shelves/ }).waitFor({ state: 'detached' })
  await other.close()
})

test('who comes back to a list sees it as it is now, however short they were away', async () => {
  const { page, context } = anna
  const { id } = await trunkline.enqueue(post, {}, { delay: 3_600_000, tags: ['later'] })
  const other = await context.newPage()
  for (const list of [page, other]) {
    await list.goto(`${scene.address}/list?q=tag:later`)
    await list.locator('main [data-look="scheduled"]').waitFor()
  }
  await visit(page, '/audit')
  await page.getByRole('heading', { level: 1, name: 'Audit' }).waitFor()
  await trunkline.cancel(id)
  // every page that listens has been told; the first list was none of them
  await other.locator('main [data-look="cancelled"]').waitFor()
  await other.close()
  await page.goBack()
  await page.locator('main [data-look="cancelled"]').waitFor()
})

test('nothing fits: each condition says what there would be without it', async () => {
  const { page } = anna
  await page.goto(`${scene.address}/list?q=task:shop.pack+tag:winter`)
  await page.getByRole('button', { name: /tag:winter.*without it 6 jobs/ }).click()
  await page.waitForURL((url) => url.searchParams.get('q') === 'task:shop.pack')
})

test('the form of a template offers what the template allows, and says what does not fit', async () => {
  const { page } = anna
  const made = await trunkline.templates.create({
    name: 'A present',
    task: 'shop.pack',
    payload: { order: 7, gift: 'box' },
    inputSchema: { properties: { gift: { enum: ['paper', 'box'] }, order: { maximum: 50 } } },
  })
  await page.goto(`${scene.address}/new?template=${made.id}`)
  await page.getByRole('combobox', { name: 'gift' }).click()
  await page.getByRole('option', { name: 'box' }).waitFor()
  expect(await page.getByRole('option').allTextContents()).toEqual(['paper', 'box'])
  await page.getByRole('option', { name: 'paper' }).click()
  await page.getByLabel('order').fill('60')
  await page.getByRole('button', { name: 'Run', exact: true }).click()
  await page.getByText('is at most 50').first().waitFor()
  await page.getByLabel('order').fill('8')
  await page.getByRole('button', { name: 'Run', exact: true }).click()
  await page.waitForURL(/\/\d+$/)
  const job = await trunkline.get(new URL(page.url()).pathname.split('/').at(-1) as string)
  expect(job.payload).toEqual({ order: 8, gift: 'paper' })
})

test('the past of a schedule is counted first, then made up for; what has a job is left alone', async () => {
  const { page } = anna
  const { id } = await trunkline.schedules.create({
    name: 'Each hour',
    task: 'shop.post',
    payload: {},
    cronExpression: '0 * * * *',
    timezone: 'UTC',
  })
  await page.goto(`${scene.address}/schedules/${id}`)
  const open = async () => {
    await page.getByRole('button', { name: 'More about Each hour' }).click()
    await page.getByRole('menuitem', { name: 'Make up for the past' }).click()
  }
  const dialog = page.getByRole('dialog')
  await open()
  await dialog.getByLabel('From').fill('2026-01-05T00:30')
  await dialog.getByLabel('To').fill('2026-01-05T05:30')
  await dialog.getByText('5 jobs would be made: 5 slots, none has a job.').waitFor()
  // a dry run makes nothing
  expect(await trunkline.schedules.runs(id)).toEqual([])
  await dialog.getByRole('button', { name: 'Make 5 jobs' }).click()
  await dialog.waitFor({ state: 'hidden' })
  expect((await trunkline.schedules.runs(id)).map(({ slot }) => slot.getUTCHours()).toSorted()).toEqual([1, 2, 3, 4, 5])
  await open()
  await dialog.getByLabel('From').fill('2026-01-05T03:30')
  await dialog.getByLabel('To').fill('2026-01-05T06:30')
  await dialog.getByText('1 job would be made: 3 slots, 2 already with a job.').waitFor()
  await dialog.getByLabel('From').fill('2026-01-06T03:30')
  await dialog.getByText('The range has to begin before it ends.').waitFor()
  expect(anna.complaints).toEqual([])
})

test('a cause of failures that is open tells by itself of the next failure, and of what became of its jobs', async () => {
  const { page } = anna
  const failing = defineTask('shop.seal', {
    retry: { attempts: 1 },
    run() {
      throw new Error('the wax is cold')
    },
  })
  const sealer = await trunkline.work([failing], { pollMs: 20 })
  const fail = async () => {
    const { id } = await trunkline.enqueue(failing, {})
    await until(async () => (await trunkline.get(id)).state === 'failed')
    return id
  }
  const first = await fail()
  const { error } = await trunkline.get(first)
  await page.goto(`${scene.address}/errors/${error?.fingerprint}`)
  const rows = page.locator('main [data-look="failed"]')
  await until(async () => (await rows.count()) === 1)
  await fail()
  await until(async () => (await rows.count()) === 2)
  await page.locator('main dl').getByText('2', { exact: true }).waitFor()
  await trunkline.delete(first)
  await until(async () => (await rows.count()) === 1)
  await sealer.stop()
})
