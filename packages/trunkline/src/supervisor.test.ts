import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { until } from '../../../test/support/database.ts'
import { isAlive } from './embedded/postmaster.ts'
import { type ChildSpec, createSupervisor, type SupervisorEvent } from './supervisor.ts'

const folder = mkdtempSync(join(tmpdir(), 'trunkline-supervisor-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** A child process that runs `body`. */
function program(name: string, body: string): ChildSpec {
  const file = join(folder, `${name}.mjs`)
  writeFileSync(file, body)
  return { name, command: process.execPath, args: [file] }
}
const ready = `process.send({ type: 'ready' }); process.on('disconnect', () => process.exit(1)); setInterval(() => {}, 1000);`

function scene(children: ChildSpec[], stopTimeoutMs = 5000) {
  const events: SupervisorEvent[] = []
  const supervisor = createSupervisor({ children, stopTimeoutMs, onEvent: (e) => events.push(e) })
  return { supervisor, events, of: (type: SupervisorEvent['type']) => events.filter((e) => e.type === type) }
}

test('starts all, says when they are ready, and stops them cleanly, once or twice', async () => {
  const { supervisor, of } = scene([program('a', ready), program('b', ready)])
  await supervisor.stop()
  await supervisor.start()
  expect(supervisor.status().map((s) => s.state)).toEqual(['running', 'running'])
  const pids = supervisor.status().map((s) => s.pid as number)
  await supervisor.stop()
  await supervisor.stop()
  expect(pids.some(isAlive)).toBe(false)
  expect(of('restarting')).toEqual([])
})

test('starts a killed child again, and one that asks to be replaced at once', async () => {
  const { supervisor, of } = scene([
    program('killed', ready),
    program('replaced', `process.on('SIGUSR2', () => process.exit(75)); ${ready}`),
  ])
  await supervisor.start()
  const [killed, replaced] = supervisor.status()
  process.kill(killed?.pid as number, 'SIGKILL')
  process.kill(replaced?.pid as number, 'SIGUSR2')
  await until(() => supervisor.status().every((s) => s.state === 'running' && s.restarts === 1))
  expect(of('restarting')).toContainEqual({ type: 'restarting', name: 'replaced', afterMs: 0 })
  expect(supervisor.status()[0]?.pid).not.toBe(killed?.pid)
  await supervisor.stop()
})

test('gives up on a child that never becomes ready, with growing pauses before', async () => {
  const { supervisor, of } = scene([program('broken', 'process.exit(3)')])
  await expect(supervisor.start()).rejects.toMatchObject({ code: 'internal', message: expect.stringContaining('broken') })
  const pauses = of('restarting').map((e) => (e as { afterMs: number }).afterMs)
  expect(pauses).toHaveLength(4)
  expect(pauses[3]).toBeGreaterThan(pauses[0] as number)
  await supervisor.stop()
})

test('kills a child that ignores SIGTERM when its time is over', async () => {
  const { supervisor } = scene([program('deaf', `${ready} process.on('SIGTERM', () => {})`)], 200)
  await supervisor.start()
  const pid = supervisor.status()[0]?.pid as number
  await supervisor.stop()
  expect(isAlive(pid)).toBe(false)
})

test('one child can be stopped, started and restarted by name; an unknown name is refused', async () => {
  const { supervisor } = scene([program('one', ready)])
  await supervisor.start()
  await supervisor.stopChild('one')
  expect(supervisor.status()[0]).toMatchObject({ state: 'stopped', pid: null })
  await supervisor.startChild('one')
  await supervisor.restart('one')
  expect(supervisor.status()[0]).toMatchObject({ state: 'running' })
  await expect(supervisor.restart('two')).rejects.toMatchObject({ code: 'invalid_option' })
  await supervisor.stop()
})

test('children end when their supervisor is killed', async () => {
  const child = program('orphan', `${ready} console.log(process.pid)`)
  const source = fileURLToPath(new URL('./supervisor.ts', import.meta.url))
  const parent = join(folder, 'parent.mts')
  writeFileSync(
    parent,
    `import { createSupervisor } from ${JSON.stringify(source)}\nawait createSupervisor({ children: [${JSON.stringify(child)}] }).start()\n`,
  )
  const running = spawn(process.execPath, ['--conditions=trunkline-source', '--import', import.meta.resolve('tsx'), parent], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const pid = await new Promise<number>((done) => running.stdout.once('data', (text) => done(Number(text))))
  expect(isAlive(pid)).toBe(true)
  running.kill('SIGKILL')
  await until(() => !isAlive(pid))
})
