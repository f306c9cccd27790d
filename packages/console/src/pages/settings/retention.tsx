import { Autocomplete, NumberInput, Select } from '@mantine/core'
import { IconPlus, IconTrash } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { namePattern, type RetentionAnswer } from '@trunkline/client/contract'
import { type FormEvent, useState } from 'react'
import { useTasks } from '../../live/data.ts'
import { Act, ActIcon, useChange } from '../../parts/act.tsx'
import { Sheet } from '../../parts/page.tsx'
import { State } from '../../parts/state.tsx'
import { Loading, Problem } from '../../parts/states.tsx'
import { Time } from '../../parts/time.tsx'
import { useUnsaved } from '../../parts/unsaved.tsx'
import { client, useMe, whyNot } from '../../session.tsx'
import {
  asForAll,
  bodyOf,
  type Draft,
  draftOf,
  endings,
  isFilled,
  isMissing,
  type Keep,
  type Keeps,
  keepText,
  rulesText,
  type Unit,
} from './retention-draft.ts'
import { Removal, RemovalDialog } from './retention-removal.tsx'
import css from './settings.module.css'

const units: { value: Unit; label: string; one?: string }[] = [
  { value: 'days', label: 'days', one: 'day' },
  { value: 'hours', label: 'hours', one: 'hour' },
  { value: 'minutes', label: 'minutes', one: 'minute' },
  { value: 'seconds', label: 'seconds', one: 'second' },
  { value: 'ever', label: 'kept for ever' },
]
const asCommon: (typeof units)[number] = { value: 'common', label: 'as for all tasks' }

/** How long jobs that ended so are kept, of all tasks or of one. */
function KeepField({
  who,
  state,
  keep,
  isOfTask,
  onChange,
}: {
  who: string
  state: keyof Keeps
  keep: Keep
  isOfTask: boolean
  onChange: (keep: Keep) => void
}) {
  const isTimed = keep.unit !== 'ever' && keep.unit !== 'common'
  return (
    <div className={css.keep}>
      <State state={state} />
      <div className={css.time}>
        {isTimed && (
          <NumberInput
            aria-label={`${who}, ${state}: how many ${keep.unit}`}
            size="sm"
            w={84}
            min={0}
            allowNegative={false}
            thousandSeparator=","
            error={isMissing(keep) && 'how many?'}
            value={keep.amount}
            onChange={(value) => onChange({ ...keep, amount: typeof value === 'number' ? value : '' })}
          />
        )}
        <Select
          aria-label={`${who}, ${state}: how long`}
          size="sm"
          allowDeselect={false}
          data={(isOfTask ? [asCommon, ...units] : units).map((one) => (keep.amount === 1 ? { ...one, label: one.one ?? one.label } : one))}
          value={keep.unit}
          onChange={(unit) =>
            unit && onChange({ unit: unit as Unit, amount: keep.amount === '' && unit !== 'ever' && unit !== 'common' ? 30 : keep.amount })
          }
        />
      </div>
    </div>
  )
}

/** What is kept of all tasks, or of one. */
function KeepRow({
  task,
  keeps,
  isOff,
  onChange,
  onRemove,
}: {
  task: string | null
  keeps: Keeps
  isOff: boolean
  onChange: (keeps: Keeps) => void
  onRemove?: () => void
}) {
  const who = task ?? 'All tasks'
  return (
    <div className={css.keeps} role="group" aria-label={who}>
      <div className={css.who}>
        <h3>{who}</h3>
        {onRemove && !isOff && <ActIcon label={`Keep ${who} as all tasks`} icon={<IconTrash size={16} aria-hidden />} onAct={onRemove} />}
      </div>
      <div className={css.endings}>
        {endings.map((state) =>
          isOff ? (
            <div key={state} className={css.keep}>
              <State state={state} />
              {keepText(keeps[state])}
            </div>
          ) : (
            <KeepField
              key={state}
              who={who}
              state={state}
              keep={keeps[state]}
              isOfTask={task !== null}
              onChange={(keep) => onChange({ ...keeps, [state]: keep })}
            />
          ),
        )}
      </div>
    </div>
  )
}

/** A task gets rules of its own. */
function AddTask({ taken, onAdd }: { taken: string[]; onAdd: (task: string) => void }) {
  const { data } = useTasks()
  const [name, setName] = useState('')
  const task = name.trim()
  const problem = taken.includes(task)
    ? 'It has rules already'
    : task !== '' && !namePattern.test(task)
      ? 'Only A-Z a-z 0-9 _ . : / -'
      : null
  const add = () => {
    onAdd(task)
    setName('')
  }
  return (
    <div className={css.addTask}>
      <Autocomplete
        label="A task that is kept longer or shorter"
        placeholder="Name of the task"
        size="sm"
        data={(data?.data ?? []).map((one) => one.task).filter((one) => !taken.includes(one))}
        value={name}
        error={problem}
        onChange={setName}
      />
      <Act
        label="Add the task"
        icon={<IconPlus size={15} aria-hidden />}
        size="sm"
        why={problem ?? (task === '' ? 'Name a task first' : null)}
        onAct={add}
      />
    </div>
  )
}

/** Who says so, and since when. */
function Source({ source, by, at }: RetentionAnswer) {
  if (source === 'default') return <>Nobody has set anything: 30 days for all</>
  if (source === 'settings') return <>From the settings file of the keeper</>
  return (
    <>
      Stored by {by ?? 'somebody'} {at && <Time at={at} />}
    </>
  )
}

function Editor({ now }: { now: RetentionAnswer }) {
  const me = useMe()
  const change = useChange()
  const [draft, setDraft] = useState(() => draftOf(now.rules))
  const [shown, show] = useState<string | null>(null)
  const [asked, ask] = useState<'save' | 'reset' | null>(null)
  const body = bodyOf(draft)
  const sent = JSON.stringify(body)
  const isTouched = sent !== JSON.stringify(bodyOf(draftOf(now.rules)))
  const [question] = useUnsaved(isTouched)
  const why = whyNot(me, { role: 'owner' })
  const whyNotCounted = whyNot(me, { role: 'admin' })
  const unready = isFilled(draft) ? null : 'A number is missing'
  const set = (next: Partial<Draft>) => setDraft({ ...draft, ...next })
  const setKeeps = (task: string, keeps: Keeps) => set({ tasks: draft.tasks.map((one) => (one.task === task ? { task, keeps } : one)) })
  const whySave = why ?? unready ?? (isTouched ? null : 'Nothing is changed')
  const save = () => change(() => client.retention.set(body), { done: 'The rules are saved', changes: [['retention']] })
  const reset = () =>
    change(() => client.retention.reset(), {
      done: now.otherwise.source === 'settings' ? 'The settings file holds again' : '30 days hold again for all',
      changes: [['retention']],
    })
  return (
    <form
      className={css.rules}
      onSubmit={(event: FormEvent) => {
        event.preventDefault()
        if (!whySave) ask('save')
      }}
    >
      {why && <p className={css.soft}>{why}</p>}
      <KeepRow task={null} keeps={draft.common} isOff={why !== null} onChange={(common) => set({ common })} />
      {draft.tasks.map(({ task, keeps }) => (
        <KeepRow
          key={task}
          task={task}
          keeps={keeps}
          isOff={why !== null}
          onChange={(next) => setKeeps(task, next)}
          onRemove={() => set({ tasks: draft.tasks.filter((one) => one.task !== task) })}
        />
      ))}
      {!why && <AddTask taken={draft.tasks.map(({ task }) => task)} onAdd={(task) => set({ tasks: [...draft.tasks, asForAll(task)] })} />}
      {shown === sent && <Removal of={body} />}
      <div className={css.buttons}>
        <Act label="Save" variant="filled" size="sm" why={whySave} onAct={() => ask('save')} />
        <Act label="What would it remove?" size="sm" why={whyNotCounted ?? unready} onAct={() => show(sent)} />
        {isTouched && <Act label="Leave it" size="sm" onAct={() => setDraft(draftOf(now.rules))} />}
        {now.source === 'stored' && (
          <Act
            label={now.otherwise.source === 'settings' ? 'Back to the settings file' : 'Back to 30 days'}
            size="sm"
            why={why}
            onAct={() => ask('reset')}
          />
        )}
      </div>
      {now.source === 'stored' && (
        <p className={css.soft}>
          {now.otherwise.source === 'settings' ? 'The settings file says' : 'Without them'}: {rulesText(now.otherwise.rules)}.
        </p>
      )}
      {question}
      {asked === 'save' && (
        <RemovalDialog
          title="Keep jobs by these rules?"
          button="Save"
          failed="The rules were not saved"
          of={body}
          onConfirm={save}
          onClose={() => ask(null)}
        />
      )}
      {asked === 'reset' && (
        <RemovalDialog
          title="Take the stored rules away?"
          button="Take them away"
          failed="The rules were not taken away"
          of={bodyOf(draftOf(now.otherwise.rules))}
          onConfirm={reset}
          onClose={() => ask(null)}
        />
      )}
    </form>
  )
}

/** How long ended jobs are kept, by state and task. */
export function Retention() {
  const { data, error, refetch } = useQuery({ queryKey: ['retention'], queryFn: () => client.retention.get() })
  return (
    <Sheet title="How long ended jobs are kept" aside={data && <Source {...data} />}>
      {error ? (
        <Problem error={error} retry={() => void refetch()} />
      ) : data ? (
        <Editor key={JSON.stringify(data.rules)} now={data} />
      ) : (
        <Loading rows={4} />
      )}
    </Sheet>
  )
}
