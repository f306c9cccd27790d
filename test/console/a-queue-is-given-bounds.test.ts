import { expect, test } from 'vitest'
import { defineTask } from '../../packages/engine/src/index.ts'
import { until } from '../support/database.ts'
import { consoleScene } from './scene.ts'

const scene = await consoleScene()
const { trunkline } = scene

test('limits and thresholds of a queue are set on its page, shown there, and taken away; what is refused stays open', async () => {
  await trunkline.enqueue(defineTask('shop.mail', { queue: 'mail', run() {} }), {})
  const { page, complaints } = await scene.desk('admin', '/queues/mail')
  const dialog = page.getByRole('dialog')

  await page.getByRole('button', { name: 'Change limits' }).click()
  await dialog.getByLabel('In all').fill('3')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await dialog.waitFor({ state: 'hidden' })
  expect(await trunkline.limits('mail')).toMatchObject({ concurrency: 3, rate: null, concurrencyPerKey: null })
  await page.getByRole('button', { name: 'Change limits' }).click()
  expect(await dialog.getByLabel('In all').inputValue()).toBe('3')
  await dialog.getByLabel('In all').fill('')
  await dialog.getByRole('button', { name: 'Leave it' }).click()
  await dialog.waitFor({ state: 'hidden' })
  expect(await trunkline.limits('mail')).toMatchObject({ concurrency: 3 })

  await page.getByRole('button', { name: 'Thresholds' }).click()
  // critical below warning is refused by the server
  await dialog.getByLabel('Warning').first().fill('100')
  await dialog.getByLabel('Critical').first().fill('10')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await page.getByText('The thresholds of mail were not changed').waitFor()
  expect(await dialog.isVisible()).toBe(true)
  await dialog.getByLabel('Critical').first().fill('1000')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await dialog.waitFor({ state: 'hidden' })
  await until(
    async () => Object.keys((await trunkline.queues()).find(({ queue }) => queue === 'mail')?.health?.thresholds ?? {}).length === 1,
  )
  expect(complaints).toEqual([])
})
