import { expect, test } from 'vitest'
import { operatorTasks, pointer } from './operator-tasks.ts'

const { scene, trunkline, charge, ended } = await operatorTasks(pointer)

test('a viewer sees why not, and the server refuses too', async () => {
  const job = await trunkline.enqueue(charge, { customer: { id: 1 }, amount: 2 })
  await ended(job.id)
  const { page } = await scene.desk('viewer', `/${job.id}`)
  const retry = page.getByRole('button', { name: 'Retry' })
  await retry.waitFor()
  expect(await retry.getAttribute('aria-disabled')).toBe('true')
  // without a pointer as well
  for (let presses = 0; !(await retry.evaluate((button) => button === document.activeElement)); presses++) {
    expect(presses).toBeLessThan(60)
    await page.keyboard.press('Tab')
  }
  // that of the button before it may be on its way out
  await page.getByRole('tooltip', { name: 'Needs the role operator; you are viewer. An administrator can grant it.' }).last().waitFor()
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
