/** Adds one job after the other from `callers` loops for `ms`; answers jobs a second. Nobody works. */
export async function adds(scene, callers, ms) {
  let n = 0
  const begun = performance.now()
  const loop = async () => {
    while (performance.now() - begun < ms) {
      await scene.contestant.add({ i: n })
      n++
    }
  }
  await Promise.all(Array.from({ length: callers }, loop))
  return (n / (performance.now() - begun)) * 1000
}
