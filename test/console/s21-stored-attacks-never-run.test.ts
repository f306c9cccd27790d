import { beforeAll, expect, test } from 'vitest'
import { defineTask } from '../../packages/engine/src/index.ts'
import { until } from '../support/database.ts'
import { consoleScene, type Desk } from './scene.ts'

const scene = await consoleScene()
const { trunkline } = scene

const attacks = [
  '<script>window.hit=1</script>',
  '<img src="http://evil.example/x" onerror="window.hit=1">',
  '"><svg onload=window.hit=1>',
  'javascript:window.hit=1',
  '\u001b]8;;javascript:window.hit=1\u0007link\u001b]8;;\u0007',
  '\u001b[31m<b onmouseover=window.hit=1>bold</b>\u001b[0m',
  '{{constructor.constructor("window.hit=1")()}}',
  '</style><script>window.hit=1</script>',
  '\u202emoc.live//:ptth',
]
const bad = defineTask('attack.run', {
  queue: 'attack',
  retry: { attempts: 1 },
  run({ log }) {
    for (const attack of attacks) {
      log.setStage(attack.slice(0, 60))
      log.info(attack, { context: attack })
    }
    throw Object.assign(new Error(attacks.join(' ')), { name: attacks[0], code: attacks[1], hint: attacks[2] })
  },
})
const fine = defineTask('attack.result', { queue: 'attack', run: () => ({ list: attacks, [attacks[0] as string]: attacks[1] }) })

let desk: Desk
const paths: string[] = []

beforeAll(async () => {
  const worker = await trunkline.work([bad, fine], {
    pollMs: 20,
    name: '<img src=x onerror=window.hit=1>',
    version: '<script>window.hit=1</script>',
  })
  const tags = attacks.map((attack) => attack.slice(0, 60)).slice(0, 5)
  const by = { tags, createdBy: '<script>window.hit=1</script>' }
  const one = await trunkline.enqueue(bad, { attacks, [attacks[0] as string]: attacks[1] }, by)
  const two = await trunkline.enqueue(fine, { attacks }, by)
  await until(async () => (await trunkline.get(one.id)).state === 'failed')
  await until(async () => (await trunkline.get(two.id)).state === 'completed')
  await trunkline.pause('attack', { reason: attacks[1] as string, by: attacks[0] as string })
  const schedule = await trunkline.schedules.create({
    name: attacks[1] as string,
    description: attacks[0] as string,
    task: 'attack.run',
    payload: { attacks },
    cronExpression: '0 3 * * *',
  })
  await trunkline.templates.create({
    name: attacks[2] as string,
    description: attacks[1] as string,
    task: 'attack.run',
    payload: { attacks },
  })
  const flow = await trunkline.flows.add({
    name: attacks[0] as string,
    jobs: [{ name: attacks[1] as string, task: 'attack.result', payload: {} }],
  })
  const { groups } = await trunkline.errors()
  paths.push(
    '',
    '/list',
    `/list?side=${one.id}`,
    `/${one.id}`,
    ...['logs', 'attempts', 'payload', 'timeline', 'related', 'audit'].map((tab) => `/${one.id}?tab=${tab}`),
  )
  paths.push(
    `/${two.id}?tab=payload`,
    '/errors',
    `/errors/${groups[0]?.fingerprint}`,
    '/queues',
    '/queues/attack',
    '/workers',
    `/workers/${worker.id}`,
  )
  paths.push(
    '/schedules',
    '/schedules?layout=calendar',
    `/schedules/${schedule.id}`,
    `/schedules/${schedule.id}/edit`,
    '/templates',
    '/flows',
    `/flows/${flow.id}`,
  )
  paths.push(
    `/new?from=${one.id}`,
    '/inbox',
    '/audit',
    `/list?q=${encodeURIComponent('"><svg onload=window.hit=1>')}`,
    `/${encodeURIComponent(attacks[1] as string)}`,
  )
  await worker.stop()
  desk = await scene.desk('owner', '', {}, { rights: ['payload.read'], name: attacks[1] as string })
})

test('on no page does any of them run, load or open anything, and the content security policy reports nothing', async () => {
  const { page, complaints } = desk
  const outside: string[] = []
  const dialogs: string[] = []
  page.on('request', (request) => {
    if (!request.url().startsWith(new URL(scene.address).origin) && !request.url().startsWith('data:')) outside.push(request.url())
  })
  page.on('dialog', (dialog) => {
    dialogs.push(dialog.message())
    void dialog.dismiss()
  })
  const hits: string[] = []
  for (const path of paths) {
    await page.goto(`${scene.address}${path}`)
    await page.locator('main h1').waitFor()
    await page.waitForFunction(() => document.querySelector('main [aria-busy="true"]') === null)
    if ((await page.evaluate(() => 'hit' in window)) === true) hits.push(path)
    // a text is shown as it is: nothing of it became an element
    expect(
      await page.locator('main img, main svg[onload], main script, main [onerror], main [onmouseover], main a[href^="javascript"]').count(),
      path,
    ).toBe(0)
  }
  expect({ hits, outside, dialogs, complaints }).toEqual({ hits: [], outside: [], dialogs: [], complaints: [] })
}, 120_000)

test('what a terminal would obey is not even in the text', async () => {
  const { page } = desk
  await page.goto(`${scene.address}${paths.find((path) => path.endsWith('tab=logs'))}`)
  await page.getByText('<script>window.hit=1</script>').first().waitFor()
  const text = await page.getByRole('log').textContent()
  expect(text).not.toContain('\u001b')
  expect(text).toContain('link')
})

test('after a login nobody is sent elsewhere', async () => {
  for (const next of [
    'https://evil.example',
    '//evil.example',
    '/\\evil.example',
    'javascript:alert(1)',
    '/admin/jobs/../../api/v1',
    '/admin/jobsx',
  ]) {
    const context = await scene.browser.newContext()
    const page = await context.newPage()
    await page.goto(`${new URL(scene.address).origin}/admin/login?next=${encodeURIComponent(next)}`)
    expect(await page.locator('[name=next]').inputValue()).toBe('/admin/jobs')
    await context.close()
  }
})
