import type { JobAnswer, JobTimelineAnswer } from '@trunkline/client/contract'
import { useNow } from '../../live/now.ts'
import { Go } from '../../parts/go.tsx'
import table from '../../parts/table.module.css'
import { Table } from '../../parts/table.tsx'
import { Time } from '../../parts/time.tsx'
import { durationText } from '../../parts/words.ts'
import css from './job.module.css'

interface Stretch {
  kind: 'waits' | 'runs'
  look: string
  label: string
  ms: number
  /** It is longer than it is drawn. */
  isFolded: boolean
  width: number
}

/** The life of a job as stretches of waiting and running, in order. */
function stretchesOf(job: JobAnswer, { attempts }: JobTimelineAnswer, now: number): Stretch[] {
  const found: Omit<Stretch, 'width' | 'isFolded'>[] = []
  let at = new Date(job.createdAt).getTime()
  for (const attempt of attempts) {
    if (attempt.startedAt === null) continue
    const from = new Date(attempt.startedAt).getTime()
    const to = attempt.finishedAt === null ? now : new Date(attempt.finishedAt).getTime()
    if (from > at)
      found.push({ kind: 'waits', look: 'waits', label: found.length === 0 ? 'waited' : 'waited for the next attempt', ms: from - at })
    found.push({ kind: 'runs', look: attempt.state, label: `attempt ${attempt.attempt} ${attempt.state}`, ms: Math.max(0, to - from) })
    at = Math.max(at, to)
  }
  if (job.finishedAt === null && job.state !== 'running')
    found.push({ kind: 'waits', look: 'waits', label: 'waits', ms: Math.max(0, now - at) })
  const run = found.filter(({ kind }) => kind === 'runs').reduce((all, { ms }) => all + ms, 0)
  // idle gaps are folded to the length of all that ran
  const most = Math.max(run, 1000)
  const drawn = found.map((one) => ({
    ...one,
    isFolded: one.kind === 'waits' && one.ms > most,
    shown: one.kind === 'waits' ? Math.min(one.ms, most) : one.ms,
  }))
  const total = Math.max(
    1,
    drawn.reduce((all, { shown }) => all + shown, 0),
  )
  return drawn.map(({ shown, ...rest }) => ({ ...rest, width: (shown / total) * 100 }))
}

const events: Record<string, string> = {
  enqueued: 'made',
  claimed: 'taken by a worker',
  completed: 'completed',
  failed: 'failed for good',
  retry_scheduled: 'failed, will be tried again',
  promoted: 'became due',
  cancelled: 'cancelled',
  cancel_requested: 'asked to end',
  retried: 'retried by hand',
  recovered: 'taken from a dead worker',
}

/** The life of a job, drawn and as a list. */
export default function Timeline({ job, timeline }: { job: JobAnswer; timeline: JobTimelineAnswer }) {
  const now = useNow()
  const stretches = stretchesOf(job, timeline, now)
  return (
    <>
      <div className={css.gantt} role="img" aria-label={stretches.map(({ label, ms }) => `${label} ${durationText(ms)}`).join(', ')}>
        {stretches.map(({ look, label, ms, width, isFolded }, i) => (
          <div
            key={i}
            className={css.stretch}
            data-look={look}
            data-folded={isFolded || undefined}
            style={{ flexGrow: width }}
            title={`${label} · ${durationText(ms)}`}
          >
            <span>{width > 9 ? durationText(ms) : ''}</span>
          </div>
        ))}
      </div>
      <p className={css.legend}>
        <span data-look="waits">waits</span>
        <span data-look="running">runs</span>
        <span data-look="completed">completed</span>
        <span data-look="failed">failed</span>
      </p>
      <Table label="What happened">
        <thead>
          <tr>
            <th scope="col">When</th>
            <th scope="col">What</th>
            <th scope="col">Attempt</th>
            <th scope="col">Worker</th>
            <th scope="col">By</th>
          </tr>
        </thead>
        <tbody>
          {timeline.transitions.map((change, i) => (
            <tr key={i}>
              <td>
                <Time at={change.at} absolute />
              </td>
              <td>{events[change.event] ?? change.event.replaceAll('_', ' ')}</td>
              <td>{change.attempt ?? ''}</td>
              <td>{change.workerId && <Go to={`/workers/${change.workerId}`}>{change.workerId}</Go>}</td>
              <td className={table.soft}>{change.by ?? ''}</td>
            </tr>
          ))}
        </tbody>
      </Table>
    </>
  )
}
