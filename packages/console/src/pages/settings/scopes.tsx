import { Checkbox, Select, Stack, TagsInput } from '@mantine/core'
import { type MeAnswer, type Right, type Role, rights, roles } from '@trunkline/client/contract'
import { useMe } from '../../session.tsx'
import css from './settings.module.css'

type Scopes = MeAnswer['scopes']

/** Where somebody may act, in words. */
export function scopeText({ queues, tasks, servers }: Scopes): string {
  const parts = [
    queues && `queues ${queues.join(', ')}`,
    tasks && `tasks ${tasks.join(', ')}`,
    servers && `servers ${servers.join(', ')}`,
  ].filter(Boolean)
  return parts.length === 0 ? 'everywhere' : parts.join('; ')
}

const means: Record<Role, string> = {
  viewer: 'looks at everything but payloads of others',
  operator: 'also runs, retries, cancels jobs and pauses queues',
  admin: 'also makes schedules and templates, starts and stops workers, makes and deletes backups, deletes jobs, sees users and the audit',
  owner: 'also restores backups and sets how long ended jobs are kept',
}
const rightMeans: Record<Right, string> = {
  'steps.sql': 'run SQL',
  'steps.shell': 'run shell commands',
  'payload.read': 'see payloads and results of others',
}

export interface Grant {
  role: Role
  rights: Right[]
  queues: string[]
  tasks: string[]
}

/** As the API takes them: an empty list means everywhere. */
export const scopesBody = ({ queues, tasks }: Grant) => ({
  queues: queues.length > 0 ? queues : null,
  tasks: tasks.length > 0 ? tasks : null,
  servers: null,
})

/** What somebody, or a key, may do: role, where, rights; and what that means. */
export function GrantFields({ grant, onChange }: { grant: Grant; onChange: (grant: Grant) => void }) {
  const me = useMe()
  const mine = roles.slice(0, roles.indexOf(me.role) + 1)
  const set = (change: Partial<Grant>) => onChange({ ...grant, ...change })
  const until = roles.slice(0, roles.indexOf(grant.role) + 1)
  return (
    <Stack gap="sm">
      <Select label="Role" data={[...mine]} value={grant.role} onChange={(role) => role && set({ role: role as Role })} />
      <TagsInput
        label="Only in queues"
        description="Empty = in all; etl-* = all that begin so"
        value={grant.queues}
        onChange={(queues) => set({ queues })}
      />
      <TagsInput label="Only tasks" description="Empty = all" value={grant.tasks} onChange={(tasks) => set({ tasks })} />
      <fieldset className={css.rights}>
        <legend>Besides may</legend>
        {rights.map((right) => (
          <Checkbox
            key={right}
            label={rightMeans[right]}
            checked={grant.rights.includes(right)}
            disabled={!me.rights.includes(right)}
            onChange={(event) =>
              set({ rights: event.currentTarget.checked ? [...grant.rights, right] : grant.rights.filter((one) => one !== right) })
            }
          />
        ))}
      </fieldset>
      <div className={css.preview}>
        <strong>{grant.role === 'viewer' ? 'A viewer' : `An ${grant.role}`}</strong>
        <ul>
          {until.map((role) => (
            <li key={role}>{means[role]}</li>
          ))}
          {grant.rights.map((right) => (
            <li key={right}>may {rightMeans[right]}</li>
          ))}
        </ul>
        <span className={css.soft}>
          {grant.queues.length + grant.tasks.length === 0
            ? 'Everywhere.'
            : `Only ${[grant.queues.length > 0 && `in ${grant.queues.join(', ')}`, grant.tasks.length > 0 && `with ${grant.tasks.join(', ')}`].filter(Boolean).join(' and ')}, and jobs of their own.`}
        </span>
      </div>
    </Stack>
  )
}
