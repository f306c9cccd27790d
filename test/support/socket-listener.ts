import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client'
import { afterAll } from 'vitest'

/** A connected client that keeps what it hears. */
export interface SocketListener {
  readonly socket: Socket
  readonly heard: [name: string, event: any][]
  /** Events of a name, of one job where it is given. */
  of(name: string, jobId?: string): any[]
  /** Sends and waits for the acknowledgement. */
  ask(name: string, given?: unknown): Promise<any>
}

/** Makes connections to a namespace of `address`; a refused one throws the client's error. All are closed after the tests of the file. */
export function socketListeners(address: string, namespace = '/jobs') {
  const sockets: Socket[] = []
  afterAll(() => {
    for (const socket of sockets) socket.close()
  })
  return async (auth: object, options: Partial<ManagerOptions & SocketOptions> = {}): Promise<SocketListener> => {
    const socket = io(`${address}${namespace}`, { auth, transports: ['websocket'], reconnectionDelay: 50, forceNew: true, ...options })
    sockets.push(socket)
    const heard: [string, any][] = []
    socket.onAny((name, event) => heard.push([name, event]))
    await new Promise<void>((resolve, reject) => {
      socket.once('connected', () => resolve())
      socket.once('connect_error', (error) => {
        socket.close()
        reject(error)
      })
    })
    return {
      socket,
      heard,
      of: (name, jobId) => heard.filter(([n, e]) => n === name && (jobId === undefined || e.jobId === jobId)).map(([, e]) => e),
      ask: (name, ...given) => socket.timeout(10_000).emitWithAck(name, ...given),
    }
  }
}
