import { IconPlayerPause, IconPlayerPlay } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { useKeys } from '../../frame/shortcuts.ts'
import { useQueues, useSchedules, useWorkers } from '../../live/data.ts'
import { readAgain, useLive } from '../../live/live.ts'
import { Act, useChange } from '../../parts/act.tsx'
import { Facts } from '../../parts/facts.tsx'
import { Go } from '../../parts/go.tsx'
import { Page, Sheet } from '../../parts/page.tsx'
import { Empty, Loading, Problem } from '../../parts/states.tsx'
import { Time } from '../../parts/time.tsx'
import { countText, numberText } from '../../parts/words.ts'
import { client, useMe, whyNot } from '../../session.tsx'
import job from '../job/job.module.css'
import { JobRow } from '../job/job-row.tsx'
import { Bounds } from './bounds.tsx'
import { PauseDialog } from './pause-dialog.tsx'

function Jobs({ title, q, none }: { title: string; q: string; none: string }) {
  const { data, error } = useQuery({ queryKey: ['jobs', 'of queue', q], queryFn: () => client.jobs.search({ q, limit: 8 }) })
  return (
    <Sheet
      title={title}
      flush
      aside={
        <Go to="/list" search={{ q }}>
          {data?.total ? `all ${numberText(data.total)}` : 'in the list'}
        </Go>
      }
    >
      {error ? (
        <Problem error={error} />
      ) : !data ? (
        <Loading rows={3} />
      ) : data.data.length === 0 ? (
        <p className={job.none}>{none}</p>
      ) : (
        <ul className={job.related}>
          {data.data.map((one) => (
            <JobRow key={one.id} job={one} />
          ))}
        </ul>
      )}
    </Sheet>
  )
}

/** One queue: what waits, who serves it; pause and resume. */
export default function Queue() {
  const { queue: name = '' } = useParams({ strict: false }) as { queue?: string }
  const me = useMe()
  const change = useChange()
  const [isPausing, pause] = useState(false)
  const { data, error } = useQueues()
  const workers = useWorkers()
  const schedules = useSchedules()
  const queue = data?.data.find((one) => one.queue === name)
  useLive('Queue', queue ? { queue: name } : null, [['jobs', 'of queue']], () => readAgain('jobs', 'of queue'))
  const why = whyNot(me, { role: 'operator' })
  const resume = () => change(() => client.queues.resume(name), { done: `${name} goes on`, failed: `${name} was not resumed` })
  useKeys({ p: () => !why && queue && (queue.paused ? void resume() : pause(true)) })
  if (!queue)
    return (
      <Page title={name}>
        {error ? (
          <Problem error={error} />
        ) : data ? (
          <Empty title={`There is no queue ${name}`} actions={<Go to="/queues">All queues</Go>}>
            It appears with its first job or worker, or lies outside of what you may see.
          </Empty>
        ) : (
          <Loading rows={6} />
        )}
      </Page>
    )
  const serving = (workers.data?.data ?? []).filter(({ queues }) => queues.includes(name))
  const own = (schedules.data?.data ?? []).filter((one) => one.queue === name)
  const { paused } = queue
  return (
    <Page
      title={name}
      lead={
        paused ? (
          <>
            Paused {paused.reason && `(${paused.reason}) `}by {paused.by?.replace(/^user:/, '')} <Time at={paused.since} />
            {paused.until && (
              <>
                ; goes on <Time at={paused.until} />
              </>
            )}
          </>
        ) : serving.length === 0 && queue.due > 0 ? (
          `No worker serves it; ${countText(queue.due, 'job waits', 'jobs wait')}`
        ) : (
          `Served by ${countText(serving.length, 'worker')}`
        )
      }
      actions={
        paused ? (
          <Act label="Resume" size="sm" variant="filled" icon={<IconPlayerPlay size={15} aria-hidden />} why={why} onAct={resume} />
        ) : (
          <Act label="Pause" size="sm" icon={<IconPlayerPause size={15} aria-hidden />} why={why} onAct={() => pause(true)} />
        )
      }
    >
      <Sheet label="Counts">
        <Facts
          of={[
            ['Waiting', numberText(queue.due)],
            ['Running', numberText(queue.running)],
            ['Held by a key', queue.held > 0 && numberText(queue.held)],
            ['Scheduled', numberText(queue.scheduled)],
            ['Blocked', numberText(queue.blocked)],
            ['Completed', numberText(queue.completed)],
            ['Failed', numberText(queue.failed)],
            ['Cancelled', numberText(queue.cancelled)],
            [
              'Served by',
              serving.length > 0
                ? serving.map(({ id, name: of }) => (
                    <div key={id}>
                      <Go to={`/workers/${id}`}>{of}</Go>
                    </div>
                  ))
                : 'nobody',
            ],
            [
              'Schedules',
              own.length > 0 &&
                own.map(({ id, name: of }) => (
                  <div key={id}>
                    <Go to={`/schedules/${id}`}>{of}</Go>
                  </div>
                )),
            ],
          ]}
        />
      </Sheet>
      <Bounds queue={queue} />
      <Jobs title="Running" q={`queue:${name} state:running`} none="Nothing runs" />
      <Jobs title="Waiting" q={`queue:${name} state:due`} none="Nothing waits" />
      <Jobs title="Failed" q={`queue:${name} state:failed age:<7d`} none="Nothing has failed in 7 days" />
      {isPausing && <PauseDialog queue={name} onClose={() => pause(false)} />}
    </Page>
  )
}
