import { beforeAll, describe, expect, test } from 'vitest'
import { changesOf } from '../../packages/console/src/pages/run/changes.ts'
import { numberOf, readJson, roundedPaths, writeJson } from '../../packages/console/src/parts/exact.ts'
import { misfits } from '../../packages/console/src/parts/schema.ts'
import { defineTask } from '../../packages/engine/src/index.ts'
import { until } from '../support/database.ts'
import { consoleScene, type Desk } from './scene.ts'

describe('JSON is read and written with every digit', () => {
  test.each([
    '12345678901234567890',
    '-9007199254740993',
    '0.12345678901234567890',
    '1.10',
    '1e400',
    '{"a":[1,2.5,{"b":12345678901234567890,"__proto__":0.10}],"c":null,"d":"12345678901234567890"}',
  ])('%s', (text) => {
    expect(writeJson(readJson(text))).toBe(text)
  })

  test('what JavaScript writes alike stays a number', () => {
    expect(readJson('[0, -1, 2.5, 9007199254740991, 1e-7, 1e+21]')).toEqual([0, -1, 2.5, 9007199254740991, 1e-7, 1e21])
    expect([numberOf('17'), numberOf(''), numberOf('-')]).toEqual([17, 0, Number.NaN])
  })

  test('only what would lose something is named as rounded, with what it would become', () => {
    const value = readJson('{"big":12345678901234567890,"list":[1.10,0.12345678901234567890],"fine":9007199254740991}')
    expect(roundedPaths(value)).toEqual([
      { path: 'big', text: '12345678901234567890', becomes: '12345678901234567000' },
      { path: 'list.1', text: '0.12345678901234567890', becomes: '0.12345678901234568' },
    ])
  })

  test('two numbers that JavaScript holds as one are a change; a number fits its schema whatever its digits', () => {
    const [before, after] = [readJson('{"n":12345678901234567890}'), readJson('{"n":12345678901234567891}')]
    expect(changesOf(before, before)).toEqual([])
    expect(changesOf(before, after).map(({ path }) => path)).toEqual(['n'])
    const schema = { type: 'object', properties: { n: { type: 'integer', maximum: 1e30 } } }
    expect(misfits(before, schema)).toEqual([])
    expect(misfits(readJson('{"n":0.12345678901234567890}'), schema)).toEqual([{ path: 'n', problem: 'is an integer' }])
  })
})

const scene = await consoleScene()
const { trunkline, db } = scene
const payload = { big: '12345678901234567890', fine: '0.12345678901234567890' }
const kept = `{"big": ${payload.big}, "fine": ${payload.fine}, "note": "old", "price": 1.10}`
const task = defineTask('numbers.keep', {
  inputSchema: { type: 'object', properties: { big: { type: 'integer' }, fine: { type: 'number' }, note: { type: 'string' } } },
  run: () => ({ done: true }),
})
let desk: Desk
let id: string

const textOf = async (job: string) => (await db.rows(`select payload::text t from trunkline.jobs where id = $1`, [job]))[0].t as string
/** `trunkline.enqueue` refuses whole numbers of so many digits; what was written past it has them all the same. */
async function add(json: string): Promise<string> {
  const [made] = await db.rows(`select trunkline.enqueue('numbers.keep', '{}', run_at => now() + interval '1 hour')::text id`)
  await db.rows(`update trunkline.job set payload = $2::jsonb where id = $1`, [made?.id, json])
  return made?.id as string
}
const jobs = async () => Number((await db.rows(`select count(*) n from trunkline.jobs`))[0].n)
const openJob = () => desk.page.waitForURL(/\/admin\/jobs\/\d+$/).then(() => desk.page.url().split('/').at(-1) as string)

beforeAll(async () => {
  const worker = await trunkline.work([task], { pollMs: 20 })
  id = await add(kept)
  await trunkline.promote(id)
  await until(async () => (await trunkline.get(id)).state === 'completed')
  await worker.stop()
  desk = await scene.desk('owner', `/${id}?tab=payload`, {}, { rights: ['payload.read'] })
})

test('the API and the page show the numbers of a payload as PostgreSQL has them; secrets beside them stay hidden', async () => {
  const { page } = desk
  const sheet = page.getByRole('region', { name: 'Payload', exact: true })
  for (const digits of [payload.big, payload.fine, '1.10']) await sheet.getByText(digits, { exact: true }).waitFor()
  await sheet.getByLabel('Search in payload').fill('5678901234567890')
  await until(async () => (await sheet.locator('[data-hit]').count()) === 2)
  await sheet.getByText('Text', { exact: true }).click()
  expect(await sheet.locator('pre').textContent()).toContain(`"big": ${payload.big},`)

  const other = await add(`{"token": ${payload.big}, "password": "correct horse", "list": [${payload.fine}], "__proto__": 1.10}`)
  const answer = await page.evaluate(async (path) => (await fetch(path)).text(), `/api/v1/jobs/${other}?includeData=true`)
  expect(answer).toContain(`"token":${payload.big}`)
  expect(answer).toContain(`"list":[${payload.fine}]`)
  expect(answer).toContain(`"__proto__":1.10`)
  expect(answer).toContain('"password":"•••"')
  expect(answer).not.toContain('correct horse')
})

test('a job that runs again as it was has every digit, by the menu and by the form', async () => {
  const { page } = desk
  await page.goto(`${scene.address}/${id}`)
  await page.getByRole('button', { name: 'More' }).click()
  await page.getByRole('menuitem', { name: 'Run again as it was' }).click()
  await page.waitForURL((url) => /\/\d+$/.test(url.pathname) && !url.pathname.endsWith(`/${id}`))
  expect(await textOf(await openJob())).toBe(await textOf(id))

  await page.goto(`${scene.address}/new?from=${id}`)
  await page.getByText('As it was.').waitFor()
  expect(await page.getByLabel('big').inputValue()).toBe(payload.big)
  expect(await page.getByLabel('fine').inputValue()).toBe(payload.fine)
  await page.getByRole('button', { name: 'Run again' }).click()
  expect(await textOf(await openJob())).toBe(await textOf(id))
})

test('with another change the form refuses to round a number, says what it would become, and takes it as a text', async () => {
  const { page } = desk
  await page.goto(`${scene.address}/new?from=${id}`)
  await page.getByLabel('note').fill('new')
  const before = await jobs()
  await page.getByRole('button', { name: 'Run again' }).click()
  const alert = page.getByRole('alert')
  await alert.getByText(`${payload.big} has more digits than the API takes and would become 12345678901234567000`).waitFor()
  await alert.getByText('would become 0.12345678901234568').waitFor()
  expect(await jobs()).toBe(before)
  // the others of the payload are sent as they are
  await page.getByText('JSON', { exact: true }).click()
  await page.getByLabel('Payload as JSON').fill(`{"note": "${payload.big}", "price": 1.10}`)
  await page.getByRole('button', { name: 'Run again' }).click()
  expect(JSON.parse(await textOf(await openJob()))).toEqual({ note: payload.big, price: 1.1 })
})
