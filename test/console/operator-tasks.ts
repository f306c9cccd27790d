import type { Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineTask, FatalError, type Trunkline, type Worker } from '../../packages/engine/src/index.ts'
import { signal, until } from '../support/database.ts'
import { type ConsoleScene, consoleScene, type Desk, visit } from './scene.ts'

/** How somebody reaches what is on the screen. What they do counts the same by both. */
export interface Hand {
  readonly name: 'pointer' | 'keyboard'
  /** Presses a button or a link: one action. */
  choose(desk: Desk, target: Locator): Promise<void>
  /** Goes into a field, ready to type over what is in it: with what is typed it is one action. */
  into(desk: Desk, field: Locator): Promise<void>
  /** Presses the button of a problem of the verdict: one action. */
  fix(desk: Desk, line: Locator): Promise<void>
}

/** So many presses of Tab lead from any place of a page to any other that a task needs. */
const farthest = 40

const hasFocus = (target: Locator) => target.evaluate((element) => element === document.activeElement)

/** Goes on with Tab until the focus is there, as a pointer goes over the page: no action yet. */
async function tabTo(page: Page, target: Locator): Promise<void> {
  await target.waitFor()
  for (let presses = 0; presses <= farthest; presses++) {
    if (await hasFocus(target)) return
    await page.keyboard.press('Tab')
  }
  throw new Error(`${farthest} presses of Tab do not lead to ${target}`)
}

export const pointer: Hand = {
  name: 'pointer',
  async choose(desk, target) {
    desk.count()
    await target.click()
  },
  async into(_, field) {
    // at its beginning: fields of dates and times have parts
    await field.click({ clickCount: 3, position: { x: 14, y: 12 } })
  },
  fix: (desk, line) => pointer.choose(desk, line.locator('[data-fix]').getByRole('button')),
}

export const keyboard: Hand = {
  name: 'keyboard',
  async choose(desk, target) {
    await tabTo(desk.page, target)
    await desk.press('Enter')
  },
  // a field that is reached by Tab has its text chosen
  into: (desk, field) => tabTo(desk.page, field),
  async fix(desk, line) {
    await desk.press((await line.locator('kbd').textContent()) as string)
  },
}

/** What the tasks leave to more tests. */
export interface OperatorTasks {
  readonly scene: ConsoleScene
  readonly trunkline: Trunkline
  readonly charge: ReturnType<typeof shop>['charge']
  operator(): Desk
  admin(): Desk
  /** Jobs fail while it is true. */
  breaks(isBroken: boolean): void
  /** Shows the overview; actions count from there. */
  overview(desk: Desk): Promise<void>
  ended(id: string): Promise<unknown>
}

function shop(state: { isBroken: boolean; goOn: Promise<void> }) {
  const charge = defineTask('shop.charge', {
    queue: 'shop',
    retry: { attempts: 1 },
    searchable: ['customer.id'],
    input: z.object({ customer: z.object({ id: z.number().int() }), amount: z.number().int() }),
    run({ input }) {
      if (state.isBroken && input.amount > 0) throw new Error(`card of customer ${input.customer.id} is declined`)
      return { charged: input.amount }
    },
  })
  const once = defineTask('shop.once', {
    queue: 'shop',
    run() {
      if (state.isBroken) throw new FatalError('the door is closed')
      return { open: true }
    },
  })
  const report = defineTask('shop.report', {
    queue: 'reports',
    async run({ log }) {
      for (let i = 1; i <= 600; i++) log.info(`line ${i} of the report`)
      await state.goOn
    },
  })
  const backup = defineTask('backup_create', {
    queue: 'backup',
    input: z.object({ label: z.string().optional() }),
    run: () => ({ filename: 'a.dump' }),
  })
  return { charge, once, report, backup }
}

/** The ten tasks of an operator with their budgets, by one hand; each begins on the overview. */
export async function operatorTasks(hand: Hand): Promise<OperatorTasks> {
  const scene = await consoleScene()
  const { trunkline, db } = scene
  const goOn = signal()
  const state = { isBroken: true, goOn: goOn.promise }
  const { charge, once, report, backup } = shop(state)
  const isByPointer = hand.name === 'pointer'
  let worker: Worker
  let operator: Desk
  let admin: Desk

  beforeAll(async () => {
    worker = await trunkline.work([charge, once, report, backup], { pollMs: 20, concurrency: 50 })
    trunkline.keeper().start()
    operator = await scene.desk('operator', '', { locale: 'en-US' }, { rights: ['payload.read'] })
    admin = await scene.desk('admin', '', { locale: 'en-US' })
  })
  afterAll(async () => {
    goOn.resolve()
    await worker.stop()
  })

  async function overview({ page, reset }: Desk): Promise<void> {
    await visit(page, '/')
    await page.getByRole('region', { name: 'Verdict' }).and(page.locator('[aria-busy="false"]')).waitFor()
    reset()
  }
  const ended = (id: string) =>
    until(async () => ['completed', 'failed', 'cancelled'].includes((await trunkline.get(id)).state), `job ${id} to end`)
  const problem = ({ page }: Desk, text: string) =>
    page.getByRole('region', { name: 'Verdict' }).getByRole('listitem').filter({ hasText: text })
  const shopQueue = async () => (await trunkline.queues()).find(({ queue }) => queue === 'shop')

  describe(`with the ${hand.name} alone`, () => {
    test('1: the job that just failed runs again (2)', async () => {
      const job = await trunkline.enqueue(once, {})
      await ended(job.id)
      state.isBroken = false
      await overview(operator)
      const line = problem(operator, 'the door is closed')
      await line.waitFor()
      await hand.fix(operator, line)
      await until(async () => (await trunkline.get(job.id)).state === 'completed', 'the job to complete')
      expect(operator.actions()).toBeLessThanOrEqual(2)
      // one press was enough, and the verdict changes by itself
      await line.waitFor({ state: 'detached' })
      state.isBroken = true
    })

    test('2: all 412 jobs that died of one error run again (2)', async () => {
      const jobs = await trunkline.enqueueMany(
        charge,
        Array.from({ length: 412 }, (_, i) => ({ customer: { id: i + 1 }, amount: 5 })),
      )
      await until(async () => (await shopQueue())?.failed === 412, 'all to fail')
      await overview(operator)
      await problem(operator, 'failed 412 times').waitFor()
      await hand.fix(operator, problem(operator, 'failed 412 times'))
      state.isBroken = false
      await operator.page.getByText('412 jobs are meant').waitFor()
      await operator.press('Enter')
      await until(async () => (await shopQueue())?.failed === 0, 'all to run again')
      expect(operator.actions()).toBeLessThanOrEqual(2)
      expect(jobs).toHaveLength(412)
      state.isBroken = true
    })

    test('3: a failed job runs again with one value changed (4)', async () => {
      const job = await trunkline.enqueue(charge, { customer: { id: 7 }, amount: 9 })
      await ended(job.id)
      await overview(operator)
      const { page, press, type } = operator
      if (isByPointer) {
        await hand.choose(operator, page.getByRole('link', { name: `shop.charge #${job.id}` }))
        await hand.choose(operator, page.getByRole('button', { name: 'Re-run with changes' }))
      } else {
        await press('Control+k')
        await type(job.id)
        await page.getByRole('heading', { name: `shop.charge #${job.id}` }).waitFor()
        await press('Shift+R')
      }
      await hand.into(operator, page.getByLabel('amount'))
      await type('0')
      await page.getByText(/repeats/).waitFor()
      expect(operator.actions()).toBeLessThanOrEqual(4)
      const id = page.url().split('/').at(-1)?.split('?')[0] as string
      await ended(id)
      expect(await trunkline.get(id)).toMatchObject({
        state: 'completed',
        rerunOf: job.id,
        payload: { customer: { id: 7 }, amount: 0 },
      })
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
      const link = operator.page.getByRole('link', { name: /^shop.report/ }).first()
      await link.waitFor()
      if (isByPointer) await hand.choose(operator, link)
      else {
        await operator.press('j')
        await operator.press('Enter')
      }
      await operator.page.getByText('line 600 of the report').waitFor()
      expect(operator.actions()).toBeLessThanOrEqual(2)
    })

    test('6: a queue is paused for half an hour, with undo (3)', async () => {
      await overview(operator)
      const { page, press, type } = operator
      if (isByPointer) await hand.choose(operator, page.getByRole('button', { name: 'Pause shop' }))
      else {
        await press('Control+k')
        await type('pause shop')
      }
      await page.getByRole('dialog', { name: 'Pause shop' }).waitFor()
      await press('Enter')
      await page.getByText('shop is paused').waitFor()
      expect(operator.actions()).toBeLessThanOrEqual(3)
      const { paused } = (await shopQueue()) as { paused: { until: Date } }
      expect(Math.round((paused.until.getTime() - Date.now()) / 60_000)).toBe(30)
      if (isByPointer) await hand.choose(operator, page.getByRole('button', { name: 'Undo' }))
      else await press('u')
      await until(async () => (await shopQueue())?.paused === null, 'the pause to end')
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
      const { page, type, press } = admin
      const year = new Date().getFullYear()
      await overview(admin)
      if (isByPointer) {
        await hand.choose(admin, page.getByRole('link', { name: 'Schedules' }).first())
        await hand.choose(admin, page.getByRole('button', { name: 'New schedule' }))
      } else {
        await press('Control+k')
        await type('new schedule')
      }
      await hand.into(admin, page.getByRole('combobox', { name: 'Runs' }))
      await type('last day')
      await hand.into(admin, page.getByLabel('At', { exact: true }))
      await type('0630PM', 'Tab')
      await hand.into(admin, page.getByRole('combobox', { name: 'Time zone' }))
      await type('Europe/Berlin')
      await page.getByText('At 18:30 on the last day of the month, Europe/Berlin').waitFor()
      await hand.into(admin, page.getByLabel('Not on'))
      await type(`1231${year}`)
      await page.getByRole('button', { name: `Take ${year}-12-31 back in` }).waitFor()
      // each in the order of the page, so that Tab leads on
      if (isByPointer) await chooseTask()
      await hand.into(admin, page.getByRole('textbox', { name: 'Name' }))
      if (isByPointer) await type('Month end')
      else {
        await type('Month end', 'Tab')
        await chooseTask()
        await press('Enter')
      }
      await page.getByRole('heading', { name: 'Month end' }).waitFor()
      expect(admin.actions()).toBeLessThanOrEqual(10)
      const [schedule] = await trunkline.schedules.list({})
      expect(schedule).toMatchObject({
        timezone: 'Europe/Berlin',
        calendar: { minutes: [30], hours: [18], monthDays: ['last'] },
        exceptions: [{ date: `${year}-12-31` }],
      })
      const next = page.getByRole('listitem').filter({ hasText: '18:30:00' })
      await next.nth(9).waitFor()
      expect(await next.count()).toBe(10)
      expect(await page.getByText('-12-31 18:30').count()).toBeLessThanOrEqual(1)

      async function chooseTask() {
        await hand.into(admin, page.getByRole('combobox', { name: 'Task' }))
        await type('shop.report')
      }
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
      const line = problem(operator, 'Nightly import failed 2 times in a row')
      await line.waitFor()
      await hand.fix(operator, line)
      await operator.page.getByText('Nightly import runs now').waitFor()
      expect(operator.actions()).toBe(1)
    })

    test('10: a colleague sees the same line of a log (2)', async () => {
      const { jobs } = await trunkline.search({ q: 'task:shop.report state:running', limit: 1 })
      const { page, press } = operator
      await page.goto(`${scene.address}/${jobs[0]?.id}?tab=logs`)
      await page.getByText('line 600 of the report').waitFor()
      operator.reset()
      const line = page.locator('[data-level]').filter({ hasText: 'line 590 of the report' })
      const link = line.getByRole('button')
      if (isByPointer) {
        await line.hover()
        await hand.choose(operator, link)
      } else {
        await tabTo(page, page.getByRole('log'))
        // from the last line upwards
        for (let up = 0; up <= 10; up++) await page.keyboard.press('ArrowUp')
        expect(await hasFocus(link)).toBe(true)
        await press('Enter')
      }
      await page.waitForURL(/line=\d+/)
      expect(operator.actions()).toBe(1)
      const { pathname, search } = new URL(page.url())
      // the second action: the colleague opens the link
      const colleague = await scene.desk('viewer', `${pathname.replace(/.*\/admin\/jobs/, '')}${search}`)
      const marked = colleague.page.locator('[data-marked]')
      await marked.waitFor()
      expect(await marked.textContent()).toContain('line 590 of the report')
    })

    test('no pointer was used where there is none, and the browser has nothing to complain of', () => {
      if (!isByPointer) expect([operator.pointed(), admin.pointed()]).toEqual([0, 0])
      expect([...operator.complaints, ...admin.complaints]).toEqual([])
    })
  })

  return {
    ...{ scene, trunkline, charge, overview, ended },
    operator: () => operator,
    admin: () => admin,
    breaks(isBroken) {
      state.isBroken = isBroken
    },
  }
}
