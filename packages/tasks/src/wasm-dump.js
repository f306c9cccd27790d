// @ts-check
// The built-in dump: pg_dump compiled to WebAssembly, in a child process of its own, because it blocks its thread and needs
// memory that should go when it ends. Plain JavaScript, so that it starts from source and from the build without a loader.
import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads'
import { createGzip } from 'node:zlib'
import { pgDump } from '@electric-sql/pglite-tools/pg_dump'

/**
 * @typedef {{ host: string, port: number, user: string, password: string | null, database: string, file: string }} DumpOrder
 */

/** @param {string} value for a connection string of libpq */
const quoted = (value) => `'${value.replace(/[\\']/g, '\\$&')}'`

/** @param {DumpOrder} order */
async function dump(order) {
  const shared = new SharedArrayBuffer(4)
  const flag = new Int32Array(shared)
  const { port1: port, port2 } = new MessageChannel()
  const socket = new Worker(new URL('./wasm-socket.js', import.meta.url), {
    workerData: { port: port2, shared, host: order.host, tcpPort: order.port },
    transferList: [port2],
    execArgv: [],
  })
  let bytes = 0
  let saidAt = 0
  /** @param {Uint8Array} message @param {{ onRawData: (data: Uint8Array) => void }} options */
  function execProtocolRawStream(message, { onRawData }) {
    Atomics.store(flag, 0, 0)
    port.postMessage(message.slice())
    // the notify of the answer before may come late, after its flag was seen: only the flag itself counts
    while (Atomics.load(flag, 0) === 0) Atomics.wait(flag, 0, 0)
    for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) {
      if (next.message.error) throw new Error(next.message.error)
      bytes += next.message.data.byteLength
      onRawData(next.message.data)
    }
    if (Date.now() - saidAt > 200) {
      saidAt = Date.now()
      process.send?.({ type: 'bytes', bytes })
    }
  }
  const database = {
    execProtocolRawStream,
    // the tool saves and restores the search path of its own engine; here is none
    query: async () => ({ rows: [{ search_path: 'public' }] }),
    exec: async () => {},
  }
  const target = [
    `dbname=${quoted(order.database)}`,
    `user=${quoted(order.user)}`,
    ...(order.password ? [`password=${quoted(order.password)}`] : []),
  ].join(' ')
  const file = await pgDump({ pg: /** @type {any} */ (database), args: ['-d', target, '--rows-per-insert=500'] })
  await socket.terminate()
  await pipeline(file.stream(), createGzip({ level: 6 }), createWriteStream(order.file, { mode: 0o600 }))
}

process.once('disconnect', () => process.exit(1))
process.once('message', (/** @type {DumpOrder} */ order) => {
  dump(order).then(
    () => process.send?.({ type: 'done' }, () => process.exit(0)),
    (error) => {
      const message = String(error?.message ?? error).replaceAll(order.password || '\0', '***')
      process.send?.({ type: 'failed', message: message.slice(-4000) }, () => process.exit(1))
    },
  )
})
process.send?.({ type: 'hello' })
