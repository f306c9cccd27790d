import { expect, test } from 'vitest'
import { defineTask } from '../../packages/engine/src/index.ts'
import { consoleScene } from './scene.ts'

const scene = await consoleScene()
const { trunkline, db } = scene
const day = 86_400_000
const others = { cancelled: 30 * day }

/** Jobs that were completed ten days ago. */
async function history(count: number): Promise<void> {
  await trunkline.enqueue(defineTask('shop.mail', { queue: 'mail', run() {} }), {})
  const [{ queueId, taskId }] = await db.rows('select queue_id "queueId", task_id "taskId" from trunkline.job limit 1')
  const ten = `now() - interval '10 days'`
  const ids = `from generate_series(1001, ${1000 + count}) i`
  await db.rows(`insert into trunkline.job(id, queue_id, task_id, payload, created_at) select i, $1, $2, '{}', ${ten} ${ids}`, [
    queueId,
    taskId,
  ])
  await db.rows(
    `insert into trunkline.outcome(id, status, attempt, queue_id, task_id, finished_at) select i, 2, 0, $1, $2, ${ten} ${ids}`,
    [queueId, taskId],
  )
}

test('an owner sees what holds and what other rules would remove, stores them, and goes back to the settings file', async () => {
  const keeper = trunkline.keeper({ retention: { failed: '90d' } })
  await keeper.runOnce()
  await history(150)
  const { page, complaints } = await scene.desk('owner', '/settings/retention')
  const dialog = page.getByRole('dialog')
  const button = (name: string) => page.getByRole('button', { name, exact: true })

  await page.getByText('From the settings file of the keeper').waitFor()
  expect(await page.getByLabel('All tasks, failed: how many days').inputValue()).toBe('90')
  expect(await button('Save').getAttribute('aria-disabled')).toBe('true')

  await page.getByLabel('All tasks, completed: how many days').fill('7')
  await button('What would it remove?').click()
  await page.getByText('Would remove 150 finished jobs now').waitFor()
  await page.getByRole('combobox', { name: 'A task that is kept longer or shorter' }).fill('mail')
  await page.getByRole('option', { name: 'shop.mail' }).click()
  await button('Add the task').click()
  await page.getByRole('combobox', { name: 'shop.mail, failed: how long' }).click()
  await page.getByRole('option', { name: 'kept for ever' }).click()

  // the browser asks before what was typed is lost
  const asked = new Promise<string>((resolve) => {
    page.once('dialog', (warning) => {
      resolve(warning.type())
      warning.dismiss().catch(() => {})
    })
  })
  page.evaluate(() => location.reload()).catch(() => {})
  expect(await asked).toBe('beforeunload')

  await button('Save').click()
  await dialog.getByText('Would remove 150 finished jobs now').waitFor()
  expect(await dialog.getByRole('button', { name: 'Save' }).getAttribute('aria-disabled')).toBe('true')
  await dialog.getByRole('textbox').fill('150')
  // where it fails the question stays, and says why
  await page.route('**/api/v1/retention', async (route) => {
    if (route.request().method() !== 'PUT') return route.continue()
    await route.fulfill({ status: 503, json: { code: 'database_unavailable', detail: 'The database does not answer.' } })
  })
  await dialog.getByRole('button', { name: 'Save' }).click()
  await dialog.getByRole('alert').getByText('The rules were not saved.').waitFor()
  expect(await dialog.getByRole('alert').innerText()).toContain('The database does not answer.')
  expect((await trunkline.retention.get()).source).toBe('settings')
  await page.unroute('**/api/v1/retention')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await dialog.waitFor({ state: 'hidden' })
  await page.getByText(/^Stored by/).waitFor()
  expect(await trunkline.retention.get()).toMatchObject({
    source: 'stored',
    rules: { ...others, completed: 7 * day, failed: 90 * day, tasks: { 'shop.mail': { failed: false } } },
  })
  await keeper.runOnce()
  expect(await db.rows('select count(*)::int n from trunkline.outcome')).toEqual([{ n: 0 }])

  await button('Back to the settings file').click()
  await dialog.getByText('Would remove nothing now.').waitFor()
  await dialog.getByRole('button', { name: 'Take them away' }).click()
  await dialog.waitFor({ state: 'hidden' })
  await page.getByText('From the settings file of the keeper').waitFor()
  expect(await page.getByLabel('All tasks, completed: how many days').inputValue()).toBe('30')
  expect((await trunkline.retention.get()).source).toBe('settings')
  expect(complaints).toEqual([])
})

test('who is no owner sees the rules and why they cannot be changed', async () => {
  await trunkline.retention.set({ completed: '12h', failed: false })
  for (const role of ['viewer', 'admin'] as const) {
    const { page, complaints } = await scene.desk(role, '/settings/retention')
    await page.getByText(`Needs the role owner; you are ${role}. An owner can grant it.`).waitFor()
    expect(await page.getByRole('group', { name: 'All tasks' }).innerText()).toMatch(
      /completed\s+12 hours\s+failed\s+kept for ever\s+cancelled\s+30 days/,
    )
    expect(await page.locator('main input').count()).toBe(0)
    const save = page.getByRole('button', { name: 'Save', exact: true })
    expect(await save.getAttribute('aria-disabled')).toBe('true')
    await save.click({ force: true })
    expect(await page.getByRole('dialog').count()).toBe(0)
    const count = page.getByRole('button', { name: 'What would it remove?' })
    expect(await count.getAttribute('aria-disabled')).toBe(role === 'viewer' ? 'true' : null)
    expect(complaints).toEqual([])
  }
})
