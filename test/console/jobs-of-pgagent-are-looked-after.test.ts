import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fileSystemStorage } from '../../packages/engine/src/index.ts'
import { type Agent, createAgent, installSchema, watch } from '../../packages/pgagent/src/index.ts'
import { builtInTasks } from '../../packages/tasks/src/index.ts'
import { onServer, until } from '../support/database.ts'
import { consoleScene, type Desk } from './scene.ts'

const scene = await consoleScene({}, { withPgAgent: true })
const { db } = scene
const role = `pgagt_${randomBytes(4).toString('hex')}`
let agent: Agent
let viewer: Desk
let operator: Desk
let admin: Desk

beforeAll(async () => {
  await onServer(`create role ${role} login password 'sekret'`)
  await installSchema(db.open())
  await watch(db.open())
  agent = createAgent({
    database: db.open({ applicationName: 'agent' }),
    stepUser: { user: role, password: 'sekret' },
    allowBatch: true,
    pollMs: 60_000,
  })
  viewer = await scene.desk('viewer')
  operator = await scene.desk('operator')
  admin = await scene.desk('admin', '', {}, { rights: ['steps.sql', 'steps.shell'] })
})
afterAll(async () => {
  await agent.stop(AbortSignal.timeout(0))
  await onServer(`drop role if exists ${role}`)
})

/** A job with steps that are sent as SQL; nothing starts it. */
async function job(name: string, ...steps: string[]): Promise<{ job: number; steps: number[] }> {
  const [made] = await db.rows(`insert into pgagent.pga_job(jobjclid, jobname) values (1, $1) returning jobid job`, [name])
  const ids: number[] = []
  for (const [i, code] of steps.entries()) {
    const [step] = await db.rows(
      `insert into pgagent.pga_jobstep(jstjobid, jstname, jstkind, jstcode, jstdbname) values ($1, $2, 's', $3, $4) returning jstid id`,
      [made?.job, `${i + 1} step`, code, db.name],
    )
    ids.push(step?.id)
  }
  return { job: made?.job, steps: ids }
}

const path = (id: number, more = '') => `${scene.address}/pgagent/default/jobs/${id}${more}`

test('a server that is opened is watched by itself; a viewer sees all of it and is told why nothing can be done', async () => {
  const { page, complaints } = viewer
  const { job: id } = await job('seen', 'select 1')
  await page.goto(`${scene.address}/pgagent`)
  const card = page.getByRole('region', { name: 'default' })
  await card.locator('[data-listener="listening"]').waitFor()
  await page.getByRole('link', { name: 'default', exact: true }).click()
  await page.locator('main [data-listener="listening"]').waitFor()
  await page.getByRole('link', { name: 'seen' }).click()
  await page.getByRole('heading', { level: 1, name: 'seen' }).waitFor()
  expect(new URL(page.url()).pathname).toMatch(new RegExp(`/pgagent/default/jobs/${id}$`))
  for (const name of ['Run now', 'Turn off', 'Change', 'As SQL', 'Run this step only']) {
    const button = page.getByRole('button', { name, exact: true }).first()
    expect(await button.getAttribute('aria-disabled')).toBe('true')
    await button.hover()
    const why = page.getByRole('tooltip', { name: /Needs the role (operator|admin)/ })
    await why.waitFor()
    await page.mouse.move(0, 0)
    await why.waitFor({ state: 'detached' })
  }
  // what a step does is not for everybody
  await page.getByText('What it does is for administrators').waitFor()
  // and what the buttons say the server holds
  const refused = await page.evaluate(
    async (api) => {
      const { csrfToken } = await (await fetch(`${api}/auth/me`)).json()
      const answer = await fetch(`${api}/pgagent/servers/default/jobs/1/run`, {
        method: 'POST',
        headers: { 'x-trunkline-csrf': csrfToken },
      })
      return { status: answer.status, code: (await answer.json()).code }
    },
    `${new URL(scene.address).origin}/api/v1`,
  )
  expect(refused).toEqual({ status: 403, code: 'forbidden' })
  expect(complaints).toEqual([])
})

test('a job that a dead agent holds says so, and is released', async () => {
  const { page } = operator
  const { job: id } = await job('held', 'select 1')
  await db.rows(`insert into pgagent.pga_jobagent (jagpid, jagstation) values (2147483647, 'gone')`)
  await db.rows(`update pgagent.pga_job set jobagentid = 2147483647 where jobid = $1`, [id])
  const [run] = await db.rows(`insert into pgagent.pga_joblog(jlgjobid) values ($1) returning jlgid id`, [id])
  await page.goto(path(id))
  await page.getByRole('alert').getByRole('button', { name: 'Release' }).click()
  await page.getByText('held is free again').waitFor()
  await page.getByRole('alert').waitFor({ state: 'detached' })
  expect(await db.rows(`select jobagentid from pgagent.pga_job where jobid = $1`, [id])).toEqual([{ jobagentid: null }])
  expect(await db.rows(`select jlgstatus from pgagent.pga_joblog where jlgid = $1`, [run?.id])).toEqual([{ jlgstatus: 'd' }])
})

test('a run is followed live; its history shows each step with what it said; one step runs alone', async () => {
  const { page, complaints } = operator
  agent.start()
  const { job: id, steps } = await job('halves', 'select 1', 'select 1/0')
  await page.goto(path(id, '?tab=history'))
  await page.getByText('It has not run yet').waitFor()
  await page.locator('main [data-listener="listening"]').waitFor()
  await page.getByRole('button', { name: 'Run now' }).click()
  // nothing is pressed any more: what happens there comes by itself
  const cell = page.getByRole('button', { name: /^2 step in run \d+: failed/ })
  await cell.waitFor()
  await page.getByText('Its last run failed: ').waitFor()
  await page.getByRole('button', { name: /^1 step in run \d+: succeeded/ }).waitFor()
  await cell.click()
  const output = page.getByRole('group', { name: 'Output of 2 step' })
  await output.getByText('division by zero').waitFor()
  const shared = new URL(page.url())
  expect(shared.searchParams.get('step')).toBe(String(steps[1]))

  await page.getByRole('tab', { name: /^Steps/ }).click()
  await page.getByRole('button', { name: 'Run this step only' }).first().click()
  let alone = 0
  await until(async () => {
    const [last] = await db.rows(
      `select jlgid id, jlgstatus status, (select count(*)::int from pgagent.pga_jobsteplog where jsljlgid = jlgid) steps
      from pgagent.pga_joblog where jlgjobid = $1 order by jlgid desc limit 1`,
      [id],
    )
    alone = last?.id
    return last?.status === 's' && last.steps === 1
  })
  await page.getByRole('tab', { name: 'History' }).click()
  await page.getByRole('button', { name: new RegExp(`^Run ${alone} of `) }).click()
  await page.getByText('one step alone').waitFor()

  // a link to a run and its step shows another person the same
  await viewer.page.goto(shared.href)
  await viewer.page.getByRole('group', { name: 'Output of 2 step' }).getByText('division by zero').waitFor()
  expect(complaints).toEqual([])
})

test('a run that takes too long is cancelled', async () => {
  const { page } = operator
  const { job: id } = await job('long', 'select pg_sleep(600)')
  await page.goto(path(id))
  await page.locator('main [data-listener="listening"]').waitFor()
  await page.getByRole('button', { name: 'Run now' }).click()
  await page.getByText('at 1 step').waitFor()
  await page.locator('header').getByRole('button', { name: 'Cancel' }).click()
  await page.getByText('long was asked to end').waitFor()
  await page.getByText(/Its last run (was cut off|failed)/).waitFor()
  expect(await db.rows(`select jobagentid from pgagent.pga_job where jobid = $1`, [id])).toEqual([{ jobagentid: null }])
})

test('a job is made with steps in an order of one’s own and a schedule with its next runs; what pgAdmin changed meanwhile stays', async () => {
  const { page, complaints } = admin
  await page.goto(`${scene.address}/pgagent/default`)
  await page.getByRole('button', { name: 'New job', exact: true }).click()
  await page.getByRole('heading', { name: 'New pgAgent job' }).waitFor()
  await page.getByLabel('Name').first().fill('made here')
  await page.getByRole('textbox', { name: 'SQL' }).fill('select 1 as one')
  await page.getByRole('button', { name: 'Add a step' }).click()
  const second = page.getByRole('listitem').filter({ has: page.getByRole('heading', { name: /^2\. / }) })
  await second.getByLabel('Name').fill('after all')
  await second.getByRole('button', { name: 'Script', exact: true }).click()
  await second.getByRole('textbox', { name: 'Script', exact: true }).fill('echo done')
  await page.getByText('pgAgent runs steps in the order of their names: after all, step 1.').waitFor()
  await page.getByRole('button', { name: 'Number the names in this order' }).click()
  await page.getByText('pgAgent runs steps in the order').waitFor({ state: 'detached' })

  await page.getByText(/At 02:00 every day/).waitFor()
  await page.getByRole('grid', { name: 'Hours' }).getByRole('gridcell', { name: '03' }).click()
  await page.getByLabel('Not on the day').fill('2030-12-31')
  await page.getByRole('button', { name: 'Leave it out' }).click()
  await page.getByText(/At 02:00 and 03:00 every day/).waitFor()
  const next = page.getByRole('region', { name: 'Next runs' })
  await next
    .getByText(/ 03:00/)
    .first()
    .waitFor()
  await page.getByRole('button', { name: 'Make the job' }).click()
  await page.getByRole('heading', { level: 1, name: 'made here' }).waitFor()

  const id = Number(new URL(page.url()).pathname.split('/').at(-1))
  expect(
    await db.rows(`select jstname, jstkind, jstcode, jstdbname from pgagent.pga_jobstep where jstjobid = $1 order by jstname`, [id]),
  ).toEqual([
    { jstname: '1 step 1', jstkind: 's', jstcode: 'select 1 as one', jstdbname: db.name },
    { jstname: '2 after all', jstkind: 'b', jstcode: 'echo done', jstdbname: '' },
  ])
  const [plan] = await db.rows(
    `select jscminutes[1] at_zero, jschours[3] at_two, jschours[4] at_three, (select jexdate::text from pgagent.pga_exception where jexscid = jscid) left_out
    from pgagent.pga_schedule where jscjobid = $1`,
    [id],
  )
  expect(plan).toEqual({ at_zero: true, at_two: true, at_three: true, left_out: '2030-12-31' })

  await page.getByRole('button', { name: 'Change', exact: true }).click()
  await page.getByLabel('Description').first().fill('written here')
  await db.rows(`update pgagent.pga_job set jobdesc = 'written in pgAdmin', jobchanged = now() where jobid = $1`, [id])
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('It was not saved.').waitFor()
  expect(await db.rows(`select jobdesc from pgagent.pga_job where jobid = $1`, [id])).toEqual([{ jobdesc: 'written in pgAdmin' }])
  // it is still unsaved
  await page.goBack()
  const question = page.getByRole('dialog', { name: 'Discard the changes?' })
  await question.getByRole('button', { name: 'Stay here' }).click()
  expect(await page.getByLabel('Description').first().inputValue()).toBe('written here')
  await page.getByRole('button', { name: 'Leave it', exact: true }).click()
  await question.getByRole('button', { name: 'Discard them' }).click()
  await page.getByText('written in pgAdmin').waitFor()
  expect(complaints).toEqual([])
})

test('a job is turned off, which can be undone; it is copied and deleted', async () => {
  const { page } = admin
  const { job: id } = await job('switched', 'select 1')
  const isOn = async () => (await db.rows(`select jobenabled is_on from pgagent.pga_job where jobid = $1`, [id]))[0]?.is_on
  await page.goto(path(id))
  await page.getByRole('button', { name: 'Turn off' }).click()
  await until(async () => (await isOn()) === false)
  await page.getByRole('button', { name: 'Run now', disabled: true }).waitFor()
  await page.getByRole('button', { name: 'Undo' }).click()
  await until(isOn)

  await page.getByRole('button', { name: 'More about switched' }).click()
  await page.getByRole('menuitem', { name: 'Copy' }).click()
  await page.getByRole('heading', { level: 1, name: 'switched (copy)' }).waitFor()
  const [copy] = await db.rows(`select jobid id, jobenabled is_on from pgagent.pga_job where jobname = 'switched (copy)'`)
  expect(copy?.is_on).toBe(false)
  await page.goto(path(copy?.id))
  await page.getByRole('button', { name: /^More about/ }).click()
  await page.getByRole('menuitem', { name: 'Delete' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
  await page.getByText('switched (copy) is gone').waitFor()
  expect(await db.rows(`select from pgagent.pga_job where jobid = $1`, [copy?.id])).toEqual([])
})

test('the SQL of a step is checked before it is saved', async () => {
  const { page, complaints } = admin
  const { job: id } = await job('checked', 'select 1')
  await page.goto(`${scene.address}/pgagent/default/jobs/${id}/edit`)
  const sql = page.locator('.cm-content')
  const write = async (text: string) => {
    await sql.press('Control+a')
    await page.keyboard.type(text)
  }
  await sql.waitFor()
  await write('delete from pgagent.pga_job where')
  await page.getByRole('button', { name: 'Check syntax' }).click()
  const said = page.getByRole('status').filter({ hasText: 'LINE 1' })
  await said.getByText('syntax error at end of input').waitFor()
  await write('delete from pgagent.pga_job')
  await said.waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'Check syntax' }).click()
  await page.getByText('The server can read it.').waitFor()
  expect(await db.rows(`select jobname from pgagent.pga_job where jobid = $1`, [id])).toEqual([{ jobname: 'checked' }])
  expect(complaints).toEqual([])
})

test('a job is cut over to a native schedule after a rehearsal, and taken back', async () => {
  const { page, complaints } = admin
  const worker = await scene.trunkline.work(builtInTasks({ connectionString: db.url, storage: fileSystemStorage(tmpdir()) }), {
    keeper: false,
  })
  await worker.stop()
  const { job: id } = await job('moved', 'select 1')
  await db.rows(
    `insert into pgagent.pga_schedule(jscjobid, jscname, jscminutes, jschours)
    select $1, 'at two', array_agg(i = 0 order by i), (select array_agg(h = 2 order by h) from generate_series(0, 23) h) from generate_series(0, 59) i`,
    [id],
  )
  const isOn = async () => (await db.rows(`select jobenabled is_on from pgagent.pga_job where jobid = $1`, [id]))[0]?.is_on
  const native = async () => (await scene.trunkline.schedules.list()).map(({ name, isEnabled }) => [name, isEnabled])
  await page.goto(path(id, '?tab=migration'))
  await page.getByText('all the same').waitFor()
  await page.getByRole('button', { name: 'Cut over' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByText(`In pgAgent the job moved (number ${id}) is switched off`).waitFor()
  expect(await dialog.getByRole('list', { name: 'Schedules that are made' }).innerText()).toBe(
    `moved (pgAgent ${id}): At 02:00 every day, UTC; on`,
  )
  await dialog.getByRole('button', { name: 'Leave it' }).click()
  expect([await isOn(), await native()]).toEqual([true, []])

  await page.getByRole('button', { name: 'Cut over' }).click()
  await dialog.getByRole('button', { name: 'Cut it over' }).click()
  await page.getByText('moved runs by 1 native schedule now').waitFor()
  expect([await isOn(), await native()]).toEqual([false, [[`moved (pgAgent ${id})`, true]]])
  await page.getByText('It is cut over:').waitFor()
  await page.getByRole('link', { name: 'its schedule' }).waitFor()

  await page.getByRole('button', { name: 'Take it back' }).click()
  await dialog.getByText(`1 native schedule is deleted: moved (pgAgent ${id}).`).waitFor()
  await dialog.getByRole('button', { name: 'Take it back' }).click()
  await page.getByText('pgAgent runs moved again').waitFor()
  expect([await isOn(), await native()]).toEqual([true, []])
  await page.getByText('It can become a native schedule').waitFor()
  expect(complaints).toEqual([])
})

test('what is missing on a server is named with the SQL that mends it, or is made', async () => {
  const { page } = admin
  await db.rows('drop trigger pga_schedule_trigger on pgagent.pga_schedule')
  await page.goto(`${scene.address}/pgagent/default?tab=setup`)
  await page.getByRole('button', { name: 'Look what is missing' }).click()
  const found = page.getByRole('list', { name: 'What was found' })
  await found.locator('[data-ok="false"]').waitFor()
  const sql = await found.locator('[data-ok="false"] pre').allTextContents()
  expect(sql).toHaveLength(1)
  for (const one of sql) await db.rows(one)
  await page.getByRole('button', { name: 'Look what is missing' }).click()
  await found.locator('[data-ok="false"]').waitFor({ state: 'detached' })

  await db.rows('select trunkline_pgagent.unwatch()')
  await page.getByRole('button', { name: 'Look what is missing' }).click()
  await found.locator('[data-ok="false"]').waitFor()
  await page.getByRole('button', { name: 'Make what is missing' }).click()
  await found.locator('[data-ok="false"]').waitFor({ state: 'detached' })
})

test('a server is registered, changed and forgotten; its password is never shown', async () => {
  const { page } = admin
  const { hostname, port, username, password, pathname } = new URL(db.url)
  await page.goto(`${scene.address}/pgagent`)
  await page.getByRole('button', { name: 'Add a server' }).click()
  const dialog = page.getByRole('dialog')
  for (const [label, text] of [
    ['Id', 'shop'],
    ['Name', 'The shop'],
    ['Host', hostname],
    ['Port', port],
    ['Database', pathname.slice(1)],
    ['User', username],
    ['Password', password || 'sekret'],
  ] as const)
    await dialog.getByLabel(label, { exact: false }).first().fill(text)
  await dialog.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('heading', { level: 1, name: 'The shop' }).waitFor()
  await page.locator('main [data-listener="listening"]').waitFor()

  await page.getByRole('button', { name: 'Change' }).click()
  expect(await dialog.getByRole('textbox', { name: 'Password' }).inputValue()).toBe('')
  await dialog.getByLabel('Name').fill('The other shop')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('heading', { level: 1, name: 'The other shop' }).waitFor()
  await page.getByRole('button', { name: 'Forget it' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Forget it' }).click()
  await page.getByRole('heading', { level: 1, name: 'pgAgent' }).waitFor()
  await page.getByRole('region', { name: 'The other shop' }).waitFor({ state: 'detached' })
})
