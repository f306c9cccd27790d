// The clients of npm run bench:sockets, in a process of their own. The many speak just as much of the protocol as they need, so that
// the two cores measure the server and not its clients; the one that goes offline is a real socket.io-client.
import { io } from 'socket.io-client'
import WebSocket from 'ws'
import { pause } from '../measure.mjs'

const { BENCH_URL: url, BENCH_TOKEN: token } = process.env
const sockets = []
/** By job: how many of its room have heard of it, and when the last did. */
const heard = new Map()
let events = 0
let perRoom = 0
let onlooker
let view = new Map()
let seq

async function open() {
  const socket = io(`${url}/jobs`, { auth: { token }, transports: ['websocket'], forceNew: true, reconnectionDelay: 100 })
  await new Promise((resolve, reject) => {
    socket.once('connected', resolve)
    socket.once('connect_error', reject)
  })
  return socket
}

/** A bare client of one queue's room; resolves once it is subscribed. */
function listen(queue, onEvent) {
  const address = `${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`
  const socket = new WebSocket(address, { perMessageDeflate: false, skipUTF8Validation: true })
  return new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.on('message', (data) => {
      if (data[0] === 0x32) return socket.send('3')
      if (data.length < 12) return
      const text = data.latin1Slice(0)
      if (text.startsWith('42/jobs,["jobAdded"')) onEvent(text)
      else if (text.startsWith('0{')) socket.send(`40/jobs,${JSON.stringify({ token })}`)
      else if (text.startsWith('42/jobs,["connected"')) socket.send(`42/jobs,1["subscribeQueue",${JSON.stringify({ queue })}]`)
      else if (text.startsWith('43/jobs,1[')) text.includes('"ok":true') ? resolve(socket) : reject(new Error(text))
      else if (text.startsWith('44')) reject(new Error(text))
    })
  })
}
/** A field of an event's JSON text. */
const field = (text, name) => {
  const from = text.indexOf(`"${name}":"`) + name.length + 4
  return text.slice(from, text.indexOf('"', from))
}

const rest = async (queue) => {
  const answer = await fetch(`${url}/api/v1/jobs?queue=${queue}&state=pending&limit=500`, { headers: { authorization: `Bearer ${token}` } })
  const { data } = await answer.json()
  return new Map(data.map((job) => [job.id, job.state]))
}

const answers = {
  async connect({ sockets: n, rooms }) {
    perRoom = Math.floor(n / rooms)
    for (let from = 0; from < n; from += 100) {
      await Promise.all(
        Array.from({ length: Math.min(100, n - from) }, async (_, i) => {
          const socket = await listen(`room-${(from + i) % rooms}`, (text) => {
            events++
            const jobId = field(text, 'jobId')
            let found = heard.get(jobId)
            if (!found) {
              found = { n: 0, ms: 0, made: Date.parse(field(text, 'createdAt')) }
              heard.set(jobId, found)
            }
            found.n++
            found.ms = Date.now() - found.made
          })
          sockets.push(socket)
        }),
      )
    }
    return {}
  },
  figures() {
    const whole = [...heard.values()].filter(({ n }) => n >= perRoom)
    return { events, whole: whole.length, latencies: whole.map(({ ms }) => ms) }
  },
  async offline({ queue }) {
    onlooker = await open()
    for (const name of ['jobAdded', 'jobUpdate', 'jobCompleted', 'jobFailed']) {
      onlooker.on(name, (event) => {
        view.set(event.jobId, event.state)
        seq = event.seq
      })
    }
    seq = (await onlooker.emitWithAck('subscribeList', { filter: { queue } })).seq
    view = await rest(queue)
    onlooker.disconnect()
    return {}
  },
  async online({ queue }) {
    const begun = performance.now()
    onlooker.connect()
    await new Promise((resolve) => onlooker.once('connected', resolve))
    const answer = await onlooker.emitWithAck('subscribeList', { filter: { queue }, after: seq })
    if (answer.gap) view = await rest(queue)
    let equal = false
    while (!equal && performance.now() - begun < 5000) {
      const there = await rest(queue)
      const mine = [...view].filter(([, state]) => state === 'pending')
      equal = mine.length === there.size && mine.every(([id]) => there.has(id))
      if (!equal) await pause(50)
    }
    return { equal, ms: Math.round(performance.now() - begun), jobs: view.size, gap: answer.gap === true }
  },
}
process.on('message', async ({ no, what, given }) => process.send({ no, answer: await answers[what](given) }))
process.on('SIGTERM', () => process.exit(0))
