/**
 * Whose jobs somebody may see and touch: those that `by` has made, and those in these queues and of these tasks. A name that
 * ends in `*` means all that begin so; null = any.
 */
export interface Within {
  readonly by: string
  readonly queues: readonly string[] | null
  readonly tasks: readonly string[] | null
}

const pattern = (name: string) => {
  const literal = (text: string) => text.replace(/[\\%_]/g, '\\$&')
  return name.endsWith('*') ? `${literal(name.slice(0, -1))}%` : literal(name)
}

/** As the statements take it; null = everybody's. */
export function withinJson(within: Within | null | undefined): string | null {
  if (!within) return null
  const { by, queues, tasks } = within
  return JSON.stringify({ by, ...(queues ? { queues: queues.map(pattern) } : {}), ...(tasks ? { tasks: tasks.map(pattern) } : {}) })
}
