import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineTask, FatalError, type Worker } from '../../packages/engine/src/index.ts'
import { signal, until } from '../support/database.ts'
import { consoleScene, type Desk } from './scene.ts'

const scene = await consoleScene()
const { trunkline, db } = scene
/** Jobs fail while it is true. */
let isBroken = true
const goOn = signal()

const charge = defineTask('shop.charge', {
  queue: 'shop',
  retry: { attempts: 1 },
  searchable: ['customer.id'],
  input: z.object({ customer: z.object({ id: z.number().int() }), amount: z.number().int() }),
  run({ input }) {
    if (isBroken && input.amount > 0) throw new Error(`card of customer ${input.customer.id} is declined`)
    return { charged: input.amount }
  },
})
const once = defineTask('shop.once', {
  queue: 'shop',
  run() {
    if (isBroken) throw new FatalError('the door is closed')
    return { open: true }
  },
})
const report = defineTask('shop.report', {
  queue: 'reports',
  async run({ log }) {
    for (let i = 1; i <= 600; i++) log.info(`line ${i} of the report`)
    await goOn.promise
  },
})
const backup = defineTask('backup_create', {
  queue: 'backup',
  input: z.object({ label: z.string().optional() }),
  run: () => ({ filename: 'a.dump' }),
})

let worker: Worker
let operator: Desk
let admin: Desk

beforeAll(async () => {
  worker = await trunkline.work([charge, once, report, backup], { pollMs: 20, concurrency: 50 })
  trunkline.keeper().start()
  operator = await scene.desk('operator', '', {}, { rights: ['payload.read'] })
  admin = await scene.desk('admin')
})
afterAll(async () => {
  goOn.resolve()
  await worker.stop()
})

/** Everything begins on the overview. */
async function overview({ page, reset }: Desk): Promise<void> {
  await page.goto(scene.address)
  await page.getByRole('region', { name: 'Verdict' }).and(page.locator('[aria-busy="false"]')).waitFor()
  reset()
}

const ended = (id: string) =>
  until(async () => ['completed', 'failed', 'cancelled'].includes((await trunkline.get(id)).state), `job ${id} to end`)

describe('with the pointer', () => {
  test('1: the job that just failed runs again (2)', async () => {
    const job = await trunkline.enqueue(once, {})
    await ended(job.id)
    isBroken = false
    await overview(operator)
    const line = operator.page.getByRole('region', { name: 'Verdict' }).getByRole('listitem').filter({ hasText: 'the door is closed' })
    await line.waitFor()
    await line.getByRole('button', { name: 'Retry' }).click()
    await until(async () => (await trunkline.get(job.id)).state === 'completed', 'the job to complete')
    // one press was enough, and the verdict changes by itself
    await line.waitFor({ state: 'detached' })
    isBroken = true
  })

  test('2: all 412 jobs that died of one error run again (2)', async () => {
    const jobs = await trunkline.enqueueMany(
      charge,
      Array.from({ length: 412 }, (_, i) => ({ customer: { id: i + 1 }, amount: 5 })),
    )
    await until(async () => (await trunkline.queues()).find(({ queue }) => queue === 'shop')?.failed === 412, 'all to fail')
    await overview(operator)
    await operator.click('button', 'Retry 412')
    isBroken = false
    await operator.page.getByText('412 jobs are meant').waitFor()
    await operator.press('Enter')
    await until(async () => (await trunkline.queues()).find(({ queue }) => queue === 'shop')?.failed === 0, 'all to run again')
    expect(operator.actions()).toBeLessThanOrEqual(2)
    expect(jobs).toHaveLength(412)
    isBroken = true
  })

  test('3: a failed job runs again with one value changed (4)', async () => {
    const job = await trunkline.enqueue(charge, { customer: { id: 7 }, amount: 9 })
    await ended(job.id)
    await overview(operator)
    await operator.click('link', `shop.charge #${job.id}`)
    await operator.click('button', 'Re-run with changes')
    await operator.page.getByLabel('amount').fill('')
    await operator.page.getByLabel('amount').focus()
    await operator.type('0')
    await operator.page.getByText(/repeats/).waitFor()
    expect(operator.actions()).toBeLessThanOrEqual(4)
    const id = operator.page.url().split('/').at(-1)?.split('?')[0] as string
    await ended(id)
    expect(await trunkline.get(id)).toMatchObject({ state: 'completed', rerunOf: job.id, payload: { customer: { id: 7 }, amount: 0 } })
  })

  test('4: the job of customer 42 is found and its error read (3)', async () => {
    await ended((await trunkline.enqueue(charge, { customer: { id: 42 }, amount: 3 })).id)
    await overview(operator)
    await operator.press('Control+k')
    await operator.type('args.customer.id:42 task:shop.charge state:failed')
    await operator.page.getByText('card of customer 42 is declined').first().waitFor()
    expect(operator.actions()).toBeLessThanOrEqual(3)
  })

  test('5: the log of what runs is followed live (2)', async () => {
    await trunkline.enqueue(report, {})
    await overview(operator)
    await operator.click('link', /^shop.report/)
    await operator.page.getByText('line 600 of the report').waitFor()
    expect(operator.actions()).toBeLessThanOrEqual(2)
  })

  test('6: a queue is paused for half an hour, with undo (3)', async () => {
    await overview(operator)
    await operator.click('button', 'Pause shop')
    await operator.page.getByRole('dialog').waitFor()
    await operator.press('Enter')
    await operator.page.getByText('shop is paused').waitFor()
    expect(operator.actions()).toBeLessThanOrEqual(3)
    const { paused } = (await trunkline.queues()).find(({ queue }) => queue === 'shop') as { paused: { until: Date } }
    expect(Math.round((paused.until.getTime() - Date.now()) / 60_000)).toBe(30)
    await operator.page.getByRole('button', { name: 'Undo' }).click()
    await until(async () => (await trunkline.queues()).find(({ queue }) => queue === 'shop')?.paused === null, 'the pause to end')
  })

  test('7: backup_create runs now (3)', async () => {
    await overview(operator)
    await operator.press('Control+k')
    await operator.type('backup')
    await operator.page.getByRole('heading', { name: 'What will happen' }).waitFor()
    await operator.press('Control+Enter')
    await operator.page.getByRole('heading', { name: /backup_create #/ }).waitFor()
    expect(operator.actions()).toBeLessThanOrEqual(3)
  })

  test('8: the last day of each month 18:30 in Berlin, not on 31 December, and its next runs (10)', async () => {
    const { page, click, type, press } = admin
    await overview(admin)
    await click('link', 'Schedules')
    await click('button', 'New schedule')
    await click('combobox', 'Runs')
    await click('option', 'On the last day of the month')
    await page.getByLabel('At', { exact: true }).fill('18:30')
    await press('Tab')
    await page.getByRole('combobox', { name: 'Time zone' }).focus()
    await type('Europe/Berlin')
    await page.getByText('At 18:30 on the last day of the month, Europe/Berlin').waitFor()
    await page.getByLabel('Not on').fill(`${new Date().getFullYear()}-12-31`)
    await page.getByLabel('Not on').press('Enter')
    await page.getByRole('combobox', { name: 'Task' }).focus()
    await type('shop.report')
    await page.getByRole('textbox', { name: 'Name' }).focus()
    await type('Month end')
    await page.getByRole('heading', { name: 'Month end' }).waitFor()
    // two fields were filled in without the helper that counts
    expect(admin.actions() + 1).toBeLessThanOrEqual(10)
    const [schedule] = await trunkline.schedules.list({})
    expect(schedule).toMatchObject({
      timezone: 'Europe/Berlin',
      calendar: { minutes: [30], hours: [18], monthDays: ['last'] },
      exceptions: [{ date: `${new Date().getFullYear()}-12-31` }],
    })
    expect(await page.getByRole('listitem').filter({ hasText: '18:30:00' }).count()).toBe(10)
    expect(await page.getByText('-12-31 18:30').count()).toBeLessThanOrEqual(1)
  })

  test('9: the schedule that did not run is in the verdict (1)', async () => {
    const late = await trunkline.schedules.create({
      name: 'Nightly import',
      task: 'shop.report',
      cronExpression: '0 3 * * *',
      failureLimit: 0,
    })
    await db.rows(`update trunkline.schedule set failures = 2 where id = $1`, [late.id])
    await overview(operator)
    await operator.page
      .getByRole('region', { name: 'Verdict' })
      .getByRole('listitem')
      .filter({ hasText: 'Nightly import failed 2 times in a row' })
      .waitFor()
    await operator.click('button', 'Run now')
    await operator.page.getByText('Nightly import runs now').waitFor()
    expect(operator.actions()).toBe(1)
  })

  test('10: a colleague sees the same line of a log (2)', async () => {
    const { jobs } = await trunkline.search({ q: 'task:shop.report state:running', limit: 1 })
    const id = jobs[0]?.id as string
    const { page } = operator
    await page.goto(`${scene.address}/${id}?tab=logs`)
    await page.getByText('line 590 of the report').hover()
    operator.reset()
    await page.locator('[data-level]').filter({ hasText: 'line 590 of the report' }).getByRole('button').click()
    await page.waitForURL(/line=\d+/)
    const colleague = await scene.desk(
      'viewer',
      `${new URL(page.url()).pathname.replace(/.*\/admin\/jobs/, '')}${new URL(page.url()).search}`,
    )
    const marked = colleague.page.locator('[data-marked]')
    await marked.waitFor()
    expect(await marked.textContent()).toContain('line 590 of the report')
  })
})

describe('with the keyboard alone', () => {
  test('a queue is paused, a job found and retried, a page left', async () => {
    const job = await trunkline.enqueue(charge, { customer: { id: 77 }, amount: 1 })
    await ended(job.id)
    await overview(operator)
    const { page, press, type } = operator
    await press('g')
    await press('j')
    await page.getByRole('heading', { name: 'Jobs', exact: true }).waitFor()
    await press('/')
    await type(`id:${job.id}`)
    await page.getByText('1 job, that is all').waitFor()
    await press('Escape')
    await press('Escape')
    await page.goto(`${scene.address}/list?q=id:${job.id}`)
    await page.getByText('1 job, that is all').waitFor()
    await press('j')
    await press('Enter')
    await page.getByRole('heading', { name: `shop.charge #${job.id}` }).waitFor()
    isBroken = false
    await press('r')
    await until(async () => (await trunkline.get(job.id)).state === 'completed', 'the retry')
    isBroken = true
    // the page has followed by itself
    await page.locator('h1').getByText('completed').waitFor()
    await page.goBack()
    await page.waitForURL(/\/list\?q=id:/)
  })

  test('the palette, a dialog and its end give the focus back', async () => {
    await overview(operator)
    const { page } = operator
    const pause = page.getByRole('button', { name: 'Pause shop' })
    await pause.focus()
    await page.keyboard.press('Enter')
    await page.getByRole('dialog').waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    expect(await pause.evaluate((element) => element === document.activeElement)).toBe(true)
  })
})

test('a viewer sees why not, and the server refuses too', async () => {
  const job = await trunkline.enqueue(charge, { customer: { id: 1 }, amount: 2 })
  await ended(job.id)
  const { page } = await scene.desk('viewer', `/${job.id}`)
  const retry = page.getByRole('button', { name: 'Retry' })
  await retry.waitFor()
  expect(await retry.getAttribute('aria-disabled')).toBe('true')
  await retry.focus()
  await page.getByText('Needs the role operator; you are viewer. An administrator can grant it.').first().waitFor()
  await page.keyboard.press('Enter')
  const answer = await page.evaluate(async (id) => {
    const me = await (await fetch('/api/v1/auth/me')).json()
    return (await fetch(`/api/v1/jobs/${id}/retry`, { method: 'POST', headers: { 'x-trunkline-csrf': me.csrfToken } })).status
  }, job.id)
  expect(answer).toBe(403)
  expect((await trunkline.get(job.id)).state).toBe('failed')
  await page.getByRole('tab', { name: 'Payload and result' }).click()
  await page.getByText('Payload and result are not shown to you').waitFor()
  expect(await page.content()).not.toContain('"customer"')
})

test('nothing that the browser could complain of', () => {
  expect([...operator.complaints, ...admin.complaints]).toEqual([])
})
