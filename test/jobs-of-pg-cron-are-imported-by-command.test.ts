import { expect, test } from 'vitest'
import { fileSystemStorage } from '../packages/engine/src/index.ts'
import { builtInTasks } from '../packages/tasks/src/index.ts'
import { installation } from './support/command-line.ts'
import { testDatabase } from './support/database.ts'

const db = await testDatabase()
const trunkline = await db.connect()
const here = installation({ DATABASE_URL: db.url })

test('where there is no pg_cron, the command says where to look', async () => {
  expect(await here.say(['pg-cron', 'import'])).toMatchObject({ code: 2, err: expect.stringContaining('--database') })
  expect(await here.say(['pg-cron', 'import', '--database', 'nowhere_at_all'])).toMatchObject({ code: 1 })
})

test('a rehearsal, the cut-over and the way back', async () => {
  await db.rows(`create schema cron`)
  await db.rows(`create table cron.job (jobid bigint primary key, schedule text not null, command text not null, nodename text not null default 'localhost',
    nodeport int not null default 5432, database text not null default current_database(), username text not null default current_user,
    active boolean not null default true)`)
  expect(await here.say(['pg-cron', 'import'])).toMatchObject({ code: 2, err: expect.stringContaining('1.4 or later') })
  await db.rows(`create function cron.alter_job(job_id bigint, active boolean) returns void language sql as $$
    update cron.job j set active = alter_job.active where jobid = job_id $$`)
  await db.rows(`insert into cron.job(jobid, schedule, command) values (7, '0 3 * * *', 'vacuum'), (8, '@reboot', 'select 1')`)
  const worker = await trunkline.work(builtInTasks({ connectionString: db.url, storage: fileSystemStorage('/nowhere') }), { keeper: false })
  await worker.stop()

  const { out } = await here.say(['pg-cron', 'import'])
  expect(out).toContain('job 7 pg_cron 7: can be cut over')
  expect(out).toMatch(/50 runs compared, 0 differ\n {4}pg_cron \(UTC\) {6}native \(UTC\)/)
  expect(out).toContain('obstacle: its schedule @reboot has no times')
  expect(await here.say(['pg-cron', 'import', 'seven'])).toMatchObject({
    code: expect.any(Number),
    err: expect.stringContaining('the number of a job'),
  })
  expect(await here.say(['pg-cron', 'import', '7', '--apply', '--undo'])).toMatchObject({ code: 2 })
  expect(await here.say(['pg-cron', 'import', '8', '--apply'])).toMatchObject({ code: 1 })
  expect((await here.say(['pg-cron', 'import', '--apply', '--all'])).out).toContain('job 7 pg_cron 7: runs by 1 native schedules now')
  expect((await here.say(['schedules', 'list'])).out).toContain('pg_cron 7 (pg_cron 7)')
  expect(await db.rows(`select jobid::int id, active from cron.job order by 1`)).toEqual([
    { id: 7, active: false },
    { id: 8, active: true },
  ])
  expect((await here.say(['pg-cron', 'import', '7', '--undo'])).out).toContain('runs in pg_cron again')
  expect((await here.say(['pg-cron', 'import', '7', '--undo'])).out).toContain('was not cut over')
})
