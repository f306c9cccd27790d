import { IconAlertTriangle, IconCircleCheck, IconPlayerPlay, IconRefresh } from '@tabler/icons-react'
import type { QueueAnswer, ScheduleAnswer, WorkerAnswer } from '@trunkline/client/contract'
import { lazy, Suspense, useLayoutEffect, useRef, useState } from 'react'
import { useKeys } from '../../frame/shortcuts.ts'
import { type OpenFailure, useOpenFailures, useQueues, useSchedules, useWorkers } from '../../live/data.ts'
import { Act, useChange } from '../../parts/act.tsx'
import { Go, useGo } from '../../parts/go.tsx'
import { Problem } from '../../parts/states.tsx'
import { Time } from '../../parts/time.tsx'
import { countText, durationText, numberText } from '../../parts/words.ts'
import { usePreferences } from '../../preferences.ts'
import { client, useMe, whyNot } from '../../session.tsx'
import { crossedText } from '../queues/health.ts'
import css from './overview.module.css'
import { usePgAgentTroubles } from './pgagent-troubles.tsx'
import type { Trouble } from './trouble.ts'

const BulkDialog = lazy(() => import('../../parts/bulk-dialog.tsx').then(({ BulkDialog: one }) => ({ default: one })))

const day = 86_400_000
/** A slot that fires later than this is late. */
const lateMs = 60_000

function FailureFix({ group, onMany }: { group: OpenFailure; onMany: (group: OpenFailure) => void }) {
  const me = useMe()
  const change = useChange()
  const why = whyNot(me, { role: 'operator' })
  const icon = <IconRefresh size={15} aria-hidden />
  const [id] = group.jobs
  if (group.open > 1 || id === undefined)
    return <Act label={`Retry ${numberText(group.open)}`} icon={icon} why={why} onAct={() => onMany(group)} />
  const retry = () =>
    change(() => client.errors.retry(group.fingerprint), { done: 'The job will run again', failed: 'The job was not retried' })
  return <Act label="Retry" icon={icon} why={why} onAct={retry} />
}

function failureTrouble(group: OpenFailure, onMany: (group: OpenFailure) => void): Trouble {
  return {
    key: group.fingerprint,
    text: (
      <>
        <Go to="/list" search={{ q: `task:${group.task} state:failed` }}>
          {group.task}
        </Go>{' '}
        {group.open === 1 ? 'failed' : `failed ${numberText(group.open)} times`}:{' '}
        <Go to={`/errors/${group.fingerprint}`}>{group.message || 'without a message'}</Go>{' '}
        <span className={css.when}>
          <Time at={group.lastSeen} />
        </span>
      </>
    ),
    fix: <FailureFix group={group} onMany={onMany} />,
  }
}

function StartWorker() {
  const me = useMe()
  const change = useChange()
  const start = () => change(() => client.workers.start({}), { done: 'A worker starts', failed: 'No worker was started' })
  return <Act label="Start a worker" icon={<IconPlayerPlay size={15} aria-hidden />} why={whyNot(me, { role: 'admin' })} onAct={start} />
}

function Resume({ queue }: { queue: string }) {
  const me = useMe()
  const change = useChange()
  const resume = () => change(() => client.queues.resume(queue), { done: `${queue} goes on`, failed: `${queue} was not resumed` })
  return <Act label="Resume" icon={<IconPlayerPlay size={15} aria-hidden />} why={whyNot(me, { role: 'operator' })} onAct={resume} />
}

function queueTroubles(queues: QueueAnswer[]): Trouble[] {
  const unserved = queues.filter(({ due, workers, paused }) => due > 0 && workers === 0 && paused === null)
  const paused = queues.filter(({ due, paused }) => due > 0 && paused !== null)
  const told = new Set([...unserved, ...paused].map(({ queue }) => queue))
  const unwell = queues.filter(({ queue, health }) => health !== null && health.level !== 'healthy' && !told.has(queue))
  return [
    ...unwell.map(({ queue, health }) => ({
      key: `unwell ${queue}`,
      text: (
        <>
          <Go to={`/queues/${queue}`}>{queue}</Go> is {health?.level}: {health && crossedText(health)}{' '}
          <span className={css.when}>
            <Time at={health?.since ?? null} />
          </span>
        </>
      ),
      fix: health?.crossed.every(({ measure }) => measure === 'failurePercent') ? (
        <Go to="/list" search={{ q: `queue:${queue} state:failed age:<1h` }}>
          Look at its failures
        </Go>
      ) : (
        <StartWorker />
      ),
    })),
    ...unserved.map(({ queue, due }) => ({
      key: `unserved ${queue}`,
      text: (
        <>
          No worker serves <Go to={`/queues/${queue}`}>{queue}</Go>, where {countText(due, 'job waits', 'jobs wait')}
        </>
      ),
      fix: <StartWorker />,
    })),
    ...paused.map(({ queue, due, paused: pause }) => ({
      key: `paused ${queue}`,
      text: (
        <>
          <Go to={`/queues/${queue}`}>{queue}</Go> is paused{pause?.reason ? ` (${pause.reason})` : ''} with {countText(due, 'job')} waiting
          {pause?.until && (
            <>
              ; it goes on <Time at={pause.until} />
            </>
          )}
        </>
      ),
      fix: <Resume queue={queue} />,
    })),
  ]
}

function ScheduleFix({ schedule }: { schedule: ScheduleAnswer }) {
  const me = useMe()
  const change = useChange()
  const go = useGo()
  const run = () =>
    change(() => client.schedules.run(schedule.id), {
      done: `${schedule.name} runs now`,
      failed: `${schedule.name} was not started`,
      action: ({ jobId }) => ({ label: 'Open', run: () => go(`/${jobId}`) }),
    })
  return <Act label="Run now" icon={<IconPlayerPlay size={15} aria-hidden />} why={whyNot(me, { role: 'operator' })} onAct={run} />
}

/** What is wrong with a schedule now or with its last slot; null = nothing that is younger than a day. */
export function scheduleComplaint({ lastRun, nextRunAt, failures, isEnabled, paused }: ScheduleAnswer): string | null {
  if (!isEnabled) return null
  const now = Date.now()
  if (paused === null && nextRunAt !== null && now - new Date(nextRunAt).getTime() > lateMs) return 'is overdue and has not run'
  if (failures > 0) return failures === 1 ? 'failed in its last run' : `failed ${numberText(failures)} times in a row`
  if (!lastRun || now - new Date(lastRun.slot).getTime() > day) return null
  return lastRun.latenessMs > lateMs ? `ran ${durationText(lastRun.latenessMs)} late` : null
}

function scheduleTroubles(schedules: ScheduleAnswer[]): Trouble[] {
  return schedules.flatMap((schedule) => {
    const complaint = scheduleComplaint(schedule)
    if (complaint === null) return []
    const text = (
      <>
        <Go to={`/schedules/${schedule.id}`}>{schedule.name}</Go> {complaint}{' '}
        <span className={css.when}>
          slot <Time at={schedule.lastRun?.slot ?? null} zone={schedule.timezone} />
        </span>
      </>
    )
    return [{ key: `schedule ${schedule.id}`, text, fix: <ScheduleFix schedule={schedule} /> }]
  })
}

function CleanUp() {
  const me = useMe()
  const change = useChange()
  const clean = () =>
    change(() => client.workers.cleanup({}), {
      done: ({ jobs, workers }) => `${countText(workers.length, 'dead worker')} removed, ${countText(jobs, 'job')} handed on`,
      failed: 'Nothing was cleaned up',
    })
  return <Act label="Hand its jobs on" icon={<IconRefresh size={15} aria-hidden />} why={whyNot(me, { role: 'admin' })} onAct={clean} />
}

function workerTroubles(workers: WorkerAnswer[]): Trouble[] {
  const stale = workers.filter(({ isStale, state }) => isStale && state !== 'stopped')
  const drifting = workers.filter(({ drift, isStale }) => drift && !isStale)
  return [
    ...stale.map((worker) => ({
      key: `stale ${worker.id}`,
      text: (
        <>
          Worker <Go to={`/workers/${worker.id}`}>{worker.name}</Go> on {worker.host} is silent with {countText(worker.held, 'job')}
        </>
      ),
      fix: <CleanUp />,
    })),
    ...(drifting.length > 0
      ? [
          {
            key: 'drift',
            text: (
              <>
                {countText(drifting.length, 'worker runs', 'workers run')} another version than the newest:{' '}
                {[...new Set(drifting.map((w) => w.version))].join(', ')}
              </>
            ),
            fix: <Go to="/workers">Look at workers</Go>,
          },
        ]
      : []),
  ]
}

/** So many problems have a key of their own. */
const keyed = 9

/** The keys 1 to 9 press the buttons of the first problems; what they show is what they do. */
function useFixKeys() {
  const list = useRef<HTMLUListElement>(null)
  const press = (at: number) => {
    const button = list.current?.children[at]?.querySelector<HTMLElement>('[data-fix] button, [data-fix] a')
    // the dialog that it may open gives the focus back to it
    button?.focus()
    button?.click()
  }
  useKeys(Object.fromEntries(Array.from({ length: keyed }, (_, at) => [String(at + 1), () => press(at)])))
  return list
}

/**
 * The first thing to see: all is well, or what is wrong, each with the button that mends it.
 * @param onTold everything has been looked at: how high it is will hardly change any more
 */
export function Verdict({ onTold }: { onTold: () => void }) {
  const failures = useOpenFailures()
  const queues = useQueues()
  const workers = useWorkers()
  const schedules = useSchedules()
  const pgagent = usePgAgentTroubles()
  const [many, setMany] = useState<OpenFailure | null>(null)
  const list = useFixKeys()
  const { shortcuts } = usePreferences()
  const error = failures.error ?? queues.error ?? workers.error ?? schedules.error
  const isLoading = !error && (failures.isPending || queues.isPending || workers.isPending || schedules.isPending || pgagent.isPending)
  const troubles = [
    ...(failures.data?.groups ?? []).map((group) => failureTrouble(group, setMany)),
    ...queueTroubles(queues.data?.data ?? []),
    ...scheduleTroubles(schedules.data?.data ?? []),
    ...workerTroubles(workers.data?.data ?? []),
    ...pgagent.troubles,
  ]
  useLayoutEffect(() => {
    if (!isLoading) onTold()
  }, [isLoading, onTold])
  const look = isLoading ? 'loading' : troubles.length > 0 ? 'bad' : 'good'
  return (
    <section className={css.verdict} data-look={look} aria-label="Verdict" aria-live="polite" aria-busy={isLoading}>
      {error && <Problem error={error} what="Not everything could be looked at." />}
      {isLoading ? (
        <h2 className={css.sentence}>Looking …</h2>
      ) : troubles.length === 0 ? (
        <h2 className={css.sentence}>
          <IconCircleCheck size={20} aria-hidden /> All well: no job lies failed from the last 24 hours, every queue is served, every
          schedule has run
        </h2>
      ) : (
        <>
          <h2 className={css.sentence}>
            <IconAlertTriangle size={20} aria-hidden /> {countText(troubles.length, 'problem')}
          </h2>
          <ul className={css.troubles} ref={list}>
            {troubles.map(({ key, text, fix }, at) => (
              <li key={key}>
                <span className={css.trouble}>{text}</span>
                {shortcuts && at < keyed && <kbd className={css.fixKey}>{at + 1}</kbd>}
                <span data-fix>{fix}</span>
              </li>
            ))}
          </ul>
        </>
      )}
      {many && (
        <Suspense fallback={null}>
          <BulkDialog
            verb="retry"
            of={{ filter: { q: `state:failed fingerprint:${many.fingerprint}` } }}
            title={`Retry ${numberText(many.open)} jobs of ${many.task}`}
            onClose={() => setMany(null)}
          />
        </Suspense>
      )}
    </section>
  )
}
