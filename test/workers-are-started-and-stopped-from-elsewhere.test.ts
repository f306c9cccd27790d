import { describe, expect, test } from 'vitest'
import { installation } from './support/command-line.ts'
import { until } from './support/database.ts'

const here = installation()
const started = await here.up()

const json = async (args: string[]) => JSON.parse((await here.say([...args, '--json'])).out)
const live = async (): Promise<any[]> => (await json(['workers'])).data

describe('trunkline workers', () => {
  test('start asks the running installation for more, and they appear', async () => {
    await until(async () => (await live()).length === 1)
    expect(await here.run(['workers', 'start', '--count', '1'])).toMatchObject({
      code: 0,
      out: expect.stringContaining('asked for 2 workers'),
    })
    await until(async () => (await live()).filter((w) => w.state === 'running').length === 2)
  })

  test('stop drains one; it is not started again, and the list of past ones has it', async () => {
    const [first] = await live()
    const stopped = await here.run(['workers', 'stop', first.id, '--wait'])
    expect(stopped).toMatchObject({ code: 0, out: `stopped: ${first.id}\n`, err: '' })
    await until(() => started.output().includes('asked to stop and is not started again'))
    expect(await live()).toHaveLength(1)
    const past = (await json(['workers', 'list', '--past'])).data
    expect(past.find((w: any) => w.id === first.id)).toMatchObject({ state: 'stopped' })
    expect(await here.run(['workers', 'stop', first.id])).toMatchObject({ code: 1, err: expect.stringContaining('[worker_not_found]') })
  })

  test('cleanup forgets those that have ended, and says so', async () => {
    expect(await here.say(['workers', 'cleanup'])).toMatchObject({
      code: 0,
      out: 'every worker is heard of\nforgot 1 workers that had ended\n',
    })
  })

  test('misuse is told with code 2: nobody named, unknown command, no number', async () => {
    expect(await here.say(['workers', 'stop'])).toMatchObject({ code: 2, err: expect.stringContaining('--all') })
    expect(await here.say(['workers', 'stop', 'x'])).toMatchObject({ code: 2, err: expect.stringContaining('[invalid_option]') })
    expect(await here.say(['workers', 'start', '--count', 'many'])).toMatchObject({ code: 2 })
    expect(await here.say(['workers', 'frobnicate'])).toMatchObject({ code: 2 })
  })

  test('a worker of chosen tasks under a name of its own: an unknown task and a taken name are refused', async () => {
    expect(await here.run(['worker', '--tasks', 'sql_rnu'])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/did you mean "sql_run"/),
    })
    await json(['workers', 'stop', '--all', '--wait'])
    expect(await live()).toEqual([])
    const only = here.run(['worker', '--tasks', 'sql_run', '--singleton', 'reports'])
    const one = await until(async () => (await live())[0])
    expect(one).toMatchObject({ tasks: ['sql_run'], singleton: 'reports' })
    expect(await here.run(['worker', '--singleton', 'reports'])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/held by worker \d+.*\n.*\[singleton_taken\]/),
    })
    await here.run(['workers', 'stop', '--all', '--wait'])
    expect((await only).code).toBe(0)
  })

  test('without a running installation it says how to start one', async () => {
    started.child.kill('SIGTERM')
    await until(() => started.child.exitCode !== null)
    expect(await here.say(['workers', 'start'])).toMatchObject({ code: 1, err: expect.stringContaining('npm start') })
  })
})
