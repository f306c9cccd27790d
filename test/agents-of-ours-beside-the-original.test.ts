import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { installation } from './support/command-line.ts'
import { onServer, testDatabase, until } from './support/database.ts'

const hasOriginal = spawnSync('pgagent', ['-v']).error === undefined
const jobCount = 40
const rounds = 6

interface Execution {
  job: number
  duty: number
  by: 'ours' | 'original'
}

/** Two agents of ours and the original on one schema, where each job runs once for each time that it is due. */
describe.skipIf(!hasOriginal)('the original agent and two of ours on one schema (needs Debian’s pgagent)', async () => {
  const role = `pgagb_${randomBytes(4).toString('hex')}`
  const jobs = await testDatabase({ empty: true })
  // a poll each second, no triggers: all three get their share
  const here = installation({ TRUNKLINE_PGAGENT_URL: jobs.url, TRUNKLINE_PGAGENT__STEP_PASSWORD: 'sekret' })
  const said: string[] = []
  let ids: number[] = []
  let original: ChildProcess
  const ours: ChildProcess[] = []

  async function startOurs(): Promise<void> {
    const child = here.start(['pgagent'])
    const mine = ours.push(child) - 1
    said[mine] = ''
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (text) => {
        said[mine] += text
      })
    await until(() => said[mine]?.includes('is registered'), 'an agent of ours')
  }

  function startOriginal(): void {
    const { hostname, port, username, password, pathname } = new URL(jobs.url)
    const where = `host=${hostname} port=${port} dbname=${pathname.slice(1)} user=${username}`
    original = spawn('pgagent', ['-f', '-t', '1', where], { env: { ...process.env, PGPASSWORD: password }, stdio: 'ignore' })
  }

  beforeAll(async () => {
    await onServer(`create role ${role} login password 'sekret'`)
    writeFileSync(
      join(here.folder, 'trunkline.yaml'),
      `pgagent:\n  enabled: true\n  poll_time: 1\n  retry_on_crash: "yes"\n  log_level: 0\n  step_user: ${role}\n`,
    )
    expect((await here.say(['pgagent', 'install', '--no-watch'])).code).toBe(0)
    await jobs.rows(`create table public.duty(job int primary key, n int not null default 0)`)
    await jobs.rows(`create table public.execution(job int, duty int, app text default current_setting('application_name'))`)
    await jobs.rows(`grant all on all tables in schema public to ${role}`)
    for (let i = 0; i < jobCount; i++) {
      const [row] = await jobs.rows(`insert into pgagent.pga_job(jobjclid, jobname) values (1, $1) returning jobid`, [`job ${i}`])
      const id = row?.jobid as number
      ids = [...ids, id]
      await jobs.rows(
        `insert into pgagent.pga_jobstep(jstjobid, jstname, jstkind, jstcode, jstdbname) values ($1, 'a step', 's', $2, $3)`,
        [id, `insert into public.execution(job, duty) select job, n from public.duty where job = ${id}; select pg_sleep(0.05)`, jobs.name],
      )
      await jobs.rows(`insert into public.duty values ($1)`, [id])
    }
  })
  afterAll(async () => {
    original?.kill('SIGKILL')
    for (const child of ours) child.kill('SIGKILL')
    await until(async () => {
      const [row] = await jobs.rows(`select count(*)::int n from pg_stat_activity where usename = $1`, [role])
      return row?.n === 0
    })
    await jobs.rows(`drop owned by ${role}`)
    await onServer(`drop role if exists ${role}`)
  })

  const makeDue = () =>
    jobs.rows(
      `with d as (update public.duty set n = n + 1 returning job) update pgagent.pga_job set jobnextrun = now() from d where jobid = d.job`,
    )
  const runs = (status: string) =>
    jobs.rows(`select jlgid id, jlgjobid job from pgagent.pga_joblog where jlgstatus = $1 order by jlgid`, [status])

  /** Every job has run for its present duty, and none is claimed. What an agent took with it when it was killed is due once more, as a person would see to it. */
  async function done(duty: number): Promise<void> {
    await until(
      async () => {
        await jobs.rows(
          `update pgagent.pga_job j set jobnextrun = now() from public.duty d
           where d.job = j.jobid and jobagentid is null and jobnextrun is null
             and (select jlgstatus from pgagent.pga_joblog where jlgjobid = j.jobid order by jlgid desc limit 1) = 'd'
             and not exists (select from public.execution e where e.job = d.job and e.duty = d.n)`,
        )
        const [row] = await jobs.rows(
          `select count(*) filter (where jobagentid is not null)::int claimed,
             count(*) filter (where not exists (select from public.execution e where e.job = jobid and e.duty = $1))::int missing
           from pgagent.pga_job`,
          [duty],
        )
        return row?.claimed === 0 && row.missing === 0
      },
      `all runs of round ${duty}`,
      60_000,
    )
  }

  test(`${jobCount * rounds} due runs are as many executions, though each kind is killed in the middle`, async () => {
    await Promise.all([startOurs(), startOurs()])
    startOriginal()
    await until(async () => (await jobs.rows(`select from pgagent.pga_jobagent`)).length === 3, 'all three agents')
    for (let duty = 1; duty <= rounds; duty++) {
      await makeDue()
      if (duty === 3 || duty === 5) {
        await until(async () => (await runs('r')).length > 0, 'runs to be in the middle of')
        if (duty === 3) {
          ours[0]?.kill('SIGKILL')
          await startOurs()
        } else {
          original.kill('SIGKILL')
          startOriginal()
        }
      }
      await done(duty)
    }

    const executions: Execution[] = (await jobs.rows(`select job, duty, app from public.execution`)).map(({ job, duty, app }) => ({
      job,
      duty,
      by: app.startsWith('pgagent step') ? 'ours' : 'original',
    }))
    const aborted = await runs('d')
    const byDuty = new Map<string, Execution[]>()
    for (const one of executions) byDuty.set(`${one.job} ${one.duty}`, [...(byDuty.get(`${one.job} ${one.duty}`) ?? []), one])
    const repeated = [...byDuty.values()].filter((all) => all.length > 1)
    const repeatedByOriginal = repeated.filter((all) => all.some(({ by }) => by === 'original'))
    const share = (by: Execution['by']) => executions.filter((one) => one.by === by).length
    const phantoms = (await runs('i')).map(({ id }) => id)
    const ranByUs = new Set(
      said
        .join('')
        .match(/(?<=\(run )\d+(?=\))/g)
        ?.map(Number),
    )
    console.log(
      `${byDuty.size} of ${jobCount * rounds} due runs executed; ours ${share('ours')}, the original ${share('original')} executions; ` +
        `${repeatedByOriginal.length} repeated where the original took part, ${repeated.length - repeatedByOriginal.length} by ours alone; ` +
        `${aborted.length} aborted; ${phantoms.length} phantom rows of the original`,
    )
    expect(byDuty.size).toBe(jobCount * rounds)
    expect(share('ours')).toBeGreaterThan(0)
    expect(share('original')).toBeGreaterThan(0)
    // ours alone repeat only what was cut off
    const cut = new Set(aborted.map(({ job }) => job))
    for (const all of repeated) if (all.every(({ by }) => by === 'ours')) expect(cut).toContain(all[0]?.job)
    expect(phantoms.filter((id) => ranByUs.has(id))).toEqual([])
    expect(await runs('r')).toEqual([])
    expect(await jobs.rows(`select from pgagent.pga_job where jobagentid is not null`)).toEqual([])
  }, 240_000)
})
