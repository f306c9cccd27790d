import { beforeAll, describe, expect, test } from 'vitest'
import { installation } from './support/command-line.ts'
import { testDatabase } from './support/database.ts'
import { createExtension, findExtension } from './support/pgagent-extension.ts'

const flags = (length: number, ...on: number[]) => `{${Array.from({ length }, (_, i) => (on.includes(i) ? 't' : 'f')).join(',')}}`

test('a schema of ours needs none', async () => {
  const db = await testDatabase()
  const here = installation({ DATABASE_URL: db.url, TRUNKLINE_PGAGENT_URL: db.url })
  expect(await here.say(['pgagent', 'upgrade'])).toMatchObject({ code: 1, err: expect.stringContaining('trunkline pgagent install') })
  await here.say(['pgagent', 'install'])
  expect((await here.say(['pgagent', 'upgrade'])).out).toBe('nothing to upgrade: functions, triggers and indexes are ours\n')
  expect((await here.say(['pgagent', 'upgrade', '--undo'])).out).toBe('nothing was replaced\n')
  expect(await here.say(['pgagent', 'upgrade', '--undo', '--apply'])).toMatchObject({ code: 2 })
  // what somebody has taken away or changed is told, and mended where that touches no row
  await db.rows('drop trigger pga_exception_trigger on pgagent.pga_exception')
  await db.rows('drop index pgagent.pga_joblog_jobid')
  await db.rows('alter table pgagent.pga_job alter jobdesc drop not null')
  const { out } = await here.say(['pgagent', 'upgrade'])
  expect(out).toContain('trigger pga_exception_trigger of pga_exception: missing, would be made')
  expect(out).toContain('index pga_joblog_jobid of pga_joblog: missing, would be made')
  expect(out).toMatch(/column jobdesc of pga_job: differs, and stays: text default ''::text instead of text not null default ''::text/)
  expect((await here.say(['pgagent', 'upgrade', '--apply'])).out).toContain('take it back')
  expect((await here.say(['pgagent', 'upgrade'])).out).toContain('nothing to upgrade')
  expect((await here.say(['pgagent', 'upgrade', '--undo'])).out).toContain('2 objects are again what they were')
  const { differences } = JSON.parse((await here.say(['pgagent', 'upgrade', '--json'])).out)
  expect(differences.map(({ kind, now, isUpgraded }: any) => [kind, now, isUpgraded])).toEqual([
    ['column', "text default ''::text", false],
    ['index', null, true],
    ['trigger', null, true],
  ])
})

const extension = findExtension()

describe.skipIf(extension === null)('the schema of the extension itself (pgagent of Debian)', async () => {
  const db = await testDatabase()
  const here = installation({ DATABASE_URL: db.url, TRUNKLINE_PGAGENT_URL: db.url })
  const bodies = async () =>
    await db.rows(
      `select proname, md5(pg_get_functiondef(oid)) body from pg_proc where pronamespace = 'pgagent'::regnamespace order by proname`,
    )
  const jobs = async () => await db.rows(`select jobid, jobname, jobnextrun, jobchanged from pgagent.pga_job order by jobid`)

  beforeAll(async () => {
    await createExtension(await db.client(), extension as string)
    await db.rows(`insert into pgagent.pga_job(jobjclid, jobname) values (1, 'each 31st of February'), (1, 'each hour')`)
    // the original's trigger would not let this one in
    await db.rows(`set session_replication_role = replica`)
    await db.rows(`insert into pgagent.pga_schedule(jscjobid, jscname, jscminutes, jschours, jscmonthdays, jscmonths)
      values (1, 'never', '${flags(60, 0)}', '${flags(24, 3)}', '${flags(32, 30)}', '${flags(12, 1)}')`)
    await db.rows(`reset session_replication_role`)
    await db.rows(`insert into pgagent.pga_schedule(jscjobid, jscname, jscminutes) values (2, 'full', '${flags(60, 0)}')`)
    expect((await here.say(['pgagent', 'install'])).code).toBe(0)
  })

  test('is never changed unasked; the difference is shown first, applied, and taken back', async () => {
    const [original, before] = [await bodies(), await jobs()]
    const { out } = await here.say(['pgagent', 'upgrade'])
    expect(out).toContain('function pga_next_schedule(integer, timestamp with time zone')
    expect(out).toMatch(/^ {2}--- pga_next_schedule/m)
    expect(out).toMatch(/^ {2}\+ .*return trunkline_pgagent\.next_run\(/m)
    expect(out).toMatch(/job 1 each 31st of February, never: error: date\/time field value out of range.* → never/)
    expect(out).toMatch(/belongs to the extension pgagent 4\.2/)
    expect(await bodies()).toEqual(original)

    await here.say(['pgagent', 'upgrade', '--apply'])
    expect(await bodies()).not.toEqual(original)
    expect(await jobs()).toEqual(before)
    expect((await here.say(['pgagent', 'upgrade'])).out).toContain('nothing to upgrade')
    // it answers as ours does
    const [{ same }] =
      await db.rows(`select bool_and(pgagent.pga_next_schedule(jscid, jscstart, jscend, jscminutes, jschours, jscweekdays, jscmonthdays, jscmonths)
      is not distinct from trunkline_pgagent.next_run(jscid, jscstart, jscend, jscminutes, jschours, jscweekdays, jscmonthdays, jscmonths, now(), current_setting('TimeZone'))) same
      from pgagent.pga_schedule`)
    expect(same).toBe(true)
    // twice is fine, and the original is not forgotten by it
    expect((await here.say(['pgagent', 'upgrade', '--apply'])).out).toContain('nothing to upgrade')

    expect((await here.say(['pgagent', 'upgrade', '--undo'])).out).toContain('again what they were')
    expect(await bodies()).toEqual(original)
    expect(await jobs()).toEqual(before)
  })
})
