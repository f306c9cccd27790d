import { IconAlertTriangle, IconCircleCheck, IconClockStop, IconLoader, IconSkull } from '@tabler/icons-react'
import type { WorkerAnswer } from '@trunkline/client/contract'
import { useNow } from '../../live/now.ts'
import table from '../../parts/table.module.css'
import { agoText } from '../../parts/words.ts'

/** How a worker is: icon and word. */
export function WorkerState({ worker: { state, isStale, stopWanted } }: { worker: WorkerAnswer }) {
  const look = (className: string | undefined, Icon: typeof IconSkull, text: string) => (
    <span className={className} style={{ display: 'inline-flex', alignItems: 'center', gap: 5 }}>
      <Icon size={15} aria-hidden /> {text}
    </span>
  )
  if (state === 'lost') return look(table.bad, IconSkull, 'lost')
  if (isStale && state !== 'stopped') return look(table.bad, IconAlertTriangle, 'silent')
  if (state === 'stopped') return look(table.soft, IconClockStop, 'stopped')
  if (state === 'stopping' || stopWanted) return look(table.warn, IconLoader, 'finishing')
  if (state === 'starting') return look(table.soft, IconLoader, 'starting')
  return look(table.good, IconCircleCheck, 'running')
}

/** When a worker was heard of, counted on between two answers. */
export function Beat({ ageMs, readAt }: { ageMs: number; readAt: number }) {
  const now = useNow()
  return <span>{agoText(-(ageMs + Math.max(0, now - readAt)))}</span>
}
