import { useParams } from '@tanstack/react-router'
import { ApiError } from '@trunkline/client'
import { isAtLeast } from '@trunkline/client/contract'
import { lazy, Suspense } from 'react'
import { useKeys } from '../../frame/shortcuts.ts'
import { Facts } from '../../parts/facts.tsx'
import { Go, useAddress } from '../../parts/go.tsx'
import { JsonTree } from '../../parts/json-tree.tsx'
import { Page, Sheet } from '../../parts/page.tsx'
import { State } from '../../parts/state.tsx'
import { Copy, Empty, Loading, Problem } from '../../parts/states.tsx'
import { type Tab, Tabs } from '../../parts/tabs.tsx'
import { Time } from '../../parts/time.tsx'
import { durationText } from '../../parts/words.ts'
import { useMe } from '../../session.tsx'
import { Attempts } from './attempts.tsx'
import { Diagnosis, ProgressNow } from './diagnosis.tsx'
import css from './job.module.css'
import { JobActions, useJobVerbs } from './job-actions.tsx'
import { JobAudit } from './job-audit.tsx'
import { useJob } from './job-data.ts'
import { LogView } from './log-view.tsx'
import { Outcome } from './outcome.tsx'
import { StepList } from './steps.tsx'

const Related = lazy(() => import('./related.tsx'))
const Timeline = lazy(() => import('./timeline.tsx'))

type Loaded = NonNullable<ReturnType<typeof useJob>['job']['data']>

function Payload({ job }: { job: Loaded }) {
  const isSeen = 'payload' in job
  if (!isSeen)
    return (
      <Empty title="Payload and result are not shown to you">
        Jobs of others show them to those with the right payload.read. An administrator can grant it.
      </Empty>
    )
  return (
    <div className={css.payload}>
      <Sheet title="Payload">
        <JsonTree value={job.payload} label="payload" />
      </Sheet>
      <Sheet title="Result">
        {job.state === 'completed' ? (
          <JsonTree value={job.result ?? null} label="result" />
        ) : (
          <p className={css.soft}>There is none before it has completed.</p>
        )}
        <Outcome outcome={job.outcome} />
      </Sheet>
    </div>
  )
}

function HeadFacts({ job }: { job: Loaded }) {
  return (
    <Facts
      of={[
        [
          'Queue',
          <Go key="queue" to={`/queues/${encodeURIComponent(job.queue)}`}>
            {job.queue}
          </Go>,
        ],
        ['Priority', job.priority],
        ['Attempts', `${job.attempt} of ${job.maxAttempts}`],
        ['Made', <Time key="made" at={job.createdAt} />],
        ['By', job.createdBy?.replace(/^user:/, '')],
        ['Runs at', job.state === 'pending' && job.reason !== 'due' ? <Time at={job.runAt} /> : null],
        ['Waited', job.waitMs === null ? null : durationText(job.waitMs)],
        ['Ran', job.durationMs === null ? null : durationText(job.durationMs)],
        ['Ended', job.finishedAt && <Time at={job.finishedAt} />],
        ['Worker', job.workerId && <Go to={`/workers/${job.workerId}`}>{job.workerId}</Go>],
        ['Key', job.key],
        ['Tags', job.tags.length > 0 && job.tags.join(', ')],
        ['Repeats', job.rerunOf && <Go to={`/${job.rerunOf}`}>#{job.rerunOf}</Go>],
        ['Schedule', job.scheduleId && <Go to={`/schedules/${job.scheduleId}`}>the schedule</Go>],
        ['Flow', job.flowId && <Go to={`/flows/${job.flowId}`}>{job.flowId}</Go>],
      ]}
    />
  )
}

function JobPage({ job, data }: { job: Loaded; data: ReturnType<typeof useJob> }) {
  const me = useMe()
  const [address, setAddress] = useAddress()
  const verbs = useJobVerbs(job)
  const { why, timeline } = data
  const steps = data.steps.data?.steps ?? []
  const attempts = timeline.data?.attempts ?? []
  const fallback =
    job.task === 'steps_run'
      ? 'steps'
      : job.state === 'running'
        ? 'logs'
        : job.state === 'failed'
          ? 'attempts'
          : job.state === 'completed'
            ? 'payload'
            : 'timeline'
  const stepAttempt = (step: number) => {
    const now = Number(address.attempt ?? job.attempt) + step
    if (now >= 1 && now <= attempts.length) setAddress({ tab: 'attempts', attempt: String(now) })
  }
  useKeys({
    r: () => !verbs.retry.why && void verbs.retry.act(),
    'Shift+R': () => !verbs.edit.why && verbs.edit.act(),
    c: () => !verbs.cancel.why && void verbs.cancel.act(),
    l: () => setAddress({ tab: 'logs' }),
    '[': () => stepAttempt(-1),
    ']': () => stepAttempt(1),
    Escape: () => history.back(),
  })
  const tabs: Tab[] = [
    {
      name: 'logs',
      label: 'Log',
      content: () => <LogView jobId={job.id} address={address} setAddress={setAddress} isRunning={job.state === 'running'} />,
    },
    ...(steps.length > 0
      ? [
          {
            name: 'steps',
            label: `Steps ${steps.filter(({ state }) => state === 'completed').length} of ${steps.length}`,
            content: () => <StepList steps={steps} onLog={(stage) => setAddress({ tab: 'logs', stage, line: undefined })} />,
          },
        ]
      : []),
    {
      name: 'attempts',
      label: `Attempts ${attempts.length > 0 ? attempts.length : ''}`,
      content: () => (timeline.data ? <Attempts attempts={attempts} chosen={address.attempt} /> : <Loading />),
    },
    { name: 'payload', label: 'Payload and result', content: () => <Payload job={job} /> },
    {
      name: 'timeline',
      label: 'Timeline',
      content: () => (
        <Sheet>
          <Suspense fallback={<Loading />}>{timeline.data ? <Timeline job={job} timeline={timeline.data} /> : <Loading />}</Suspense>
        </Sheet>
      ),
    },
    {
      name: 'related',
      label: 'Related',
      content: () => (
        <Suspense fallback={<Loading />}>
          <Related job={job} />
        </Suspense>
      ),
    },
    ...(isAtLeast(me.role, 'admin')
      ? [
          {
            name: 'audit',
            label: 'Audit',
            content: () => (
              <Sheet flush label="Audit">
                <JobAudit id={job.id} />
              </Sheet>
            ),
          },
        ]
      : []),
  ]
  return (
    <Page
      title={`${job.task} #${job.id}`}
      heading={
        <span className={css.heading}>
          {job.task} <span className={css.soft}>#{job.id}</span>
          <Copy text={job.id} label="Copy the id" />
          <State state={job.state} reason={job.reason} />
        </span>
      }
      lead={
        job.rerunOf ? (
          <>
            repeats <Go to={`/${job.rerunOf}`}>#{job.rerunOf}</Go>
          </>
        ) : undefined
      }
      actions={<JobActions job={job} />}
    >
      <Sheet label="Why it is as it is">
        <Diagnosis job={job} why={why.data} />
        <ProgressNow job={job} />
        <HeadFacts job={job} />
      </Sheet>
      <Tabs
        label="About this job"
        tabs={tabs}
        open={address.tab ?? fallback}
        onOpen={(tab) => setAddress({ tab, line: undefined, attempt: undefined })}
      />
    </Page>
  )
}

/** One job: why it is as it is, how far it is, what it said. */
export default function Job() {
  const { id = '' } = useParams({ strict: false }) as { id?: string }
  const data = useJob(id)
  const { job } = data
  if (job.data) return <JobPage key={id} job={job.data} data={data} />
  if (job.error instanceof ApiError && job.error.status === 404)
    return (
      <Page title={`Job ${id}`}>
        <Empty title={`There is no job ${id}`} actions={<Go to="/list">To the list of jobs</Go>}>
          It never was, retention has removed it, or it lies outside of what you may see.
        </Empty>
      </Page>
    )
  return (
    <Page title={`Job ${id}`}>
      {job.error ? (
        <Problem error={job.error} retry={() => void job.refetch()} what={`Job ${id} could not be read.`} />
      ) : (
        <Loading rows={8} />
      )}
    </Page>
  )
}
