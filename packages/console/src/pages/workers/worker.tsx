import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { useWorkers } from '../../live/data.ts'
import { readAgain, useLive } from '../../live/live.ts'
import { Facts } from '../../parts/facts.tsx'
import { Go } from '../../parts/go.tsx'
import { Meter } from '../../parts/job-bits.tsx'
import { Page, Sheet } from '../../parts/page.tsx'
import { Empty, Loading, Problem } from '../../parts/states.tsx'
import { Time } from '../../parts/time.tsx'
import { sizeText } from '../../parts/words.ts'
import { client } from '../../session.tsx'
import job from '../job/job.module.css'
import { JobRow } from '../job/job-row.tsx'
import { Beat, WorkerState } from './worker-bits.tsx'
import { StopWorker } from './workers.tsx'

/** One worker: what it runs, what it ran. */
export default function Worker() {
  const { id = '' } = useParams({ strict: false }) as { id?: string }
  const { data, error, dataUpdatedAt } = useWorkers(true)
  const q = `worker:${id}`
  const jobs = useQuery({ queryKey: ['jobs', 'of worker', id], queryFn: () => client.jobs.search({ q, limit: 50 }) })
  useLive('List', { filter: {} }, [['jobs', 'of worker']], () => readAgain('jobs', 'of worker'))
  const worker = data?.data.find((one) => one.id === id)
  if (!worker)
    return (
      <Page title={`Worker ${id}`}>
        {error ? (
          <Problem error={error} />
        ) : data ? (
          <Empty title={`Worker ${id} is not known`} actions={<Go to="/workers">All workers</Go>}>
            Workers that ended days ago are forgotten.
          </Empty>
        ) : (
          <Loading rows={6} />
        )}
      </Page>
    )
  return (
    <Page title={worker.name} lead={`worker ${id} on ${worker.host}, process ${worker.pid}`} actions={<StopWorker worker={worker} wide />}>
      <Sheet label="About this worker">
        <Facts
          of={[
            ['State', <WorkerState key="state" worker={worker} />],
            ['Heard of', worker.endedAt === null ? <Beat ageMs={worker.beatAgeMs} readAt={dataUpdatedAt} /> : null],
            ['Slots', <Meter key="slots" value={worker.running.length} max={worker.concurrency} label="slots busy" />],
            ['Version', `${worker.version}${worker.drift ? ' (not the newest)' : ''}`],
            ['Queues', worker.queues.join(', ')],
            ['Singleton', worker.singleton],
            ['CPU', worker.cpuPercent === null ? null : `${Math.round(worker.cpuPercent)} %`],
            ['Memory', worker.rssBytes === null ? null : sizeText(worker.rssBytes)],
            ['Event loop behind by', worker.loopLagMs === null ? null : `${worker.loopLagMs.toFixed(1)} ms`],
            ['Started', <Time key="started" at={worker.startedAt} />],
            ['Ended', worker.endedAt && <Time at={worker.endedAt} />],
          ]}
        />
        <p className={job.below}>
          <span>Tasks</span> {worker.tasks.join(', ')}
        </p>
      </Sheet>
      <Sheet
        title="Its jobs"
        flush
        aside={
          <Go to="/list" search={{ q }}>
            in the list
          </Go>
        }
      >
        {jobs.error ? (
          <Problem error={jobs.error} />
        ) : !jobs.data ? (
          <Loading rows={4} />
        ) : jobs.data.data.length === 0 ? (
          <Empty title="It has run nothing yet" />
        ) : (
          <ul className={job.related}>
            {jobs.data.data.map((one) => (
              <JobRow key={one.id} job={one} />
            ))}
          </ul>
        )}
      </Sheet>
    </Page>
  )
}
