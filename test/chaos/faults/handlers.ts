import { setTimeout as pause } from 'node:timers/promises'
import type { Fault } from '../fault.ts'
import type { Scene } from '../scene.ts'

const numbered = (n: number, more: object = {}) => Array.from({ length: n }, (_, i) => ({ n: i, ...more }))

/** Has every job of `task` ended, from event `since` on? */
async function allEnded({ ask, until }: Scene, task: string, since: number, n: number, ms: number): Promise<boolean> {
  const look = async () => {
    const [row] = await ask(
      `select count(*)::int n from trunkline.outcome o join trunkline.task t on t.id = o.task_id
        where t.name = $1 and o.id in (select unnest(ids) from chaos.event where no > $2 and kind = 'added')`,
      [`chaos.${task}`, since],
    )
    return row.n >= n
  }
  return (await until(() => look().catch(() => false), ms)) === true
}

const lastEvent = ({ ask }: Scene): Promise<number> => ask('select coalesce(max(no), 0)::int no from chaos.event').then(([row]) => row.no)

const poison: Fault = {
  id: 'F21',
  name: 'jobs that kill their worker, among good ones',
  async inject(scene) {
    const since = await lastEvent(scene)
    const hows = ['abort', 'kill', 'exit']
    scene.make('quick', numbered(200))
    scene.make(
      'crash',
      [0, 1].map((n) => ({ n, how: scene.random.pick(hows) })),
    )
    const ended = await allEnded(scene, 'crash', since, 2, 25_000)
    return `2 killers, ${ended ? 'both ended' : 'not ended yet'}`
  },
}

const blocking: Fault = {
  id: 'F22',
  name: 'a handler blocks the event loop',
  async inject(scene) {
    const since = await lastEvent(scene)
    scene.make('block', numbered(1, { ms: 6000 }))
    return `for 6 s; ${(await allEnded(scene, 'block', since, 1, 12_000)) ? 'failed' : 'not ended yet'}`
  },
}

const neverSettles: Fault = {
  id: 'F23',
  name: 'a handler never settles',
  async inject(scene) {
    const since = await lastEvent(scene)
    scene.make('stuck', numbered(2))
    return `2 of them; ${(await allEnded(scene, 'stuck', since, 2, 12_000)) ? 'failed' : 'not ended yet'}`
  },
}

const leaking: Fault = {
  id: 'F24',
  name: 'handlers leak 10 MB each until their worker is at its limit',
  async inject(scene) {
    const since = await lastEvent(scene)
    const before = scene.workers.reduce((sum, w) => sum + w.started, 0)
    scene.make('leak', numbered(130))
    const ended = await allEnded(scene, 'leak', since, 130, 12_000)
    return `130 of them, ${ended ? 'all ended' : 'not ended yet'}; ${scene.workers.reduce((sum, w) => sum + w.started, -before)} workers were replaced`
  },
}

const throwing: Fault = {
  id: 'F25',
  name: 'handlers throw whatever can be thrown',
  async inject(scene) {
    const since = await lastEvent(scene)
    scene.make('odd', numbered(16))
    scene.make(
      'crash',
      ['timer', 'rejection'].map((how, n) => ({ n, how })),
    )
    return `16 thrown, one by a timer, one rejection; ${(await allEnded(scene, 'odd', since, 16, 12_000)) ? 'ended' : 'not ended yet'}`
  },
}

const deaf: Fault = {
  id: 'F26',
  name: 'a handler ignores its cancellation',
  async inject(scene) {
    const since = await lastEvent(scene)
    scene.make('deaf', numbered(2))
    await scene.until(async () => (await deafOnes(scene, 'running')).length === 2, 10_000)
    const told = await deafOnes(scene, 'running')
    // one that begins later, on a slow machine, would be ended by nobody: each look cancels what is there by then
    const ended = await scene.until(async () => {
      for (const id of await deafOnes(scene, 'open')) await scene.admin.cancel(id, { by: 'chaos' }).catch(() => {})
      return await allEnded(scene, 'deaf', since, 2, 250)
    }, 20_000)
    await pause(100)
    return `${told.length} cancelled while they ran; ${ended ? 'ended' : 'not ended yet'}`
  },
}

/** Ids of jobs that nobody but a cancellation ends: those that run, or all that have not ended. */
const deafOnes = ({ ask }: Scene, which: 'running' | 'open'): Promise<string[]> =>
  ask(
    `select j.id::text from trunkline.job j join trunkline.task t on t.id = j.task_id where t.name = 'chaos.deaf' and ${
      which === 'running'
        ? 'j.id in (select unnest(ids) from trunkline.lease)'
        : 'not exists (select from trunkline.outcome o where o.id = j.id)'
    }`,
  )
    .then((rows) => rows.map((r) => r.id))
    .catch(() => [])

const unserialisable: Fault = {
  id: 'F27',
  name: 'handlers return what cannot be stored',
  async inject(scene) {
    const since = await lastEvent(scene)
    scene.make('returns', numbered(18))
    return `18 of them; ${(await allEnded(scene, 'returns', since, 18, 12_000)) ? 'ended' : 'not ended yet'}`
  },
}

/** What handlers do. */
export const handlerFaults: readonly Fault[] = [poison, blocking, neverSettles, leaking, throwing, deaf, unserialisable]
