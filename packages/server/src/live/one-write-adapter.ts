import type { Namespace, Socket } from 'socket.io'
import { Adapter, type BroadcastOptions } from 'socket.io-adapter'

interface Options {
  preEncoded: true
  /** The frame that all members of the room get, where it could be made once for all of them. */
  wsPreEncodedFrame?: Buffer[]
}

/** What the parents of this class do not say of themselves, and what an open WebSocket is made of. */
interface Inside {
  _encode(packet: { nsp?: string }, options: Options): unknown[]
  apply(options: BroadcastOptions, each: (socket: Socket) => void): void
  readonly nsp: Namespace
}

interface Member {
  client: { writeToEngine(encoded: unknown[], options: Options): void }
  conn: {
    readyState: string
    upgrading: boolean
    writeBuffer: unknown[]
    transport: {
      name: string
      writable: boolean
      socket?: { readyState: number; _socket?: NodeJS.WritableStream & { writableLength: number } }
    }
  }
  notifyOutgoingListeners?(packet: unknown): void
}

const webSocketOpen = 1
const InnerAdapter = Adapter as unknown as new (namespace: Namespace) => Inside

/** The connection of a member to which a frame can be written as it is: nothing is queued before it, at any level. */
function idleWire({ conn: { readyState, upgrading, writeBuffer, transport } }: Member) {
  if (readyState !== 'open' || upgrading || writeBuffer.length > 0 || transport.name !== 'websocket' || !transport.writable) return null
  const wire = transport.socket?.readyState === webSocketOpen ? transport.socket._socket : undefined
  return wire?.writableLength === 0 ? wire : null
}

/**
 * The rooms of Socket.IO in memory, with each event to a room encoded once and written to each member once: head and body of its
 * frame are otherwise two writes, and every member's queue, events and callbacks cost the server as much as the writing itself.
 * A member that has something queued, or no WebSocket, gets it by the ordinary way, in order.
 */
export class OneWriteAdapter extends InnerAdapter {
  broadcast(packet: { nsp?: string }, options: BroadcastOptions): void {
    packet.nsp = this.nsp.name
    const shared: Options = { preEncoded: true }
    const encoded = this._encode(packet, shared)
    const frame = shared.wsPreEncodedFrame && Buffer.concat(shared.wsPreEncodedFrame)
    if (frame) shared.wsPreEncodedFrame = [frame]
    this.apply(options, (socket) => {
      const member = socket as unknown as Member
      member.notifyOutgoingListeners?.(packet)
      const wire = frame && idleWire(member)
      if (wire) wire.write(frame)
      else member.client.writeToEngine(encoded, shared)
    })
  }
}
