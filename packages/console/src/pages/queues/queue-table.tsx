import { IconPlayerPause, IconPlayerPlay } from '@tabler/icons-react'
import type { QueueAnswer } from '@trunkline/client/contract'
import { lazy, Suspense, useState } from 'react'
import { ActIcon, useChange } from '../../parts/act.tsx'
import { Go } from '../../parts/go.tsx'
import table from '../../parts/table.module.css'
import { Table } from '../../parts/table.tsx'
import { Time } from '../../parts/time.tsx'
import { numberText } from '../../parts/words.ts'
import { client, useMe, whyNot } from '../../session.tsx'
import { crossedText } from './health.ts'
import { LevelOf } from './level.tsx'

const PauseDialog = lazy(() => import('./pause-dialog.tsx').then(({ PauseDialog: one }) => ({ default: one })))

/** What somebody should look at first: waiting without a worker, paused, then what waits. */
function attention({ due, workers, paused, running, health }: QueueAnswer): number {
  if (health?.level === 'critical') return 1e15 + due
  if (due > 0 && workers === 0 && !paused) return 1e12 + due
  if (health?.level === 'warning') return 1e11 + due
  if (paused) return 1e9 + due
  return due * 1000 + running
}

function PauseButton({ queue, onPause }: { queue: QueueAnswer; onPause: () => void }) {
  const me = useMe()
  const change = useChange()
  const why = whyNot(me, { role: 'operator' })
  if (!queue.paused)
    return <ActIcon label={`Pause ${queue.queue}`} icon={<IconPlayerPause size={17} aria-hidden />} why={why} onAct={onPause} />
  const resume = () =>
    change(() => client.queues.resume(queue.queue), { done: `${queue.queue} goes on`, failed: `${queue.queue} was not resumed` })
  return <ActIcon label={`Resume ${queue.queue}`} icon={<IconPlayerPlay size={17} aria-hidden />} why={why} onAct={resume} />
}

function Standing({ queue: { paused, workers, due, health } }: { queue: QueueAnswer }) {
  const unwell = health && health.level !== 'healthy' && (
    <div>
      <LevelOf level={health.level} /> <span className={table.soft}>{crossedText(health)}</span>
    </div>
  )
  if (paused)
    return (
      <>
        {unwell}
        <span className={table.warn}>
          paused
          {paused.until && (
            <>
              , goes on <Time at={paused.until} />
            </>
          )}
          {paused.reason && <span className={table.soft}> · {paused.reason}</span>}
        </span>
      </>
    )
  return (
    <>
      {unwell}
      {workers === 0 ? (
        <span className={due > 0 ? table.bad : table.soft}>no worker</span>
      ) : (
        <span>{workers === 1 ? '1 worker' : `${numberText(workers)} workers`}</span>
      )}
    </>
  )
}

/** Queues, what needs attention first. */
export function QueueTable({ queues, most = Infinity }: { queues: QueueAnswer[]; most?: number }) {
  const [pausing, pause] = useState<string | null>(null)
  const shown = [...queues].sort((a, b) => attention(b) - attention(a) || a.queue.localeCompare(b.queue)).slice(0, most)
  const number = (label: string, value: number, q: string, bad = false) => (
    <td className={table.number} data-label={label} data-none={value === 0 || undefined}>
      {value === 0 ? (
        <span className={table.faint}>0</span>
      ) : (
        <Go to="/list" search={{ q }} className={bad ? table.badLink : table.plainLink}>
          {numberText(value)}
        </Go>
      )}
    </td>
  )
  return (
    <>
      <Table label="Queues" folds>
        <thead>
          <tr>
            <th scope="col">Queue</th>
            <th scope="col">Served by</th>
            <th scope="col" className={table.number}>
              Waiting
            </th>
            <th scope="col" className={table.number}>
              Running
            </th>
            <th scope="col" className={table.number}>
              Scheduled
            </th>
            <th scope="col" className={table.number}>
              Blocked
            </th>
            <th scope="col" className={table.number}>
              Completed
            </th>
            <th scope="col" className={table.number}>
              Failed
            </th>
            <th scope="col">
              <span className="visually-hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {shown.map((queue) => (
            <tr key={queue.queue}>
              <th scope="row">
                <Go to={`/queues/${encodeURIComponent(queue.queue)}`}>{queue.queue}</Go>
              </th>
              <td className={table.wrap}>
                <Standing queue={queue} />
              </td>
              {number('Waiting', queue.due, `queue:${queue.queue} state:due`)}
              {number('Running', queue.running, `queue:${queue.queue} state:running`)}
              {number('Scheduled', queue.scheduled, `queue:${queue.queue} state:scheduled,retrying`)}
              {number('Blocked', queue.blocked, `queue:${queue.queue} state:blocked`)}
              {number('Completed', queue.completed, `queue:${queue.queue} state:completed`)}
              {number('Failed', queue.failed, `queue:${queue.queue} state:failed`, true)}
              <td className={table.actions}>
                <PauseButton queue={queue} onPause={() => pause(queue.queue)} />
              </td>
            </tr>
          ))}
        </tbody>
      </Table>
      <Suspense fallback={null}>{pausing !== null && <PauseDialog queue={pausing} onClose={() => pause(null)} />}</Suspense>
    </>
  )
}
