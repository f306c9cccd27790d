import { NumberInput } from '@mantine/core'
import type { QueueThresholdsBody } from '@trunkline/client/contract'
import { useState } from 'react'
import { useChange } from '../../parts/act.tsx'
import { FormDialog } from '../../parts/form-dialog.tsx'
import { client } from '../../session.tsx'
import { type Measure, measures } from './health.ts'
import css from './queues.module.css'

const levels = ['warning', 'critical'] as const
const names = Object.keys(measures) as Measure[]

/** From where on a queue is called warning or critical. */
export function ThresholdsDialog({ queue, thresholds, onClose }: { queue: string; thresholds: QueueThresholdsBody; onClose: () => void }) {
  const change = useChange()
  const [draft, setDraft] = useState<QueueThresholdsBody>(thresholds)

  function set(measure: Measure, level: 'warning' | 'critical', value: number | undefined) {
    setDraft(({ [measure]: before, ...rest }) => {
      const { [level]: _, ...other } = before ?? {}
      const next = value === undefined ? other : { ...other, [level]: value }
      return Object.keys(next).length === 0 ? rest : { ...rest, [measure]: next }
    })
  }

  async function save(): Promise<boolean> {
    const saved = await change(() => client.queues.setThresholds(queue, draft), {
      done: Object.keys(draft).length === 0 ? `${queue} is not watched any more` : `${queue} is watched; it is judged every 5 seconds`,
      failed: `The thresholds of ${queue} were not changed`,
    })
    return Boolean(saved)
  }

  return (
    <FormDialog onClose={onClose} title={`Thresholds of ${queue}`} onSave={save}>
      <p>Beyond one of these the queue is called warning or critical, here, in the verdict and in the inbox. Empty = not watched.</p>
      <div className={css.pairs}>
        {names.map((measure) => {
          const { label, hint, factor } = measures[measure]
          return (
            <fieldset key={measure} className={css.pair}>
              <legend>{label}</legend>
              <p>{hint}</p>
              {levels.map((level) => (
                <NumberInput
                  key={level}
                  size="sm"
                  label={level === 'warning' ? 'Warning' : 'Critical'}
                  min={0}
                  {...(measure === 'failurePercent' ? { max: 100 } : {})}
                  value={draft[measure]?.[level] === undefined ? '' : (draft[measure]?.[level] as number) / factor}
                  onChange={(value) => set(measure, level, typeof value === 'number' && value > 0 ? value * factor : undefined)}
                />
              ))}
            </fieldset>
          )
        })}
      </div>
    </FormDialog>
  )
}
