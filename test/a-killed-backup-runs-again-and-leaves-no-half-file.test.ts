import pg from 'pg'
import { expect, test } from 'vitest'
import { findEmbedded } from '../packages/trunkline/src/embedded.ts'
import { installation } from './support/command-line.ts'
import { until } from './support/database.ts'

// a tenth of the usual times, so that the suite stays short: the job has to come back after 3 s + 0.5 s instead of 30 s + 5 s
const here = installation({ TRUNKLINE_WORKER__HEARTBEAT: '1s', TRUNKLINE_KEEPER__STALE: '3s', TRUNKLINE_KEEPER__SWEEP: '500ms' })

async function view(id: string) {
  return JSON.parse((await here.say(['jobs', 'show', id, '--json'])).out)
}

test('kill -9 of the whole process tree in the middle of a backup', async () => {
  await here.up()
  const found = await findEmbedded({ dataDir: here.dataDir })
  const client = new pg.Client({ connectionString: found?.connectionString() })
  client.on('error', () => {})
  await client.connect()
  // many narrow rows: the dump of it lasts about ten seconds
  await client.query(`create table narrow as select (g % 30000)::smallint a from generate_series(1, 2500000) g`)
  await client.end()
  const id = (await here.run(['backup', 'create', '--no-wait'])).out.match(/job (\d+)/)?.[1] as string
  await until(async () => (await view(id)).progress?.percent > 40, 'the dump to run', 45_000)
  // let a heartbeat say what runs
  await until(async () => JSON.parse((await here.say(['workers', '--json'])).out).data[0]?.running.includes(id), 'a heartbeat')
  const pids = here.pids()
  expect(pids.length).toBeGreaterThanOrEqual(5)
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // gone already: what it belonged to was killed a moment ago
    }
  }
  await until(() => here.pids().length === 0)

  const again = await here.up()
  expect((await here.say(['backup', 'list'])).out).toContain('no backups')
  const second = await until(
    async () => {
      const job = await view(id)
      return job.attempt === 2 ? job : null
    },
    'attempt 2',
    45_000,
  )
  expect(['running', 'completed']).toContain(second.state)
  await until(async () => (await view(id)).state === 'completed', 'the end', 60_000)
  const { out } = await here.run(['jobs', 'logs', id])
  expect(out).toMatch(/#1 info {3}dump started/)
  expect(out).toMatch(/#1 error {2}the worker died/)
  expect(out).toMatch(/#2 info {3}done/)
  const { data } = JSON.parse((await here.say(['backup', 'list', '--json'])).out)
  expect(data).toHaveLength(1)
  expect(await here.run(['backup', 'verify', data[0].filename])).toMatchObject({ code: 0 })
  again.child.kill('SIGTERM')
  await until(() => again.child.exitCode !== null)
}, 150_000)
