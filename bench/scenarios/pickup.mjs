import { pause } from '../measure.mjs'

/** How long an idle worker takes from the begin of an `add` to the start of its handler, in ms; `samples` times, some time apart. */
export async function pickup(scene, samples, giveUpMs = 30_000) {
  const begun = performance.now()
  const found = []
  let started
  scene.onJob = () => started?.(performance.now())
  const stop = await scene.contestant.work()
  await pause(1500)
  for (let i = 0; i < samples && performance.now() - begun < giveUpMs; i++) {
    await pause(20 + ((i * 37) % 60))
    const start = new Promise((resolve) => {
      started = resolve
    })
    const at = performance.now()
    await scene.contestant.add({ i })
    found.push((await start) - at)
  }
  await stop()
  return found
}
