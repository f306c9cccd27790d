import { NumberInput, Select } from '@mantine/core'
import type { NewQueueLimitsBody, QueueLimitsAnswer } from '@trunkline/client/contract'
import { useState } from 'react'
import { useChange } from '../../parts/act.tsx'
import { FormDialog } from '../../parts/form-dialog.tsx'
import { client } from '../../session.tsx'
import css from './queues.module.css'

type Rate = { limit: number | null; perMs: number }

const spans = [
  { value: '1000', label: 'a second' },
  { value: '60000', label: 'a minute' },
  { value: '3600000', label: 'an hour' },
  { value: '86400000', label: 'a day' },
]

function RateFields({ label, hint, rate, onChange }: { label: string; hint: string; rate: Rate; onChange: (rate: Rate) => void }) {
  const known = spans.some(({ value }) => Number(value) === rate.perMs)
  const data = known ? spans : [...spans, { value: String(rate.perMs), label: `${rate.perMs} ms` }]
  return (
    <fieldset className={css.pair}>
      <legend>{label}</legend>
      <p>{hint}</p>
      <NumberInput
        size="sm"
        label="Jobs"
        min={1}
        max={1_000_000}
        allowDecimal={false}
        value={rate.limit ?? ''}
        onChange={(value) => onChange({ ...rate, limit: typeof value === 'number' ? value : null })}
      />
      <Select
        label="In"
        data={data}
        value={String(rate.perMs)}
        onChange={(perMs) => perMs && onChange({ ...rate, perMs: Number(perMs) })}
      />
    </fieldset>
  )
}

const rateOf = (rate: QueueLimitsAnswer['rate']): Rate => ({ limit: rate?.limit ?? null, perMs: rate?.perMs ?? 60_000 })

/** A rate as it is sent; one that is left as it was keeps its burst. */
function rateBody({ limit, perMs }: Rate, before: QueueLimitsAnswer['rate']) {
  if (limit === null) return null
  return { limit, perMs, ...(before && before.limit === limit && before.perMs === perMs ? { burst: before.burst } : {}) }
}

/** How many jobs of a queue run at once and start in a time, in all and of each key. */
export function LimitsDialog({ limits, onClose }: { limits: QueueLimitsAnswer; onClose: () => void }) {
  const change = useChange()
  const { queue } = limits
  const [concurrency, setConcurrency] = useState<number | null>(limits.concurrency)
  const [perKey, setPerKey] = useState<number | null>(limits.concurrencyPerKey)
  const [rate, setRate] = useState(rateOf(limits.rate))
  const [ratePerKey, setRatePerKey] = useState(rateOf(limits.ratePerKey))

  async function save(): Promise<boolean> {
    const body: NewQueueLimitsBody = {
      concurrency,
      rate: rateBody(rate, limits.rate),
      concurrencyPerKey: perKey,
      ratePerKey: rateBody(ratePerKey, limits.ratePerKey),
    }
    const saved = await change(() => client.queues.setLimits(queue, body), {
      done: `The limits of ${queue} are set`,
      failed: `The limits of ${queue} were not changed`,
    })
    return Boolean(saved)
  }

  const count = (label: string, value: number | null, onChange: (value: number | null) => void) => (
    <NumberInput
      size="sm"
      label={label}
      min={1}
      max={1_000_000}
      allowDecimal={false}
      value={value ?? ''}
      onChange={(next) => onChange(typeof next === 'number' ? next : null)}
    />
  )
  return (
    <FormDialog onClose={onClose} title={`Limits of ${queue}`} onSave={save}>
      <p>They hold across all workers. Empty = no limit.</p>
      <div className={css.pairs}>
        <fieldset className={css.pair}>
          <legend>At once</legend>
          <p>So many of its jobs run at the same time</p>
          {count('In all', concurrency, setConcurrency)}
          {count('Of each concurrency key', perKey, setPerKey)}
        </fieldset>
        <RateFields label="Starts" hint="So many of its jobs start in a time" rate={rate} onChange={setRate} />
        <RateFields
          label="Starts of each rate key"
          hint="So many jobs of one key start in a time"
          rate={ratePerKey}
          onChange={setRatePerKey}
        />
      </div>
    </FormDialog>
  )
}
