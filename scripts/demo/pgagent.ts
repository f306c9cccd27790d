import { randomBytes } from 'node:crypto'
import { type Database, openDatabase } from '../../packages/engine/src/postgres/index.ts'
import { type Agent, createAgent, createJob, installSchema, listJobs, type PgAgentDraft, watch } from '../../packages/pgagent/src/index.ts'

/** Its agent alone runs the jobs of the shop; another one of this installation leaves them alone. */
const host = 'shop'
const role = 'trunkline_demo_steps'

const step = (name: string, code: string, more: Partial<PgAgentDraft['steps'][number]> = {}): PgAgentDraft['steps'][number] => ({
  ...{ name, code, description: '', isEnabled: true, kind: 'sql', database: '', onError: 'fail', timeoutMs: null },
  ...more,
})

const plan = (
  name: string,
  calendar: Partial<Pick<PgAgentDraft['schedules'][number], 'minutes' | 'hours' | 'weekdays' | 'monthDays' | 'months'>>,
): PgAgentDraft['schedules'][number] => ({
  ...{ name, description: '', isEnabled: true, startsAt: null, endsAt: null, exceptions: [] },
  ...{ minutes: [], hours: [], weekdays: [], monthDays: [], months: [] },
  ...calendar,
})

const job = (name: string, description: string, steps: PgAgentDraft['steps'], schedules: PgAgentDraft['schedules']): PgAgentDraft => ({
  ...{ name, description, class: 'Routine Maintenance', hostAgent: host, isEnabled: true, timezone: null, timeoutMs: null },
  steps,
  schedules,
})

const minutesBy = (n: number) => Array.from({ length: 60 / n }, (_, i) => i * n)

const jobs: PgAgentDraft[] = [
  job(
    'Refresh of the shop window',
    'What the front page shows',
    [
      step('1 prices', 'select pg_sleep(0.2 + random() * 0.6), count(*) from generate_series(1, 20000)'),
      step('2 stock', 'select pg_sleep(0.1 + random() * 0.3), count(*) from generate_series(1, 5000)'),
      step('3 tell the cache', 'echo "cache of $(date +%H:%M) is warm"', { kind: 'batch' }),
    ],
    [plan('every two minutes', { minutes: minutesBy(2) })],
  ),
  job(
    'Totals of the night',
    'Sums of the day, for the reports of the morning',
    [
      step('1 orders', 'select pg_sleep(1.5), sum(n) from generate_series(1, 100000) n'),
      step('2 returns', 'select pg_sleep(0.5), avg(n) from generate_series(1, 100000) n'),
      step('3 old rows', 'select count(*) from pg_class', { onError: 'ignore' }),
    ],
    [plan('at half past one', { minutes: [30], hours: [1] }), plan('end of the month', { minutes: [0], hours: [22], monthDays: [32] })],
  ),
  job(
    'Export for the bank',
    'Payments as a file',
    [
      step('1 payments', 'select count(*) from generate_series(1, 400)'),
      step('2 file', 'echo "no space left on /exports" >&2; exit 1', { kind: 'batch' }),
    ],
    [plan('working days', { minutes: [0, 20, 40], weekdays: [1, 2, 3, 4, 5] })],
  ),
  job(
    'Rates of exchange',
    'Their server is not always there',
    [
      step('1 fetch', 'select 1 / (case when random() < 0.4 then 0 else 1 end) as "the bank\'s answer"', { onError: 'ignore' }),
      step('2 round', 'select pg_sleep(0.2)'),
    ],
    [plan('every five minutes', { minutes: minutesBy(5) })],
  ),
  { ...job('Mail of last year', 'Replaced by mail.send', [step('1 send', 'select 1')], []), isEnabled: false },
  // no agent of this name is there: it is due, and nobody takes it
  {
    ...job('Import of suppliers', 'Its machine is gone', [step('1 import', 'select 1')], [plan('hourly', { minutes: [10] })]),
    hostAgent: 'attic',
  },
]

/** A day of runs: how long they took, some failed, one was slow. */
const history = `
with j as (select jobid from pgagent.pga_job where jobhostagent = $1 and jobenabled),
  r as (
    insert into pgagent.pga_joblog(jlgjobid, jlgstatus, jlgstart, jlgduration)
    select j.jobid, case when fate < 0.12 then 'f' else 's' end, now() - make_interval(mins => 30 * n), make_interval(secs => case when n = 7 then 14 else 1.5 + fate * 2 end)
    from j, generate_series(48, 1, -1) n, lateral (select random() + 0 * (n + j.jobid) fate) f order by n desc
    returning jlgid, jlgjobid, jlgstatus, jlgstart, jlgduration),
  s as (
    select r.*, t.jstid, row_number() over w at, count(*) over (partition by r.jlgid) steps
    from r join pgagent.pga_jobstep t on t.jstjobid = r.jlgjobid window w as (partition by r.jlgid order by t.jstname))
insert into pgagent.pga_jobsteplog(jsljlgid, jsljstid, jslstatus, jslresult, jslstart, jslduration, jsloutput)
select jlgid, jstid, case when at = steps and jlgstatus = 'f' then 'f' else 's' end, case when at = steps and jlgstatus = 'f' then -1 else 1 end,
  jlgstart + (at - 1) * jlgduration / steps, jlgduration / steps,
  case when at = steps and jlgstatus = 'f' then E'ERROR:  canceling statement due to lock timeout\\nCONTEXT:  while updating tuple (12,7) in relation "totals"' else '' end
from s`

async function fillSchema(database: Database): Promise<void> {
  for (const draft of jobs) await createJob(database, draft, 'Europe/Berlin')
  await database.query(history, [host])
}

/** SQL steps run as a role that may do nothing. */
async function stepUser(database: Database): Promise<{ user: string; password: string }> {
  const password = randomBytes(18).toString('hex')
  const [known] = await database.query(`select from pg_roles where rolname = $1`, [role])
  // a statement of this kind takes no parameters; what is in it is our own
  await database.query(`${known ? 'alter' : 'create'} role ${role} login password '${password}'`)
  return { user: role, password }
}

/** Jobs of pgAgent in the same database, with a day of history, and the agent that runs them. */
export async function startPgAgent(connectionString: string): Promise<{ agent: Agent; stop: () => Promise<void> }> {
  const database = openDatabase({ connectionString, applicationName: 'trunkline demo pgagent' })
  await installSchema(database)
  await watch(database)
  if (!(await listJobs(database)).some(({ hostAgent }) => hostAgent === host)) await fillSchema(database)
  const agent = createAgent({ database, stepUser: await stepUser(database), hostName: host, allowBatch: true, timezone: 'Europe/Berlin' })
  agent.start()
  return {
    agent,
    async stop() {
      await agent.stop(AbortSignal.timeout(5000))
      await database.close()
    },
  }
}
