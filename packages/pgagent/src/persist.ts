import { isTransient } from '@trunkline/engine/postgres'

const longestMs = 5000

/**
 * Repeats what must be written until the database has answered: a run that has ended must not stay "running" because the server was
 * restarted at that moment. What the database refuses for good is thrown at once.
 * @param giveUp no more repeating: what is not written then is closed by the next agent
 */
export async function persist<T>(write: () => Promise<T>, giveUp: AbortSignal): Promise<T> {
  for (let turn = 0; ; turn++) {
    try {
      return await write()
    } catch (error) {
      if (!isTransient(error) || giveUp.aborted) throw error
      const ms = Math.min(longestMs, 100 * 2 ** turn) * (0.5 + Math.random() / 2)
      await new Promise<void>((resolve) => {
        const wake = () => {
          clearTimeout(timer)
          giveUp.removeEventListener('abort', wake)
          resolve()
        }
        const timer = setTimeout(wake, ms)
        giveUp.addEventListener('abort', wake)
      })
    }
  }
}
