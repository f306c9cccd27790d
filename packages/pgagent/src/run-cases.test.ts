import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { onServer, testDatabase } from '../../../test/support/database.ts'
import { createAgent } from './agent.ts'
import { installSchema } from './install.ts'

// runs of the original, recorded; another folder with files of the same names and form may be given
const given = process.env.TRUNKLINE_PGAGENT_CASES
const own = fileURLToPath(new URL('../cases', import.meta.url))
const read = (folder: string, name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8'))

interface LoggedStep {
  step?: string
  status: string
  result: number | null
  output: string | null
}
interface Logged {
  status: string
  steps: LoggedStep[]
}
interface Case {
  job: { name: string; enabled: boolean; hostagent: string; pre?: string; schedule?: string; env?: { TMPDIR?: string }; steps: any[] }
  expected: { joblog: Logged[]; job_after: { agentid_null: boolean } | null }
  check_sql: string | null
  check_db: string | null
  check_result: string | null
  compat: 'match-exactly' | 'defect-or-quirk'
}

const cases: Case[] = read(given ? resolve(given) : own, 'run-cases.json').jobs
const better: Record<string, Logged[]> = read(own, 'better-results.json')

const role = `pgagt_${randomBytes(4).toString('hex')}`
// hooks run in reverse: the role goes after the databases in which it owns tables
afterAll(() => onServer(`drop role if exists ${role}`))
const database = await testDatabase({ empty: true })
const remote = await testDatabase({ empty: true })
const server = new URL(inject('server'))
const temp = await mkdtemp(join(tmpdir(), 'cases_'))

/** The recorded server, databases and roles are those of this test. */
function staged(text: string, jobId: number | string = '{{JOBID}}'): string {
  return text
    .replaceAll('{{REMOTE}}', 'host=127.0.0.1 port={{PORT}} user=pgagt dbname=remote1')
    .replaceAll('user=pgagt', `user=${role} password=sekret`)
    .replaceAll('pgagt@', `${role}:sekret@`)
    .replace(/\bremote1\b/g, remote.name)
    .replaceAll("datname='jobs'", `datname='${database.name}'`)
    .replaceAll('{{PORT}}', server.port)
    .replaceAll('{{HOST_UPPER}}', hostname().toUpperCase())
    .replaceAll('{{HOST}}', hostname())
    .replaceAll('{{TMPDIR}}', temp)
    .replaceAll('{{JOBID}}', String(jobId))
}
const normalised = (text: string | null) =>
  text === null
    ? null
    : staged(text)
        .replace(/\S*\/pga_\d+_\d+_\w+\/\d+_\d+\.scr/g, '<SCRIPT>')
        .replaceAll(role, 'pgagt')

async function insert({ job }: Case): Promise<number> {
  const [row] = await database.rows(
    `insert into pgagent.pga_job(jobjclid, jobname, jobenabled, jobhostagent, jobnextrun) values (1, $1, $2, $3, now()) returning jobid`,
    [job.name, job.enabled, staged(job.hostagent)],
  )
  const id = row.jobid as number
  for (const s of job.steps)
    await database.rows(
      `insert into pgagent.pga_jobstep(jstjobid, jstname, jstkind, jstcode, jstdbname, jstconnstr, jstonerror, jstenabled) values ($1, $2, $3, $4, $5, $6, $7, $8)`,
      [
        id,
        s.name,
        s.kind,
        staged(s.code, id),
        s.dbname === 'jobs' ? database.name : staged(s.dbname),
        staged(s.connstr),
        s.onerror,
        s.enabled,
      ],
    )
  if (job.schedule) {
    await database.rows(`insert into pgagent.pga_schedule(jscjobid, jscname) values ($1, 'every minute')`, [id])
    await database.rows(`update pgagent.pga_job set jobnextrun = now() where jobid = $1`, [id])
  }
  return id
}

async function logged(id: number): Promise<Logged[]> {
  const runs = await database.rows(
    `select jlgstatus status, (select coalesce(json_agg(json_build_object('status', jslstatus, 'result', jslresult, 'output', jsloutput) order by jslid), '[]')
      from pgagent.pga_jobsteplog where jsljlgid = jlgid) steps from pgagent.pga_joblog where jlgjobid = $1 order by jlgid`,
    [id],
  )
  return runs as Logged[]
}

/** A null in a record was too long to be kept, or differs from run to run: it is not compared. */
const comparable = (runs: Logged[], like: Logged[]) =>
  runs.map((run, i) => ({
    status: run.status,
    steps: run.steps.map((s, k) => ({
      status: s.status,
      result: like[i]?.steps[k]?.result === null ? null : s.result,
      output: like[i]?.steps[k]?.output === null ? null : normalised(s.output),
    })),
  }))

describe('runs of the original agent', () => {
  beforeAll(async () => {
    await onServer(`create role ${role} superuser login password 'sekret'`)
    await installSchema(database.open())
  })
  afterAll(async () => {
    await rm(temp, { recursive: true, force: true })
  })

  it.each(cases.map((c) => [c.job.name, c] as const))('%s leaves the rows it should', async (name, c) => {
    await database.rows(`drop table if exists public.t_out`)
    await database.rows(`create table public.t_out(id serial primary key, who text, v int)`)
    if (c.job.pre) await database.rows(c.job.pre)
    const id = await insert(c)
    await using agent = createAgent({
      database: database.open({ applicationName: 'agent' }),
      stepUser: { user: role, password: 'sekret' },
      allowBatch: true,
      maxParallel: 1,
      tempDirectory: c.job.env?.TMPDIR ?? temp,
    })
    await agent.runOnce()
    const expected = c.compat === 'match-exactly' ? c.expected.joblog : better[name]
    expect(expected, 'a better result in better-results.json').toBeDefined()
    expect(comparable(await logged(id), expected as Logged[])).toEqual(comparable(expected as Logged[], expected as Logged[]))
    const [job] = await database.rows(`select jobagentid from pgagent.pga_job where jobid = $1`, [id])
    expect(job?.jobagentid ?? null).toBeNull()
    if (c.compat === 'match-exactly' && c.check_sql && c.check_db === 'jobs')
      expect(String(Object.values((await database.rows(c.check_sql))[0])[0])).toBe(String(c.check_result))
    await database.rows(`delete from pgagent.pga_job where jobid = $1`, [id])
  })

  it('are shared by two agents, each run by one', async () => {
    await database.rows(`truncate public.t_out`)
    await database.rows(`with j as (insert into pgagent.pga_job(jobjclid, jobname, jobnextrun) select 1, 'shared ' || n, now() from generate_series(1, 60) n returning jobid)
      insert into pgagent.pga_jobstep(jstjobid, jstname, jstkind, jstcode, jstdbname)
      select jobid, 'a', 's', 'insert into public.t_out(who) values (''' || jobid || ''')', '${database.name}' from j`)
    const make = () => createAgent({ database: database.open(), stepUser: { user: role, password: 'sekret' }, maxParallel: 3 })
    await using one = make()
    await using two = make()
    const counts = await Promise.all([one.runOnce(), two.runOnce()])
    expect(counts[0] + counts[1]).toBe(60)
    expect(await database.rows(`select count(*)::int n, count(distinct who)::int jobs from public.t_out`)).toEqual([{ n: 60, jobs: 60 }])
    expect(
      await database.rows(`select jlgstatus, count(*)::int n from pgagent.pga_joblog join pgagent.pga_job on jobid = jlgjobid
      where jobname like 'shared %' group by 1`),
    ).toEqual([{ jlgstatus: 's', n: 60 }])
  })
})
