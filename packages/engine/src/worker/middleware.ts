import type { BatchContext, TaskContext } from '../jobs/define-task.ts'

/**
 * Runs around each handler call of a worker. What it returns is the result, what it throws is the handler's error; one that
 * does not call `next` keeps the handler from running.
 * @param context what the handler gets; of a batch (`'jobs' in context`) that of the call
 * @example
 * const traced: Middleware = async (context, next) => {
 *   const name = 'jobs' in context ? context.task : context.job.task
 *   return await tracer.span(name, next)
 * }
 */
export type Middleware = (context: TaskContext<unknown> | BatchContext<unknown>, next: () => Promise<unknown>) => unknown

/** Calls the handler inside all of them, the first outermost. Without any, a handler that is not async stays so. */
export function throughMiddleware(
  middleware: readonly Middleware[],
  context: TaskContext<unknown> | BatchContext<unknown>,
  handler: () => unknown,
): unknown {
  if (middleware.length === 0) return handler()
  let reached = -1
  async function go(i: number): Promise<unknown> {
    if (i <= reached) throw new Error('a middleware called next() twice')
    reached = i
    const one = middleware[i]
    return await (one ? one(context, () => go(i + 1)) : handler())
  }
  return go(0)
}
