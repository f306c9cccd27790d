import { tmpdir } from 'node:os'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { defineTask, fileSystemStorage, type Worker } from '../../packages/engine/src/index.ts'
import { builtInTasks } from '../../packages/tasks/src/index.ts'
import { signal, until } from '../support/database.ts'
import { consoleScene, type Desk } from './scene.ts'

const scene = await consoleScene()
const { trunkline, db } = scene
const goOn = signal()
let isBroken = true

const wait = defineTask('shop.wait', {
  async run({ log }) {
    log.info('waits for the door')
    await goOn.promise
    if (isBroken) throw new Error('the door is closed')
    return { door: 'open' }
  },
})

let worker: Worker
let operator: Desk

beforeAll(async () => {
  worker = await trunkline.work([...builtInTasks({ connectionString: db.url, storage: fileSystemStorage(tmpdir()) }), wait], { pollMs: 20 })
  operator = await scene.desk('operator', '', {}, { rights: ['payload.read', 'steps.sql'] })
})
afterAll(async () => {
  goOn.resolve()
  await worker.stop()
})

test('each step with where it is, live; its error, its lines and what it returned; a retry goes on where it failed', async () => {
  const { page } = operator
  const job = await trunkline.enqueue('steps_run', {
    steps: [
      { name: 'count', task: 'sql_run', payload: { sql: 'select 41 + 1 as answer' } },
      { name: 'wait', task: 'shop.wait' },
      { name: 'tidy', task: 'sql_run', payload: { sql: 'select 2' } },
    ],
  })
  await until(async () => (await trunkline.steps(job.id))[1]?.state === 'running')
  await page.goto(`${scene.address}/${job.id}`)
  const steps = page.getByRole('list', { name: 'Steps' }).locator('> li')
  await page.getByRole('tab', { name: 'Steps 1 of 3' }).waitFor()
  expect(await steps.count()).toBe(3)
  await steps.nth(0).getByText('completed').waitFor()
  await steps.nth(1).getByText('running').waitFor()
  await steps.nth(2).getByText('waits for its turn').waitFor()
  await steps.nth(0).getByText('What it returned').click()
  await steps.nth(0).getByText('rowCount').waitFor()

  goOn.resolve()
  await steps.nth(1).getByText('the door is closed').first().waitFor()
  await steps.nth(1).getByRole('button', { name: 'Its lines' }).click()
  await page.getByText('waits for the door').waitFor()
  expect(new URL(page.url()).searchParams.get('stage')).toBe('wait')

  isBroken = false
  await page.getByRole('tab', { name: /^Steps/ }).click()
  await page.getByRole('button', { name: 'Retry', exact: true }).click()
  await page.getByRole('tab', { name: 'Steps 3 of 3' }).waitFor()
  await steps.nth(1).getByText('1 earlier try').click()
  await steps
    .nth(1)
    .getByText(/in attempt 1: failed: the door is closed/)
    .waitFor()
  expect((await trunkline.steps(job.id)).map(({ tries }) => tries)).toEqual([1, 2, 1])
})
