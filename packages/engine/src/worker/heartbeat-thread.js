// @ts-check
// Plain JavaScript, because a worker thread has to start from source as well as from the build, without a loader.
import { parentPort, workerData } from 'node:worker_threads'
import { connectToPrimary } from '../postgres/primary.js'

/**
 * The thread that keeps a worker alive in the eyes of the database, whatever its handlers do to the event loop.
 * @typedef {{ servers: import('../postgres/primary.js').Servers, applicationName: string, memory: SharedArrayBuffer, slots: number, slotLength: number, everyMs: number,
 *   state: string, beatSql: string, giveUpSql: string, leaveSql: string, graceMs: number, killProcess: boolean, timeoutError: string }} ThreadData
 */
const data = /** @type {ThreadData} */ (workerData)
const port = /** @type {import('node:worker_threads').MessagePort} */ (parentPort)
const view = new Float64Array(data.memory)
const tickAt = data.slots * data.slotLength
const lookEveryMs = Math.min(250, data.everyMs)

/** @type {import('pg').Client | null} */
let client = null
let state = data.state
let beating = false
/** Somebody wants another beat at once. */
let again = false
let lastBeat = 0
let loopLag = 0
let cpu = process.cpuUsage()
let cpuAt = Date.now()
/** Ids that the last beat reported. @type {Set<number>} */
let reported = new Set()
/** Ids that were given up here. @type {Set<number>} */
const givenUp = new Set()
/** Cancellations the database told of, with the time. @type {Map<number, number>} */
const wanted = new Map()
let stopped = false

function entries() {
  const found = []
  for (let slot = 0; slot < data.slots; slot++) {
    const first = slot * data.slotLength
    const since = view[first] ?? 0
    const deadline = view[first + 1] ?? 0
    for (let at = first + 3; at < first + 3 + 2 * (view[first + 2] ?? 0); at += 2) {
      const id = view[at] ?? 0
      if (id > 0) found.push({ id, leaseId: view[at + 1] ?? 0, since, deadline })
    }
  }
  return found
}

async function connection() {
  if (client) return client
  const config = {
    application_name: data.applicationName,
    connectionTimeoutMillis: 5000,
    query_timeout: Math.max(2000, Math.min(10_000, data.everyMs)),
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  }
  /** @type {import('pg').Client | null} */
  let made = null
  // it may break before it is ours
  made = await connectToPrimary(data.servers, config, () => {
    if (made !== null && client === made) client = null
  })
  client = made
  // it was asked to end while it connected: with a connection it would not
  if (stopped) dropConnection()
  return made
}

function dropConnection() {
  const last = client
  client = null
  last?.end().catch(() => {})
}

function load() {
  const now = Date.now()
  const used = process.cpuUsage(cpu)
  const percent = now > cpuAt ? (used.user + used.system) / 10 / (now - cpuAt) : 0
  cpu = process.cpuUsage()
  cpuAt = now
  return percent
}

async function beat() {
  again = beating
  if (beating) return
  beating = true
  const running = entries().map((e) => e.id)
  const workerId = view[tickAt + 1] ?? 0
  try {
    const c = await connection()
    const { rows, rowCount } = await c.query(data.beatSql, [
      workerId,
      `{${running.join(',')}}`,
      state,
      process.memoryUsage.rss(),
      load(),
      loopLag,
    ])
    if (lastBeat === 0) port.postMessage({ type: 'beat' })
    lastBeat = Date.now()
    reported = new Set(running)
    loopLag = 0
    if (rowCount === 0) {
      if (workerId === view[tickAt + 1]) port.postMessage({ type: 'lost', workerId })
    } else hear(rows[0])
  } catch (error) {
    dropConnection()
    if (!stopped) port.postMessage({ type: 'error', message: error instanceof Error ? error.message : String(error) })
  } finally {
    beating = false
    if (again && !stopped) void beat()
  }
}

/**
 * What the database answered to a beat.
 * @param {{ wanted: string[] | null, stop_wanted: boolean }} row
 */
function hear(row) {
  if (row.stop_wanted) port.postMessage({ type: 'stop' })
  if (row.wanted) {
    const ids = row.wanted.map(Number)
    for (const id of ids) if (!wanted.has(id)) wanted.set(id, Date.now())
    port.postMessage({ type: 'cancel', ids })
  } else wanted.clear()
}

/**
 * The main thread does not answer and a job is past its grace: ends the try here, and then the process where that was allowed.
 * @param {{ id: number, leaseId: number, since: number }[]} stuck
 */
async function giveUp(stuck) {
  for (const job of stuck) givenUp.add(job.id)
  try {
    const c = await connection()
    const workerId = view[tickAt + 1] ?? 0
    for (const job of stuck) {
      const age = (Date.now() - job.since) * 1000
      await c.query(data.giveUpSql, [
        workerId,
        `{${job.leaseId}}`,
        `{${job.id}}`,
        '{1}',
        '{1000}',
        `{${age}}`,
        `{${age}}`,
        [data.timeoutError],
        '{NULL}',
      ])
    }
    if (!data.killProcess) return
    const others = entries()
      .filter((e) => !givenUp.has(e.id))
      .map((e) => e.id)
    await c.query(data.leaveSql, [workerId, `{${others.join(',')}}`])
    process.kill(process.pid, 'SIGKILL')
  } catch (error) {
    for (const job of stuck) givenUp.delete(job.id)
    dropConnection()
    port.postMessage({ type: 'error', message: error instanceof Error ? error.message : String(error) })
  }
}

let lookedAt = Date.now()
function look() {
  if (stopped) return
  const now = Date.now()
  // the whole process stood still (a frozen container, SIGSTOP): nobody can be blamed before the next look
  const frozen = now - lookedAt > 4 * lookEveryMs + 1000
  lookedAt = now
  const lag = now - (view[tickAt] ?? now)
  loopLag = Math.max(loopLag, lag - 500)
  const running = entries()
  const fresh = running.some((e) => now - e.since >= 1000 && !reported.has(e.id))
  if (now - lastBeat >= data.everyMs || fresh) void beat()
  if (!frozen && lag > data.graceMs + 1000) {
    const stuck = running.filter((e) => {
      const cancelled = wanted.get(e.id)
      const late = (e.deadline > 0 && now > e.deadline) || (cancelled !== undefined && now > cancelled + data.graceMs)
      return late && !givenUp.has(e.id)
    })
    if (stuck.length > 0) void giveUp(stuck)
  }
}

const timer = setInterval(look, lookEveryMs)
port.on('message', (message) => {
  if (message.type === 'beat') {
    state = message.state
    void beat()
  } else if (message.type === 'stop') {
    stopped = true
    clearInterval(timer)
    dropConnection()
    port.close()
  }
})
void beat()
