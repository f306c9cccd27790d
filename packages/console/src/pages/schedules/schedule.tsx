import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { readAgain, useLive } from '../../live/live.ts'
import { Facts } from '../../parts/facts.tsx'
import { Go } from '../../parts/go.tsx'
import { JsonTree } from '../../parts/json-tree.tsx'
import { Page, Sheet } from '../../parts/page.tsx'
import { State } from '../../parts/state.tsx'
import { Empty, Loading, Problem } from '../../parts/states.tsx'
import table from '../../parts/table.module.css'
import { Table } from '../../parts/table.tsx'
import { Time } from '../../parts/time.tsx'
import { durationText } from '../../parts/words.ts'
import { client } from '../../session.tsx'
import { Preview } from './preview.tsx'
import { rhythmBody, rhythmOf } from './rhythm.ts'
import { ScheduleVerbs } from './schedule-verbs.tsx'
import css from './schedules.module.css'

function Runs({ id, timezone }: { id: string; timezone: string }) {
  const { data, error } = useQuery({ queryKey: ['schedules', id, 'runs'], queryFn: () => client.schedules.runs(id, { limit: 50 }) })
  if (error) return <Problem error={error} />
  if (!data) return <Loading rows={4} />
  if (data.data.length === 0) return <Empty title="It has not run yet">Its runs appear here, with their jobs.</Empty>
  const known = new Set(['completed', 'failed', 'cancelled', 'running', 'pending', 'blocked'])
  return (
    <Table label="Runs" folds>
      <thead>
        <tr>
          <th scope="col">Slot</th>
          <th scope="col">State</th>
          <th scope="col">Job</th>
          <th scope="col">Late by</th>
          <th scope="col">Ran</th>
          <th scope="col">Why</th>
        </tr>
      </thead>
      <tbody>
        {data.data.map((run) => (
          <tr key={`${run.slot} ${run.jobId}`}>
            <td>
              <Time at={run.slot} absolute zone={timezone} /> {run.isManual && <span className={table.soft}>by hand</span>}
            </td>
            <td>
              {known.has(run.state) ? (
                <State state={run.state as 'failed'} quiet />
              ) : (
                <span className={run.state === 'missed' ? table.bad : table.warn}>{run.state}</span>
              )}
            </td>
            <td data-label="Job">{run.jobId && <Go to={`/${run.jobId}`}>#{run.jobId}</Go>}</td>
            <td className={run.latenessMs > 60_000 ? table.warn : table.soft} data-label="Late by">
              {durationText(run.latenessMs)}
            </td>
            <td className={table.soft} data-label="Ran">
              {durationText(run.durationMs)}
            </td>
            <td className={css.why}>{run.error ?? run.reason ?? ''}</td>
          </tr>
        ))}
      </tbody>
    </Table>
  )
}

/** One schedule: its next runs, what it runs, how it went. */
export default function Schedule() {
  const { id = '' } = useParams({ strict: false }) as { id?: string }
  const { data, error } = useQuery({ queryKey: ['schedules', id], queryFn: () => client.schedules.get(id) })
  useLive('List', { filter: data ? { task: data.task } : {} }, [['schedules', id]], () => readAgain('schedules', id))
  if (!data)
    return (
      <Page title="Schedule">
        {error ? <Problem error={error} what="There is no such schedule, or it lies outside of what you may see." /> : <Loading rows={8} />}
      </Page>
    )
  const { gap, fold } = data.dst as { gap?: string; fold?: string }
  return (
    <Page title={data.name} lead={data.description ?? data.words} actions={<ScheduleVerbs schedule={data} wide />}>
      <div className={css.editor}>
        <div className={css.column}>
          <Sheet label="About this schedule">
            <Facts
              of={[
                ['State', data.paused ? `paused${data.paused.reason ? `: ${data.paused.reason}` : ''}` : data.isEnabled ? 'on' : 'off'],
                ['Next', <Time key="next" at={data.nextRunAt} zone={data.timezone} />],
                [
                  'Task',
                  <Go key="task" to="/list" search={{ q: `task:${data.task}` }}>
                    {data.task}
                  </Go>,
                ],
                [
                  'Queue',
                  <Go key="queue" to={`/queues/${encodeURIComponent(data.queue)}`}>
                    {data.queue}
                  </Go>,
                ],
                ['Cron', data.cronExpression && <code>{data.cronExpression}</code>],
                ['Zone', data.timezone],
                ['Not on', data.exceptions.map(({ date, time }) => [date, time].filter(Boolean).join(' ')).join(', ')],
                ['Overlap', data.overlap],
                ['Missed runs', data.missed.policy],
                ['Clocks', [gap && `gap ${gap}`, fold && `twice ${fold}`].filter(Boolean).join(', ')],
                ['Failed in a row', data.failures > 0 && data.failures],
                ['Missed', data.missedSlots > 0 && data.missedSlots],
                ['Changed', <Time key="changed" at={data.updatedAt} />],
                ['By', (data.updatedBy ?? data.createdBy)?.replace(/^user:/, '')],
              ]}
            />
          </Sheet>
          <Sheet title="Runs" flush>
            <Runs id={id} timezone={data.timezone} />
          </Sheet>
          {'payload' in data && (
            <Sheet title="Payload">
              <JsonTree value={data.payload} label="payload" />
            </Sheet>
          )}
        </div>
        <div className={css.column}>
          <Preview
            of={{
              ...rhythmBody(rhythmOf(data)),
              timezone: data.timezone,
              exceptions: data.exceptions.map(({ date, time }) => ({ ...(date ? { date } : {}), ...(time ? { time } : {}) })),
              ...(data.startsAt ? { startsAt: data.startsAt } : {}),
              ...(data.endsAt ? { endsAt: data.endsAt } : {}),
              dst: data.dst as { gap: 'skip'; fold: 'first' },
            }}
          />
        </div>
      </div>
    </Page>
  )
}
