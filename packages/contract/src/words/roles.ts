/** Roles of people and programs, each with all that the ones before it may. */
export const roles = ['viewer', 'operator', 'admin', 'owner'] as const
/** One of {@link roles}. */
export type Role = (typeof roles)[number]

/** Rights beside the role: to write SQL steps, to write shell steps, to see payloads and results unredacted. */
export const rights = ['steps.sql', 'steps.shell', 'payload.read'] as const
/** One of {@link rights}. */
export type Right = (typeof rights)[number]

/** Does `role` include `needed`? */
export function isAtLeast(role: Role, needed: Role): boolean {
  return roles.indexOf(role) >= roles.indexOf(needed)
}

/** What some built-in tasks need of whoever makes, re-runs or retries their jobs, beside the role of an operator. */
export const taskNeeds: Readonly<Record<string, { role?: Role; right?: Right }>> = {
  sql_run: { right: 'steps.sql' },
  shell_run: { right: 'steps.shell' },
  backup_restore: { role: 'owner' },
  backup_prune: { role: 'admin' },
  backup_delete: { role: 'admin' },
  bulk_update: { role: 'admin' },
  maintenance_cleanup: { role: 'owner' },
  pgagent_run: { role: 'admin' },
}

/**
 * The tasks whose handlers a job of `task` runs: its own, and of `steps_run` those of its steps. Whoever makes, re-runs or retries it needs
 * what jobs of each of them need.
 * @param payload whatever somebody has sent: what is no step counts as none, and no worker runs it
 */
export function tasksIn(task: string, payload: unknown): string[] {
  if (task !== 'steps_run') return [task]
  const { steps } = Object(payload) as { steps?: unknown }
  const inner = (Array.isArray(steps) ? steps : []).map((step) => (Object(step) as { task?: unknown }).task)
  return [...new Set([task, ...inner.filter((name) => typeof name === 'string')])]
}
