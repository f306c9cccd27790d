import { pause } from '../measure.mjs'

/** One job of `slowMs`, then `n` quick ones in the same queue: the time until the last quick one has run, without and with the slow one. */
export async function slowAmongQuick(scene, n, slowMs) {
  const quick = async () => {
    let done = 0
    let at = 0
    scene.onJob = () => {
      done++
      at = performance.now()
    }
    const begun = performance.now()
    await scene.contestant.bulk(n)
    while (done < n) await pause(2)
    return at - begun
  }
  const stop = await scene.contestant.work()
  await quick()
  const without = await quick()
  await scene.contestant.addSlow(slowMs)
  await pause(200)
  const beside = await quick()
  await stop()
  return { without, beside }
}
