import { beforeAll, expect, test } from 'vitest'
import { fileSystemStorage } from '../packages/engine/src/index.ts'
import { builtInTasks } from '../packages/tasks/src/index.ts'
import { installation } from './support/command-line.ts'
import { testDatabase } from './support/database.ts'

const db = await testDatabase()
const trunkline = await db.connect()
const here = installation({ DATABASE_URL: db.url, TRUNKLINE_PGAGENT_URL: db.url })

async function job(name: string, kind: string, code: string): Promise<string> {
  const [row] = await db.rows(`insert into pgagent.pga_job(jobjclid, jobname) values (1, $1) returning jobid`, [name])
  await db.rows(`insert into pgagent.pga_jobstep(jstjobid, jstname, jstkind, jstcode, jstdbname) values ($1, 'a step', $2, $3, $4)`, [
    ...[row?.jobid, kind, code, kind === 's' ? db.name : ''],
  ])
  await db.rows(
    `insert into pgagent.pga_schedule(jscjobid, jscname, jscminutes) values ($1, 'each hour', array_fill(true, array[1]) || array_fill(false, array[59]))`,
    [row?.jobid],
  )
  return String(row?.jobid)
}

beforeAll(async () => {
  expect((await here.say(['pgagent', 'install'])).code).toBe(0)
})

test('a rehearsal, the cut-over of what can be, and the way back; each misuse says what to do', async () => {
  const good = await job('good', 's', 'select 1')
  const bad = await job('bad', 'b', '#!/usr/bin/perl\nprint 1')
  const rehearsal = (await here.say(['pgagent', 'import'])).out
  expect(rehearsal).toMatch(new RegExp(`job ${good} good: can be cut over`))
  expect(rehearsal).toMatch(/50 runs compared, 0 differ/)
  expect(rehearsal).toMatch(new RegExp(`job ${bad} bad: cannot be cut over`))
  expect(rehearsal).toContain('obstacle: step a step: it is a script of another interpreter')
  const { data } = JSON.parse((await here.say(['pgagent', 'import', good, '--json'])).out)
  expect(data).toMatchObject([{ jobId: Number(good), obstacles: [], importedAs: null, schedules: [{ differing: 0 }] }])

  expect(await here.say(['pgagent', 'import', '--apply'])).toMatchObject({ code: 2, err: expect.stringContaining('--apply --all') })
  expect(await here.say(['pgagent', 'import', good, '--apply', '--undo'])).toMatchObject({ code: 2 })
  expect(await here.say(['pgagent', 'import', '999', '--apply'])).toMatchObject({ code: 1, err: expect.stringContaining('999') })
  expect(await here.say(['pgagent', 'import', bad, '--apply'])).toMatchObject({
    code: 1,
    err: expect.stringContaining('without an obstacle'),
  })
  // nobody serves steps yet
  expect(await here.say(['pgagent', 'import', good, '--apply'])).toMatchObject({ code: 1, err: expect.stringContaining('npm start') })

  const worker = await trunkline.work(builtInTasks({ connectionString: db.url, storage: fileSystemStorage('/nowhere') }), { keeper: false })
  await worker.stop()
  expect((await here.say(['pgagent', 'import', '--apply', '--all'])).out).toContain(`job ${good} good: runs by 1 native schedules now`)
  expect((await here.say(['pgagent', 'jobs'])).out).toMatch(/good .* disabled/)
  expect((await trunkline.schedules.list()).map(({ name }) => name)).toEqual([`good (pgAgent ${good})`])
  expect((await here.say(['pgagent', 'import', good])).out).toContain('is cut over')
  expect((await here.say(['pgagent', 'import', good, '--undo'])).out).toContain('runs in pgAgent again; 1 native schedules are deleted')
  expect((await here.say(['pgagent', 'import', good, '--undo'])).out).toContain('was not cut over')
  expect(await trunkline.schedules.list()).toEqual([])
})
