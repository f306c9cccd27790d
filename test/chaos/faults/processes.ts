import { setTimeout as pause } from 'node:timers/promises'
import { findFaketime } from '../../support/faketime.ts'
import type { Fault } from '../fault.ts'
import { failpoints } from '../orders.ts'
import { staleMs } from '../scene.ts'

const killed: Fault = {
  id: 'F01',
  name: 'a worker is killed under load',
  async inject({ workers, random }) {
    const times = random.between(1, 3)
    const names: string[] = []
    for (let i = 0; i < times; i++) {
      const victim = random.pick(workers)
      names.push(victim.name)
      victim.signal('SIGKILL')
      await pause(random.between(500, 1400))
    }
    return `kill -9 of ${names.join(', ')}`
  },
}

const producerKilled: Fault = {
  id: 'F01',
  name: 'the producer is killed between its questions and their answers',
  async inject(scene) {
    scene.killProducer()
    await pause(100)
    return (await scene.allReady(8000)) ? 'and another one goes on' : 'no other one got ready'
  },
}

const allKilled: Fault = {
  id: 'F02',
  name: 'all workers are killed, and a backlog grows',
  async inject(scene, undo) {
    undo(() => scene.replacing(true))
    scene.replacing(false)
    for (const worker of scene.workers) worker.signal('SIGKILL')
    scene.make(
      'quick',
      Array.from({ length: 500 }, (_, n) => ({ n })),
    )
    const ms = scene.random.between(1000, 2500)
    await pause(ms)
    return `all ${scene.workers.length} killed, 500 jobs more, nobody for ${ms} ms`
  },
}

/** Stands still for 1.7 times the stale time, so that others take over, and goes on in the belief to hold its jobs. */
async function freeze(scene: Parameters<Fault['inject']>[0], undo: (work: () => unknown) => void): Promise<string> {
  const victim = scene.random.pick(scene.workers)
  const ms = Math.round(staleMs * (1.4 + scene.random.next() * 0.4))
  undo(() => victim.signal('SIGCONT'))
  victim.signal('SIGSTOP')
  await pause(ms)
  victim.signal('SIGCONT')
  await pause(300)
  return `${victim.name} stood still for ${ms} ms`
}

const frozen: Fault = { id: 'F03', name: 'a worker freezes beyond the stale time', inject: freeze }

const frozenTalking: Fault = {
  id: 'F04',
  name: 'a worker freezes while its handlers write progress and log',
  async inject(scene, undo) {
    scene.make(
      'steps',
      Array.from({ length: 15 }, () => ({ n: scene.random.between(0, 9999) })),
    )
    await pause(250)
    return await freeze(scene, undo)
  },
}

const terminated: Fault = {
  id: 'F13',
  name: 'SIGTERM at a named point',
  async inject(scene) {
    const victim = scene.random.pick(scene.workers)
    const at = scene.random.pick([...failpoints, 'while running'] as const)
    const before = victim.started
    if (at === 'while running') victim.signal('SIGTERM')
    else {
      const signal = scene.random.next() < 0.7 ? 'SIGTERM' : 'SIGKILL'
      if (!(await victim.order({ do: 'signal', at, signal }, 3000))) return `${victim.name} did not come to "${at}"`
    }
    const begun = Date.now()
    const gone = await scene.until(() => victim.started > before, 12_000)
    return `${victim.name} was told to end ${at}, and ${gone ? `was gone after ${Date.now() - begun} ms` : 'is still there'}`
  },
}

const twice: Fault = {
  id: 'F14',
  name: 'SIGTERM twice, or SIGINT and SIGKILL',
  async inject({ workers, random }) {
    const victim = random.pick(workers)
    const hard = random.next() < 0.5
    victim.signal(hard ? 'SIGINT' : 'SIGTERM')
    await pause(random.between(5, 300))
    victim.signal(hard ? 'SIGKILL' : 'SIGTERM')
    return `${victim.name}: ${hard ? 'SIGINT, SIGKILL' : 'SIGTERM twice'}`
  },
}

const twoVersions: Fault = {
  id: 'F29',
  name: 'an older worker beside newer ones, with jobs that it does not know',
  async inject(scene, undo) {
    const older = scene.random.pick(scene.workers)
    undo(() => {
      scene.configure(older, null)
      older.signal('SIGTERM')
    })
    scene.configure(older, { env: { KNOWS: 'older' } })
    older.signal('SIGTERM')
    const before = older.started
    await scene.until(() => older.started > before && older.ready, 8000)
    scene.make(
      'newer',
      Array.from({ length: 60 }, (_, n) => ({ n })),
    )
    await pause(2000)
    return `${older.name} ran an older version beside 60 jobs of a new task`
  },
}

const wrongClock: Fault = {
  id: 'F33',
  name: 'the clock of a worker is wrong, or drifts',
  needs: () => (findFaketime() ? null : 'faketime'),
  async inject(scene, undo) {
    const victim = scene.random.pick(scene.workers)
    const clock = scene.random.pick(['-1h', '+1h', '+0 x1.2', '+0 x0.8'])
    const before = victim.started
    undo(() => {
      scene.configure(victim, null)
      victim.signal('SIGTERM')
    })
    scene.configure(victim, { env: { LD_PRELOAD: findFaketime() ?? '', FAKETIME: clock, FAKETIME_DONT_FAKE_MONOTONIC: '1' } })
    victim.signal('SIGTERM')
    await scene.until(() => victim.started > before && victim.ready, 8000)
    await pause(staleMs * 1.2)
    return `the clock of ${victim.name}: ${clock}`
  },
}

/** What happens to worker processes. */
export const processFaults: readonly Fault[] = [
  killed,
  producerKilled,
  allKilled,
  frozen,
  frozenTalking,
  terminated,
  twice,
  twoVersions,
  wrongClock,
]
