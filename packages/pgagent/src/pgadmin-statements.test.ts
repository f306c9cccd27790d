import { randomBytes } from 'node:crypto'
import { openDatabase } from '@trunkline/engine/postgres'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { onServer, type TestDatabase, testDatabase } from '../../../test/support/database.ts'
import { createExtension, findExtension } from '../../../test/support/pgagent-extension.ts'
import { installSchema, watch } from './install.ts'

// one that makes the schema, one that only works with it as pgAdmin does: neither is a superuser, the second has the rights of its manual
const [owner, dba] = ['own', 'dba'].map((name) => `pgad_${name}_${randomBytes(4).toString('hex')}`) as [string, string]
const urlAs = (role: string, { url }: TestDatabase) => {
  const as = new URL(url)
  as.username = role
  as.password = 'sekret'
  return as.href
}
let there: TestDatabase
let client: pg.Client

beforeAll(async () => {
  for (const role of [owner, dba]) await onServer(`create role ${role} login password 'sekret'`)
})
afterAll(async () => {
  for (const role of [dba, owner]) await onServer(`drop role ${role}`)
})

/** Somebody with the rights of its manual sits down at a schema `pgagent` that the owner of ours has looked at. */
async function sitDown(): Promise<void> {
  await onServer(`grant create on database ${there.name} to ${owner}`)
  const database = openDatabase({ connectionString: urlAs(owner, there) })
  await installSchema(database)
  await watch(database)
  await database.close()
  await there.rows(`grant usage on schema pgagent to ${dba}`)
  await there.rows(`grant select, insert, update, delete on all tables in schema pgagent to ${dba}`)
  await there.rows(`grant usage on all sequences in schema pgagent to ${dba}`)
  client = new pg.Client({ connectionString: urlAs(dba, there) })
  await client.connect()
}

async function getUp(): Promise<void> {
  await client?.end()
  for (const role of [dba, owner]) await there.rows(`drop owned by ${role} cascade`)
}

const flags = (length: number, ...on: number[]) => `{${Array.from({ length }, (_, i) => (on.includes(i) ? 't' : 'f')).join(',')}}`
const rows = async (sql: string, values: unknown[] = []) => (await client.query(sql, values)).rows

/** Makes a job in one transaction by one block, and finds its id by the transaction that wrote it. */
async function create(name: string): Promise<number> {
  await client.query('begin')
  await client.query(`
    do $$
    declare
      jid integer;
      scid integer;
    begin
      insert into pgagent.pga_job(jobjclid, jobname, jobdesc, jobhostagent, jobenabled)
        values (1::integer, '${name}'::text, ''::text, ''::text, true) returning jobid into jid;
      insert into pgagent.pga_jobstep(jstjobid, jstname, jstenabled, jstkind, jstconnstr, jstdbname, jstonerror, jstcode, jstdesc)
        values (jid, 'first'::text, true, 's'::character(1), ''::text, '${there.name}'::name, 'f'::character(1), 'select 1'::text, ''::text),
          (jid, 'second'::text, true, 'b'::character(1), ''::text, ''::name, 'i'::character(1), 'echo hello'::text, ''::text);
      insert into pgagent.pga_schedule(jscjobid, jscname, jscdesc, jscenabled, jscstart, jscend, jscminutes, jschours, jscweekdays, jscmonthdays, jscmonths)
        values (jid, 'daily'::text, ''::text, true, '2030-01-01 00:00:00+00'::timestamptz, '2040-01-01 00:00:00+00'::timestamptz,
          '${flags(60, 30)}'::boolean[], '${flags(24, 2)}'::boolean[], '${flags(7)}'::boolean[], '${flags(32)}'::boolean[], '${flags(12)}'::boolean[])
        returning jscid into scid;
      insert into pgagent.pga_exception(jexscid, jexdate, jextime)
        values (scid, to_date('2030-01-01', 'YYYY-MM-DD'), '02:30'::time without time zone), (scid, to_date('2030-01-02', 'YYYY-MM-DD'), null);
    end $$`)
  const found = await rows(`select jobid from pgagent.pga_job where xmin::text = (txid_current() % (2^32)::bigint)::text`)
  const schedules = await rows(`select jscid from pgagent.pga_schedule where xmin::text = (txid_current() % (2^32)::bigint)::text`)
  await client.query('end')
  expect([found.length, schedules.length]).toEqual([1, 1])
  return found[0].jobid
}

const nextRun = async (id: number) =>
  (await rows(`select jobnextrun next from pgagent.pga_job where jobid = $1`, [id]))[0].next?.toISOString()

function statementsOfPgAdmin(): void {
  test('the schema is found as pgAdmin looks for it', async () => {
    expect(
      await rows(`select has_table_privilege('pgagent.pga_job', 'INSERT, SELECT, UPDATE') has_privilege where exists (
        select from pg_class c join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'pgagent' where c.relname = 'pga_job' and c.relkind = 'r')`),
    ).toEqual([{ has_privilege: true }])
    expect(
      await rows(`select count(*)::int n from information_schema.columns
        where table_schema = 'pgagent' and table_name = 'pga_jobstep' and column_name = 'jstconnstr'`),
    ).toEqual([{ n: 1 }])
    expect(await rows(`select jclid, jclname from pgagent.pga_jobclass order by jclid`)).toHaveLength(5)
  })

  test('a job is made, changed, run and deleted by the statements of its dialogs, without a superuser', async () => {
    const id = await create('made by a dialog')
    // neither the first nor the second of January
    expect(await nextRun(id)).toBe('2030-01-03T02:30:00.000Z')

    await client.query('begin')
    await client.query(
      `update pgagent.pga_job set jobname = 'renamed', jobdesc = 'why', jobhostagent = '', jobenabled = true where jobid = $1`,
      [id],
    )
    const [{ jstid }] = await rows(`select jstid from pgagent.pga_jobstep where jstjobid = $1 and jstkind = 's'::bpchar`, [id])
    await client.query(
      `update pgagent.pga_jobstep set jstkind = 's', jstdbname = '', jstconnstr = 'host=localhost dbname=other', jstname = 'remote', jstenabled = false,
         jstonerror = 's', jstcode = 'select 2', jstdesc = 'there' where jstid = $1 and jstjobid = $2`,
      [jstid, id],
    )
    await client.query(
      `insert into pgagent.pga_jobstep(jstjobid, jstname, jstenabled, jstkind, jstconnstr, jstdbname, jstonerror, jstcode, jstdesc)
       values ($1, 'third', true, 's', '', 'postgres', 'f', 'select 3', '')`,
      [id],
    )
    const [{ jscid }] = await rows(`select jscid from pgagent.pga_schedule where jscjobid = $1`, [id])
    await client.query(
      `update pgagent.pga_schedule set jscname = 'nightly', jscend = null, jscminutes = '${flags(60, 0, 15)}'::boolean[], jschours = '${flags(24, 3)}'::boolean[]
       where jscid = $1 and jscjobid = $2`,
      [jscid, id],
    )
    const exceptions = await rows(`select jexid from pgagent.pga_exception where jexscid = $1 order by jexid`, [jscid])
    await client.query(`delete from pgagent.pga_exception where jexid = $1 and jexscid = $2`, [exceptions[0].jexid, jscid])
    await client.query(`update pgagent.pga_exception set jexdate = to_date('2030-01-01', 'YYYY-MM-DD') where jexid = $1 and jexscid = $2`, [
      exceptions[1].jexid,
      jscid,
    ])
    await client.query(`insert into pgagent.pga_exception(jexscid, jexdate, jextime) values ($1, null, '03:00'::time)`, [jscid])
    await client.query('end')
    expect(await nextRun(id)).toBe('2030-01-02T03:15:00.000Z')

    await client.query(`update pgagent.pga_job set jobnextrun = now()::timestamptz where jobid = $1`, [id])
    expect(Math.abs(Date.parse(await nextRun(id)) - Date.now())).toBeLessThan(60_000)
    await client.query(`update pgagent.pga_job set jobenabled = false where jobid = $1`, [id])
    expect(await nextRun(id)).toBeUndefined()

    await client.query(`delete from pgagent.pga_schedule where jscid = $1 and jscjobid = $2`, [jscid, id])
    await client.query(`delete from pgagent.pga_job where jobid = $1`, [id])
    expect(await rows(`select from pgagent.pga_jobstep where jstjobid = $1`, [id])).toEqual([])
    expect(await rows(`select from pgagent.pga_exception where jexscid = $1`, [jscid])).toEqual([])
  })

  test('trees, properties and statistics are read as pgAdmin reads them', async () => {
    const id = await create('looked at')
    const [log] = await rows(`insert into pgagent.pga_joblog(jlgjobid, jlgstatus, jlgduration) values ($1, 's', '2 s') returning jlgid`, [
      id,
    ])
    await rows(
      `insert into pgagent.pga_jobsteplog(jsljlgid, jsljstid, jslstatus, jslresult, jslduration, jsloutput)
       select $1, jstid, 's', 0, '1 s', 'done' from pgagent.pga_jobstep where jstjobid = $2`,
      [log.jlgid, id],
    )
    expect(
      await rows(`select jobid, jobname, jobenabled, jobdesc from pgagent.pga_job where jobid = $1 order by jobname`, [id]),
    ).toHaveLength(1)
    const [job] = await rows(
      `select j.jobid as jobid, j.jobname as jobname, j.jobenabled as jobenabled, j.jobdesc as jobdesc, j.jobhostagent as jobhostagent, j.jobcreated, j.jobchanged,
         ag.jagstation as jagagent, sub.jlgstatus as jlgstatus, j.jobagentid as jobagentid, j.jobnextrun as jobnextrun, j.joblastrun as joblastrun, j.jobjclid as jobjclid, jc.jclname
       from pgagent.pga_job j left outer join pgagent.pga_jobagent ag on ag.jagpid = jobagentid
         left outer join (select distinct on (jlgjobid) jlgstatus, jlgjobid from pgagent.pga_joblog order by jlgjobid, jlgid desc) sub on sub.jlgjobid = j.jobid
         left outer join pgagent.pga_jobclass jc on j.jobjclid = jc.jclid
       where j.jobid = $1::integer order by j.jobname`,
      [id],
    )
    expect(job).toMatchObject({ jobname: 'looked at', jlgstatus: 's', jclname: 'Routine Maintenance', jagagent: null })
    const steps = await rows(
      `select jstid, jstjobid, jstname, jstdesc, jstenabled, jstkind = 's'::bpchar as jstkind, jstcode,
         case when jstconnstr != '' then 'r' else 'l' end as jstconntype, jstconnstr, jstdbname, jstonerror, jscnextrun
       from pgagent.pga_jobstep where jstjobid = $1 order by jstname`,
      [id],
    )
    expect(steps.map(({ jstkind, jstconntype }) => [jstkind, jstconntype])).toEqual([
      [true, 'l'],
      [false, 'l'],
    ])
    const [schedule] = await rows(
      `select jscid, jscjobid, jscname, jscdesc, jscenabled, jscstart, jscend, jscminutes, jschours, jscweekdays, jscmonthdays, jscmonths, jexid, jexdate, jextime
       from pgagent.pga_schedule s left join (
         select jexscid, array_agg(jexid)::bigint[] jexid, array_agg(to_char(jexdate, 'YYYY-MM-DD'))::text[] jexdate, array_agg(jextime)::text[] jextime
         from pgagent.pga_exception ex group by jexscid) em on s.jscid = em.jexscid
       where jscjobid = $1::integer order by jscname`,
      [id],
    )
    expect(schedule).toMatchObject({ jscname: 'daily', jexdate: ['2030-01-01', '2030-01-02'], jextime: ['02:30:00', null] })
    expect(
      await rows(
        `select jlgid, jlgstatus, jlgstart, jlgduration, (jlgstart + jlgduration) as endtime from pgagent.pga_joblog where jlgjobid = $1 order by jlgid desc limit 250`,
        [id],
      ),
    ).toHaveLength(1)
    const statistics = await rows(
      `select jslid, jslstatus, jslresult, jslstart, (jslstart + jslduration) as endtime, jslduration, jsloutput
       from pgagent.pga_jobsteplog where jsljstid = $1 order by jslid desc limit 250`,
      [steps[0].jstid],
    )
    expect(statistics).toMatchObject([{ jslstatus: 's', jsloutput: 'done' }])
  })
}

describe('the schema that we make', async () => {
  const mine = await testDatabase({ empty: true })
  beforeAll(async () => {
    there = mine
    await sitDown()
  })
  afterAll(getUp)
  statementsOfPgAdmin()
})

const extension = findExtension()

describe.skipIf(extension === null)('the extension itself (pgagent of Debian)', async () => {
  const mine = await testDatabase({ empty: true })
  beforeAll(async () => {
    there = mine
    const admin = await there.client()
    await createExtension(admin, extension as string)
    // what the owner of the extension leaves to who looks after ours
    await admin.query(`grant usage on schema pgagent to ${owner}; grant select, trigger on all tables in schema pgagent to ${owner}`)
    await sitDown()
  })
  afterAll(getUp)
  statementsOfPgAdmin()

  test('nothing of it was changed: functions and columns are its own, ours stand beside it', async () => {
    const [{ own, extra }] = await there.rows(
      `select count(*) filter (where d.deptype = 'e')::int own, count(*) filter (where d.deptype is null)::int extra
       from pg_proc p left join pg_depend d on d.objid = p.oid and d.classid = 'pg_proc'::regclass and d.deptype = 'e'
       where p.pronamespace = 'pgagent'::regnamespace`,
    )
    expect({ own, extra }).toEqual({ own: 6, extra: 0 })
    expect(await there.rows(`select extversion from pg_extension where extname = 'pgagent'`)).toHaveLength(1)
  })
})
