import { expect, test } from 'vitest'
import { signal, until } from '../support/database.ts'
import { keyboard, operatorTasks } from './operator-tasks.ts'

const { scene, trunkline, charge, overview, ended, operator, breaks } = await operatorTasks(keyboard)

test('a queue is paused, a job found and retried, a page left', async () => {
  const job = await trunkline.enqueue(charge, { customer: { id: 77 }, amount: 1 })
  await ended(job.id)
  const desk = operator()
  await overview(desk)
  const { page, press, type } = desk
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
  breaks(false)
  await press('r')
  await until(async () => (await trunkline.get(job.id)).state === 'completed', 'the retry')
  breaks(true)
  // the page has followed by itself
  await page.locator('h1').getByText('completed').waitFor()
  await page.goBack()
  await page.waitForURL(/\/list\?q=id:/)
})

test('the palette, a dialog and its end give the focus back', async () => {
  const desk = operator()
  await overview(desk)
  const { page } = desk
  const pause = page.getByRole('button', { name: 'Pause shop' })
  await pause.focus()
  await page.keyboard.press('Enter')
  await page.getByRole('dialog').waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  expect(await pause.evaluate((element) => element === document.activeElement)).toBe(true)
})

test('menus and lists are walked by arrows, left by Escape, and give the focus back', async () => {
  const { page } = await scene.desk('admin', '/queues/shop')
  const has = (role: 'button' | 'combobox' | 'menuitem', name: string) =>
    page.getByRole(role, { name, exact: true }).evaluate((element) => element === document.activeElement)
  const menu = page.getByRole('menu')
  await page.getByRole('button', { name: 'Change limits' }).focus()
  await page.keyboard.press('Enter')
  const dialog = page.getByRole('dialog')
  const unit = dialog.getByRole('combobox').first()
  await unit.focus()
  await page.keyboard.press('Enter')
  await dialog.getByRole('option').first().waitFor()
  // the list alone is closed, not the dialog
  await page.keyboard.press('Escape')
  await dialog.getByRole('option').first().waitFor({ state: 'hidden' })
  const before = await unit.inputValue()
  await page.keyboard.press('Enter')
  await dialog.getByRole('option').first().waitFor()
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await dialog.getByRole('option').first().waitFor({ state: 'hidden' })
  expect(await unit.inputValue()).not.toBe(before)
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'detached' })
  expect(await has('button', 'Change limits')).toBe(true)

  const { id } = await trunkline.enqueue(charge, { customer: { id: 78 }, amount: 1 }, { delay: '1h' })
  await page.goto(`${scene.address}/${id}`)
  const more = page.getByRole('button', { name: 'More', exact: true })
  await more.focus()
  await page.keyboard.press('Enter')
  await menu.waitFor()
  const lines = await menu.getByRole('menuitem').evaluateAll((items) => items.map((item) => item.getAttribute('data-disabled')))
  const focused = () => menu.getByRole('menuitem').evaluateAll((items) => items.indexOf(document.activeElement as HTMLElement))
  await until(async () => (await focused()) === 0, 'the first line to have the focus')
  await page.keyboard.press('ArrowDown')
  expect(await focused()).toBe(lines.findIndex((isOff, i) => i > 0 && isOff === null))
  await page.keyboard.press('Escape')
  await menu.waitFor({ state: 'detached' })
  expect(await has('button', 'More')).toBe(true)
})

test('who types faster than the names of the tasks arrive gets what they meant', async () => {
  const desk = operator()
  const { page, press, type } = desk
  const [asked, goOn] = [signal(), signal()]
  const tasks = (url: URL) => url.pathname.endsWith('/api/v1/tasks')
  await page.route(tasks, async (route) => {
    asked.resolve()
    await goOn.promise
    await route.continue()
  })
  // the names have not been read yet
  await page.reload()
  await overview(desk)
  await press('Control+k')
  await asked.promise
  await type('backup')
  // there is a page Backups, which is not what was meant
  expect(await page.getByRole('option').first().textContent()).toBe('Backupsg b')
  goOn.resolve()
  await page.getByRole('heading', { name: 'What will happen' }).waitFor()
  await page.unroute(tasks)
})
