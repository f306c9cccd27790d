import { setTimeout as pause } from 'node:timers/promises'
import type { Fault } from '../fault.ts'
import type { ProxyMode } from '../proxy.ts'
import type { Scene } from '../scene.ts'

function lostAnswers(id: string, what: string, words: [string, ...string[]]): Fault {
  return {
    id,
    name: `the answer to ${what} is lost after its commit`,
    async inject({ proxy, until, random }) {
      const before = proxy.lost()
      const telling = random.pick(words)
      for (let turn = 1; turn <= 4; turn++) {
        proxy.loseAnswerTo(telling)
        await until(() => proxy.lost() === before + turn, 2500)
      }
      return `${proxy.lost() - before} answers to "${telling}"`
    },
  }
}

const enqueueInDoubt = lostAnswers('F05', 'an enqueue', ['insert into trunkline.job', 'trunkline.enqueue_keyed'])
const completeInDoubt = lostAnswers('F06', 'a completion', ['trunkline_complete'])

const storm: Fault = {
  id: 'F11',
  name: 'a storm of connection resets',
  async inject({ proxy, random }) {
    let broken = 0
    for (let gust = 0; gust < 4; gust++) {
      broken += proxy.reset()
      await pause(random.between(200, 700))
    }
    return `${broken} connections in 4 gusts`
  },
}

async function behave(
  { proxy }: Scene,
  undo: (work: () => unknown) => void,
  order: { mode: ProxyMode; ms: number; whose?: RegExp },
): Promise<void> {
  undo(() => proxy.set({ kind: 'pass' }))
  proxy.set(order.mode, order.whose)
  await pause(order.ms)
}

const blackHole: Fault = {
  id: 'F12',
  name: 'connections are half open: nothing arrives',
  async inject(scene, undo) {
    const [who, whose] = scene.random.pick([
      ['all', undefined],
      ['those that listen', / listen$/],
      ['heartbeats', / heartbeat/],
      ['those that complete', / complete/],
    ] as const)
    const ms = scene.random.between(3000, 5000)
    await behave(scene, undo, { mode: { kind: 'blackhole' }, ms, ...(whose ? { whose } : {}) })
    return `${who} for ${ms} ms`
  },
}

const halfClosed: Fault = {
  id: 'F12',
  name: 'connections are half closed: what is asked arrives, no answer does',
  async inject(scene, undo) {
    const ms = scene.random.between(500, 2000)
    await behave(scene, undo, { mode: { kind: 'half-close' }, ms })
    return `all for ${ms} ms`
  },
}

const partition: Fault = {
  id: 'F15',
  name: 'one worker is cut off from the database and lives on',
  async inject(scene, undo) {
    const victim = scene.random.pick(scene.workers)
    const ms = scene.random.between(3500, 5000)
    await behave(scene, undo, { mode: { kind: 'blackhole' }, ms, whose: new RegExp(`^trunkline (heartbeat )?${victim.name}\\b`) })
    return `${victim.name} for ${ms} ms`
  },
}

const slow: Fault = {
  id: 'F17',
  name: 'the network is slow',
  async inject(scene, undo) {
    const [words, mode] = scene.random.pick([
      ['200 ms later', { kind: 'delay', ms: 200 }],
      ['10 kB a second', { kind: 'throttle', bytesPerSecond: 10_000 }],
    ] as const)
    await behave(scene, undo, { mode, ms: 4000 })
    return `${words} for 4 s`
  },
}

/** What happens between processes and the server. */
export const networkFaults: readonly Fault[] = [enqueueInDoubt, completeInDoubt, storm, blackHole, halfClosed, partition, slow]
