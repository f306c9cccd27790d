import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { defineTask, type EnqueueOptions, fileSystemStorage } from '../packages/engine/src/index.ts'
import { builtInTasks } from '../packages/tasks/src/index.ts'
import { installation } from './support/command-line.ts'
import { testDatabase, until } from './support/database.ts'

const db = await testDatabase()
const here = installation({ DATABASE_URL: db.url })
const trunkline = await db.connect()
const mail = defineTask('mail.send', {
  searchable: ['to'],
  retry: { attempts: 1 },
  async run({ input }: { input: { to: string } }) {
    if (input.to === 'nobody') throw new Error('\u001b[31mthe mailbox\u202e is full')
    return 'sent'
  },
})

let queue = ''
let n = 0
/** A queue of its own for each test. */
function freshQueue(): string {
  n++
  queue = `queue${n}`
  return queue
}

async function make(count: number, options: EnqueueOptions = {}, to = 'ada'): Promise<string[]> {
  const payloads = Array.from({ length: count }, (_, nr) => ({ to, nr }))
  const { uniqueKey: _, idempotencyKey: __, idempotencyWindow: ___, ...rest } = options
  return (await trunkline.enqueueMany(mail, payloads, { queue, ...rest })).map((job) => job.id)
}

/** Jobs that have failed. */
async function makeFailed(count: number, options: EnqueueOptions = {}): Promise<string[]> {
  const worker = await trunkline.work([mail], { queues: [queue], keeper: false, pollMs: 10 })
  const ids = await make(count, options, 'nobody')
  await Promise.allSettled(ids.map((id) => trunkline.job(id).result()))
  await worker.stop()
  return ids
}

const snapshot = () => db.rows(`select * from trunkline.jobs order by id`)
const states = async (ids: string[]) => await Promise.all(ids.map(async (id) => (await trunkline.get(id)).state))

async function json(args: string[], input = ''): Promise<any> {
  const ran = input === '' ? await here.say([...args, '--json']) : await here.run([...args, '--json'], { input })
  return { code: ran.code, ...JSON.parse(ran.out) }
}

beforeAll(async () => {
  freshQueue()
  await make(1)
})

describe('jobs why and show', () => {
  test('a sentence for people, the object for programs, and each of several jobs for itself', async () => {
    freshQueue()
    const [failed = ''] = await makeFailed(1, { tags: ['night', 'shop'] })
    const [later = ''] = await make(1, { delay: '1h' })
    expect(await here.say(['jobs', 'why', later])).toMatchObject({ code: 0, out: expect.stringMatching(/^[A-Z].* UTC\.\n$/), err: '' })
    expect(await json(['jobs', 'why', later])).toMatchObject({ code: 0, jobId: later, state: 'pending', reason: 'scheduled' })
    const both = await here.say(['jobs', 'why', failed, '999999999', later])
    expect(both).toMatchObject({ code: 1, err: expect.stringMatching(/no job 999999999.*\n.*\[job_not_found\]/) })
    expect(both.out).toMatch(new RegExp(`^job ${failed}: .*\njob ${later}: .*\n$`))
    expect(await json(['jobs', 'why', failed, later])).toMatchObject({ data: [{ jobId: failed }, { jobId: later }] })
    const shown = await here.say(['jobs', 'show', failed])
    expect(shown.out).toMatch(/why +.*the mailbox. is full/)
    expect(shown.out).toMatch(/tags +night, shop/)
    expect(`${both.out}${shown.out}`).not.toMatch(/[\u001b\u202e]/)
  })
})

describe('verbs by id', () => {
  test('every job answers for itself; one that refuses makes the exit code 1 and says what to do instead', async () => {
    freshQueue()
    const [failed = ''] = await makeFailed(1)
    const [later = '', other = ''] = await make(2, { delay: '1h' })
    const promoted = await here.say(['jobs', 'promote', later, failed, '999999999'])
    expect(promoted).toMatchObject({ code: 1, out: `job ${later} is in line now\n3 jobs: 1 promoted, 2 skipped\n` })
    expect(promoted.err).toMatch(
      new RegExp(`job ${failed} is failed; it cannot be promoted\n.*trunkline jobs retry ${failed}. \\[wrong_state\\]`),
    )
    expect(promoted.err).toMatch(/no job 999999999\n.*\[job_not_found\]/)
    const changes = ['--set-priority', '-7', '--set-queue', 'elsewhere', '--set-tag', 'a', '--set-tag', 'b']
    expect(await here.say(['jobs', 'update', other, ...changes])).toMatchObject({ code: 0, out: `job ${other} updated\n` })
    expect(await trunkline.get(other)).toMatchObject({ priority: -7, queue: 'elsewhere', tags: ['a', 'b'], state: 'pending' })
    expect(await here.say(['jobs', 'delete', other])).toMatchObject({ code: 0, out: `job ${other} deleted\n` })
    await expect(trunkline.get(other)).rejects.toMatchObject({ code: 'job_not_found' })
    // one in a process of its own, to see that it ends
    expect(await here.run(['jobs', 'cancel', later])).toMatchObject({ code: 0, out: `job ${later} cancelled\n` })
    expect(await json(['jobs', 'retry', later, failed])).toMatchObject({ code: 0, total: 2, accepted: 2, skipped: 0 })
    expect(await json(['jobs', 'retry', later])).toMatchObject({
      code: 1,
      skipped: 1,
      results: [{ jobId: later, ok: false, code: 'wrong_state', hint: expect.any(String) }],
    })
  })

  test('rerun answers the new ids; the payload comes as text, from a file or from the input', async () => {
    freshQueue()
    const [failed = ''] = await makeFailed(1, { tags: ['old'] })
    writeFileSync(join(here.folder, 'payload.json'), '{"to":"bob"}')
    const again = async (args: string[], input = '') => {
      const rerun = ['jobs', 'rerun', failed, ...args]
      const ran = input === '' ? await here.say(rerun) : await here.run(rerun, { input })
      const id = ran.out.match(/^job \d+ runs again as job (\d+)\n$/)?.[1] as string
      return await trunkline.get(id)
    }
    expect(await again([])).toMatchObject({ rerunOf: failed, payload: { to: 'nobody' }, tags: ['old'], createdBy: 'cli' })
    expect(await again(['--payload', '{"to":"ada"}', '--set-priority', '9', '--set-tag', 'new'])).toMatchObject({
      payload: { to: 'ada' },
      priority: 9,
      tags: ['new'],
    })
    expect(await again(['--payload', '@payload.json', '--set-delay', '1h'])).toMatchObject({ payload: { to: 'bob' }, reason: 'scheduled' })
    const { id } = await again(['--payload', '-', '--set-queue', 'elsewhere'], '{"to":"eve"}')
    const shown = await here.say(['jobs', 'show', id])
    expect(shown.out).toMatch(/queue +elsewhere/)
    expect(shown.out).toMatch(new RegExp(`rerun of +job ${failed}`))
  })
})

describe('verbs by filter', () => {
  test('a dry run counts by state and touches nothing, whatever the verb', async () => {
    freshQueue()
    const ids = [...(await makeFailed(2)), ...(await make(3, { delay: '1h' }))]
    const before = await snapshot()
    for (const args of [
      ['cancel'],
      ['retry'],
      ['rerun', '--payload', '{"to":"x"}'],
      ['promote'],
      ['update', '--set-priority', '5'],
      ['delete'],
    ]) {
      const counted = await json(['jobs', ...args, '--queue', queue, '--dry-run'])
      expect(counted, args[0]).toMatchObject({ code: 0, total: 5, accepted: 0, byState: { failed: 2, pending: 3 }, results: [] })
      expect(counted.ids.toSorted()).toEqual(ids.toSorted())
    }
    expect((await here.say(['jobs', 'cancel', ...ids.slice(1, 3), '999999999', '--dry-run'])).out).toBe(
      '3 jobs (1 failed, 1 pending, 1 not there); nothing was touched\n',
    )
    expect(await snapshot()).toEqual(before)
  })

  test('without a terminal it goes on only with --yes, and the sentence says so', async () => {
    freshQueue()
    const ids = await make(2)
    for (const verb of [['cancel'], ['retry'], ['rerun'], ['promote'], ['update', '--set-priority', '5'], ['delete']]) {
      const ran = await here.say(['jobs', ...verb, '--queue', queue])
      expect(ran, verb[0]).toMatchObject({ code: 2, out: '', err: expect.stringMatching(/without a terminal.*--yes\n.*\[usage\]/) })
    }
    expect(await states(ids)).toEqual(['pending', 'pending'])
    const cancelled = await here.say(['jobs', 'cancel', '--queue', queue, '--yes'])
    expect(cancelled).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^2 jobs: 2 cancelled\nundo within 5 minutes: trunkline jobs undo \d+\n$/),
    })
    expect(await states(ids)).toEqual(['cancelled', 'cancelled'])
    const undo = ['jobs', 'undo', cancelled.out.match(/undo (\d+)\n/)?.[1] as string]
    expect(await here.say(undo)).toMatchObject({ code: 0, out: '2 jobs: 2 restored\n' })
    expect(await states(ids)).toEqual(['pending', 'pending'])
    expect(await here.say(undo)).toMatchObject({ code: 1, out: expect.stringContaining('0 restored, 2 skipped') })
  })

  test('skipped jobs are reported with up to ten reasons, and are no failure', async () => {
    freshQueue()
    const failed = await makeFailed(2)
    await make(12, { delay: '1h' })
    const ran = await here.say(['jobs', 'retry', '--queue', queue, '--yes'])
    expect(ran).toMatchObject({ code: 0, err: '' })
    expect(ran.out).toMatch(/^14 jobs: 2 retried, 12 skipped\n/)
    expect(ran.out.match(/is pending; it cannot be retried → It is waiting/g)).toHaveLength(10)
    expect(ran.out).toContain('… and 2 more (all with --json)')
    expect(await states(failed)).toEqual(['pending', 'pending'])
    expect((await json(['jobs', 'retry', '--queue', queue, '--yes'])).results).toHaveLength(14)
  })

  test('the same filter finds in the list and in the verbs: state, reason, tags, payload, time, limit', async () => {
    freshQueue()
    const [failed = ''] = await makeFailed(1)
    const [eve = ''] = await make(1, { tags: ['night', 'shop'], delay: '1h' }, 'eve')
    await make(1, { tags: ['night'] })
    const past = '2020-01-01T00:00:00Z'
    const here1 = ['--queue', queue]
    const fingerprint = (await trunkline.get(failed)).error?.fingerprint ?? ''
    for (const [filter, found] of [
      [['--tag', 'night', '--tag', 'shop', ...here1], [eve]],
      [['--reason', 'attempts_used', ...here1], [failed]],
      [['--fingerprint', fingerprint, ...here1], [failed]],
      [['--task', 'mail.send', '--arg', 'to=eve', '--arg', 'nr=0', ...here1], [eve]],
      [['--task', 'mail.send', '--arg', 'to=eve', '--arg', 'nr="0"', ...here1, '--state', 'failed'], []],
      [['--created-before', past, ...here1], []],
    ] as const) {
      expect(
        (await json(['jobs', 'list', ...filter])).data.map((j: { id: string }) => j.id),
        filter.join(' '),
      ).toEqual(found)
      expect((await json(['jobs', 'cancel', ...filter, '--dry-run'])).ids, filter.join(' ')).toEqual(found)
    }
    expect(await json(['jobs', 'cancel', '--created-after', past, '--limit', '2', ...here1, '--dry-run'])).toMatchObject({ total: 2 })
    expect((await here.say(['jobs', 'list', '--created-before', past, ...here1])).out).toBe('no job fits\n')
    // the query language finds the same, in the list and in the verbs
    const query = `queue:${queue} tag:night tag:shop`
    expect((await json(['jobs', 'list', ...query.split(' ')])).data.map((j: { id: string }) => j.id)).toEqual([eve])
    expect((await json(['jobs', 'list', query, '--sort', 'priority'])).data.map((j: { id: string }) => j.id)).toEqual([eve])
    expect(await here.say(['jobs', 'list', 'state:faild'])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/at column 6: there is no state/),
    })
    for (const verb of [['cancel'], ['retry'], ['rerun'], ['promote'], ['update', '--set-priority', '5'], ['delete']]) {
      expect(await json(['jobs', ...verb, '--query', query, '--dry-run'])).toMatchObject({ code: 0, total: 1, ids: [eve] })
    }
    expect(await json(['jobs', 'update', '--query', query, '--set-priority', '9', '--yes'])).toMatchObject({ accepted: 1 })
    expect((await trunkline.get(eve)).priority).toBe(9)
    const both = ['jobs', 'cancel', '--query', query, '--state', 'pending', '--dry-run']
    expect(await here.say(both)).toMatchObject({ code: 2, err: expect.stringMatching(/a query or flags/) })
  })
})

describe('queues', () => {
  test('are listed with what waits where, paused with a reason and an end, and resumed', async () => {
    freshQueue()
    await make(2, { delay: '1h' })
    const paused = await here.say(['queues', 'pause', queue, '--for', '10m', '--reason', 'the API\u001b[2J is down'])
    expect(paused).toMatchObject({ code: 0, out: expect.stringMatching(`^queue ${queue} paused until 20.*Z by cli: the API is down\n$`) })
    const listed = await here.say(['queues'])
    expect(listed.out).toMatch(/^QUEUE +DUE +SCHEDULED +HELD +BLOCKED +RUNNING +COMPLETED +FAILED +CANCELLED +WORKERS\n/)
    expect(listed.out).toMatch(new RegExp(`^${queue} +0 +2 +0 +0 +0 +0 +0 +0 +0 +paused until .*: the API is down$`, 'm'))
    expect((await json(['queues', 'list'])).data).toContainEqual(
      expect.objectContaining({ queue, scheduled: 2, paused: expect.objectContaining({ by: 'cli' }) }),
    )
    expect(await here.say(['queues', 'resume', queue])).toMatchObject({ code: 0, out: `queue ${queue} gives out jobs\n` })
    expect(await json(['queues', 'pause', queue, '--until', '2100-01-01T00:00:00Z'])).toMatchObject({
      queue,
      paused: { until: '2100-01-01T00:00:00.000Z' },
    })
    expect(await json(['queues', 'resume', queue])).toMatchObject({ queue, paused: null })
  })
})

describe('enqueue', () => {
  test('says when a key answered a job that is there, or what it did with it', async () => {
    freshQueue()
    const enqueue = (to: string, ...args: string[]) => here.say(['enqueue', 'mail.send', JSON.stringify({ to }), '--queue', queue, ...args])
    const first = await enqueue('ada', '--unique-key', 'order 5', '--tag', 'a', '--tag', 'b', '--delay', '1h')
    const id = first.out.match(/^job (\d+)\n$/)?.[1] as string
    expect(await trunkline.get(id)).toMatchObject({ key: 'order 5', tags: ['a', 'b'] })
    expect((await enqueue('ada', '--unique-key', 'order 5')).out).toBe(`job ${id} is there already (unique key order 5)\n`)
    expect((await enqueue('bob', '--unique-key', 'order 5', '--unique-mode', 'replace', '--delay', '1h')).out).toMatch(
      /^job \d+ took the place of the one that waited \(unique key order 5\)\n$/,
    )
    const debounce = ['--unique-key', 'tick', '--unique-mode', 'debounce', '--unique-window', '10m', '--unique-max-wait', '1h']
    expect((await enqueue('ada', ...debounce)).out).toMatch(/^job \d+\n$/)
    expect((await enqueue('bob', ...debounce)).out).toMatch(/^job \d+ waits on, with this payload \(unique key tick\)\n$/)
    const made = JSON.parse((await enqueue('ada', '--idempotency-key', 'once', '--json')).out)
    expect(made).toMatchObject({ made: 'new', payload: { to: 'ada' } })
    expect(JSON.parse((await enqueue('ada', '--idempotency-key', 'once', '--json')).out)).toMatchObject({ id: made.id, made: 'existing' })
    expect(await enqueue('bob', '--idempotency-key', 'once')).toMatchObject({
      code: 1,
      err: expect.stringContaining('[idempotency_conflict]'),
    })
  })
})

describe('doctor', () => {
  test('tells what endangers the queue with a hint, as a warning', async () => {
    freshQueue()
    await make(1)
    const ran = await here.say(['doctor'])
    expect(ran.code).toBe(0)
    expect(ran.out).toMatch(/^warning +health +no keeper leads.*\n +→ Start one: trunkline server/m)
    const { data } = await json(['doctor'])
    expect(data).toContainEqual(expect.objectContaining({ what: 'health', state: 'warning', code: 'no_keeper', cure: expect.any(String) }))
  })

  test('proves the counters, and repairs them only when it is told to', async () => {
    await trunkline.keeper().runOnce()
    expect((await here.say(['doctor', '--counters'])).out).toMatch(/^ok +counters +they agree/m)
    await db.rows(`insert into trunkline.stat_delta select now(), queue_id, task_id, 2, 7, 0 from trunkline.job order by id limit 1`)
    for (let turn = 1; turn <= 2; turn++) {
      const proved = await here.say(['doctor', '--counters'])
      expect(proved).toMatchObject({
        code: 1,
        out: expect.stringMatching(/^wrong +counters +queue .*task mail.send: \d+ completed counted, \d+ there\n.*--repair/m),
      })
    }
    expect(await here.say(['doctor', '--counters', '--repair'])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/counters .*; repaired$/m),
    })
    expect((await here.say(['doctor', '--counters'])).out).toMatch(/^ok +counters/m)
  })
})

describe('changes', () => {
  test('gives the cursor of now, and from there what happened, as JSON lines with their cursors', async () => {
    freshQueue()
    const { cursor } = JSON.parse((await here.say(['changes'])).out)
    const [id = ''] = await make(1, { delay: '1h' })
    await trunkline.cancel(id)
    const ran = await here.say(['changes', '--after', cursor])
    expect(ran).toMatchObject({ code: 0, err: '' })
    const lines = ran.out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines.map((line) => line.kind)).toEqual(['added', 'cancelled'])
    const rest = await here.say(['changes', '--after', lines[0].cursor])
    expect(JSON.parse(rest.out)).toMatchObject({ kind: 'cancelled', no: lines[1].no })
    expect(await here.say(['changes', '--after', lines[1].cursor])).toMatchObject({ code: 0, out: '' })
  })

  test('follows what comes until Ctrl-C', async () => {
    freshQueue()
    const child = here.start(['changes', '--follow', '--after', JSON.parse((await here.say(['changes'])).out).cursor])
    let out = ''
    child.stdout?.on('data', (text) => {
      out += text
    })
    await make(1)
    await until(() => out.includes('\n'), 'a change')
    expect(JSON.parse(out.split('\n')[0] ?? '')).toMatchObject({ kind: 'added' })
    child.kill('SIGINT')
    await until(() => child.exitCode !== null)
    expect(child.exitCode).toBe(0)
  })
})

describe('retention', () => {
  test('a bad setting is named with its place before anything starts', async () => {
    for (const args of [['server'], ['worker', '--keeper']]) {
      const ran = await here.run(args, { env: { TRUNKLINE_RETENTION__FAILED: 'soon' } })
      expect(ran).toMatchObject({
        code: 2,
        err: expect.stringMatching(/retention.failed \(from the environment\) is "soon".*\n.*\[invalid_setting\]/),
      })
    }
  })
})

describe('retention in force', () => {
  test('is shown with who says so', async () => {
    await trunkline.retention.set({ completed: '90m', tasks: { 'bill.send': { failed: false } } }, { by: 'user:anna' })
    const { out } = await here.run(['retention'])
    expect(out).toMatch(/^\(all\) +1h30m +30 d +30 d$/m)
    expect(out).toMatch(/^bill\.send +as all +for ever +as all$/m)
    expect(out).toMatch(/^stored in the database, in the place of the settings, by user:anna, .* ago$/m)
    expect(JSON.parse((await here.run(['retention', '--json'])).out)).toMatchObject({ source: 'stored', rules: { completed: 5_400_000 } })
    await trunkline.retention.reset()
    expect((await here.run(['retention'])).out).toContain('nobody has set anything')
  })
})

describe('steps', () => {
  test('are shown with where each of them is, their lines by name; a mistake in one is told before a job is made', async () => {
    freshQueue()
    const tasks = builtInTasks({ connectionString: db.url, storage: fileSystemStorage(here.folder) })
    const worker = await trunkline.work(tasks, { queues: [queue], keeper: false, pollMs: 10 })
    const steps = (second: object) =>
      JSON.stringify({
        steps: [
          { name: 'count', task: 'sql_run', payload: { sql: 'select 1' } },
          { name: 'fail', task: 'sql_run', ...second },
        ],
      })
    const { out } = await here.say(['enqueue', 'steps_run', steps({ payload: { sql: 'selec' } }), '--queue', queue])
    const id = out.match(/\d+/)?.[0] as string
    await trunkline
      .job(id)
      .result()
      .catch(() => {})
    const shown = await here.say(['jobs', 'steps', id])
    expect(shown.out).toMatch(
      /^STEP +TASK +STATE +TRIES +STARTED +TOOK\ncount +sql_run +completed +1 +.* ago +\d+ ms\nfail +sql_run +failed +1 .* syntax error/,
    )
    expect((await json(['jobs', 'steps', id])).data).toMatchObject([
      { name: 'count', result: { rowCount: 1 } },
      { error: { code: '42601' } },
    ])
    expect((await here.say(['jobs', 'logs', id, '--stage', 'count'])).out).toMatch(/SELECT 1/)
    expect(await here.say(['enqueue', 'steps_run', steps({ timeoutMs: 'soon' })])).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/payload\.steps\[1\]\.timeoutMs.*\n.*\[invalid_payload\]/),
    })
    expect(await here.say(['jobs', 'steps', '999999999'])).toMatchObject({ code: 1, err: expect.stringContaining('[job_not_found]') })
    await worker.stop()
  })
})

test.each<[string, string[], number, RegExp]>([
  ['ids and a filter together', ['jobs', 'cancel', '1', '--tag', 'x'], 2, /job ids or a filter \(--tag\), not both\n.*\[usage\]/],
  ['a new queue that is said like a filter', ['jobs', 'rerun', '1', '--queue', 'x'], 2, /--set-…\n.*\[usage\]/],
  ['neither ids nor a filter', ['jobs', 'delete'], 2, /say which jobs.*\n.*jobs delete --help. \[usage\]/],
  ['a limit alone', ['jobs', 'retry', '--limit', '5', '--yes'], 2, /say which jobs/],
  ['one bad id among good ones', ['jobs', 'cancel', '1', 'x1'], 2, /"x1".*\n.*\[invalid_job_id\]/],
  ['why without an id', ['jobs', 'why'], 2, /missing required argument.*\n.*\[usage\]/],
  ['why of what is no id', ['jobs', 'why', 'abc'], 2, /\[invalid_job_id\]/],
  ['an update that changes nothing', ['jobs', 'update', '1'], 2, /say what to change/],
  ['a priority out of range', ['jobs', 'update', '1', '--set-priority', '101'], 2, /\[invalid_priority\]/],
  ['a payload that is not JSON', ['jobs', 'rerun', '1', '--payload', '{to'], 1, /\[payload_not_json\]/],
  ['a payload file that is not there', ['jobs', 'rerun', '1', '--payload', '@nowhere.json'], 2, /no such file.*\n.*\[invalid_option\]/],
  ['promotion of a job that is not there', ['jobs', 'promote', '999999999'], 1, /no job 999999999.*\n.*\[job_not_found\]/],
  ['a state that is misspelt', ['jobs', 'cancel', '--state', 'faild', '--yes'], 2, /did you mean "failed"/],
  ['a reason that is misspelt', ['jobs', 'list', '--reason', 'timout'], 2, /did you mean "timeout"/],
  ['a state that has no such reason', ['jobs', 'list', '--state', 'failed', '--reason', 'due'], 2, /no reason "due"/],
  ['a task that is misspelt', ['jobs', 'retry', '--task', 'mail.sned', '--yes'], 1, /did you mean "mail.send".*\n.*\[unknown_task\]/],
  ['a queue that is misspelt', ['jobs', 'list', '--queue', 'queue'], 1, /did you mean "queue\d+".*\n.*\[unknown_queue\]/],
  ['an argument without a value', ['jobs', 'list', '--arg', 'to'], 2, /path=value/],
  ['an argument that would read everything', ['jobs', 'list', '--arg', 'nr=1'], 2, /args.nr.*\n.*\[query_too_broad\]/],
  ['a time that is none', ['jobs', 'list', '--created-after', 'yesterday'], 2, /"yesterday".*\n.*\[invalid_run_at\]/],
  ['a fingerprint that is none', ['jobs', 'retry', '--fingerprint', 'xyz', '--yes'], 2, /16 hexadecimal digits/],
  ['a limit beyond all', ['jobs', 'delete', '--tag', 'x', '--limit', '100001', '--yes'], 2, /from 1 to 100000/],
  ['a verb that is misspelt', ['jobs', 'cancle', '1'], 2, /unknown command "cancle", did you mean "cancel"/],
  ['an option that is misspelt', ['jobs', 'retry', '--dryrun', '1'], 2, /Did you mean --dry-run/],
  ['a verb of queues that is misspelt', ['queues', 'puase', 'x'], 2, /unknown command "puase", did you mean "pause"/],
  ['a pause of no queue', ['queues', 'pause'], 2, /missing required argument/],
  ['a pause of an unknown queue', ['queues', 'pause', 'quee1'], 1, /did you mean "queue1".*\n.*\[unknown_queue\]/],
  ['a pause with two ends', ['queues', 'pause', 'queue1', '--for', '1m', '--until', '2100-01-01T00:00:00Z'], 2, /one of until, for/],
  ['a pause without sense', ['queues', 'pause', 'queue1', '--for', 'soon'], 2, /\[invalid_duration\]/],
  ['a resume of an unknown queue', ['queues', 'resume', 'queue'], 1, /\[unknown_queue\]/],
  [
    'a unique mode that is misspelt',
    ['enqueue', 'mail.send', '{}', '--unique-key', 'x', '--unique-mode', 'replce'],
    2,
    /did you mean "replace"/,
  ],
  ['a unique mode without a key', ['enqueue', 'mail.send', '{}', '--unique-mode', 'replace'], 2, /together with uniqueKey/],
  ['a throttle without a window', ['enqueue', 'mail.send', '{}', '--unique-key', 'x', '--unique-mode', 'throttle'], 2, /uniqueWindow/],
  ['a tag of 65 characters', ['enqueue', 'mail.send', '{}', '--tag', 'x'.repeat(65)], 2, /1 to 64 characters/],
  ['a repair of nothing', ['doctor', '--repair'], 2, /--repair belongs to --counters/],
  ['a cursor that is none', ['changes', '--after', 'x'], 2, /\[invalid_cursor\]/],
])('%s gives an error with a code, touches nothing, and shows no stack', async (_, args, code, message) => {
  const before = await snapshot()
  const ran = await here.say(args)
  expect(ran.err).toMatch(message)
  expect(ran).toMatchObject({ code, out: '' })
  expect(ran.err).not.toMatch(/\n\s+at |node_modules/)
  expect(await snapshot()).toEqual(before)
})

describe('flows', () => {
  test('are made from a file, shown with what each job waits for, cancelled and retried', async () => {
    freshQueue()
    const file = join(here.folder, 'flow.json')
    const node = (name: string, dependsOn: string[] = []) => ({ name, task: 'mail.send', queue, payload: { to: name }, dependsOn })
    writeFileSync(file, JSON.stringify({ name: 'letters', jobs: [node('write'), node('send', ['write'])] }))
    const made = await json(['flows', 'create', file])
    expect(made).toMatchObject({ code: 0, name: 'letters', total: 2, counts: { pending: 1, blocked: 1 } })
    const shown = await here.say(['flows', 'show', made.id])
    expect(shown.out).toMatch(/^flow \d+ \(letters\) running, 0 %: 1 pending, 1 blocked$/m)
    expect(shown.out).toMatch(/send +mail\.send +blocked +write/)
    expect((await here.say(['jobs', 'why', made.jobs.send])).out).toContain(
      `It waits for job ${made.jobs.write} (mail.send), which has not begun.`,
    )
    expect((await here.say(['flows', 'cancel', made.id])).out).toBe('2 jobs cancelled\n')
    expect((await here.say(['flows', 'retry', made.id])).out).toBe('2 jobs run or wait again\n')
    expect(await states([made.jobs.write, made.jobs.send])).toEqual(['pending', 'blocked'])
    expect((await json(['flows'])).data[0]).toMatchObject({ id: made.id, name: 'letters', state: 'running' })
    const after = await json(['enqueue', 'mail.send', '{"to":"x"}', '--queue', queue, '--after', made.jobs.send])
    expect(after).toMatchObject({ code: 0, state: 'blocked', flowId: made.id, dependsOn: [made.jobs.send] })
    writeFileSync(file, JSON.stringify({ jobs: [node('a', ['b']), node('b', ['a'])] }))
    const cycle = await here.say(['flows', 'create', file])
    expect(cycle).toMatchObject({ code: 2, err: expect.stringMatching(/these jobs wait for each other: (a → b → a|b → a → b)/) })
    expect(await here.say(['flows', 'show', '999999'])).toMatchObject({ code: 1, err: expect.stringContaining('there is no flow 999999') })
    await here.say(['flows', 'cancel', made.id])
  })
})
