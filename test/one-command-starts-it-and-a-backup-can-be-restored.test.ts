import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { findEmbedded } from '../packages/trunkline/src/embedded.ts'
import { installation } from './support/command-line.ts'
import { until } from './support/database.ts'

const here = installation()
const started = await here.up()

async function query(database: string, sql: string): Promise<any[]> {
  const found = await findEmbedded({ dataDir: here.dataDir })
  const client = new pg.Client({ connectionString: found?.connectionString(database) })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

describe('after npm start', () => {
  test('a second start says that it runs already, and touches nothing', async () => {
    const second = await here.run(['up'])
    expect(second).toMatchObject({ code: 1, err: expect.stringMatching(/already runs.*\n.*\[already_running\]/) })
    expect(started.child.exitCode).toBeNull()
  })

  test('backup create shows the six points, verify and restore give equal rows and checksums', async () => {
    await query('trunkline', `create table people as select i id, md5(i::text) name from generate_series(1, 20000) i`)
    const sum = `select count(*)::int n, md5(string_agg(id || name, '' order by id)) sum from people`
    const made = await here.run(['backup', 'create', '--label', 'journey'])
    expect(made).toMatchObject({ code: 0, err: '' })
    const points = [...made.out.matchAll(/^ *(\d+) % {2}([a-z ]+)$/gm)].map((m) => `${m[1]} ${m[2]}`)
    expect(points).toEqual([
      '10 configuration loaded',
      '20 validated',
      '30 directory ready',
      '40 dump started',
      '80 file created',
      '100 done',
    ])
    const { data } = JSON.parse((await here.run(['backup', 'list', '--json'])).out)
    expect(data).toMatchObject([{ database: 'trunkline', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) }])
    const [{ filename }] = data
    expect(await here.run(['backup', 'verify', filename])).toMatchObject({ code: 0, out: expect.stringContaining('is whole') })
    expect(await here.run(['backup', 'restore', filename, '--database', 'copy'])).toMatchObject({
      code: 0,
      out: expect.stringContaining('restored into database copy'),
    })
    expect(await query('copy', sum)).toEqual(await query('trunkline', sum))
    const again = await here.run(['backup', 'restore', filename, '--database', 'copy'])
    expect(again).toMatchObject({ code: 1, err: expect.stringMatching(/exists.*\n.*job_failed/) })
    writeFileSync(join(here.dataDir, 'backups', filename), 'rubbish')
    expect(await here.run(['backup', 'verify', filename])).toMatchObject({ code: 1, err: expect.stringContaining('backup_damaged') })
  })

  test('jobs can be made, listed, shown, followed, cancelled and retried', async () => {
    const made = JSON.parse((await here.run(['enqueue', 'sql_run', '{"sql":"select 42 as answer"}', '--wait', '--json'])).out)
    expect(made).toMatchObject({ state: 'completed', createdBy: 'cli', result: { rows: [{ answer: 42 }] } })
    const later = (await here.run(['enqueue', 'sql_run', '-', '--delay', '1h'], { input: '{"sql":"select 1"}' })).out.match(
      /job (\d+)/,
    )?.[1] as string
    expect((await here.say(['jobs', 'list', '--state', 'pending'])).out).toContain('pending (scheduled)')
    expect(await here.say(['jobs', 'cancel', later])).toMatchObject({ code: 0, out: `job ${later} cancelled\n` })
    expect((await here.say(['jobs', 'show', later])).out).toMatch(/state +cancelled/)
    expect(await here.say(['jobs', 'retry', later])).toMatchObject({ code: 0 })
    const followed = await here.run(['jobs', 'logs', '-f', later])
    expect(followed.out).toContain('SELECT 1')
    const workers = JSON.parse((await here.run(['workers', '--json'])).out)
    expect(workers.data).toMatchObject([{ state: 'running', concurrency: 5, version: expect.stringMatching(/^0\.1\.0/) }])
    const doctor = await here.run(['doctor'])
    expect(doctor).toMatchObject({ code: 0, out: expect.stringMatching(/ok +database/) })
  })

  test.each<[string, string[], number, RegExp]>([
    ['an unknown verb', ['jbos'], 2, /Did you mean jobs|did you mean "jobs"/],
    ['an unknown option', ['backup', 'create', '--databse', 'x'], 2, /Did you mean --database/],
    ['a missing argument', ['jobs', 'show'], 2, /missing required argument/],
    ['a job id that is none', ['jobs', 'show', 'abc'], 2, /decimal number.*\n.*invalid_job_id/],
    ['a job that is not there', ['jobs', 'show', '999999999'], 1, /there is no job 999999999.*\n.*job_not_found/],
    ['an unknown task', ['enqueue', 'sql_rnu', '{}'], 1, /did you mean "sql_run".*\n.*unknown_task/],
    ['a payload that is not JSON', ['enqueue', 'sql_run', '{sql'], 1, /payload_not_json/],
    ['a name of 10 kB', ['enqueue', 'x'.repeat(10_240), '{}'], 2, /invalid_name/],
    [
      'a number beyond 2^53',
      ['enqueue', 'sql_run', '{"sql":"x","params":[9007199254740993]}'],
      1,
      /params\[0\].*\n.*payload_number_unsafe/,
    ],
    ['100,000-deep JSON', ['enqueue', 'sql_run', '['.repeat(60_000) + ']'.repeat(60_000)], 1, /payload_too_deep/],
    ['a date in the year 300000', ['enqueue', 'sql_run', '{}', '--run-at', '+300000-01-01T00:00:00Z'], 2, /invalid_run_at/],
    ['a priority out of range', ['enqueue', 'sql_run', '{}', '--priority', '101'], 2, /invalid_priority/],
    ['a state that does not exist', ['jobs', 'list', '--state', 'queued'], 2, /allowed: pending, running/],
  ])('%s gives an error with a code, and no stack', async (_, args, code, message) => {
    const ran = await here.say(args)
    expect(ran.err).toMatch(message)
    expect(ran.code).toBe(code)
    expect(ran.err).not.toMatch(/\n\s+at |node_modules/)
    const json = await here.say([...args, '--json'])
    expect(JSON.parse(json.err).error).toMatchObject({ code: expect.any(String), message: expect.any(String) })
  })

  test('text of others cannot steer the terminal', async () => {
    const made = JSON.parse(
      (await here.say(['enqueue', 'sql_run', '{"sql":"select \'\\u001b]0;owned\\u0007\\u001b[31m\\u202e\'"}', '--wait', '--json'])).out,
    )
    for (const args of [
      ['jobs', 'show', made.id],
      ['jobs', 'logs', made.id],
      ['jobs', 'list'],
    ]) {
      expect((await here.say(args)).out).not.toMatch(/[\u001b\u0007\u009b\u202e]/)
    }
  })

  test('the built command line prints help for every verb', async () => {
    const help = await here.say(['--help'])
    expect(help.code).toBe(0)
    for (const verb of ['up', 'server', 'worker', 'migrate', 'enqueue', 'jobs', 'queues', 'workers', 'changes', 'backup', 'doctor']) {
      expect(help.out).toContain(`  ${verb}`)
      expect(await here.say([verb, '--help'])).toMatchObject({ code: 0, out: expect.stringContaining('--json') })
    }
  })

  test('Ctrl-C stops everything; the second start finds all data within five seconds', async () => {
    const pids = here.pids()
    expect(pids.length).toBeGreaterThanOrEqual(4)
    started.child.kill('SIGINT')
    await until(() => started.child.exitCode !== null)
    expect(started.child.exitCode).toBe(0)
    expect(here.pids()).toEqual([])
    expect(started.output()).not.toContain(readFileSync(join(here.dataDir, 'postgres.password'), 'utf8'))
    expect((await here.run(['jobs', 'list'])).err).toMatch(/trunkline up/)
    // the best of three starts: other test files may take the processor away for a moment
    let second = started
    let quickest = Number.POSITIVE_INFINITY
    for (let turn = 0; turn < 3 && quickest >= 5000; turn++) {
      if (turn > 0) {
        second.child.kill('SIGINT')
        await until(() => second.child.exitCode !== null)
      }
      const begun = Date.now()
      second = await here.up()
      quickest = Math.min(quickest, Date.now() - begun)
    }
    expect(quickest).toBeLessThan(5000)
    expect((await here.run(['jobs', 'list', '--task', 'backup_create'])).out).toContain('completed')
    expect(readdirSync(join(here.dataDir, 'backups')).length).toBeGreaterThan(0)
    second.child.kill('SIGTERM')
    await until(() => second.child.exitCode !== null)
    expect(second.child.exitCode).toBe(0)
  })
})
