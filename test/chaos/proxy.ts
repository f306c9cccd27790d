import { connect, createServer, type Socket } from 'node:net'
import { freePort } from '../support/pgbouncer.ts'

/** What a way to the server does to those who use it. */
export type ProxyMode =
  | { kind: 'pass' }
  /** Each part arrives so much later, in either direction. */
  | { kind: 'delay'; ms: number }
  | { kind: 'throttle'; bytesPerSecond: number }
  /** Connections stay open and nothing arrives any more; new ones are accepted and hear nothing. */
  | { kind: 'blackhole' }
  /** What clients say still arrives; no answer does, and the client's end hears that the server has finished. */
  | { kind: 'half-close' }

/** A way to a server on which a network can fail. */
export interface FaultyProxy {
  /** The same URL, by way of the proxy. */
  through(url: string): string
  /**
   * Behaves so from now on.
   * @param whose only connections whose application_name matches; default: all
   */
  set(mode: ProxyMode, whose?: RegExp): void
  /** Breaks connections with RST. @returns how many */
  reset(whose?: RegExp): number
  /** The next message of a client that holds `words` still reaches the server and is committed; its answer does not, and the connection breaks. */
  loseAnswerTo(words: string): void
  /** How many answers were lost. */
  lost(): number
  stop(): Promise<void>
}

interface Way {
  client: Socket
  upstream: Socket
  name: string
  mode: ProxyMode
  deaf: boolean
}

/** ReadyForQuery, not in a transaction: what was asked is committed. */
const readyIdle = Buffer.from([0x5a, 0, 0, 0, 5, 0x49])

/** The application_name in the first message of a client. */
function nameIn(startup: Buffer): string {
  const fields = startup.subarray(8).toString('latin1').split('\0')
  const at = fields.indexOf('application_name')
  return at < 0 ? '' : (fields[at + 1] ?? '')
}

/** Carries the data of one direction in its order, each part when its mode lets it arrive. */
function createPipe(way: Way, to: Socket, back: boolean): (part: Buffer) => void {
  const waiting: { part: Buffer; due: number }[] = []
  let timer: NodeJS.Timeout | null = null
  let last = 0

  function pump(): void {
    timer = null
    for (let next = waiting[0]; next; next = waiting[0]) {
      const ms = next.due - Date.now()
      if (ms > 0) {
        timer = setTimeout(pump, ms)
        return
      }
      waiting.shift()
      if (!to.destroyed) to.write(next.part)
    }
  }
  return (part) => {
    const { mode } = way
    if (mode.kind === 'blackhole' || (mode.kind === 'half-close' && back)) return
    const now = Date.now()
    if (mode.kind === 'delay') last = Math.max(last, now + mode.ms)
    else if (mode.kind === 'throttle') last = Math.max(last, now) + (part.length * 1000) / mode.bytesPerSecond
    else last = Math.max(last, now)
    waiting.push({ part, due: last })
    if (!timer) pump()
  }
}

/** Starts a proxy before the server of `url`; it passes everything on until it is told otherwise. */
export async function startProxy(url: string): Promise<FaultyProxy> {
  const to = new URL(url)
  const port = await freePort()
  const ways = new Set<Way>()
  let rules: { mode: ProxyMode; whose: RegExp | null }[] = []
  let words: string | null = null
  let lost = 0

  const modeOf = (name: string): ProxyMode => rules.find(({ whose }) => !whose || whose.test(name))?.mode ?? { kind: 'pass' }

  function apply(way: Way): void {
    way.mode = modeOf(way.name)
    if (way.mode.kind === 'half-close') way.client.end()
  }

  function open(client: Socket): void {
    const upstream = connect(Number(to.port), to.hostname)
    const way: Way = { client, upstream, name: '', mode: { kind: 'pass' }, deaf: false }
    let begun = false
    ways.add(way)
    const close = () => {
      // in a black hole nobody hears that the other end has gone
      if (way.mode.kind === 'blackhole' && !client.destroyed) return
      ways.delete(way)
      client.destroy()
      upstream.destroy()
    }
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.on('close', close)
    }
    const there = createPipe(way, upstream, false)
    const back = createPipe(way, client, true)
    client.on('data', (part) => {
      if (!begun) {
        begun = true
        way.name = nameIn(part)
        apply(way)
      }
      if (words !== null && part.includes(words)) {
        words = null
        way.deaf = true
      }
      there(part)
    })
    client.on('end', () => {
      if (way.mode.kind !== 'blackhole') upstream.end()
    })
    upstream.on('data', (part) => {
      if (!way.deaf) back(part)
      else if (part.subarray(-6).equals(readyIdle)) {
        lost++
        client.destroy()
      }
    })
  }

  const server = createServer({ allowHalfOpen: true }, open)
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return {
    through(of) {
      const changed = new URL(of)
      changed.hostname = '127.0.0.1'
      changed.port = String(port)
      return changed.href
    },
    set(mode, whose) {
      const before = new Map([...ways].map((way) => [way, way.mode.kind]))
      rules = mode.kind === 'pass' ? [] : [{ mode, whose: whose ?? null }]
      for (const way of ways) {
        const was = before.get(way)
        // what a black hole has swallowed cannot come any more: such a connection is broken for good
        if (was === 'blackhole' || was === 'half-close') way.client.resetAndDestroy()
        else apply(way)
      }
    },
    reset(whose) {
      const hit = [...ways].filter((way) => !whose || whose.test(way.name))
      for (const { client, upstream } of hit) {
        client.resetAndDestroy()
        upstream.resetAndDestroy()
      }
      return hit.length
    },
    loseAnswerTo(text) {
      words = text
    },
    lost: () => lost,
    async stop() {
      for (const { client, upstream } of ways) {
        client.destroy()
        upstream.destroy()
      }
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
