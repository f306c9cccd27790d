import { Button } from '@mantine/core'
import { IconCheck, IconCircleDashed } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useCallback, useEffect, useState } from 'react'
import { useOpenFailures, useQueues, useSchedules, useTasks, useWorkers } from '../../live/data.ts'
import { readAgain, useLive } from '../../live/live.ts'
import { Go, useGo } from '../../parts/go.tsx'
import { JobLink, ProgressBar, Sparkline } from '../../parts/job-bits.tsx'
import { Page, Sheet } from '../../parts/page.tsx'
import { State } from '../../parts/state.tsx'
import { CodeText, Empty, Loading, Problem } from '../../parts/states.tsx'
import { Since, Time } from '../../parts/time.tsx'
import { countText, durationText, numberText } from '../../parts/words.ts'
import { client, useMe, whyNot } from '../../session.tsx'
import { QueueTable } from '../queues/queue-table.tsx'
import css from './overview.module.css'
import { Verdict } from './verdict.tsx'

const hour = 3_600_000

/** Failures of each of the last 24 hours. */
function hourly(hours: { at: string; count: number }[]): number[] {
  const bars = new Array<number>(24).fill(0)
  const now = Date.now()
  for (const { at, count } of hours) {
    const back = Math.floor((now - new Date(at).getTime()) / hour)
    if (back >= 0 && back < 24) bars[23 - back] = (bars[23 - back] ?? 0) + count
  }
  return bars
}

function Counter({
  label,
  value,
  to,
  q,
  children,
}: {
  label: string
  value: number | undefined
  to?: string
  q: string
  children?: React.ReactNode
}) {
  return (
    <Go to={to ?? '/list'} search={{ q }} className={css.counter}>
      <span className={css.counterLabel}>{label}</span>
      <strong>{value === undefined ? '–' : numberText(value)}</strong>
      {children}
    </Go>
  )
}

function Counters() {
  const { data: queues } = useQueues()
  const { data: failures } = useOpenFailures()
  const retrying = useQuery({ queryKey: ['jobs', 'retrying'], queryFn: () => client.jobs.search({ q: 'state:retrying', limit: 1 }) })
  const sum = (of: 'due' | 'running' | 'scheduled') => queues?.data.reduce((all, queue) => all + queue[of], 0)
  const bars = hourly(failures?.hours ?? [])
  const failed = failures && bars.reduce((all, one) => all + one, 0)
  return (
    <div className={css.counters}>
      <Counter label="Waiting" value={sum('due')} q="state:due" />
      <Counter label="Running" value={sum('running')} q="state:running" />
      <Counter label="Waiting for a retry" value={retrying.data?.total} q="state:retrying" />
      <Counter label="Failures in 24 h" value={failed} to="/errors" q="">
        <Sparkline values={bars} label={`${failed ?? 0} failures, hour by hour`} colour="var(--failed)" />
      </Counter>
    </div>
  )
}

/** So long without a word of a running job is worth a mark. */
const stalledMs = 30 * 60_000

function RunningNow() {
  const { data, error } = useQuery({
    queryKey: ['jobs', 'running now'],
    queryFn: () => client.jobs.search({ q: 'state:running', sortBy: 'startedAt', sortOrder: 'asc', limit: 8 }),
  })
  return (
    <Sheet
      title="Running now"
      flush
      aside={
        <Go to="/list" search={{ q: 'state:running' }}>
          all
        </Go>
      }
    >
      {error ? (
        <Problem error={error} />
      ) : !data ? (
        <Loading rows={3} />
      ) : data.data.length === 0 ? (
        <p className={css.nothing}>Nothing runs at this moment.</p>
      ) : (
        <ul className={css.lines}>
          {data.data.map((job) => (
            <li key={job.id} className={css.line} data-line>
              <span className={css.lineMain}>
                <Go to={`/${job.id}`} search={{ tab: 'logs' }}>
                  {job.task}
                </Go>{' '}
                <span className={css.soft}>#{job.id}</span>
              </span>
              <span className={css.lineProgress}>{job.progress ? <ProgressBar progress={job.progress} /> : null}</span>
              <span
                className={css.lineTime}
                data-stalled={(job.startedAt && Date.now() - new Date(job.startedAt).getTime() > stalledMs) || undefined}
              >
                <Since at={job.startedAt} />
              </span>
            </li>
          ))}
        </ul>
      )}
    </Sheet>
  )
}

function NextUp() {
  const { data, error } = useSchedules()
  const next = (data?.data ?? [])
    .filter(({ nextRunAt, isEnabled }) => nextRunAt !== null && isEnabled)
    .sort((a, b) => String(a.nextRunAt).localeCompare(String(b.nextRunAt)))
    .slice(0, 10)
  return (
    <Sheet title="Next on time" flush aside={<Go to="/schedules">all schedules</Go>}>
      {error ? (
        <Problem error={error} />
      ) : !data ? (
        <Loading rows={3} />
      ) : next.length === 0 ? (
        <p className={css.nothing}>
          No schedule is on. <Go to="/schedules/new">Make one</Go>
        </p>
      ) : (
        <ul className={css.lines}>
          {next.map((schedule) => (
            <li key={schedule.id} className={css.line} data-line>
              <span className={css.lineMain}>
                <Go to={`/schedules/${schedule.id}`}>{schedule.name}</Go> <span className={css.soft}>{schedule.words}</span>
              </span>
              <span className={css.lineTime}>
                <Time at={schedule.nextRunAt} zone={schedule.timezone} />
              </span>
            </li>
          ))}
        </ul>
      )}
    </Sheet>
  )
}

function Latest() {
  const { data, error } = useQuery({ queryKey: ['jobs', 'latest'], queryFn: () => client.jobs.search({ limit: 12 }) })
  return (
    <Sheet title="Latest jobs" flush aside={<Go to="/list">all jobs</Go>}>
      {error ? (
        <Problem error={error} />
      ) : !data ? (
        <Loading rows={6} />
      ) : (
        <ul className={css.lines}>
          {data.data.map((job) => (
            <li key={job.id} className={css.line} data-line>
              <span className={css.lineState}>
                <State state={job.state} reason={job.reason} quiet />
              </span>
              <span className={css.lineMain}>
                <JobLink id={job.id}>
                  {job.task} <span className={css.soft}>#{job.id}</span>
                </JobLink>
                {job.error && job.state === 'failed' && <span className={css.snippet}>{job.error.message}</span>}
              </span>
              <span className={css.lineTime}>
                {job.durationMs !== null && <span className={css.soft}>{durationText(job.durationMs)} · </span>}
                <Time at={job.finishedAt ?? job.startedAt ?? job.createdAt} />
              </span>
            </li>
          ))}
        </ul>
      )}
    </Sheet>
  )
}

function Step({ isDone, title, children }: { isDone: boolean; title: string; children: React.ReactNode }) {
  return (
    <li className={css.step} data-done={isDone || undefined}>
      {isDone ? <IconCheck size={18} aria-label="done" /> : <IconCircleDashed size={18} aria-label="to do" />}
      <div>
        <strong>{title}</strong>
        {!isDone && <div className={css.how}>{children}</div>}
      </div>
    </li>
  )
}

/** Of an installation in which nothing has happened yet: three steps that tick themselves. */
function FirstSteps() {
  const me = useMe()
  const go = useGo()
  const { data: workers } = useWorkers()
  const { data: tasks } = useTasks()
  const running = (workers?.data.length ?? 0) > 0
  const why = whyNot(me, { role: 'operator' })
  return (
    <Sheet title="Three steps to the first job">
      <ol className={css.steps}>
        <Step isDone={running} title="A worker runs">
          <CodeText text="trunkline worker" />
        </Step>
        <Step isDone={(tasks?.data.length ?? 0) > 0} title="It knows a task">
          <CodeText text="defineTask('hello', { run: ({ log }) => log.info('hello') })" />
        </Step>
        <Step isDone={false} title="A job has run">
          <Button onClick={() => go('/new')} disabled={why !== null}>
            Run a job
          </Button>
        </Step>
      </ol>
    </Sheet>
  )
}

/** So long the page waits for its verdict before it shows the rest. */
const mostHeldBackMs = 1000

/** What is wrong and how to mend it, what runs, what comes. */
export default function Overview() {
  const stats = useQueues()
  const [isTold, tell] = useState(false)
  const setTold = useCallback(() => tell(true), [])
  useEffect(() => {
    const timer = setTimeout(setTold, mostHeldBackMs)
    return () => clearTimeout(timer)
  }, [setTold])
  const isNew =
    stats.data?.data.every((q) => q.due + q.scheduled + q.blocked + q.running + q.completed + q.failed + q.cancelled === 0) ?? false
  useLive(
    'List',
    { filter: {} },
    [['jobs'], ['failures']],
    (events) => {
      readAgain('jobs')
      if (events.some(({ name }) => name === 'jobFailed' || name === 'jobUpdate' || name === 'queueStats')) readAgain('failures')
    },
    () => readAgain('jobs'),
  )
  const served = stats.data ? countText(stats.data.data.length, 'queue') : ''
  return (
    <Page title="Overview">
      <Verdict onTold={setTold} />
      <div className={css.rest} data-waiting={!isTold || undefined}>
        {isNew && <FirstSteps />}
        <Counters />
        <div className={css.columns}>
          <RunningNow />
          <NextUp />
        </div>
        <Sheet title="Queues" flush aside={<Go to="/queues">{served}</Go>}>
          {stats.error ? (
            <Problem error={stats.error} retry={() => void stats.refetch()} />
          ) : !stats.data ? (
            <Loading rows={3} />
          ) : stats.data.data.length === 0 ? (
            <Empty title="No queue yet">A queue appears with its first job or its first worker.</Empty>
          ) : (
            <QueueTable queues={stats.data.data} most={8} />
          )}
        </Sheet>
        <Latest />
      </div>
    </Page>
  )
}
