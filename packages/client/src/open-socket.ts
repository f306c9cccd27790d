import { io, type Socket } from 'socket.io-client'
import type { Http } from './http.ts'

/** Opens a socket of a namespace as whoever `http` is: websocket first, and again by itself when it breaks. */
export function openSocket(http: Http, namespace: string): Socket {
  const address = new URL(http.baseUrl)
  return io(`${address.origin}${namespace}`, {
    path: `${address.pathname.replace(/\/+$/, '')}/socket.io`,
    transports: ['websocket', 'polling'],
    withCredentials: true,
    reconnectionDelay: 250,
    reconnectionDelayMax: 5000,
    auth: (give) => {
      http.token().then(
        (token) => give(token === null ? {} : { token }),
        () => give({}),
      )
    },
  })
}
