import { IconAlertTriangle, IconCircleCheck } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import type { TaskAnswer } from '@trunkline/client/contract'
import { useQueues, useWorkers } from '../../live/data.ts'
import { Go } from '../../parts/go.tsx'
import { JobLink } from '../../parts/job-bits.tsx'
import { Time } from '../../parts/time.tsx'
import { countText, durationText } from '../../parts/words.ts'
import { client, useMe } from '../../session.tsx'
import { whyNotRun } from '../job/job-actions.tsx'
import css from './run.module.css'

function Line({ isFine, children }: { isFine: boolean; children: React.ReactNode }) {
  return (
    <li data-fine={isFine || undefined}>
      {isFine ? <IconCircleCheck size={16} aria-hidden /> : <IconAlertTriangle size={16} aria-hidden />}
      <span>{children}</span>
    </li>
  )
}

/** What becomes of the job when it is run now. */
export function WillHappen({
  task,
  queue: chosen,
  uniqueKey,
  isLater,
}: {
  task: TaskAnswer
  queue: string
  uniqueKey: string
  isLater: boolean
}) {
  const me = useMe()
  const name = chosen || task.queue
  const { data: queues } = useQueues()
  const { data: workers } = useWorkers()
  const pace = useQuery({
    queryKey: ['jobs', 'pace', task.task],
    queryFn: () => client.jobs.search({ q: `task:${task.task} state:completed`, limit: 20 }),
  })
  const same = useQuery({
    queryKey: ['jobs', 'same key', uniqueKey],
    enabled: uniqueKey !== '',
    queryFn: () => client.jobs.search({ q: `key:"${uniqueKey.replaceAll('"', '')}" state:pending,running,blocked`, limit: 1 }),
  })
  const queue = queues?.data.find((one) => one.queue === name)
  const serving = (workers?.data ?? []).filter(
    (one) => one.queues.includes(name) && one.tasks.includes(task.task) && one.state === 'running' && !one.isStale,
  )
  const free = serving.reduce((all, { concurrency, running }) => all + concurrency - running.length, 0)
  const durations = (pace.data?.data ?? []).flatMap(({ durationMs }) => (durationMs === null ? [] : [durationMs]))
  const why = whyNotRun(me, task.task)
  const mean = durations.length > 0 ? durations.reduce((all, one) => all + one, 0) / durations.length : null
  return (
    <ul className={css.lines}>
      <Line isFine={why === null}>{why ?? 'You may run it.'}</Line>
      {queue?.paused ? (
        <Line isFine={false}>
          <Go to={`/queues/${encodeURIComponent(name)}`}>{name}</Go> is paused
          {queue.paused.until && (
            <>
              {' '}
              and goes on <Time at={queue.paused.until} />
            </>
          )}
          .
        </Line>
      ) : queues === undefined || workers === undefined ? null : serving.length === 0 ? (
        <Line isFine={false}>
          No worker that knows {task.task} serves {name}; it waits until one does.
        </Line>
      ) : (
        <Line isFine>
          It waits in <Go to={`/queues/${encodeURIComponent(name)}`}>{name}</Go> behind {countText(queue?.due ?? 0, 'job')};{' '}
          {isLater
            ? 'it starts at its time.'
            : free > 0 && (queue?.due ?? 0) === 0
              ? `${countText(free, 'slot is', 'slots are')} free: it starts at once.`
              : `${countText(free, 'slot is', 'slots are')} free.`}
        </Line>
      )}
      {mean !== null && <Line isFine>It took {durationText(mean)} on average lately.</Line>}
      {same.data?.data[0] && (
        <Line isFine={false}>
          An equal job is there already: <JobLink id={same.data.data[0].id} />. You will get that one.
        </Line>
      )}
    </ul>
  )
}
