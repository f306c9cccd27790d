import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { onServer, testDatabase, until } from '../../../test/support/database.ts'
import { type Agent, type AgentEvent, type AgentOptions, createAgent } from './agent.ts'
import { installSchema } from './install.ts'
import { clearHistory, history } from './jobs.ts'

const role = `pgagt_${randomBytes(4).toString('hex')}`
afterAll(() => onServer(`drop role if exists ${role}`))
const database = await testDatabase({ empty: true })
const stepUser = { user: role, password: 'sekret' }

beforeAll(async () => {
  await onServer(`create role ${role} login password 'sekret'`)
  await installSchema(database.open())
  await database.rows(`select trunkline_pgagent.watch()`)
  await database.rows(`create table public.seen(id serial primary key, who text, at timestamptz default clock_timestamp())`)
  await database.rows(`grant all on public.seen to ${role}`)
  await database.rows(`grant all on sequence public.seen_id_seq to ${role}`)
})
beforeEach(() => database.rows(`delete from pgagent.pga_job`))

interface StepText {
  kind?: 's' | 'b'
  code: string
  onError?: 'f' | 's' | 'i'
  timeoutMs?: number
}

/** A job that is due now; its id. */
async function due(steps: StepText[], when = 'now()'): Promise<number> {
  const [row] = await database.rows(
    `insert into pgagent.pga_job(jobjclid, jobname) values (1, 'job ' || gen_random_uuid()) returning jobid`,
  )
  const id = row?.jobid as number
  for (const [i, { kind = 's', code, onError = 'f', timeoutMs }] of steps.entries()) {
    const [step] = await database.rows(
      `insert into pgagent.pga_jobstep(jstjobid, jstname, jstkind, jstcode, jstdbname, jstonerror) values ($1, $2, $3, $4, $5, $6) returning jstid`,
      [id, `step ${i}`, kind, code, kind === 's' ? database.name : '', onError],
    )
    if (timeoutMs)
      await database.rows(`insert into trunkline_pgagent.step_setting(jstid, timeout_ms) values ($1, $2)`, [step?.jstid, timeoutMs])
  }
  await database.rows(`update pgagent.pga_job set jobnextrun = ${when} where jobid = $1`, [id])
  return id
}

const runsOf = (id: number) =>
  database.rows(
    `select jlgid id, jlgstatus status, (select json_agg(json_build_object('status', jslstatus, 'result', jslresult, 'output', jsloutput) order by jslid)
      from pgagent.pga_jobsteplog where jsljlgid = jlgid) steps from pgagent.pga_joblog where jlgjobid = $1 order by jlgid`,
    [id],
  )
const ended = async (id: number, n = 1) => {
  const all = await until(async () => {
    const runs = await runsOf(id)
    return runs.filter((run) => run.status !== 'r').length >= n && runs
  }, `the end of job ${id}`)
  return all as { id: number; status: string; steps: { status: string; result: number; output: string }[] | null }[]
}

function agentWith(options: Partial<AgentOptions> = {}): Agent & { events: AgentEvent[] } {
  const events: AgentEvent[] = []
  const agent = createAgent({
    database: database.open({ applicationName: 'agent' }),
    stepUser,
    pollMs: 60_000,
    onEvent: (event) => events.push(event),
    ...options,
  })
  return Object.assign(agent, { events })
}
const seen = (who: string) => database.rows(`select * from public.seen where who = $1`, [who])
const say = (who: string) => `insert into public.seen(who) values ('${who}')`

describe('an agent that polls once a minute', () => {
  test('runs what becomes due at once: told by a trigger, and at its time where that was known', async () => {
    await using agent = agentWith()
    agent.start()
    await until(() => agent.events.some((e) => e.type === 'registered'))
    const told = await due([{ code: say('told') }])
    expect((await ended(told))[0]?.status).toBe('s')
    const later = await due([{ code: say('later') }], `now() + interval '700 ms'`)
    await database.rows(`select pg_notify('trunkline_pgagent', '{"event": "due"}')`)
    expect((await ended(later))[0]?.status).toBe('s')
  })

  test('does not keep a quick job waiting for a slow one, and runs no more at a time than it may', async () => {
    await using agent = agentWith({ maxParallel: 2 })
    agent.start()
    const slow = await due([{ code: `select pg_sleep(3)` }])
    await until(async () => (await runsOf(slow)).length === 1)
    const quick = [await due([{ code: say('quick') }]), await due([{ code: say('quick') }]), await due([{ code: say('quick') }])]
    for (const id of quick) await ended(id)
    expect((await runsOf(slow))[0]?.status).toBe('r')
    await ended(slow)
    let most = 0
    let now = 0
    for (const { type } of agent.events) {
      if (type === 'run_started') most = Math.max(most, ++now)
      if (type === 'run_ended') now--
    }
    expect(most).toBe(2)
  })

  test('ends a run that somebody cancels: the SQL that runs, the script with all it has started; the steps after it do not begin', async () => {
    await using agent = agentWith({ allowBatch: true })
    agent.start()
    for (const step of [{ code: 'select pg_sleep(60)' }, { kind: 'b' as const, code: 'sleep 61 & sleep 60' }]) {
      const id = await due([{ ...step, onError: 'i' }, { code: say('after') }])
      await until(async () => (await runsOf(id))[0]?.steps?.length === 1)
      const [run] = await runsOf(id)
      await database.rows(`insert into trunkline_pgagent.cancel(jlgid, wanted_by) values ($1, 'me')`, [run?.id])
      const [found] = await ended(id)
      expect(found?.status).toBe('f')
      expect(found?.steps).toHaveLength(1)
      expect(found?.steps?.[0]?.output).toContain('the run was cancelled')
    }
    expect(await seen('after')).toEqual([])
    expect(await database.rows(`select from pg_stat_activity where query like 'select pg_sleep(60)' and state = 'active'`)).toEqual([])
  })
})

describe('a step', () => {
  test('has a limit for all of its statements, also where it ignores being asked', async () => {
    await using agent = agentWith({ allowBatch: true })
    const many = await due([{ code: `select pg_sleep(0.3); select pg_sleep(0.3); select pg_sleep(60)`, timeoutMs: 1000 }])
    const deaf = await due([
      {
        code: `do $$ begin loop begin perform pg_sleep(60); exception when query_canceled then null; end; end loop; end $$`,
        timeoutMs: 500,
      },
    ])
    const forks = await due([{ kind: 'b', code: `trap '' TERM; sleep 60 & echo begun; sleep 60`, timeoutMs: 500 }])
    // it leaves the process group and keeps the outputs
    const escapes = await due([{ kind: 'b', code: `setsid sleep 90 & echo begun; sleep 90`, timeoutMs: 500 }])
    await agent.runOnce()
    for (const [id, ms] of [
      [many, 1000],
      [deaf, 500],
      [forks, 500],
      [escapes, 500],
    ] as const) {
      const [run] = await ended(id)
      expect(run).toMatchObject({ status: 'f', steps: [{ status: 'f' }] })
      expect(run?.steps?.[0]?.output).toContain(`stopped after ${ms} ms`)
    }
  }, 60_000)

  test('of SQL has its notices beside its log row while it runs, up to a bound; the row is as the original leaves it', async () => {
    const reader = database.open()
    await database.rows('select pg_advisory_lock(4711)')
    await using agent = agentWith()
    agent.start()
    const id = await due([
      { code: `do $$ begin raise notice 'one'; raise warning 'two'; perform pg_advisory_xact_lock(4711); raise info 'three'; end $$` },
      { code: `do $$ begin for i in 1..20000 loop raise notice 'line % of many', i; end loop; end $$` },
      { code: 'select 1' },
    ])
    const notices = async () => (await history(reader, id))[0]?.steps.map((step) => step.notices) ?? []
    expect(await until(async () => (await notices())[0])).toBe('NOTICE:  one\nWARNING:  two\n')
    await database.rows('select pg_advisory_unlock(4711)')
    const [run] = await ended(id)
    expect(run?.steps?.map(({ status, output }) => [status, output])).toEqual([
      ['s', ''],
      ['s', ''],
      ['s', ''],
    ])
    const [first, second, third] = await notices()
    expect([first, third]).toEqual(['NOTICE:  one\nWARNING:  two\nINFO:  three\n', null])
    expect(second?.length).toBeLessThan(66_000)
    expect(second).toMatch(/line 1 of many[\s\S]*more was said, and is not kept\n$/)
    await clearHistory(reader, id, null)
    expect(await database.rows('select * from trunkline_pgagent.step_notice')).toEqual([])
  })

  test('of SQL that commits inside keeps what it has committed; what comes after an error is told', async () => {
    await using agent = agentWith()
    const id = await due([{ code: `${say('committed')}; commit; ${say('rolled back')}; select 1/0` }])
    await agent.runOnce()
    expect((await runsOf(id))[0]).toMatchObject({
      status: 'f',
      steps: [{ status: 'f', result: -1, output: expect.stringContaining('division by zero') }],
    })
    expect([await seen('committed'), await seen('rolled back')].map((rows) => rows.length)).toEqual([1, 0])
  })

  test('of SQL with a result larger than one would hold counts its rows', async () => {
    await using agent = agentWith()
    const before = process.memoryUsage().rss
    const id = await due([{ code: `select 1; select repeat('x', 1000000) from generate_series(1, 1000)` }])
    await agent.runOnce()
    expect((await runsOf(id))[0]).toMatchObject({ status: 's', steps: [{ status: 's', result: 1000 }] })
    expect(process.memoryUsage().rss - before).toBeLessThan(500_000_000)
  })

  test('whose notices cannot be kept runs all the same, and it is told', async () => {
    await database.rows('alter table trunkline_pgagent.step_notice rename to step_notice_away')
    await using agent = agentWith()
    agent.start()
    const id = await due([{ code: `do $$ begin raise notice 'one'; end $$` }])
    const [run] = await ended(id)
    expect(run?.status).toBe('s')
    await until(() => agent.events.some((e) => e.type === 'error' && /notices .* are not kept/.test(e.error.message)))
    await database.rows('alter table trunkline_pgagent.step_notice_away rename to step_notice')
  })

  test('of SQL runs as the step user, never with the rights of the agent; without one it is refused', async () => {
    const code = `insert into public.seen(who) select 'as ' || current_user; update pgagent.pga_job set jobname = 'mine'`
    const id = await due([{ code }])
    await using agent = agentWith()
    await agent.runOnce()
    expect((await runsOf(id))[0]).toMatchObject({ status: 'f', steps: [{ output: expect.stringContaining('permission denied') }] })
    await using without = agentWith({ stepUser: undefined })
    const refused = await due([{ code: 'select 1' }])
    await without.runOnce()
    expect((await runsOf(refused))[0]?.steps[0].output).toContain('pgagent.step_user')
  })

  test('of a script is refused unless the agent may, and sees no secret of ours', async () => {
    process.env.TRUNKLINE_SECRET_FOR_TEST = 'cAnArY'
    process.env.PGPASSWORD = 'cAnArY'
    try {
      const id = await due([{ kind: 'b', code: 'env' }])
      await using careful = agentWith()
      await careful.runOnce()
      expect((await runsOf(id))[0]?.steps[0]).toMatchObject({ status: 'f', output: 'Batch steps are not allowed for this agent.' })
      await using agent = agentWith({ allowBatch: true })
      const allowed = await due([{ kind: 'b', code: 'env' }])
      await agent.runOnce()
      const [run] = await runsOf(allowed)
      expect(run?.steps[0].output).toContain('PATH=')
      expect(run?.steps[0].output).not.toContain('cAnArY')
    } finally {
      delete process.env.TRUNKLINE_SECRET_FOR_TEST
      delete process.env.PGPASSWORD
    }
  })

  test('of a script has limits of its own, as shell_run has them', async () => {
    await using agent = agentWith({ allowBatch: true })
    const id = await due([{ kind: 'b', code: 'grep -E "core|open files|processes" /proc/self/limits' }])
    await agent.runOnce()
    const output = (await runsOf(id))[0]?.steps[0].output
    for (const limit of [/core file size +0 +0/, /processes +4096 +4096/, /open files +1024 +1024/]) expect(output).toMatch(limit)
  })

  test('that floods its output is kept to the limit, and what is no UTF-8 does not hurt', async () => {
    await using agent = agentWith({ allowBatch: true, maxOutputBytes: 10_000 })
    const flood = await due([{ kind: 'b', code: 'yes | head -c 1000000000' }])
    const dirty = await due([{ kind: 'b', code: `printf '\\377\\000x'` }])
    await agent.runOnce()
    expect((await runsOf(flood))[0]).toMatchObject({ status: 's', steps: [{ status: 's', result: 0 }] })
    const output = (await runsOf(flood))[0]?.steps[0].output
    expect(output).toBe(`${'y\n'.repeat(5000)}\n… 999990000 bytes more are left out …\n`)
    expect((await runsOf(dirty))[0]).toMatchObject({ status: 's', steps: [{ output: '\ufffdx' }] })
  })
})

test('the log is kept as long as was said: by age, and by number for each job; what runs stays', async () => {
  const [much, old] = [await due([], 'null'), await due([], 'null')]
  await database.rows(`insert into pgagent.pga_joblog(jlgjobid, jlgstatus) select $1, 's' from generate_series(1, 2500)`, [much])
  await database.rows(
    `insert into pgagent.pga_joblog(jlgjobid, jlgstatus, jlgstart) select $1, status, now() - interval '10 days' from unnest(array['s', 'f', 'r']) status`,
    [old],
  )
  await database.rows(`insert into pgagent.pga_joblog(jlgjobid, jlgstatus) values ($1, 's')`, [old])
  const counts = async () => [await runsOf(much), await runsOf(old)].map((runs) => runs.length)
  await using keeps = agentWith()
  await keeps.runOnce()
  expect(await counts()).toEqual([2500, 4])
  await using trims = agentWith({ keepLog: { days: 7, runs: 20 } })
  await trims.runOnce()
  expect(await counts()).toEqual([20, 2])
  expect((await runsOf(old)).map((run) => run.status)).toEqual(['r', 's'])
  expect(trims.events.find((event) => event.type === 'log_trimmed')).toMatchObject({ runs: 2482 })
})

describe('faults', () => {
  test('an agent that lost its session enters again and goes on: the run it was in is stored as it ended', async () => {
    await using agent = agentWith()
    agent.start()
    const id = await due([{ code: `select pg_sleep(1.5)` }, { code: say('went on') }])
    await until(async () => (await runsOf(id)).length === 1)
    await database.rows(`select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'agent%' and datname = $1`, [
      database.name,
    ])
    expect((await ended(id))[0]).toMatchObject({ status: 's', steps: [{ status: 's' }, { status: 's' }] })
    await until(() => agent.events.filter((e) => e.type === 'registered').length === 2)
    const next = await due([{ code: say('next') }])
    expect((await ended(next))[0]?.status).toBe('s')
    await until(async () => (await database.rows(`select from pgagent.pga_job where jobagentid is not null`)).length === 0)
  })

  test('a step whose connection is killed ends as failed, with the reason', async () => {
    await using agent = agentWith()
    agent.start()
    const id = await due([{ code: `select pg_sleep(60)` }])
    await until(async () => (await runsOf(id)).length === 1)
    const [run] = await runsOf(id)
    await until(async () => {
      const killed = `select pg_terminate_backend(pid) from pg_stat_activity where application_name like $1 and state = 'active'`
      return (await database.rows(killed, [`pgagent step %/${run?.id}`])).length === 1
    })
    expect((await ended(id))[0]).toMatchObject({
      status: 'f',
      steps: [{ status: 'f', result: -1, output: expect.stringMatching(/terminat/) }],
    })
  })

  /** What an agent leaves behind that was killed: its rows, and a session of its step that goes on. */
  async function leftBehind(id: number) {
    await database.rows(`insert into pgagent.pga_jobagent(jagpid, jagstation) values (999999, 'elsewhere') on conflict do nothing`)
    await database.rows(`update pgagent.pga_job set jobagentid = 999999 where jobid = $1`, [id])
    const [run] = await database.rows(`insert into pgagent.pga_joblog(jlgjobid) values ($1) returning jlgid`, [id])
    await database.rows(
      `insert into pgagent.pga_jobsteplog(jsljlgid, jsljstid) select $1, jstid from pgagent.pga_jobstep where jstjobid = $2 order by jstid limit 1`,
      [run?.jlgid, id],
    )
    const session = await database.client()
    session.on('error', () => {})
    const [{ oid }] = await database.rows(`select oid from pg_database where datname = current_database()`)
    await session.query(`set application_name = 'pgagent step ${oid}/${run?.jlgid}'`)
    const sleeping = session.query('select pg_sleep(60)').then(
      () => 'slept',
      () => 'ended',
    )
    return { sleeping }
  }

  test.each([
    [false, 1],
    [true, 2],
  ])(
    'the run of a dead agent is closed as d and its session ended before anything begins anew; retry %s: %i runs',
    async (retryOnCrash, n) => {
      const id = await due([{ code: say(`retry ${retryOnCrash}`) }], `null`)
      const { sleeping } = await leftBehind(id)
      await using agent = agentWith({ retryOnCrash })
      agent.start()
      const runs = await ended(id, n)
      expect(await sleeping).toBe('ended')
      expect(runs[0]).toMatchObject({ status: 'd', steps: [{ status: 'd' }] })
      expect(runs.map((run) => run.status)).toEqual(['d', 's'].slice(0, n))
      expect(await seen(`retry ${retryOnCrash}`)).toHaveLength(n - 1)
    },
  )

  test('a next run that cannot be computed does not undo the end of the run', async () => {
    const id = await due([{ code: 'select 1' }])
    await database.rows(`insert into pgagent.pga_schedule(jscjobid, jscname) values ($1, 'broken')`, [id])
    await database.rows(`update pgagent.pga_job set jobnextrun = now() where jobid = $1`, [id])
    const [{ body }] = await database.rows(
      `select pg_get_functiondef('pgagent.pga_next_schedule(int4, timestamptz, timestamptz, bool[], bool[], bool[], bool[], bool[])'::regprocedure) body`,
    )
    await database.rows(`create or replace function pgagent.pga_next_schedule(int4, timestamptz, timestamptz, bool[], bool[], bool[], bool[], bool[])
      returns timestamptz language plpgsql as $$ begin raise 'broken'; end $$`)
    try {
      await using agent = agentWith()
      await agent.runOnce()
      expect((await runsOf(id))[0]?.status).toBe('s')
      expect(agent.events.find((e) => e.type === 'run_ended')).toMatchObject({ scheduleError: expect.objectContaining({}) })
      expect(await database.rows(`select jobagentid, jobnextrun::text from pgagent.pga_job where jobid = $1`, [id])).toEqual([
        { jobagentid: null, jobnextrun: 'infinity' },
      ])
    } finally {
      await database.rows(body)
    }
  })

  test('seventy jobs at once, eight at a time: all run, once', async () => {
    await database.rows(`with j as (insert into pgagent.pga_job(jobjclid, jobname, jobnextrun) select 1, 'many ' || n, now() from generate_series(1, 70) n returning jobid)
      insert into pgagent.pga_jobstep(jstjobid, jstname, jstkind, jstcode, jstdbname)
      select jobid, 'a', 's', 'insert into public.seen(who) values (''many'')', '${database.name}' from j`)
    await using agent = agentWith()
    expect(await agent.runOnce()).toBe(70)
    expect(await seen('many')).toHaveLength(70)
    expect(await database.rows(`select jlgstatus, count(*)::int n from pgagent.pga_joblog group by 1`)).toEqual([{ jlgstatus: 's', n: 70 }])
  })

  test('stop waits for what runs; a second wish ends it', async () => {
    const agent = agentWith()
    agent.start()
    const id = await due([{ code: 'select pg_sleep(60)' }])
    await until(async () => (await runsOf(id)).length === 1)
    const kill = new AbortController()
    const stopped = agent.stop(kill.signal)
    expect(await Promise.race([stopped.then(() => 'stopped'), new Promise((resolve) => setTimeout(resolve, 300, 'waits'))])).toBe('waits')
    kill.abort()
    await stopped
    expect((await runsOf(id))[0]).toMatchObject({ status: 'f', steps: [{ output: expect.stringContaining('cancelled') }] })
  })
})
