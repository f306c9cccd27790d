import { Checkbox, NumberInput, Select, TextInput } from '@mantine/core'
import { IconArrowDown, IconArrowUp, IconPlus, IconSortAscendingNumbers, IconTrash } from '@tabler/icons-react'
import { Act, ActIcon } from '../../parts/act.tsx'
import { Choice } from '../../parts/choice.tsx'
import { CodeEditor } from '../../parts/code-editor.tsx'
import { Sheet } from '../../parts/page.tsx'
import { useMe, whyNot } from '../../session.tsx'
import { inOrder, newStep, numbered, type StepDraft } from './draft.ts'
import css from './pgagent.module.css'
import { SqlCheck } from './sql-check.tsx'

/** Why a step may not be written; null = it may. */
function whyNotWrite(me: Parameters<typeof whyNot>[0], kind: StepDraft['kind']): string | null {
  return whyNot(me, { right: kind === 'sql' ? 'steps.sql' : 'steps.shell' })
}

function Fields({
  sid,
  step,
  why,
  problemOf,
  set,
}: {
  sid: string
  step: StepDraft
  why: string | null
  problemOf: (field: string) => string | null
  set: (change: Partial<StepDraft>) => void
}) {
  return (
    <div className={css.fields}>
      <TextInput
        label="Name"
        required
        maxLength={500}
        value={step.name}
        error={problemOf('name')}
        onChange={(e) => set({ name: e.currentTarget.value })}
      />
      <Choice
        label={`What ${step.name} is`}
        of={[
          { value: 'sql', label: 'SQL' },
          { value: 'batch', label: 'Script' },
        ]}
        value={step.kind}
        onChoose={(kind) => set({ kind })}
      />
      <Select
        label="If it fails"
        data={[
          { value: 'fail', label: 'The job ends as failed' },
          { value: 'succeed', label: 'It counts as succeeded' },
          { value: 'ignore', label: 'The next step runs all the same' },
        ]}
        value={step.onError}
        onChange={(onError) => onError && set({ onError: onError as 'fail' })}
      />
      <NumberInput
        label="At most, seconds"
        min={0.001}
        max={2_147_483}
        value={step.timeoutSec}
        error={problemOf('timeoutMs')}
        onChange={(value) => set({ timeoutSec: String(value) })}
      />
      {step.kind === 'sql' && (
        <>
          <TextInput
            label="Database"
            description="Empty = the one of the schema"
            maxLength={63}
            value={step.database}
            error={problemOf('database')}
            onChange={(e) => set({ database: e.currentTarget.value })}
          />
          <TextInput
            label="Connection string"
            description="Counts before the database; *** = the password stays"
            autoComplete="off"
            value={step.connectionString}
            error={problemOf('connectionString')}
            onChange={(e) => set({ connectionString: e.currentTarget.value })}
          />
        </>
      )}
      <div className={css.whole}>
        <CodeEditor
          key={step.kind}
          label={step.kind === 'sql' ? 'SQL' : 'Script'}
          language={step.kind === 'sql' ? 'sql' : 'shell'}
          description={
            why ??
            (step.kind === 'sql'
              ? 'Sent as one message: several statements are one transaction'
              : 'A file that sh runs, where the agent is')
          }
          value={step.code}
          error={problemOf('code')}
          onChange={(code) => set({ code })}
        />
        {step.kind === 'sql' && <SqlCheck sid={sid} sql={step.code} />}
      </div>
      <Checkbox label="It is on" checked={step.isEnabled} onChange={(e) => set({ isEnabled: e.currentTarget.checked })} />
      <TextInput
        label="Description"
        maxLength={10_000}
        value={step.description}
        onChange={(e) => set({ description: e.currentTarget.value })}
      />
    </div>
  )
}

/** The steps of a job, to be written. @param problemOf what the server said of a field such as `steps.0.name` */
export function StepFields({
  sid,
  steps,
  problemOf,
  onChange,
}: {
  sid: string
  steps: StepDraft[]
  problemOf: (field: string) => string | null
  onChange: (steps: StepDraft[]) => void
}) {
  const me = useMe()
  const order = inOrder(steps)
  const isSorted = order.every((step, i) => step.key === steps[i]?.key)
  const set = (key: string, change: Partial<StepDraft>) => onChange(steps.map((step) => (step.key === key ? { ...step, ...change } : step)))
  const move = (i: number, by: number) => {
    const moved = [...steps]
    const [step] = moved.splice(i, 1)
    if (step) moved.splice(i + by, 0, step)
    onChange(moved)
  }
  return (
    <Sheet
      title="Steps"
      flush
      aside={
        <Act label="Add a step" icon={<IconPlus size={15} aria-hidden />} onAct={() => onChange([...steps, newStep(steps.length + 1)])} />
      }
    >
      {!isSorted && (
        <div className={css.order} role="status">
          <span>
            pgAgent runs steps in the order of their names: {order.map(({ name }) => name).join(', ')}. That is not the order in which they
            are listed.
          </span>
          <Act
            label="Number the names in this order"
            icon={<IconSortAscendingNumbers size={15} aria-hidden />}
            onAct={() => onChange(numbered(steps))}
          />
        </div>
      )}
      {steps.length === 0 ? (
        <p className={css.older}>Without a step its runs do nothing.</p>
      ) : (
        <ol className={css.list}>
          {steps.map((step, i) => (
            <li key={step.key}>
              <div className={css.itemHead}>
                <h3 className={css.grow}>
                  {i + 1}. {step.name}
                </h3>
                <ActIcon
                  label={`Move ${step.name} up`}
                  icon={<IconArrowUp size={16} aria-hidden />}
                  why={i === 0 ? 'It is the first' : null}
                  onAct={() => move(i, -1)}
                />
                <ActIcon
                  label={`Move ${step.name} down`}
                  icon={<IconArrowDown size={16} aria-hidden />}
                  why={i === steps.length - 1 ? 'It is the last' : null}
                  onAct={() => move(i, 1)}
                />
                <ActIcon
                  label={`Remove ${step.name}`}
                  icon={<IconTrash size={16} aria-hidden />}
                  onAct={() => onChange(steps.filter(({ key }) => key !== step.key))}
                />
              </div>
              <Fields
                sid={sid}
                step={step}
                why={whyNotWrite(me, step.kind)}
                problemOf={(field) => problemOf(`steps.${i}.${field}`)}
                set={(change) => set(step.key, change)}
              />
            </li>
          ))}
        </ol>
      )}
    </Sheet>
  )
}
