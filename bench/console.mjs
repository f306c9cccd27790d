// npm run bench:console [-- --jobs 1000000 --rows 100000 --lines 1000000 --tail 60 --offline 10]: the console in a real browser, before a
// server with that many finished jobs (and a tenth of them waiting): its weight, when it can be used, how long a change takes from its
// commit to the screen, a long list and a long log, and what is missing after a break. Exit code 1 when a bar does not hold.
import { fork } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbedded } from '../packages/trunkline/dist/embedded.js'
import { defineTask, Trunkline } from '../packages/trunkline/dist/index.js'
import { launchBrowser } from '../scripts/browser.mjs'
import { connectTwice, makeHistory } from './history.mjs'
import { median, pause, percentile } from './measure.mjs'
import { readOptions } from './options.mjs'

const asked = readOptions({ jobs: 1_000_000, rows: 100_000, lines: 1_000_000, tail: 60, offline: 10 })
const say = (text) => console.error(text)
const number = (n) => n.toLocaleString('en-US')
const rows = []
/** A line of the table at the end. Without a bar it only tells. */
function told(what, value, unit, bar = null) {
  const holds = bar === null || value <= bar
  const text = (n) => `${n >= 100 || Number.isInteger(n) ? number(Math.round(n)) : n.toFixed(n < 1 ? 3 : 1)}${unit && ` ${unit}`}`
  rows.push([what, text(value), bar === null ? '' : `≤ ${text(bar)}`, holds])
  say(`${what}: ${text(value)}${holds ? '' : '  DOES NOT HOLD'}`)
}

async function startServer(connectionString, dataDir) {
  const made = fork(new URL('./console/server.mjs', import.meta.url), {
    env: { ...process.env, DATABASE_URL: connectionString, BENCH_DATA: dataDir },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const gone = new Promise((resolve) => made.once('exit', resolve))
  const ready = await Promise.race([
    new Promise((resolve) => made.once('message', resolve)),
    gone.then((code) => Promise.reject(new Error(`the server ended with ${code}`))),
  ])
  return {
    ...ready,
    async stop() {
      made.kill('SIGTERM')
      await gone
    },
  }
}

const inPage = readFileSync(new URL('./console/in-page.js', import.meta.url), 'utf8')

/** Somebody who is logged in, with a page of their own. */
async function sitDown(browser, { email, password }, address) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } })
  const page = await context.newPage()
  await page.addInitScript(inPage)
  await page.goto(`${address}/admin/jobs`)
  await page.getByLabel('E-mail').fill(email)
  await page.getByLabel('Password').fill(password)
  await page.getByLabel('Password').press('Enter')
  await page.locator('main h1').waitFor()
  return { context, page, devtools: await context.newCDPSession(page) }
}
const still = (page) => page.waitForFunction(() => document.querySelector('main [aria-busy="true"]') === null, null, { timeout: 120_000 })

/** HTML, scripts and styles of the overview, as they come over the wire into an empty cache. */
async function weigh({ page, devtools }, address) {
  const kinds = new Map()
  let bytes = 0
  devtools.on('Network.responseReceived', ({ requestId, type }) => kinds.set(requestId, type))
  devtools.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    if (['Document', 'Script', 'Stylesheet'].includes(kinds.get(requestId))) bytes += encodedDataLength
  })
  await devtools.send('Network.enable')
  await devtools.send('Network.setCacheDisabled', { cacheDisabled: true })
  await page.goto(`${address}/admin/jobs`)
  await page.waitForFunction(() => window.bench.told !== null, null, { timeout: 60_000 })
  const landed = bytes
  await devtools.send('Network.setCacheDisabled', { cacheDisabled: false })
  await devtools.send('Network.disable')
  told('landing: HTML, scripts, styles over the wire', landed / 1000, 'kB', 275)
}

/** When the overview can be used: its heading is there, and no task keeps the page busy. The median of five loads. */
async function load({ page, devtools }, address, slowness) {
  await devtools.send('Emulation.setCPUThrottlingRate', { rate: slowness })
  const found = []
  for (let turn = 0; turn < 5; turn++) {
    await page.goto(`${address}/admin/jobs`)
    await page.waitForFunction(() => window.bench.told !== null, null, { timeout: 60_000 })
    await page.evaluate(() => window.bench.drawn())
    const { longTasks, shift, heading, told: verdict } = await page.evaluate(() => window.bench)
    const busy = longTasks.filter(([start]) => start <= verdict)
    const usable = busy.reduce((at, [start, length]) => (start <= at ? Math.max(at, start + length) : at), heading)
    const blocking = busy.reduce((sum, [, length]) => sum + Math.max(0, length - 50), 0)
    found.push({ usable, verdict, blocking, shift })
  }
  await devtools.send('Emulation.setCPUThrottlingRate', { rate: 1 })
  const middle = (name) => median(found.map((one) => one[name]))
  const how = slowness === 1 ? '' : `, processor ÷ ${slowness}`
  told(`the overview can be used${how}`, middle('usable'), 'ms', slowness === 1 ? 800 : 1500)
  told(`its verdict is told${how}`, middle('verdict'), 'ms')
  if (slowness > 1) return
  told('blocking time until then', middle('blocking'), 'ms', 100)
  told('layout shift', middle('shift'), '', 0.02)
}

/** From before a change is sent to the database until it is drawn in a row of the list. */
async function pixels({ page }, address, trunkline, task) {
  const job = await trunkline.enqueue(task, {}, { queue: 'pixel', delay: '1h' })
  await page.goto(`${address}/admin/jobs/list?q=queue:pixel`)
  await page.getByText('1 job, that is all').waitFor()
  await pause(500)
  const changes = 200
  const sent = {}
  for (let i = 0; i < changes; i++) {
    const tag = `change-${String(i).padStart(4, '0')}`
    await page.evaluate((text) => {
      window.bench.seen[text] = 0
    }, tag)
    sent[tag] = performance.timeOrigin + performance.now()
    await trunkline.update(job.id, { tags: [tag] })
    await page.waitForFunction((text) => window.bench.seen[text] > 0, tag, { timeout: 30_000 })
    // not in step with what gathers changes
    await pause(20 + ((i * 37) % 120))
  }
  const drawn = await page.evaluate(() => window.bench.seen)
  const times = Object.entries(sent).map(([tag, at]) => drawn[tag] - at)
  told(`a change in the database is on the screen, p50 of ${changes}`, percentile(times, 0.5), 'ms')
  told('the same, p95', percentile(times, 0.95), 'ms', 250)
}

const frames = (page, ms, selector, by) =>
  page.evaluate(
    async ([length, of, step]) => {
      const box = of === 'list' ? document.querySelector('[role="table"]').parentElement : document.querySelector(of)
      return await window.bench.run(length, () => {
        if (step > 0 && box.scrollTop + box.clientHeight >= box.scrollHeight - 1) box.scrollTop = 0
        else box.scrollTop += step
      })
    },
    [ms, selector, by],
  )
const nodes = (page) => page.evaluate(() => document.querySelectorAll('*').length)

/** A list of very many rows, all of them read page by page. */
async function longList({ page }, address) {
  await page.goto(`${address}/admin/jobs/list`)
  await page.locator('[data-job]').first().waitFor()
  await page.evaluate(() => performance.setResourceTimingBufferSize(20_000))
  const most = Math.min(asked.rows, asked.jobs)
  const begun = performance.now()
  const loaded = await page.evaluate(async (wanted) => {
    const table = document.querySelector('[role="table"]')
    const scroller = table.parentElement
    const count = () => Number(table.getAttribute('aria-rowcount')) - 1
    while (count() < wanted) {
      scroller.scrollTop = scroller.scrollHeight
      await window.bench.drawn()
    }
    return count()
  }, most)
  say(`${number(loaded)} rows read in ${((performance.now() - begun) / 1000).toFixed(0)} s`)
  const pages = await page.evaluate(() =>
    performance
      .getEntriesByType('resource')
      .filter(({ name }) => /\/jobs\/search\?.*cursor=/.test(name))
      .map(({ duration }) => duration),
  )
  told(`a page of 100 jobs, of ${number(asked.jobs)}, p95 of ${pages.length}`, percentile(pages, 0.95), 'ms', 100)
  const jump = await page.evaluate(async () => {
    const scroller = document.querySelector('[role="table"]').parentElement
    scroller.scrollTop = 0
    await window.bench.drawn()
    const started = performance.now()
    scroller.scrollTop = scroller.scrollHeight - scroller.clientHeight
    do await window.bench.drawn()
    while (![...document.querySelectorAll('[data-job]')].some((row) => row.getBoundingClientRect().bottom > innerHeight - 200))
    return performance.now() - started
  })
  told(`list of ${number(loaded)} rows: jump to its end`, jump, 'ms', 150)
  const lengths = await frames(page, 5000, 'list', 400)
  told('list: a frame while it scrolls, p50', percentile(lengths, 0.5), 'ms')
  told('list: a frame while it scrolls, p95', percentile(lengths, 0.95), 'ms', 50)
  told('list: nodes in the page', await nodes(page), '', 1200)
}

/** A log of very many lines: its end, scrolling, search. */
async function longLog({ page, devtools }, address, id, admin) {
  const first = (await admin.query(`select min(no)::text no from trunkline.log where job_id = $1`, [id])).rows[0].no
  await page.goto(`${address}/admin/jobs/${id}?tab=logs&line=${first}`)
  await page.locator('[data-marked]').waitFor()
  const jump = await page.evaluate(async (last) => {
    const button = [...document.querySelectorAll('button')].find(({ textContent }) => textContent.includes('To the end'))
    const started = performance.now()
    button.click()
    do await window.bench.drawn()
    while (!document.querySelector('[role="log"]').textContent.includes(last))
    return performance.now() - started
  }, `line ${asked.lines} of`)
  told(`log of ${number(asked.lines)} lines: jump to its end, with the reading`, jump, 'ms', 300)
  const lengths = await frames(page, 5000, '[role="log"]', -160)
  told('log: a frame while it scrolls, p50', percentile(lengths, 0.5), 'ms')
  told('log: a frame while it scrolls, p95', percentile(lengths, 0.95), 'ms', 50)
  told('log: nodes in the page', await nodes(page), '')
  const found = await page.evaluate(async (of) => {
    const started = performance.now()
    const answer = await fetch(`/api/v1/jobs/${of}/logs?search=needle&limit=500`)
    const { data } = await answer.json()
    return { ms: performance.now() - started, count: data.length }
  }, id)
  if (found.count !== 1) throw new Error(`the search found ${found.count} lines in place of one`)
  told('log: a word of one line is found by the server', found.ms, 'ms', 2000)
  await devtools.send('HeapProfiler.collectGarbage')
  const { metrics } = await devtools.send('Performance.getMetrics')
  told('log: memory of the page', metrics.find(({ name }) => name === 'JSHeapUsedSize').value / 1e6, 'MB', 150)
}

/** 2,000 lines a second come while somebody looks. */
async function tail({ page, devtools }, address, trunkline) {
  const perSecond = 2000
  let isOver = false
  const chatter = defineTask('bench.chatter', {
    queue: 'chatter',
    async run({ log }) {
      const started = performance.now()
      for (let n = 0; !isOver; await pause(20))
        for (const due = ((performance.now() - started) / 1000) * perSecond; n < due; n++) log.info(`line ${n} of what it says`)
    },
  })
  const worker = await trunkline.work([chatter], { pollMs: 50 })
  const job = await trunkline.enqueue(chatter, {})
  await page.goto(`${address}/admin/jobs/${job.id}?tab=logs`)
  await page
    .getByText(/of what it says/)
    .first()
    .waitFor()
  const lengths = await frames(page, asked.tail * 1000, '[role="log"]', 0)
  await devtools.send('HeapProfiler.collectGarbage')
  const { metrics } = await devtools.send('Performance.getMetrics')
  told(`log: a frame while ${number(perSecond)} lines a second come for ${asked.tail} s, p95`, percentile(lengths, 0.95), 'ms', 50)
  told('log: memory of the page after that', metrics.find(({ name }) => name === 'JSHeapUsedSize').value / 1e6, 'MB', 150)
  isOver = true
  await worker.stop()
}

/** A way to the server that can be cut. */
async function wire(to) {
  const { hostname, port } = new URL(to)
  const open = new Set()
  const server = createServer((socket) => {
    const other = connect(Number(port), hostname)
    for (const [one, two] of [
      [socket, other],
      [other, socket],
    ]) {
      open.add(one)
      one.on('error', () => {})
      one.on('close', () => {
        open.delete(one)
        two.destroy()
      })
      one.pipe(two)
    }
  })
  const listen = (at) => new Promise((resolve) => server.listen(at, '127.0.0.1', resolve))
  await listen(0)
  const at = server.address().port
  return {
    address: `http://127.0.0.1:${at}`,
    async cut() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const socket of open) socket.destroy()
      await closed
    },
    mend: () => listen(at),
  }
}

/** What is on the screen after a break is what there is. */
async function disconnect(browser, server, trunkline, task) {
  const between = await wire(server.address)
  const { page, context } = await sitDown(browser, server, between.address)
  const jobs = await trunkline.enqueueMany(
    task,
    Array.from({ length: 40 }, () => ({})),
    { queue: 'break', delay: '1h', tags: ['before'] },
  )
  await page.goto(`${between.address}/admin/jobs/list?q=queue:break`)
  await page.getByText('40 jobs, that is all').waitFor()
  await pause(500)
  await between.cut()
  const since = performance.now()
  for (const [i, { id }] of jobs.entries()) {
    if (i % 3 === 0) await trunkline.update(id, { tags: [`meanwhile-${i}`] })
    if (i % 3 === 1) await trunkline.cancel(id)
  }
  await trunkline.enqueueMany(
    task,
    Array.from({ length: 20 }, () => ({})),
    { queue: 'break', delay: '1h', tags: ['new'] },
  )
  await pause(asked.offline * 1000 - (performance.now() - since))
  await between.mend()
  const mended = performance.now()
  const wanted = new Map(
    (await trunkline.search({ q: 'queue:break', limit: 500 })).jobs.map(({ id, state, reason, tags }) => [
      id,
      `${state === 'pending' ? reason : state} ${tags.join(' ')}`,
    ]),
  )
  let missing = wanted.size
  while (missing > 0 && performance.now() - mended < 60_000) {
    const shown = await page.evaluate(async () => {
      document.querySelector('button[class*="fresh"]')?.click()
      const scroller = document.querySelector('[role="table"]').parentElement
      const seen = {}
      for (const top of [0, 600, 1200, 1800]) {
        scroller.scrollTop = top
        await window.bench.drawn()
        for (const row of document.querySelectorAll('[role="row"]')) {
          const id = row.querySelector('[data-job]')?.getAttribute('data-job')
          const cells = row.querySelectorAll('[role="cell"]')
          if (id)
            seen[id] =
              `${cells[1].textContent.trim()} ${[...cells[2].querySelectorAll('[class*="tag"]')].map((tag) => tag.textContent).join('|')}`
        }
      }
      return seen
    })
    missing = [...wanted].filter(([id, text]) => {
      const [state, ...tags] = text.split(' ')
      return !(shown[id]?.startsWith(state) && tags.every((tag) => shown[id].includes(tag)))
    }).length
    if (missing > 0) await pause(50)
  }
  told(`after ${asked.offline} s without the server: rows that differ from the database`, missing, '', 0)
  if (missing === 0) told('they are right so long after it is back', performance.now() - mended, 'ms')
  await context.close()
  await between.cut()
}

async function measure(connectionString, dataDir) {
  const clients = await connectTwice(connectionString)
  const [admin] = clients
  const trunkline = await Trunkline.connect({ connectionString, migrate: true })
  const keeper = trunkline.keeper({ retention: { completed: false, failed: false, cancelled: false } })
  const begun = performance.now()
  await makeHistory({ clients, keeper, finished: asked.jobs, waiting: Math.ceil(asked.jobs / 10) })
  const task = defineTask('bench.noop', { run() {} })
  const log = await trunkline.enqueue(task, {}, { queue: 'library', delay: '10h' })
  await admin.query(
    `insert into trunkline.log(job_id, attempt, at, level, stage, message, context)
     select $1, 0, now() - interval '1 ms' * ($2::int - g), 2, 'stage ' || g * 5 / $2::int, case when g = $2::int / 2 then 'the needle' else e'line ' || g || e' of a log with \\x1b[32mcolours\\x1b[0m' end, null
     from generate_series(1, $2::int) g`,
    [log.id, asked.lines],
  )
  await keeper.runOnce()
  await admin.query('vacuum analyze')
  say(`${number(asked.jobs)} jobs and a log of ${number(asked.lines)} lines made in ${((performance.now() - begun) / 1000).toFixed(0)} s`)

  keeper.start()
  const server = await startServer(connectionString, dataDir)
  const browser = await launchBrowser()
  try {
    const desk = await sitDown(browser, server, server.address)
    await desk.devtools.send('Performance.enable')
    await still(desk.page)
    await weigh(desk, server.address)
    await load(desk, server.address, 1)
    await load(desk, server.address, 4)
    await pixels(desk, server.address, trunkline, task)
    await longLog(desk, server.address, log.id, admin)
    await tail(desk, server.address, trunkline)
    await disconnect(browser, server, trunkline, task)
    await longList(desk, server.address)
  } finally {
    await browser.close()
    await server.stop()
    await keeper.stop()
    await trunkline.close()
    await Promise.all(clients.map((client) => client.end()))
  }
}

const dataDir = mkdtempSync(join(tmpdir(), 'trunkline-console-bench-'))
const database = await startEmbedded({ dataDir })
try {
  await measure(database.connectionString(), dataDir)
} finally {
  await database.stop()
  rmSync(dataDir, { recursive: true, force: true })
}
console.log('| what | found | wanted | |\n|---|---|---|---|')
for (const [what, found, wanted, holds] of rows)
  console.log(`| ${what} | ${found} | ${wanted} | ${holds ? (wanted ? 'holds' : '') : '**does not hold**'} |`)
process.exitCode = rows.every(([, , , holds]) => holds) ? 0 : 1
