import { measured, pause } from '../measure.mjs'

/**
 * The cost of a dependency: `n` jobs that depend on nothing, then as many of which half wait for one of the other half. Both are made
 * first; what is measured is the way from the first claim to the last end.
 */
export async function flows(scene, n) {
  const without = await drainedOf(scene, n, () => scene.contestant.bulk(n))
  const beside = await drainedOf(scene, n, () => scene.contestant.pairs(n / 2))
  return { without: without.usPerJob, beside: beside.usPerJob }
}

async function drainedOf(scene, n, make) {
  await make()
  let stop
  const figures = await measured({ ...scene, n }, async () => {
    stop = await scene.contestant.work()
    while (!(await scene.contestant.ended())) await pause(10)
  })
  await stop()
  return figures
}
