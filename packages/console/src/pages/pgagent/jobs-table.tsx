import { TextInput } from '@mantine/core'
import { IconSearch } from '@tabler/icons-react'
import { Choice } from '../../parts/choice.tsx'
import { Go, useAddress } from '../../parts/go.tsx'
import { Sheet } from '../../parts/page.tsx'
import { Empty, Loading, Problem } from '../../parts/states.tsx'
import table from '../../parts/table.module.css'
import { Table } from '../../parts/table.tsx'
import { Time } from '../../parts/time.tsx'
import { countText, durationText, gistOf } from '../../parts/words.ts'
import { JobVerbs } from './job-verbs.tsx'
import css from './pgagent.module.css'
import { isFailing, isRunning, type JobLine, jobPath, type Run, useJobLines, useRuns } from './pgagent-data.ts'
import { Status, statuses } from './status.tsx'

type Only = '' | 'failing' | 'running' | 'off'

const fits: Record<Only, (job: JobLine) => boolean> = {
  '': () => true,
  failing: (job) => isFailing(job) || job.claimedByDead || job.isParked,
  running: (job) => job.agent !== null,
  off: ({ isEnabled }) => !isEnabled,
}

const shownTicks = 12

/** How the latest runs ended, the newest at the right. */
function Ticks({ runs }: { runs: Run[] }) {
  const shown = runs.slice(0, shownTicks).reverse()
  const said = shown.map(({ status }) => statuses[status].run).join(', ')
  return (
    <span className={css.ticks} role="img" aria-label={shown.length === 0 ? 'no run lately' : `The latest runs: ${said}`}>
      {shown.map(({ id, status }) => {
        const { look, icon: Icon } = statuses[status]
        return (
          <span key={id} className={css.look} data-look={look}>
            <Icon size={13} stroke={2.4} aria-hidden />
          </span>
        )
      })}
    </span>
  )
}

function Next({ job }: { job: JobLine }) {
  if (!job.isEnabled) return <span className={table.faint}>off</span>
  if (job.claimedByDead) return <span className={table.bad}>held by a dead agent</span>
  if (isRunning(job)) return <Status of="r" />
  if (job.isParked) return <span className={table.bad}>cannot be computed</span>
  return job.nextRunAt === null ? <span className={table.faint}>none</span> : <Time at={job.nextRunAt} />
}

function Row({ sid, job, runs, isFresh }: { sid: string; job: JobLine; runs: Run[]; isFresh: boolean }) {
  const { last } = job
  return (
    <tr className={css.row} data-fresh={isFresh || undefined}>
      <th scope="row">
        <Go to={jobPath(sid, job.id)}>{job.name}</Go> <span className={table.faint}>#{job.id}</span>
        <span className={table.under}>{job.class}</span>
      </th>
      <td data-label="Next">
        <Next job={job} />
      </td>
      <td data-label="Last">
        {last === null ? (
          <span className={table.faint}>not yet</span>
        ) : (
          <>
            <Go to={jobPath(sid, job.id)} search={{ tab: 'history', run: last.runId }}>
              <Status of={last.status} />
            </Go>{' '}
            {job.lastRunAt && <Time at={job.lastRunAt} />}
            {last.failure !== null && isFailing(job) && <span className={css.failure}>{gistOf(last.failure)}</span>}
          </>
        )}
      </td>
      <td className={table.number} data-label="Took">
        {durationText(last?.durationMs)}
      </td>
      <td>
        <Ticks runs={runs} />
      </td>
      <td className={table.soft} data-label="Host">
        {job.hostAgent || 'any'}
      </td>
      <td className={table.actions}>
        <JobVerbs sid={sid} job={job} />
      </td>
    </tr>
  )
}

/** The jobs of a server. @param fresh the job that has changed just now */
export function JobsTable({ sid, fresh }: { sid: string; fresh: string | null }) {
  const [address, setAddress] = useAddress()
  const { data, error, refetch } = useJobLines(sid)
  const runs = useRuns(sid, null, 200)
  const only = (Object.hasOwn(fits, address.only ?? '') ? (address.only ?? '') : '') as Only
  const wanted = (address.q ?? '').toLowerCase()
  if (error) return <Problem error={error} retry={() => void refetch()} what="The jobs of this server could not be read." />
  if (!data) return <Loading rows={6} />
  const shown = data.data.filter((job) => fits[only](job) && `${job.name} ${job.class}`.toLowerCase().includes(wanted))
  const byJob = new Map<string, Run[]>()
  for (const run of runs.data?.pages[0]?.data ?? []) byJob.set(run.jobId, [...(byJob.get(run.jobId) ?? []), run])
  if (data.data.length === 0)
    return (
      <Empty title="No job yet" code={{ SQL: "insert into pgagent.pga_job (jobjclid, jobname) values (1, 'nightly')" }}>
        Jobs that pgAdmin writes into the schema appear here as well.
      </Empty>
    )
  return (
    <>
      <div className={css.tools}>
        <TextInput
          aria-label="Find jobs by name or class"
          placeholder="Name or class"
          leftSection={<IconSearch size={15} aria-hidden />}
          data-filter-box
          value={address.q ?? ''}
          onChange={(event) => setAddress({ q: event.currentTarget.value })}
        />
        <Choice
          label="Which jobs"
          of={[
            { value: '', label: `All ${data.data.length}` },
            { value: 'failing', label: `Failing ${data.data.filter(fits.failing).length}` },
            { value: 'running', label: `Running ${data.data.filter(fits.running).length}` },
            { value: 'off', label: `Off ${data.data.filter(fits.off).length}` },
          ]}
          value={only}
          onChoose={(value) => setAddress({ only: value })}
        />
      </div>
      <Sheet flush label="Jobs">
        {shown.length === 0 ? (
          <Empty title="No job fits">{countText(data.data.length, 'job')} of this server are not shown.</Empty>
        ) : (
          <Table label="Jobs of this server" folds>
            <thead>
              <tr>
                <th scope="col">Job and class</th>
                <th scope="col">Next</th>
                <th scope="col">Last run</th>
                <th scope="col" className={table.number}>
                  Took
                </th>
                <th scope="col">Lately</th>
                <th scope="col">Host agent</th>
                <th scope="col">
                  <span className="visually-hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {shown.map((job) => (
                <Row key={job.id} sid={sid} job={job} runs={byJob.get(job.id) ?? []} isFresh={fresh === job.id} />
              ))}
            </tbody>
          </Table>
        )}
      </Sheet>
    </>
  )
}
