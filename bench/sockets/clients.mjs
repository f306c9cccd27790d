// The clients of npm run bench:sockets, in a process of their own. The many speak just as much of the protocol as they need, so that
// the two cores measure the server and not its clients; the one that goes offline is a real socket.io-client.
import { connect } from 'node:net'
import { io } from 'socket.io-client'
import { frame, pause } from '../measure.mjs'

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

/**
 * A bare client of one queue's room, on a plain connection with one buffer for all that is read; resolves once it is subscribed.
 * What a frame is: RFC 6455, section 5.2; the server's are short, whole and not masked.
 */
function listen(queue, onEvent) {
  let rest = null
  let handshake = true
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const onText = (text) => {
      if (text === '2') return send('3')
      if (text.startsWith('42/jobs,["jobAdded"')) onEvent(text)
      else if (text.startsWith('0{')) send(`40/jobs,${JSON.stringify({ token })}`)
      else if (text.startsWith('42/jobs,["connected"')) send(`42/jobs,1["subscribeQueue",${JSON.stringify({ queue })}]`)
      else if (text.startsWith('43/jobs,1[')) text.includes('"ok":true') ? resolve(socket) : reject(new Error(text))
      else if (text.startsWith('44')) reject(new Error(text))
    }
    const onBytes = (n, buffer) => {
      let data = rest ? Buffer.concat([rest, buffer.subarray(0, n)]) : buffer.subarray(0, n)
      if (handshake) {
        const end = data.indexOf('\r\n\r\n')
        if (end >= 0) {
          handshake = false
          data = data.subarray(end + 4)
        }
      }
      rest = Buffer.from(handshake ? data : data.subarray(readFrames(data, onText)))
      if (rest.length === 0) rest = null
      return true
    }
    const socket = connect({ host: hostname, port: Number(port), onread: { buffer: shared, callback: onBytes } })
    const send = (text) => socket.write(frame(text))
    socket.on('error', reject)
    socket.write(
      `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: ${hostname}:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n`,
    )
  })
}
const shared = Buffer.alloc(65_536)

/** Hands over the text of each whole frame; answers where the first that is not whole begins. */
function readFrames(data, onText) {
  let at = 0
  while (at + 2 <= data.length) {
    const short = data[at + 1]
    const head = short < 126 ? 2 : short === 126 ? 4 : 10
    if (at + head > data.length) break
    const length = short < 126 ? short : short === 126 ? data.readUInt16BE(at + 2) : Number(data.readBigUInt64BE(at + 2))
    if (at + head + length > data.length) break
    onText(data.latin1Slice(at + head, at + head + length))
    at += head + length
  }
  return at
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
