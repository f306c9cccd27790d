import {
  IconBan,
  IconCalendarTime,
  IconCircleCheck,
  IconCircleX,
  IconClock,
  IconHourglass,
  IconLoader,
  IconPlayerPause,
  IconRefresh,
} from '@tabler/icons-react'
import type { JobState } from '@trunkline/client/contract'
import css from './state.module.css'

type Look = 'pending' | 'scheduled' | 'retrying' | 'paused' | 'running' | 'completed' | 'failed' | 'cancelled' | 'blocked'

const icons: Record<Look, typeof IconClock> = {
  pending: IconClock,
  scheduled: IconCalendarTime,
  retrying: IconRefresh,
  paused: IconPlayerPause,
  running: IconLoader,
  completed: IconCircleCheck,
  failed: IconCircleX,
  cancelled: IconBan,
  blocked: IconHourglass,
}

const reasons = new Set<string>(['scheduled', 'retrying', 'paused'])
const lookOf = (state: JobState, reason: string | null): Look =>
  state === 'pending' && reason !== null && reasons.has(reason) ? (reason as Look) : state

/** The state of a job: icon, word and colour; a pending job says why it waits. */
export function State({ state, reason = null, quiet = false }: { state: JobState; reason?: string | null; quiet?: boolean }) {
  const look = lookOf(state, reason)
  const Icon = icons[look]
  return (
    <span className={css.state} data-look={look} data-quiet={quiet || undefined} data-state={state}>
      <Icon size={15} stroke={2} aria-hidden />
      {look === 'pending' && reason === 'held' ? 'held' : look}
    </span>
  )
}
