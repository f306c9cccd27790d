import { NumberInput, Select, TextInput } from '@mantine/core'
import { browserZone } from '../../preferences.ts'
import { type Calendar, emptyCalendar, type Rhythm } from './rhythm.ts'
import css from './schedules.module.css'

type Every = 'minutes' | 'hours' | 'day' | 'weekday' | 'week' | 'month' | 'last' | 'once'

const choices: { value: Every; label: string }[] = [
  { value: 'minutes', label: 'Every few minutes' },
  { value: 'hours', label: 'Every few hours' },
  { value: 'day', label: 'Every day' },
  { value: 'weekday', label: 'On weekdays' },
  { value: 'week', label: 'On days of the week' },
  { value: 'month', label: 'On a day of the month' },
  { value: 'last', label: 'On the last day of the month' },
  { value: 'once', label: 'Once' },
]
const names = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const minute = 60_000
const hour = 60 * minute
const weekdays = [1, 2, 3, 4, 5]

const same = (a: number[], b: number[]) => JSON.stringify([...a].sort()) === JSON.stringify([...b].sort())

/** Which of the simple choices a rhythm is; null = none of them. */
export function simpleOf(rhythm: Rhythm): Every | null {
  if (rhythm.kind === 'once') return 'once'
  if (rhythm.kind === 'interval') return rhythm.ms % hour === 0 ? 'hours' : rhythm.ms % minute === 0 ? 'minutes' : null
  if (rhythm.kind === 'cron') return null
  const { minutes, hours, weekdays: days, monthDays, months } = rhythm.calendar
  if (minutes.length !== 1 || hours.length !== 1 || months.length > 0) return null
  if (monthDays.length === 0) return days.length === 0 ? 'day' : same(days, weekdays) ? 'weekday' : 'week'
  if (days.length > 0 || monthDays.length !== 1) return null
  return monthDays[0] === 'last' ? 'last' : 'month'
}

function begin(every: Every, { hours, minutes }: { hours: number[]; minutes: number[] }): Rhythm {
  const time = { minutes: [minutes[0] ?? 0], hours: [hours[0] ?? 9] }
  const calendar = (more: Partial<Calendar>): Rhythm => ({ kind: 'calendar', calendar: { ...emptyCalendar, ...time, ...more } })
  switch (every) {
    case 'minutes':
      return { kind: 'interval', ms: 15 * minute }
    case 'hours':
      return { kind: 'interval', ms: hour }
    case 'once':
      return { kind: 'once', at: new Date(Math.ceil(Date.now() / hour) * hour + hour).toISOString() }
    case 'weekday':
      return calendar({ weekdays })
    case 'week':
      return calendar({ weekdays: [1] })
    case 'month':
      return calendar({ monthDays: [1] })
    case 'last':
      return calendar({ monthDays: ['last'] })
    case 'day':
      return calendar({})
  }
}

const two = (n: number) => String(n).padStart(2, '0')

function localInput(iso: string): string {
  const at = new Date(iso)
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`
}

/** The rhythms that most people want, in words. */
export function Simple({ rhythm, onChange }: { rhythm: Rhythm; onChange: (rhythm: Rhythm) => void }) {
  const every = simpleOf(rhythm)
  const calendar = rhythm.kind === 'calendar' ? rhythm.calendar : emptyCalendar
  const time = `${two(calendar.hours[0] ?? 9)}:${two(calendar.minutes[0] ?? 0)}`
  const set = (change: Partial<Calendar>) => onChange({ kind: 'calendar', calendar: { ...calendar, ...change } })
  const unit = every === 'hours' ? hour : minute
  return (
    <div className={css.simple}>
      <Select
        label="Runs"
        selectFirstOptionOnChange
        searchable
        onFocus={(event) => event.currentTarget.select()}
        placeholder="Choose; what is set now has no simple words"
        data={choices}
        value={every}
        onChange={(value) => value && onChange(begin(value as Every, calendar))}
        data-autofocus
      />
      {(every === 'minutes' || every === 'hours') && rhythm.kind === 'interval' && (
        <NumberInput
          label={every === 'hours' ? 'Every so many hours' : 'Every so many minutes'}
          min={1}
          max={10_000}
          value={rhythm.ms / unit}
          onChange={(value) => typeof value === 'number' && value >= 1 && onChange({ kind: 'interval', ms: Math.round(value) * unit })}
        />
      )}
      {every === 'week' && (
        <fieldset className={css.days}>
          <legend>Days</legend>
          {[1, 2, 3, 4, 5, 6, 0].map((day) => (
            <button
              key={day}
              type="button"
              aria-pressed={calendar.weekdays.includes(day)}
              onClick={() => {
                const next = calendar.weekdays.includes(day) ? calendar.weekdays.filter((d) => d !== day) : [...calendar.weekdays, day]
                if (next.length > 0) set({ weekdays: next })
              }}
            >
              {names[day]?.slice(0, 2)}
              <span className="visually-hidden">{names[day]?.slice(2)}</span>
            </button>
          ))}
        </fieldset>
      )}
      {every === 'month' && (
        <NumberInput
          label="Day of the month"
          description="A month without that day is left out"
          min={1}
          max={31}
          value={typeof calendar.monthDays[0] === 'number' ? calendar.monthDays[0] : 1}
          onChange={(value) => typeof value === 'number' && set({ monthDays: [Math.min(31, Math.max(1, Math.round(value)))] })}
        />
      )}
      {(every === 'day' || every === 'weekday' || every === 'week' || every === 'month' || every === 'last') && (
        <TextInput
          label="At"
          type="time"
          value={time}
          onChange={(event) => {
            const [hours, minutes] = event.currentTarget.value.split(':').map(Number)
            if (hours !== undefined && minutes !== undefined) set({ hours: [hours], minutes: [minutes] })
          }}
        />
      )}
      {every === 'once' && rhythm.kind === 'once' && (
        <TextInput
          label="At"
          description={`In ${browserZone()}`}
          type="datetime-local"
          value={localInput(rhythm.at)}
          onChange={(event) => {
            const at = new Date(event.currentTarget.value)
            if (!Number.isNaN(at.getTime())) onChange({ kind: 'once', at: at.toISOString() })
          }}
        />
      )}
    </div>
  )
}
