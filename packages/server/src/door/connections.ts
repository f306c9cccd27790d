import type { Server as HttpServer } from 'node:http'
import { Server as HttpsServer } from 'node:https'
import type { Duplex } from 'node:stream'

/** The connections of a listener that is to be closed. */
export interface Connections {
  /**
   * Ends connections on which nobody has asked anything yet, and those that are still open after `graceMs`.
   * Node's own `close` waits for both for as long as the other side likes: a browser opens connections in advance.
   */
  end(graceMs: number): void
}

/** Follows the connections of `server` from now on; call it before it listens. */
export function followConnections(server: HttpServer): Connections {
  const open = new Set<Duplex>()
  const silent = new Set<Duplex>()
  const heard = ({ socket }: { socket: Duplex }) => void silent.delete(socket)
  const follow = (set: Set<Duplex>) => (socket: Duplex) => {
    set.add(socket)
    socket.once('close', () => set.delete(socket))
  }
  server.on('connection', follow(open))
  // with TLS the requests come over another socket than the connection
  server.on(server instanceof HttpsServer ? 'secureConnection' : 'connection', follow(silent))
  server.on('request', heard)
  server.on('upgrade', heard)
  return {
    end(graceMs) {
      for (const socket of silent) socket.destroy()
      setTimeout(() => {
        for (const socket of open) socket.destroy()
      }, graceMs).unref()
    },
  }
}
