import { Select, TextInput } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import { useState } from 'react'
import { Choice } from '../../parts/choice.tsx'
import { Grid } from './grid.tsx'
import { cronFields, emptyCalendar, fieldAt, type Rhythm, toCalendar, toCron } from './rhythm.ts'
import css from './schedules.module.css'
import { Simple, simpleOf } from './simple.tsx'

type Mode = 'simple' | 'cron' | 'grid'

const zones = Intl.supportedValuesOf('timeZone')

function CronBox({ cron, onChange }: { cron: string; onChange: (cron: string) => void }) {
  const [caret, setCaret] = useState(0)
  const at = fieldAt(cron, caret)
  return (
    <>
      <TextInput
        label="Cron expression"
        description="Minute, hour, day of the month, month, day of the week; a sixth in front: second"
        value={cron}
        spellCheck={false}
        autoComplete="off"
        classNames={{ input: css.code ?? '' }}
        onChange={(event) => onChange(event.currentTarget.value)}
        onSelect={(event) => setCaret((event.target as HTMLInputElement).selectionStart ?? 0)}
      />
      <p className={css.soft} role="status">
        Here: {cronFields[at]}
      </p>
    </>
  )
}

/** When a schedule fires: in simple words, as cron, or as a grid; a change in one is a change in all. */
export function When({
  rhythm,
  onChange,
  timezone,
  onTimezone,
}: {
  rhythm: Rhythm
  onChange: (rhythm: Rhythm) => void
  timezone: string
  onTimezone: (zone: string) => void
}) {
  const [mode, setMode] = useState<Mode>(rhythm.kind === 'cron' ? 'cron' : simpleOf(rhythm) === null ? 'grid' : 'simple')
  const asCron =
    rhythm.kind === 'cron'
      ? { value: rhythm.cron }
      : rhythm.kind === 'calendar'
        ? toCron(rhythm.calendar)
        : { reason: 'An interval or a single time is no cron expression.' }
  const asGrid =
    rhythm.kind === 'calendar'
      ? { value: rhythm.calendar }
      : rhythm.kind === 'cron'
        ? toCalendar(rhythm.cron)
        : { reason: 'An interval or a single time is no calendar.' }
  const shown = mode === 'cron' ? asCron : mode === 'grid' ? asGrid : null
  // a cron expression that simple words can say is shown in them
  const simple: Rhythm = rhythm.kind === 'cron' && 'value' in asGrid ? { kind: 'calendar', calendar: asGrid.value } : rhythm
  return (
    <div className={css.when}>
      <Choice
        label="Say it as"
        of={[
          { value: 'simple', label: 'Simple' },
          { value: 'cron', label: 'Cron' },
          { value: 'grid', label: 'Grid' },
        ]}
        value={mode}
        onChoose={setMode}
      />
      {shown && 'reason' in shown && (
        <div className={css.reason} role="status">
          <IconAlertTriangle size={16} aria-hidden />
          <span>{shown.reason}</span>
          <button
            type="button"
            className={css.preset}
            onClick={() =>
              onChange(
                mode === 'cron'
                  ? { kind: 'cron', cron: '0 9 * * *' }
                  : { kind: 'calendar', calendar: { ...emptyCalendar, minutes: [0], hours: [9] } },
              )
            }
          >
            Begin anew here
          </button>
        </div>
      )}
      {mode === 'simple' && <Simple rhythm={simple} onChange={onChange} />}
      {mode === 'cron' && 'value' in asCron && <CronBox cron={asCron.value} onChange={(cron) => onChange({ kind: 'cron', cron })} />}
      {mode === 'grid' && 'value' in asGrid && (
        <Grid calendar={asGrid.value} onChange={(calendar) => onChange({ kind: 'calendar', calendar })} />
      )}
      {rhythm.kind !== 'once' && rhythm.kind !== 'interval' && (
        <Select
          label="Time zone"
          selectFirstOptionOnChange
          onFocus={(event) => event.currentTarget.select()}
          description="In which its times are meant"
          searchable
          data={zones.includes(timezone) ? zones : [timezone, ...zones]}
          value={timezone}
          onChange={(zone) => zone && onTimezone(zone)}
          limit={80}
        />
      )}
    </div>
  )
}
