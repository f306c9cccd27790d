import { Button } from '@mantine/core'
import { IconAlertTriangle, IconChevronLeft, IconChevronRight, IconClockExclamation } from '@tabler/icons-react'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import type { CalendarAnswer } from '@trunkline/client/contract'
import { Go, useAddress } from '../../parts/go.tsx'
import { Sheet } from '../../parts/page.tsx'
import { Loading, Problem } from '../../parts/states.tsx'
import { countText, durationText, localTimeText } from '../../parts/words.ts'
import { useZone } from '../../preferences.ts'
import { client } from '../../session.tsx'
import css from './calendar.module.css'

const mostInCell = 5
const day = 86_400_000
const names = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']

/** `2026-11` and its neighbours. */
function monthAfter(month: string, step: number): string {
  const [year = 2000, number = 1] = month.split('-').map(Number)
  const at = new Date(Date.UTC(year, number - 1 + step, 1))
  return at.toISOString().slice(0, 7)
}

/** The days that a page of a wall calendar shows: whole weeks, from a Monday. */
function daysOf(month: string): string[] {
  const first = new Date(`${month}-01T00:00:00Z`)
  const begin = first.getTime() - ((first.getUTCDay() + 6) % 7) * day
  const end = new Date(`${monthAfter(month, 1)}-01T00:00:00Z`).getTime()
  const weeks = Math.ceil((end - begin) / (7 * day))
  return Array.from({ length: weeks * 7 }, (_, i) => new Date(begin + i * day).toISOString().slice(0, 10))
}

type Firing = CalendarAnswer['firings'][number]

function Cell({ date, month, today, firings }: { date: string; month: string; today: string; firings: Firing[] }) {
  return (
    <td
      className={css.cell}
      data-other={!date.startsWith(month) || undefined}
      data-today={date === today || undefined}
      data-past={date < today || undefined}
    >
      <span className={css.date}>{Number(date.slice(8))}</span>
      <ul>
        {firings.slice(0, mostInCell).map((firing) => (
          <li key={`${firing.at} ${firing.scheduleId}`} data-mark={firing.mark ?? undefined}>
            <Go
              to={`/schedules/${firing.scheduleId}`}
              title={`${firing.localTime.slice(11, 16)} ${firing.name}${firing.mark ? ', touched by a change of the clocks' : ''}`}
            >
              <span>{firing.localTime.slice(11, 16)}</span> {firing.name}
            </Go>
          </li>
        ))}
        {firings.length > mostInCell && <li className={css.more}>and {firings.length - mostInCell} more</li>}
      </ul>
    </td>
  )
}

/** A month of firings, computed by the scheduler's own code. */
export default function Calendar() {
  const zone = useZone()
  const [address, setAddress] = useAddress()
  const today = localTimeText(Date.now(), zone).slice(0, 10)
  const month = /^\d{4}-\d{2}$/.test(address.month ?? '') ? (address.month as string) : today.slice(0, 7)
  const days = daysOf(month)
  // a day more on both sides: days of the zone begin at other instants
  const from = new Date(new Date(`${days[0]}T00:00:00Z`).getTime() - day).toISOString()
  const to = new Date(new Date(`${days.at(-1)}T00:00:00Z`).getTime() + 2 * day).toISOString()
  const { data, error, refetch } = useQuery({
    queryKey: ['schedules', 'calendar', from, to, zone],
    queryFn: () => client.schedules.calendar({ from, to, timezone: zone, limit: 5000, perSchedule: 130 }),
    placeholderData: keepPreviousData,
  })
  const byDay = new Map<string, Firing[]>()
  for (const firing of data?.firings ?? []) {
    const date = firing.localTime.slice(0, 10)
    byDay.set(date, [...(byDay.get(date) ?? []), firing])
  }
  const title = new Date(`${month}-01T00:00:00Z`).toLocaleDateString('en', { month: 'long', year: 'numeric', timeZone: 'UTC' })
  const turn = (step: number) => setAddress({ month: monthAfter(month, step) })
  if (error) return <Problem error={error} retry={() => void refetch()} />
  return (
    <>
      <Sheet
        flush
        title={title}
        aside={
          <>
            <span>Times of {zone}</span>
            <Button variant="default" px={8} aria-label="The month before" onClick={() => turn(-1)}>
              <IconChevronLeft size={16} aria-hidden />
            </Button>
            <Button variant="default" onClick={() => setAddress({ month: undefined })}>
              Today
            </Button>
            <Button variant="default" px={8} aria-label="The month after" onClick={() => turn(1)}>
              <IconChevronRight size={16} aria-hidden />
            </Button>
          </>
        }
      >
        {!data ? (
          <Loading rows={6} height={90} />
        ) : (
          <div role="group" className={css.scroll} tabIndex={0} aria-label={`Calendar of ${title}`}>
            <table className={css.month}>
              <thead>
                <tr>
                  {names.map((name) => (
                    <th key={name} scope="col">
                      {name}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {Array.from({ length: days.length / 7 }, (_, week) => (
                  <tr key={days[week * 7]}>
                    {days.slice(week * 7, week * 7 + 7).map((date) => (
                      <Cell key={date} date={date} month={month} today={today} firings={byDay.get(date) ?? []} />
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Sheet>
      {data && (data.dense.length > 0 || data.collisions.length > 0 || data.clockChanges.length > 0 || data.overlaps.length > 0) && (
        <Sheet title="Worth knowing">
          <ul className={css.notes}>
            {data.dense.map(({ scheduleId, name, everyMs, firings }) => (
              <li key={scheduleId}>
                <Go to={`/schedules/${scheduleId}`}>{name}</Go> runs every {durationText(everyMs)} ({countText(firings, 'time')}); it is not
                drawn.
              </li>
            ))}
            {data.clockChanges.map(({ at, timezone, note }) => (
              <li key={`${at} ${timezone}`}>
                <IconClockExclamation size={15} aria-hidden /> {note}
              </li>
            ))}
            {data.collisions.slice(0, 5).map(({ at, firings, names: of, suggestion }) => (
              <li key={at}>
                <IconAlertTriangle size={15} aria-hidden /> {firings} at once at {localTimeText(at, zone).slice(0, 16)} (
                {of.slice(0, 4).join(', ')}): {suggestion}
              </li>
            ))}
            {data.overlaps.slice(0, 5).map(({ scheduleId, name, times, durationMs }) => (
              <li key={scheduleId}>
                <IconAlertTriangle size={15} aria-hidden /> <Go to={`/schedules/${scheduleId}`}>{name}</Go> takes {durationText(durationMs)}{' '}
                and will not have ended {countText(times, 'time')} when it is due again.
              </li>
            ))}
          </ul>
        </Sheet>
      )}
    </>
  )
}
