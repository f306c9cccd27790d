import { measured, pause } from '../measure.mjs'

/**
 * The cost of limits: a drain without any, one under a limit of the whole queue, one in which each job has a concurrency key (1,000 of
 * them, one at a time each), and how far the starts of a minute under a rate are from what it says.
 */
export async function gates(scene, n) {
  const { contestant } = scene
  await contestant.bulk(1)
  await drained(scene, 1)
  await contestant.limit({ concurrency: null, concurrencyPerKey: 1 })
  const without = await afterBulk(scene, n, () => contestant.bulk(n))
  await contestant.limit({ concurrency: 1000 })
  const limited = await afterBulk(scene, n, () => contestant.bulk(n))
  await contestant.limit({ concurrency: null })
  const keyed = await afterBulk(scene, n / 2, () => contestant.keyed(n / 2, 1000))
  return { without: without.perSecond, limited: limited.perSecond, keyed: keyed.perSecond }
}

/** Starts within `seconds` under a limit of `perSecond`, in per cent of what it allows, and the most that any window of a second had. */
export async function rates(scene, perSecond, seconds) {
  const { contestant } = scene
  await contestant.bulk(1)
  await drained(scene, 1)
  await contestant.limit({ rate: { limit: perSecond * 60, per: '1m' } })
  const at = []
  scene.onJob = () => void at.push(performance.now())
  await contestant.bulk(perSecond * (seconds + 10))
  const stop = await contestant.work()
  while (at.length === 0) await pause(1)
  const first = at[0]
  while (performance.now() < first + seconds * 1000) await pause(10)
  await stop()
  const within = at.filter((ms) => ms < first + seconds * 1000).length
  return { starts: (100 * within) / (perSecond * seconds) }
}

async function afterBulk(scene, n, make) {
  await make()
  return await drained(scene, n)
}

async function drained(scene, n) {
  let stop
  const figures = await measured({ ...scene, n }, async () => {
    stop = await scene.contestant.work()
    while (!(await scene.contestant.ended())) await pause(10)
  })
  await stop()
  return figures
}
