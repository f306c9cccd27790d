import { Switch } from '@mantine/core'
import { IconPlus } from '@tabler/icons-react'
import type { ScheduleAnswer } from '@trunkline/client/contract'
import { lazy, Suspense } from 'react'
import { useSchedules } from '../../live/data.ts'
import { readAgain, useLive } from '../../live/live.ts'
import { Act, useChange } from '../../parts/act.tsx'
import { Choice } from '../../parts/choice.tsx'
import { Go, useAddress, useGo } from '../../parts/go.tsx'
import { Page, Sheet } from '../../parts/page.tsx'
import { Empty, Loading, Problem } from '../../parts/states.tsx'
import table from '../../parts/table.module.css'
import { Table } from '../../parts/table.tsx'
import { Time } from '../../parts/time.tsx'
import { countText } from '../../parts/words.ts'
import { client, useMe, whyNot } from '../../session.tsx'
import { scheduleComplaint } from '../overview/verdict.tsx'
import { ScheduleVerbs } from './schedule-verbs.tsx'
import css from './schedules.module.css'

const Calendar = lazy(() => import('./calendar.tsx'))
const Heat = lazy(() => import('./heat.tsx'))

const words: Record<string, string> = { fired: 'ran', waiting: 'waits', skipped: 'left out' }

/** When it ran last, with its job. */
export function LastRun({ run }: { run: ScheduleAnswer['lastRun'] }) {
  if (!run) return <span className={table.faint}>not yet</span>
  const word = words[run.state] ?? run.state
  return (
    <span className={run.state === 'skipped' ? table.warn : undefined}>
      {run.jobId ? <Go to={`/${run.jobId}`}>{word}</Go> : word} <Time at={run.slot} />
    </span>
  )
}

function OnOff({ schedule }: { schedule: ScheduleAnswer }) {
  const me = useMe()
  const change = useChange()
  const { id, name, paused, isEnabled } = schedule
  const why = whyNot(me, { role: 'admin' })
  const isOn = isEnabled && paused === null
  const turn = () => {
    if (why || !isEnabled) return
    void change(() => (isOn ? client.schedules.pause(id, {}) : client.schedules.resume(id)), {
      done: isOn ? `${name} is paused` : `${name} goes on`,
      failed: 'It was not changed',
      ...(isOn
        ? {
            action: () => ({
              label: 'Undo',
              run: () => void change(() => client.schedules.resume(id), { failed: 'It could not be undone' }),
            }),
          }
        : {}),
    })
  }
  return (
    <span title={why ?? (isEnabled ? undefined : 'It is off; change it to turn it on')}>
      <Switch aria-label={`${name} is on`} checked={isOn} onChange={turn} aria-disabled={why !== null || !isEnabled} />
    </span>
  )
}

function List({ schedules }: { schedules: ScheduleAnswer[] }) {
  return (
    <Table label="Schedules" folds>
      <thead>
        <tr>
          <th scope="col">On</th>
          <th scope="col">Schedule</th>
          <th scope="col">Runs</th>
          <th scope="col">Next</th>
          <th scope="col">Last</th>
          <th scope="col">
            <span className="visually-hidden">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {schedules.map((schedule) => {
          const complaint = scheduleComplaint(schedule)
          return (
            <tr key={schedule.id}>
              <td>
                <OnOff schedule={schedule} />
              </td>
              <th scope="row">
                <Go to={`/schedules/${schedule.id}`}>{schedule.name}</Go>
                <span className={table.under}>{schedule.task}</span>
              </th>
              <td className={css.wordsCell}>{schedule.words}</td>
              <td data-label="Next">
                {schedule.paused ? (
                  <span className={table.warn}>paused{schedule.paused.reason && `: ${schedule.paused.reason}`}</span>
                ) : (
                  <Time at={schedule.nextRunAt} zone={schedule.timezone} />
                )}
                {schedule.skipSlot && <span className={table.soft}> · next one left out</span>}
              </td>
              <td data-label="Last">
                <LastRun run={schedule.lastRun} />
                {complaint && <span className={table.bad}> · {complaint}</span>}
              </td>
              <td className={table.actions}>
                <ScheduleVerbs schedule={schedule} />
              </td>
            </tr>
          )
        })}
      </tbody>
    </Table>
  )
}

/** What makes jobs on time: as a list, on a calendar, as load. */
export default function Schedules() {
  const me = useMe()
  const go = useGo()
  const [address, setAddress] = useAddress()
  const layout = address.layout === 'calendar' || address.layout === 'heat' ? address.layout : 'list'
  const { data, error, refetch } = useSchedules()
  useLive('List', { filter: {} }, [['schedules']], () => readAgain('schedules'))
  return (
    <Page
      title="Schedules"
      lead={data && countText(data.data.length, 'schedule')}
      actions={
        <>
          <Choice
            label="Layout"
            of={[
              { value: 'list', label: 'List' },
              { value: 'calendar', label: 'Calendar' },
              { value: 'heat', label: 'Load' },
            ]}
            value={layout}
            onChoose={(next) => setAddress({ layout: next === 'list' ? undefined : next, month: undefined })}
          />
          <Act
            label="New schedule"
            variant="filled"
            icon={<IconPlus size={15} aria-hidden />}
            why={whyNot(me, { role: 'admin' })}
            onAct={() => go('/schedules/new')}
          />
        </>
      }
    >
      {layout === 'list' ? (
        <Sheet flush label="Schedules">
          {error ? (
            <Problem error={error} retry={() => void refetch()} />
          ) : !data ? (
            <Loading rows={6} />
          ) : data.data.length === 0 ? (
            <Empty
              title="No schedule yet"
              actions={
                <Act label="Make one" variant="filled" size="sm" why={whyNot(me, { role: 'admin' })} onAct={() => go('/schedules/new')} />
              }
              code={{ 'Command line': "trunkline schedules add nightly --task backup_create --cron '30 2 * * *'" }}
            >
              A schedule makes a job at its times, in its zone, once, however many servers run.
            </Empty>
          ) : (
            <List schedules={data.data} />
          )}
        </Sheet>
      ) : (
        <Suspense fallback={<Loading rows={10} />}>{layout === 'calendar' ? <Calendar /> : <Heat />}</Suspense>
      )}
    </Page>
  )
}
