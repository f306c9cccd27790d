import { Button, TextInput } from '@mantine/core'
import { IconPlus, IconX } from '@tabler/icons-react'
import { useState } from 'react'
import css from './schedules.module.css'

type Exception = { date?: string; time?: string }

/** Days and times that are left out. */
export function Exceptions({ exceptions, onChange }: { exceptions: Exception[]; onChange: (exceptions: Exception[]) => void }) {
  const [date, setDate] = useState('')
  const add = () => {
    if (date === '') return
    if (!exceptions.some((one) => one.date === date && one.time === undefined)) onChange([...exceptions, { date }])
    setDate('')
  }
  return (
    <div className={css.exceptions}>
      <TextInput
        label="Not on"
        type="date"
        value={date}
        onChange={(event) => setDate(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Enter') return
          event.preventDefault()
          add()
        }}
      />
      <Button variant="default" size="sm" leftSection={<IconPlus size={15} aria-hidden />} onClick={add}>
        Leave this day out
      </Button>
      {exceptions.map((one, i) => {
        const name = [one.date, one.time].filter(Boolean).join(' ')
        return (
          <button
            key={name}
            type="button"
            className={css.exception}
            aria-label={`Take ${name} back in`}
            onClick={() => onChange(exceptions.filter((_, at) => at !== i))}
          >
            {name} <IconX size={13} aria-hidden />
          </button>
        )
      })}
    </div>
  )
}
