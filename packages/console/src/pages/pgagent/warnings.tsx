import { IconAlertTriangle } from '@tabler/icons-react'
import type { PgAgentJobAnswer } from '@trunkline/client/contract'
import { Sheet } from '../../parts/page.tsx'
import css from './pgagent.module.css'

/** What of a job will not be as its author expects; nothing where nothing is. */
export function Warnings({ of }: { of: PgAgentJobAnswer['warnings'] }) {
  if (of.length === 0) return null
  return (
    <Sheet title="Worth knowing">
      <ul className={css.notes}>
        {of.map(({ code, where, message }) => (
          <li key={`${code} ${where}`}>
            <IconAlertTriangle size={15} aria-hidden /> {where && `${where}: `}
            {message}
          </li>
        ))}
      </ul>
    </Sheet>
  )
}
