import type { Namespace, Socket } from 'socket.io'
import type { Principal } from '../door/principal.ts'
import { explain } from '../door/problems.ts'

/**
 * Lets into a namespace whoever can be identified: `socket.data.principal` says who. Others are told the code of what is wrong.
 * @param identify who connects. @throws `unauthenticated`
 */
export function admitKnown(namespace: Namespace, identify: (socket: Socket) => Promise<Principal>, onError: (error: Error) => void): void {
  namespace.use((socket, next) => {
    identify(socket)
      .then((principal) => {
        socket.data.principal = principal
        next()
      })
      .catch((error) => {
        const { problem, isFault } = explain(error, socket.id)
        if (isFault) onError(error as Error)
        next(Object.assign(new Error(problem.detail ?? problem.title), { data: { code: problem.code } }))
      })
  })
}
