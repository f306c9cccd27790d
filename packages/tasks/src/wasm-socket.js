// @ts-check
// The thread that owns the connection of the built-in dump: the dump itself waits for each answer without an event loop.
// It must know when an answer is complete, so it reads the frames of the PostgreSQL protocol in both directions.
import { connect } from 'node:net'
import { workerData } from 'node:worker_threads'

const { port, shared, host, tcpPort } =
  /** @type {{ port: import('node:worker_threads').MessagePort, shared: SharedArrayBuffer, host: string, tcpPort: number }} */ (workerData)
const flag = new Int32Array(shared)

/** What came from the server and was not handed over. @type {Buffer[]} */
let received = []
// bytes of a server frame that is not complete
/** @type {Buffer} */
let tail = Buffer.alloc(0)
// bytes of a client frame that is not complete
/** @type {Buffer} */
let sent = Buffer.alloc(0)
let started = false
let authenticated = false
let waiting = false
/** @type {string | null} */
let broken = null

/** @param {{ data?: Uint8Array, error?: string }} [last] */
function answer(last) {
  waiting = false
  if (received.length > 0) {
    port.postMessage({ data: new Uint8Array(Buffer.concat(received)) })
    received = []
  }
  if (last) port.postMessage(last)
  Atomics.store(flag, 0, 1)
  Atomics.notify(flag, 0)
}

/** Does the server's frame end an answer? @param {string} type @param {Buffer} frame */
function endsAnswer(type, frame) {
  if (type === 'R') {
    const kind = frame.readInt32BE(5)
    if (kind === 0) authenticated = true
    // 0 = let in, 12 = the server's last word of SCRAM: more follows without a word of ours
    return kind !== 0 && kind !== 12
  }
  return type === 'Z' || type === 'G' || (type === 'E' && !authenticated)
}

/** @param {Buffer} chunk */
function fromServer(chunk) {
  tail = tail.length > 0 ? Buffer.concat([tail, chunk]) : chunk
  let at = 0
  let complete = false
  while (tail.length - at >= 5) {
    const size = tail.readInt32BE(at + 1) + 1
    if (tail.length - at < size) break
    const type = String.fromCharCode(tail[at] ?? 0)
    complete = endsAnswer(type, tail.subarray(at, at + size))
    at += size
  }
  // handed over as it comes: the reader is a stream of bytes
  received.push(chunk)
  tail = tail.subarray(at)
  if (complete && waiting) answer()
}

/** Does what the client has sent ask for an answer? @param {Buffer} bytes */
function wantsAnswer(bytes) {
  sent = sent.length > 0 ? Buffer.concat([sent, bytes]) : bytes
  let wants = false
  while (sent.length >= 5) {
    const size = started ? sent.readInt32BE(1) + 1 : sent.readInt32BE(0)
    if (sent.length < size) return false
    const type = started ? String.fromCharCode(sent[0] ?? 0) : 'startup'
    wants = type === 'startup' || 'QSpF'.includes(type)
    started = true
    sent = sent.subarray(size)
  }
  return wants && sent.length === 0
}

const socket = connect({ host, port: tcpPort, keepAlive: true })
socket.setTimeout(0)
socket.on('data', fromServer)
/** @param {string} why */
function fail(why) {
  broken ??= why
  if (waiting) answer(received.length > 0 ? undefined : { error: why })
}
socket.on('error', (error) => fail(`connection lost: ${error.message}`))
socket.on('close', () => fail('the server closed the connection'))

port.on('message', (/** @type {Uint8Array} */ message) => {
  const bytes = Buffer.from(message)
  if (broken) return answer({ error: broken })
  waiting = wantsAnswer(bytes)
  socket.write(bytes)
  if (!waiting) answer()
})
