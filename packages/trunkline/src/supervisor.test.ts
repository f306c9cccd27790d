import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { until } from '../../../test/support/database.ts'
import { isAlive } from './embedded/postmaster.ts'
import { type ChildSpec, createSupervisor, type SupervisorEvent } from './supervisor.ts'

const folder = mkdtempSync(join(tmpdir(), 'trunkline-supervisor-'))
const alone: ChildProcess[] = []
afterAll(() => {
  for (const child of alone) child.kill('SIGKILL')
  rmSync(folder, { recursive: true })
})

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

/** Has the process a handler for this signal by now? */
function catches(pid: number, signal: number): boolean {
  const mask = /^SigCgt:\s+([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0'
  return ((BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n) === 1n
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

test('a start that is cut short by a stop ends, and says so', async () => {
  const { supervisor, of } = scene([program('slow', 'setInterval(() => {}, 1000)')])
  const start = supervisor.start()
  const refused = expect(start).rejects.toMatchObject({ code: 'internal', message: expect.stringContaining('stopped') })
  await until(() => supervisor.status()[0]?.pid !== null)
  await supervisor.stop()
  await refused
  expect(of('ready')).toEqual([])
})

test('two stops at once send one SIGTERM: for a worker the second one means "at once"', async () => {
  const counts = `let terms = 0; process.on('SIGTERM', () => { terms++; setTimeout(() => process.exit(40 + terms), 300) }); ${ready}`
  const { supervisor, of } = scene([program('counting', counts)])
  await supervisor.start()
  const first = supervisor.stop()
  await Promise.all([first, supervisor.stop(), supervisor.stopChild('counting')])
  expect(of('exited')).toMatchObject([{ code: 41 }])
  expect(of('stopping')).toHaveLength(1)
})

test('a child that gets ready while it is being stopped is not taken for running', async () => {
  const late = `process.on('SIGTERM', () => { process.send({ type: 'ready' }, () => process.exit(0)) }); process.send({ type: 'listening' }); setInterval(() => {}, 1000)`
  const { supervisor, of } = scene([program('late', late)])
  const refused = expect(supervisor.start()).rejects.toMatchObject({ code: 'internal' })
  const pid = () => supervisor.status()[0]?.pid ?? 0
  await until(() => pid() > 0 && catches(pid(), 15))
  await supervisor.stop()
  await refused
  expect(of('ready')).toEqual([])
  expect(supervisor.status()[0]?.state).toBe('stopped')
})

test('a start during a stop waits for the old process, then begins at once, without counting a failure', async () => {
  const { supervisor, of } = scene([program('again', ready)])
  await supervisor.start()
  const stopped = supervisor.stopChild('again')
  await supervisor.startChild('again')
  await stopped
  expect(supervisor.status()[0]).toMatchObject({ state: 'running', restarts: 0 })
  expect(of('restarting')).toEqual([])
  await supervisor.stop()
})

test('a program that is not there is given up with the reason', async () => {
  const { supervisor } = scene([{ name: 'missing', command: '/nowhere/at-all', args: [] }])
  await expect(supervisor.start()).rejects.toMatchObject({ code: 'internal', message: expect.stringContaining('ENOENT') })
  await supervisor.stop()
})

test('a child that asks after its supervisor too late is told as well', async () => {
  const source = fileURLToPath(new URL('./supervisor.ts', import.meta.url))
  const late = join(folder, 'late.mts')
  writeFileSync(
    late,
    `import { onSupervisorGone } from ${JSON.stringify(source)}
    process.on('disconnect', () => setImmediate(() => onSupervisorGone(() => process.exit(7))))
    setInterval(() => {}, 1000)
    process.send?.('up')`,
  )
  const child = spawn(process.execPath, ['--conditions=trunkline-source', '--import', import.meta.resolve('tsx'), late], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  alone.push(child)
  await new Promise((done) => child.once('message', done))
  child.disconnect()
  await until(() => child.exitCode !== null)
  expect(child.exitCode).toBe(7)
})

test('waiting for the supervisor to be gone does not keep a child alive that has nothing left to do', async () => {
  const source = fileURLToPath(new URL('./supervisor.ts', import.meta.url))
  const file = join(folder, 'idle.mts')
  writeFileSync(file, `import { onSupervisorGone } from ${JSON.stringify(source)}\nonSupervisorGone(() => process.exit(7))\n`)
  const child = spawn(process.execPath, ['--conditions=trunkline-source', '--import', import.meta.resolve('tsx'), file], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  alone.push(child)
  await until(() => child.exitCode !== null)
  expect(child.exitCode).toBe(0)
})
