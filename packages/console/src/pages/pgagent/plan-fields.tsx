import { Button, Checkbox, TextInput } from '@mantine/core'
import { IconPlus, IconTrash, IconX } from '@tabler/icons-react'
import { useState } from 'react'
import { Act, ActIcon } from '../../parts/act.tsx'
import { Sheet } from '../../parts/page.tsx'
import { Grid } from '../schedules/grid.tsx'
import { newPlan, type PlanDraft } from './draft.ts'
import css from './pgagent.module.css'
import { planWords } from './plans.tsx'

type Exception = PlanDraft['exceptions'][number]

/** Days, times, or times of a day that are left out. */
function Exceptions({ exceptions, onChange }: { exceptions: Exception[]; onChange: (exceptions: Exception[]) => void }) {
  const [date, setDate] = useState('')
  const [time, setTime] = useState('')
  const nameOf = (one: Exception) =>
    [one.date, one.time && (one.date ? `at ${one.time}` : `each day at ${one.time}`)].filter(Boolean).join(' ')
  const add = () => {
    if (date === '' && time === '') return
    const one = { ...(date ? { date } : {}), ...(time ? { time } : {}) }
    if (!exceptions.some((other) => nameOf(other) === nameOf(one))) onChange([...exceptions, one])
    setDate('')
    setTime('')
  }
  return (
    <div className={css.exceptions}>
      <TextInput label="Not on the day" type="date" value={date} onChange={(e) => setDate(e.currentTarget.value)} />
      <TextInput label="Not at" type="time" value={time} onChange={(e) => setTime(e.currentTarget.value)} />
      <Button variant="default" size="sm" leftSection={<IconPlus size={15} aria-hidden />} onClick={add}>
        Leave it out
      </Button>
      {exceptions.map((one) => (
        <button
          key={nameOf(one)}
          type="button"
          className={css.exception}
          aria-label={`Take ${nameOf(one)} back in`}
          onClick={() => onChange(exceptions.filter((other) => other !== one))}
        >
          {nameOf(one)} <IconX size={13} aria-hidden />
        </button>
      ))}
    </div>
  )
}

function Fields({
  plan,
  clock,
  problemOf,
  set,
}: {
  plan: PlanDraft
  clock: string
  problemOf: (field: string) => string | null
  set: (change: Partial<PlanDraft>) => void
}) {
  return (
    <>
      <div className={css.fields}>
        <TextInput
          label="Name"
          required
          maxLength={500}
          value={plan.name}
          error={problemOf('name')}
          onChange={(e) => set({ name: e.currentTarget.value })}
        />
        <TextInput
          label="Description"
          maxLength={10_000}
          value={plan.description}
          onChange={(e) => set({ description: e.currentTarget.value })}
        />
        <TextInput
          label="Not before"
          description={`By the clock of ${clock}; empty = from now on`}
          type="datetime-local"
          step={1}
          value={plan.startsAt}
          error={problemOf('startsAt')}
          onChange={(e) => set({ startsAt: e.currentTarget.value })}
        />
        <TextInput
          label="Not after"
          description={`By the clock of ${clock}; empty = for ever`}
          type="datetime-local"
          step={1}
          value={plan.endsAt}
          error={problemOf('endsAt')}
          onChange={(e) => set({ endsAt: e.currentTarget.value })}
        />
        <Checkbox label="It is on" checked={plan.isEnabled} onChange={(e) => set({ isEnabled: e.currentTarget.checked })} />
      </div>
      <Grid calendar={plan.calendar} onChange={(calendar) => set({ calendar })} />
      <Exceptions exceptions={plan.exceptions} onChange={(exceptions) => set({ exceptions })} />
    </>
  )
}

/** The schedules of a job, to be written; one is open at a time. */
export function PlanFields({
  plans,
  clock,
  problemOf,
  onChange,
}: {
  plans: PlanDraft[]
  clock: string
  problemOf: (field: string) => string | null
  onChange: (plans: PlanDraft[]) => void
}) {
  const [open, setOpen] = useState(plans[0]?.key ?? null)
  const set = (key: string, change: Partial<PlanDraft>) => onChange(plans.map((plan) => (plan.key === key ? { ...plan, ...change } : plan)))
  const add = () => {
    const made = newPlan(plans.length + 1)
    setOpen(made.key)
    onChange([...plans, made])
  }
  return (
    <Sheet title="Schedules" flush aside={<Act label="Add a schedule" icon={<IconPlus size={15} aria-hidden />} onAct={add} />}>
      {plans.length === 0 ? (
        <p className={css.older}>Without a schedule it runs when somebody starts it.</p>
      ) : (
        <ul className={css.list}>
          {plans.map((plan, i) => (
            <li key={plan.key}>
              <div className={css.itemHead}>
                <h3>{plan.name}</h3>
                <span className={`${css.soft} ${css.grow}`}>{planWords(plan, clock)}</span>
                <Act
                  label={open === plan.key ? `Close ${plan.name}` : `Edit ${plan.name}`}
                  onAct={() => setOpen(open === plan.key ? null : plan.key)}
                />
                <ActIcon
                  label={`Remove ${plan.name}`}
                  icon={<IconTrash size={16} aria-hidden />}
                  onAct={() => onChange(plans.filter(({ key }) => key !== plan.key))}
                />
              </div>
              {open === plan.key && (
                <Fields
                  plan={plan}
                  clock={clock}
                  problemOf={(field) => problemOf(`schedules.${i}.${field}`)}
                  set={(change) => set(plan.key, change)}
                />
              )}
            </li>
          ))}
        </ul>
      )}
    </Sheet>
  )
}
