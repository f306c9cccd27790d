import { type KeyboardEvent, type PointerEvent, useRef } from 'react'
import type { Calendar } from './rhythm.ts'
import css from './schedules.module.css'

type Value = number | 'last'

interface RowProps {
  label: string
  values: Value[]
  columns: number
  ticked: Value[]
  nameOf?: (value: Value) => string
  /** What an empty row means. */
  none: string
  presets?: { label: string; values: Value[] }[]
  onChange: (values: Value[]) => void
}

/** A row of a calendar as a grid that can be painted with the pointer, or walked with arrows and ticked with space. */
function GridRow({ label, values, columns, ticked, nameOf = String, none, presets = [], onChange }: RowProps) {
  const painting = useRef<boolean | null>(null)
  const latest = useRef(ticked)
  latest.current = ticked
  const set = (value: Value, on: boolean) => {
    const now = latest.current
    if (now.includes(value) === on) return
    const next = on ? values.filter((v) => v === value || now.includes(v)) : now.filter((v) => v !== value)
    latest.current = next
    onChange(next)
  }
  const valueAt = (event: PointerEvent): Value | undefined => {
    const cell = document.elementFromPoint(event.clientX, event.clientY)?.closest<HTMLElement>('[data-place]')
    return cell?.closest(`[data-grid="${label}"]`) ? values[Number(cell.dataset.place)] : undefined
  }
  const onKeyDown = (event: KeyboardEvent<HTMLElement>, i: number) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key]
    if (step === undefined) return
    event.preventDefault()
    event.currentTarget
      .closest('[data-grid]')
      ?.querySelector<HTMLElement>(`[data-place="${Math.min(values.length - 1, Math.max(0, i + step))}"]`)
      ?.focus()
  }
  const rows = Array.from({ length: Math.ceil(values.length / columns) }, (_, r) => values.slice(r * columns, (r + 1) * columns))
  return (
    <section className={css.gridRow}>
      <div className={css.gridHead}>
        <h3>{label}</h3>
        <span className={css.soft}>{ticked.length === 0 ? `none ticked = ${none}` : `${ticked.length} ticked`}</span>
        {presets.map((preset) => (
          <button key={preset.label} type="button" className={css.preset} onClick={() => onChange(preset.values)}>
            {preset.label}
          </button>
        ))}
        <button type="button" className={css.preset} onClick={() => onChange([])}>
          none
        </button>
      </div>
      <div
        role="grid"
        aria-label={label}
        aria-multiselectable="true"
        data-grid={label}
        className={css.grid}
        onPointerMove={(event) => {
          if (painting.current === null || event.buttons === 0) return
          const value = valueAt(event)
          if (value !== undefined) set(value, painting.current)
        }}
        onPointerUp={() => {
          painting.current = null
        }}
      >
        {rows.map((row, r) => (
          <div key={r} role="row" className={css.cells}>
            {row.map((value, c) => {
              const place = r * columns + c
              const isOn = ticked.includes(value)
              return (
                <button
                  key={value}
                  type="button"
                  role="gridcell"
                  aria-selected={isOn}
                  data-place={place}
                  tabIndex={place === 0 ? 0 : -1}
                  className={css.cell}
                  onPointerDown={(event) => {
                    event.currentTarget.releasePointerCapture?.(event.pointerId)
                    painting.current = !isOn
                    set(value, !isOn)
                  }}
                  onKeyDown={(event) => {
                    if (event.key === ' ' || event.key === 'Enter') {
                      event.preventDefault()
                      set(value, !isOn)
                    } else onKeyDown(event, place)
                  }}
                >
                  {nameOf(value)}
                </button>
              )
            })}
          </div>
        ))}
      </div>
    </section>
  )
}

const range = (n: number, from = 0) => Array.from({ length: n }, (_, i) => i + from)
const weekdayNames = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const monthNames = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const two = (value: Value) => String(value).padStart(2, '0')

/** A calendar as five grids. */
export function Grid({ calendar, onChange }: { calendar: Calendar; onChange: (calendar: Calendar) => void }) {
  return (
    <div className={css.grids}>
      <GridRow
        label="Minutes"
        values={range(60)}
        columns={10}
        ticked={calendar.minutes}
        nameOf={two}
        none="every minute"
        presets={[
          { label: 'on the hour', values: [0] },
          { label: 'every 15', values: [0, 15, 30, 45] },
        ]}
        onChange={(minutes) => onChange({ ...calendar, minutes: minutes as number[] })}
      />
      <GridRow
        label="Hours"
        values={range(24)}
        columns={12}
        ticked={calendar.hours}
        nameOf={two}
        none="every hour"
        presets={[{ label: 'office hours', values: range(9, 9) }]}
        onChange={(hours) => onChange({ ...calendar, hours: hours as number[] })}
      />
      <GridRow
        label="Weekdays"
        values={[1, 2, 3, 4, 5, 6, 0]}
        columns={7}
        ticked={calendar.weekdays}
        nameOf={(day) => weekdayNames[day as number] ?? ''}
        none="every day"
        presets={[{ label: 'Monday to Friday', values: [1, 2, 3, 4, 5] }]}
        onChange={(weekdays) => onChange({ ...calendar, weekdays: weekdays as number[] })}
      />
      <GridRow
        label="Days of the month"
        values={[...range(31, 1), 'last']}
        columns={8}
        ticked={calendar.monthDays}
        none="every day"
        presets={[{ label: 'first', values: [1] }]}
        onChange={(monthDays) => onChange({ ...calendar, monthDays })}
      />
      <GridRow
        label="Months"
        values={range(12, 1)}
        columns={6}
        ticked={calendar.months}
        nameOf={(month) => monthNames[(month as number) - 1] ?? ''}
        none="every month"
        onChange={(months) => onChange({ ...calendar, months: months as number[] })}
      />
    </div>
  )
}
