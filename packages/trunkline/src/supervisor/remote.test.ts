import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { takeSupervisorSeat } from '@trunkline/engine'
import { afterAll, expect, test } from 'vitest'
import { testDatabase, until } from '../../../../test/support/database.ts'
import { createSupervisor, type SupervisorEvent } from '../supervisor.ts'
import { createRemote, type Remote } from './remote.ts'

const folder = mkdtempSync(join(tmpdir(), 'trunkline-remote-'))
afterAll(() => rmSync(folder, { recursive: true }))
const db = await testDatabase()
const trunkline = await db.connect()
const database = db.open()

/** A supervisor whose workers are small programs: SIGUSR2 is "somebody asked me to stop". */
async function scene(wanted: number) {
  const file = join(folder, 'worker.mjs')
  writeFileSync(
    file,
    `process.on('SIGUSR2', () => process.exit(76)); process.send({ type: 'ready' }); process.on('disconnect', () => process.exit(1)); setInterval(() => {}, 1000)`,
  )
  const events: SupervisorEvent[] = []
  const supervisor = createSupervisor({
    children: [],
    stopTimeoutMs: 5000,
    onEvent(event) {
      events.push(event)
      if (event.type === 'retired') remote.retired(event.name)
    },
  })
  const seat = await takeSupervisorSeat(database, wanted)
  const remote: Remote = createRemote({
    supervisor,
    seat,
    wanted,
    everyMs: 50,
    child: (name) => ({ name, command: process.execPath, args: [file] }),
    onError: () => {},
  })
  await remote.start()
  return {
    supervisor,
    remote,
    seat,
    events,
    running: () => supervisor.status().filter((s) => s.state === 'running'),
    async end() {
      await remote.stop()
      await supervisor.stop()
    },
  }
}
const view = async (id: number) => (await trunkline.supervisors()).find((s) => s.id === String(id))

test('it starts what is asked for through the database, and says how many run', async () => {
  const { running, seat, end } = await scene(1)
  expect(running()).toHaveLength(1)
  expect(await trunkline.startWorkers({ count: 2 })).toEqual({ supervisor: String(seat.id), wanted: 3 })
  await until(() => running().length === 3)
  await until(async () => (await view(seat.id))?.workersRunning === 3)
  await db.rows('update trunkline.supervisor set workers_wanted = 1 where id = $1', [seat.id])
  await until(() => running().length === 1)
  await end()
  expect(await view(seat.id)).toBeUndefined()
})

test('one that was asked to stop is not started again, and the number wanted goes down; a killed one is', async () => {
  const { running, seat, events, end } = await scene(2)
  const [asked, killed] = running().map((s) => s.pid as number)
  process.kill(asked as number, 'SIGUSR2')
  await until(async () => (await view(seat.id))?.workersWanted === 1)
  await until(() => running().length === 1)
  process.kill(killed as number, 'SIGKILL')
  await until(() => running().length === 1 && running()[0]?.pid !== killed)
  expect(events.filter((e) => e.type === 'retired')).toHaveLength(1)
  expect(await view(seat.id)).toMatchObject({ workersWanted: 1 })
  await end()
})

test('a forgotten row is made again, with the number that was wanted', async () => {
  const { running, seat, end } = await scene(1)
  await trunkline.startWorkers()
  await until(() => running().length === 2)
  const before = seat.id
  await db.rows('delete from trunkline.supervisor')
  await until(() => seat.id !== before)
  await until(async () => (await view(seat.id))?.workersRunning === 2)
  expect(await view(seat.id)).toMatchObject({ workersWanted: 2 })
  await end()
})

test('nobody to ask, too many, or bad numbers: each has its sentence', async () => {
  await expect(trunkline.startWorkers()).rejects.toMatchObject({ code: 'no_supervisor', hint: expect.stringContaining('npm start') })
  const seat = await takeSupervisorSeat(database, 49)
  expect(await trunkline.startWorkers()).toMatchObject({ wanted: 50 })
  await expect(trunkline.startWorkers()).rejects.toMatchObject({
    code: 'invalid_option',
    field: 'count',
    message: expect.stringContaining('at most 0 more'),
  })
  await expect(trunkline.startWorkers({ count: 0 })).rejects.toMatchObject({ field: 'count' })
  await expect(trunkline.startWorkers({ supervisor: 'x' })).rejects.toMatchObject({ field: 'supervisor' })
  await expect(trunkline.startWorkers({ supervisor: '999' })).rejects.toMatchObject({
    code: 'no_supervisor',
    message: expect.stringContaining('999'),
  })
  await expect(trunkline.startWorkers({ cuont: 1 } as never)).rejects.toMatchObject({ code: 'unknown_option' })
  await seat.leave()
})
