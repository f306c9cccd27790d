import {
  IconAlertTriangle,
  IconBan,
  IconCircleCheck,
  IconCircleX,
  IconLoader,
  IconPlugConnected,
  IconPlugConnectedX,
  IconRefresh,
} from '@tabler/icons-react'
import type { PgAgentListenerEvent } from '@trunkline/client/contract'
import { Act } from '../../parts/act.tsx'
import state from '../../parts/state.module.css'
import css from './pgagent.module.css'
import type { RunStatus } from './pgagent-data.ts'
import type { Watching } from './watch.ts'

/** The letters of the log: how they look, and what they mean of a step and of a whole run. */
export const statuses: Record<RunStatus, { look: string; icon: typeof IconBan; step: string; run: string }> = {
  r: { look: 'running', icon: IconLoader, step: 'running', run: 'running' },
  s: { look: 'completed', icon: IconCircleCheck, step: 'succeeded', run: 'succeeded' },
  f: { look: 'failed', icon: IconCircleX, step: 'failed', run: 'failed' },
  i: { look: 'retrying', icon: IconAlertTriangle, step: 'failed, ignored', run: 'nothing to run' },
  d: { look: 'cancelled', icon: IconBan, step: 'aborted', run: 'aborted' },
}

/** How a run or a step ended: icon and word. */
export function Status({ of, step = false }: { of: RunStatus; step?: boolean }) {
  const { look, icon: Icon, step: ofStep, run } = statuses[of]
  return (
    <span className={state.state} data-look={look} data-quiet>
      <Icon size={15} stroke={2} aria-hidden />
      {step ? ofStep : run}
    </span>
  )
}

const sentences: Record<PgAgentListenerEvent['state'], string> = {
  connecting: 'Connecting',
  listening: 'Live',
  polling: 'Live, asked every 2 s',
  lost: 'Connection lost',
  retrying: 'Trying again',
  failed: 'Gave up',
}

function wordsOf({ state: now, attempt, error }: PgAgentListenerEvent): string {
  const tries = now === 'retrying' || now === 'connecting' ? ` (attempt ${attempt} of 3)` : ''
  return `${sentences[now]}${attempt > 0 ? tries : ''}${error ? `: ${error}` : ''}`
}

/** How the live status of a server stands, in words; where it has given up, with the way on. */
export function Listener({ of: { listener, refused, again } }: { of: Watching }) {
  const isBad = refused !== null || listener?.state === 'failed' || listener?.state === 'lost'
  const isLive = listener?.state === 'listening' || listener?.state === 'polling'
  const Icon = isBad ? IconPlugConnectedX : isLive ? IconPlugConnected : IconRefresh
  return (
    <span className={css.listener} data-tone={isBad ? 'bad' : isLive ? 'good' : undefined} data-listener={listener?.state ?? 'none'}>
      <Icon size={15} aria-hidden />
      <span>{refused ?? (listener ? wordsOf(listener) : 'Connecting')}</span>
      {isBad && <Act label="Listen again" onAct={again} />}
    </span>
  )
}
