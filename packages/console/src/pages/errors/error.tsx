import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { readAgain, useLive } from '../../live/live.ts'
import { Facts } from '../../parts/facts.tsx'
import { Go } from '../../parts/go.tsx'
import { Sparkline } from '../../parts/job-bits.tsx'
import { Page, Sheet } from '../../parts/page.tsx'
import { Copy, Empty, Loading, Problem } from '../../parts/states.tsx'
import { Time } from '../../parts/time.tsx'
import { numberText } from '../../parts/words.ts'
import { client } from '../../session.tsx'
import job from '../job/job.module.css'
import { JobRow } from '../job/job-row.tsx'
import { ErrorState } from './error-state.tsx'
import { ErrorVerbs } from './error-verbs.tsx'
import { bars } from './errors.tsx'

const month = 30 * 86_400_000

/** One cause of failures: what it says, since when, which jobs. */
export default function ErrorPage() {
  const { fingerprint = '' } = useParams({ strict: false }) as { fingerprint?: string }
  const groups = useQuery({
    queryKey: ['failures', 'month'],
    queryFn: () => client.errors.list({ from: new Date(Date.now() - month), limit: 500 }),
  })
  const q = `fingerprint:${fingerprint}`
  const jobs = useQuery({ queryKey: ['jobs', 'of cause', fingerprint], queryFn: () => client.jobs.search({ q, limit: 50 }) })
  const group = groups.data?.data.find((one) => one.fingerprint === fingerprint)
  const shown = [
    ['failures', 'month'],
    ['jobs', 'of cause', fingerprint],
  ]
  useLive('List', { filter: group?.task ? { task: group.task } : {} }, shown, () => {
    for (const key of shown) readAgain(...key)
  })
  if (!group)
    return (
      <Page title="Cause of failures">
        {groups.error ? (
          <Problem error={groups.error} />
        ) : groups.data ? (
          <Empty title="This cause has not been seen for a month" actions={<Go to="/errors">All causes</Go>}>
            Or its jobs lie outside of what you may see.
          </Empty>
        ) : (
          <Loading rows={8} />
        )}
      </Page>
    )
  const { error } = group
  return (
    <Page title={group.message || 'Cause of failures'} lead={group.task} actions={<ErrorVerbs group={group} />}>
      <Sheet label="About this cause">
        <Facts
          of={[
            ['State', <ErrorState key="state" state={group.state} />],
            ['Failures in 30 days', numberText(group.count)],
            ['First', <Time key="first" at={group.firstSeen} />],
            ['Last', <Time key="last" at={group.lastSeen} />],
            ['Ignored until', group.ignoredUntil && <Time at={group.ignoredUntil} />],
            ['By', group.by?.replace(/^user:/, '')],
            ['Note', group.note],
            [
              'Over 30 days',
              <Sparkline key="spark" values={bars(group.hours, 720)} colour="var(--failed)" label={`${group.count} failures in 30 days`} />,
            ],
          ]}
        />
      </Sheet>
      <Sheet title="The latest failure" aside={<Copy text={error.stack ?? error.message} label="Copy the error" />}>
        <p className={job.errorMessage}>
          {error.name && error.name !== 'Error' ? `${error.name}: ` : ''}
          {error.message} {error.code && <code>{error.code}</code>}
        </p>
        {error.hint && <p className={job.soft}>{error.hint}</p>}
        {error.stack && (
          <div className={job.error}>
            <pre className={job.stack} tabIndex={0}>
              {error.stack.split('\n').map((line, i) => (
                <span key={i} data-own={/^\s+at /.test(line) && !/node_modules|node:internal/.test(line) ? true : undefined}>
                  {`${line}\n`}
                </span>
              ))}
            </pre>
          </div>
        )}
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
