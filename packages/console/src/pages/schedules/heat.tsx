import { useQuery } from '@tanstack/react-query'
import { Sheet } from '../../parts/page.tsx'
import { Loading, Problem } from '../../parts/states.tsx'
import { localTimeText } from '../../parts/words.ts'
import { useZone } from '../../preferences.ts'
import { client } from '../../session.tsx'
import css from './calendar.module.css'

const day = 86_400_000
const hour = 3_600_000

/** The firings of the next seven days by day and hour: where load gathers. */
export default function Heat() {
  const zone = useZone()
  const begin = Math.floor(Date.now() / hour) * hour
  const from = new Date(begin).toISOString()
  const { data, error } = useQuery({
    queryKey: ['schedules', 'heat', from, zone],
    queryFn: () => client.schedules.calendar({ from, to: new Date(begin + 7 * day).toISOString(), timezone: zone, limit: 1, all: true }),
  })
  if (error) return <Problem error={error} />
  if (!data) return <Loading rows={8} />
  const counts = new Map<string, number>()
  for (const { at, firings } of data.load) {
    const key = localTimeText(at, zone).slice(0, 13)
    counts.set(key, (counts.get(key) ?? 0) + firings)
  }
  const days = [...new Set(Array.from({ length: 8 * 24 }, (_, i) => localTimeText(begin + i * hour, zone).slice(0, 10)))].slice(0, 7)
  const most = Math.max(1, ...counts.values())
  return (
    <Sheet title="Firings of the next seven days" flush aside={`Hours of ${zone}`}>
      <div role="group" className={css.scroll} tabIndex={0} aria-label="Firings by day and hour">
        <table className={css.heat}>
          <thead>
            <tr>
              <th scope="col">Day</th>
              {Array.from({ length: 24 }, (_, h) => (
                <th key={h} scope="col">
                  {String(h).padStart(2, '0')}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {days.map((date) => (
              <tr key={date}>
                <th scope="row">
                  {new Date(`${date}T00:00:00Z`).toLocaleDateString('en', {
                    weekday: 'short',
                    day: 'numeric',
                    month: 'short',
                    timeZone: 'UTC',
                  })}
                </th>
                {Array.from({ length: 24 }, (_, h) => {
                  const count = counts.get(`${date} ${String(h).padStart(2, '0')}`) ?? 0
                  const share = count === 0 ? 0 : 12 + Math.round((count / most) * 48)
                  return (
                    <td key={h} style={{ background: `color-mix(in srgb, var(--running) ${share}%, var(--paper))` }}>
                      {count || ''}
                    </td>
                  )
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Sheet>
  )
}
