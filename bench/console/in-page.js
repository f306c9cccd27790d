// Runs in the page before its own scripts: what the browser sees of loading and of frames, for npm run bench:console.
const bench = { longTasks: [], shift: 0, heading: null, told: null, frames: null, seen: {} }
window.bench = bench

new PerformanceObserver((list) => {
  for (const { startTime, duration } of list.getEntries()) bench.longTasks.push([startTime, duration])
}).observe({ type: 'longtask', buffered: true })
new PerformanceObserver((list) => {
  for (const { value, hadRecentInput } of list.getEntries()) if (!hadRecentInput) bench.shift += value
}).observe({ type: 'layout-shift', buffered: true })

/** When the heading was there, and when the verdict was told; ms since the navigation began. */
function watchLoading() {
  if (bench.heading === null && document.querySelector('main h1')) bench.heading = performance.now()
  if (bench.told === null && document.querySelector('[aria-label="Verdict"][aria-busy="false"]')) bench.told = performance.now()
}
/** When each text that is waited for was drawn; ms since 1970. */
function watchTexts() {
  for (const [text, at] of Object.entries(bench.seen)) {
    if (at !== 0 || !document.querySelector('main')?.textContent.includes(text)) continue
    bench.seen[text] = -1
    requestAnimationFrame(() =>
      setTimeout(() => {
        bench.seen[text] = performance.timeOrigin + performance.now()
      }),
    )
  }
}
new MutationObserver(() => {
  if (bench.told === null) watchLoading()
  watchTexts()
}).observe(document, { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ['aria-busy'] })

/** Measures frames for so long while `step` is called in each. Answers their lengths in ms. */
bench.run = (ms, step) =>
  new Promise((resolve) => {
    const lengths = []
    const begun = performance.now()
    let last = begun
    const frame = (now) => {
      if (now > begun) lengths.push(now - last)
      last = now
      if (performance.now() - begun > ms) return resolve(lengths.slice(1))
      step?.()
      requestAnimationFrame(frame)
    }
    requestAnimationFrame(frame)
  })
/** After two frames what was changed has been drawn. */
bench.drawn = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))
