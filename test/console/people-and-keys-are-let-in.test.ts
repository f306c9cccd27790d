import { beforeAll, expect, test } from 'vitest'
import { consoleScene, type Desk } from './scene.ts'

const scene = await consoleScene()
let owner: Desk

beforeAll(async () => {
  owner = await scene.desk('owner', '/settings/users')
})

test('a user is let in, and may log in; who is there already is refused, and what was typed stays', async () => {
  const { page } = owner
  const dialog = page.getByRole('dialog')
  const fill = async () => {
    await page.getByRole('button', { name: 'New user' }).click()
    await dialog.getByLabel('E-mail').fill('eva@example.com')
    await dialog.getByRole('textbox', { name: 'Password' }).fill('correct-horse-battery-11')
    await dialog.getByRole('button', { name: 'Save' }).click()
  }
  await fill()
  await page.getByText('eva@example.com may come in').waitFor()
  await dialog.waitFor({ state: 'detached' })
  await page.getByRole('row', { name: /eva@example\.com/ }).waitFor()
  const { status } = await page.request
    .post(`${new URL(scene.address).origin}/api/v1/auth/login`, {
      data: { email: 'eva@example.com', password: 'correct-horse-battery-11', session: false },
    })
    .then(async (answer) => ({ status: answer.status() }))
  expect(status).toBe(200)

  await fill()
  await page.getByText('It was not saved').waitFor()
  expect(await dialog.getByLabel('E-mail').inputValue()).toBe('eva@example.com')
  await dialog.getByRole('button', { name: 'Leave it' }).click()
  await dialog.waitFor({ state: 'detached' })
})

test('a key is shown once, and lets a program in', async () => {
  const { page, complaints } = owner
  await page.getByRole('link', { name: 'API keys' }).click()
  await page.getByRole('button', { name: 'New key' }).click()
  await page.getByRole('dialog', { name: 'A new API key' }).getByLabel('Name').fill('shop')
  await page.getByRole('button', { name: 'Make the key' }).click()
  const shown = page.getByRole('dialog', { name: 'The key, shown only now' })
  const key = /tlk_\S+/.exec(await shown.innerText())?.[0]
  const answer = await fetch(`${new URL(scene.address).origin}/api/v1/auth/me`, { headers: { authorization: `Bearer ${key}` } })
  expect(answer.status).toBe(200)
  await shown.getByRole('button', { name: 'I have it' }).click()
  await shown.waitFor({ state: 'detached' })
  await page.getByRole('row', { name: /shop/ }).waitFor()
  expect(await page.locator('main').innerText()).not.toContain(key)
  expect(complaints).toEqual([])
})
