import { useQuery } from '@tanstack/react-query'
import type { JobAnswer } from '@trunkline/client/contract'
import { Go } from '../../parts/go.tsx'
import { Sheet } from '../../parts/page.tsx'
import { Loading, Problem } from '../../parts/states.tsx'
import { durationText } from '../../parts/words.ts'
import { client } from '../../session.tsx'
import css from './job.module.css'
import { JobRow } from './job-row.tsx'

function Jobs({ title, queryKey, read, skip }: { title: string; queryKey: string[]; read: () => Promise<JobAnswer[]>; skip: string }) {
  const { data, error } = useQuery({ queryKey: ['related', ...queryKey], queryFn: read })
  if (error) return <Problem error={error} />
  const jobs = data?.filter(({ id }) => id !== skip)
  if (jobs?.length === 0) return null
  return (
    <Sheet title={title} flush>
      {jobs ? (
        <ul className={css.related}>
          {jobs.map((job) => (
            <JobRow key={job.id} job={job} />
          ))}
        </ul>
      ) : (
        <Loading rows={2} />
      )}
    </Sheet>
  )
}

const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

/** "This run took 4.1 times as long as usual", where that is worth saying. */
function Pace({ job }: { job: JobAnswer }) {
  const { data } = useQuery({
    queryKey: ['related', 'pace', job.task],
    queryFn: async () => (await client.jobs.search({ q: `task:${job.task} state:completed`, limit: 50 })).data,
  })
  const durations = (data ?? []).filter(({ id }) => id !== job.id).flatMap(({ durationMs }) => (durationMs === null ? [] : [durationMs]))
  if (durations.length < 5 || job.durationMs === null) return null
  const usual = median(durations)
  const times = usual > 0 ? job.durationMs / usual : 1
  return (
    <p className={css.pace}>
      The last {durations.length} runs of {job.task} took {durationText(usual)} (median)
      {times >= 1.5
        ? `; this one took ${times.toFixed(1)} times as long.`
        : times <= 0.66
          ? '; this one was faster.'
          : '; this one is as usual.'}
    </p>
  )
}

/** What this job has to do with others. */
export default function Related({ job }: { job: JobAnswer }) {
  const byId = async (ids: string[]) => (ids.length === 0 ? [] : (await client.jobs.search({ q: `id:${ids.join(',')}`, limit: 100 })).data)
  return (
    <div className={css.stack}>
      <Pace job={job} />
      {job.flowId && (
        <p>
          It is part of the flow <Go to={`/flows/${job.flowId}`}>{job.flowId}</Go>.
        </p>
      )}
      {job.scheduleId && (
        <p>
          A schedule made it: <Go to={`/schedules/${job.scheduleId}`}>look at it</Go>.
        </p>
      )}
      {job.dependsOn.length > 0 && (
        <Jobs title="It waits for" queryKey={['parents', job.id]} skip={job.id} read={() => byId(job.dependsOn)} />
      )}
      {job.rerunOf && <Jobs title="It repeats" queryKey={['origin', job.id]} skip={job.id} read={() => byId([job.rerunOf as string])} />}
      <Jobs
        title="It was repeated by"
        queryKey={['repeats', job.id]}
        skip={job.id}
        read={async () => (await client.jobs.search({ q: `rerun:${job.id}`, limit: 20 })).data}
      />
      <Jobs
        title={`Other jobs of ${job.task}`}
        queryKey={['same task', job.task]}
        skip={job.id}
        read={async () => (await client.jobs.search({ q: `task:${job.task}`, limit: 20 })).data}
      />
    </div>
  )
}
