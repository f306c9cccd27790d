import { beforeAll, expect, test } from 'vitest'
import { defineTask } from '../../packages/engine/src/index.ts'
import { signal, until } from '../support/database.ts'
import { consoleScene, type Desk } from './scene.ts'

const scene = await consoleScene()
const { trunkline } = scene
const anything = defineTask('any.thing', { queue: 'any', run: ({ input }) => input })
let desk: Desk

beforeAll(async () => {
  const worker = await trunkline.work([anything])
  await worker.stop()
  desk = await scene.desk('operator', '/new?task=any.thing&view=json', {}, { rights: ['payload.read'] })
})

test('a payload is written in colours, checked, and run with Ctrl+Enter', async () => {
  const { page } = desk
  const editor = page.locator('.cm-content')
  await editor.waitFor()
  expect(await page.getByRole('textbox', { name: 'Payload as JSON' }).count()).toBe(1)
  await editor.fill('{"to": "a@example.com", "times": ')
  await until(async () => (await editor.getAttribute('aria-invalid')) === 'true', 'the mistake to be told')
  expect(await editor.getAttribute('aria-description')).toMatch(/value expected/)
  await page.keyboard.type('3, "gap": null}')
  await until(async () => (await editor.getAttribute('aria-invalid')) === null, 'the mistake to be gone')
  // names, texts and numbers differ
  const colours = await editor.evaluate((content) => [...content.querySelectorAll('span')].map((span) => getComputedStyle(span).color))
  expect(new Set(colours).size).toBeGreaterThanOrEqual(3)
  await page.keyboard.press('Control+Enter')
  await page.waitForURL(/\/admin\/jobs\/\d+/)
  const { jobs } = await trunkline.search({ q: 'task:any.thing' })
  expect(await trunkline.texts((jobs[0] as { id: string }).id)).toMatchObject({ payload: expect.stringContaining('"times":') })
})

test('letters that are typed are no shortcuts; Escape and Tab do not catch anybody; what was undone is sent so', async () => {
  const { page } = desk
  await page.goto(`${scene.address}/new?task=any.thing&view=json`)
  const editor = page.locator('.cm-content')
  await editor.fill('')
  await page.keyboard.type('gj?t/1')
  expect(page.url()).toContain('/new?task=any.thing')
  expect(await page.getByRole('dialog').count()).toBe(0)
  expect(await editor.textContent()).toBe('gj?t/1')
  await page.keyboard.press('Control+z')
  await until(async () => (await editor.textContent()) !== 'gj?t/1', 'the last letters to be taken back')
  await page.keyboard.press('Escape')
  await page.keyboard.press('Tab')
  expect(await page.evaluate(() => document.activeElement?.shadowRoot)).toBeFalsy()
  await page.keyboard.press('Shift+Tab')
  expect(await page.evaluate(() => document.activeElement?.shadowRoot?.activeElement?.className)).toContain('cm-content')
})

test('what is typed while the editor is loaded stays, and so does who types', async () => {
  const { page } = desk
  const loaded = signal()
  await page.route(/code-surface/, async (route) => {
    await loaded.promise
    await route.continue()
  })
  await page.goto(`${scene.address}/new?task=any.thing&view=json`)
  const plain = page.getByRole('textbox', { name: 'Payload as JSON' })
  await plain.fill('')
  await plain.focus()
  const text = JSON.stringify({ text: 'while it comes '.repeat(8) })
  // half of it before, the other half while it arrives
  await page.keyboard.type(text.slice(0, 40))
  loaded.resolve()
  await page.keyboard.type(text.slice(40), { delay: 2 })
  await until(async () => (await page.locator('.cm-content').count()) === 1, 'the editor')
  await until(async () => (await page.locator('.cm-content').textContent()) === text, 'the whole text')
  await page.unroute(/code-surface/)
})

test('the content security policy has nothing to report', () => {
  expect(desk.complaints).toEqual([])
})
