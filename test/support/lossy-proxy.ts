import { connect, createServer, type Socket } from 'node:net'
import { freePort } from './pgbouncer.ts'

/** A way to a server on which answers can get lost. */
export interface LossyProxy {
  /** The same URL, by way of the proxy. */
  through(url: string): string
  /** The next message of a client that holds `words` still reaches the server; its answer does not, and the connection breaks. */
  loseAnswerTo(words: string): void
  /** How many answers were lost. */
  lost(): number
  stop(): Promise<void>
}

/** Starts a proxy before the server of `url`. */
export async function startLossyProxy(url: string): Promise<LossyProxy> {
  const to = new URL(url)
  const port = await freePort()
  const open = new Set<Socket>()
  let words: string | null = null
  let lost = 0

  const server = createServer((client) => {
    const upstream = connect(Number(to.port), to.hostname)
    let deaf = false
    for (const socket of [client, upstream]) {
      open.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        open.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    client.on('data', (part) => {
      if (words !== null && part.includes(words)) {
        words = null
        deaf = true
      }
      upstream.write(part)
    })
    upstream.on('data', (part) => {
      if (!deaf) client.write(part)
      // ReadyForQuery, not in a transaction: what was asked is committed
      else if (part.subarray(-6).equals(Buffer.from([0x5a, 0, 0, 0, 5, 0x49]))) {
        lost++
        client.destroy()
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return {
    through(of) {
      const changed = new URL(of)
      changed.hostname = '127.0.0.1'
      changed.port = String(port)
      return changed.href
    },
    loseAnswerTo(text) {
      words = text
    },
    lost: () => lost,
    async stop() {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
