import { Button, NumberInput, Select, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { ApiError } from '@trunkline/client'
import type { NewScheduleBody, ScheduleAnswer } from '@trunkline/client/contract'
import { type FormEvent, useMemo, useState } from 'react'
import { useTasks } from '../../live/data.ts'
import { reportExpired } from '../../live/expired.ts'
import { queryClient } from '../../live/live.ts'
import { off } from '../../parts/act.tsx'
import { Choice } from '../../parts/choice.tsx'
import { CodeEditor } from '../../parts/code-editor.tsx'
import { useAddress, useGo } from '../../parts/go.tsx'
import { Page, Sheet } from '../../parts/page.tsx'
import { type Misfit, startOf } from '../../parts/schema.ts'
import { SchemaForm } from '../../parts/schema-form.tsx'
import { Forbidden, Loading, Problem } from '../../parts/states.tsx'
import { toast } from '../../parts/toasts.tsx'
import { useUnsaved } from '../../parts/unsaved.tsx'
import { browserZone } from '../../preferences.ts'
import { client, useMe, whyNot } from '../../session.tsx'
import { hiddenPaths } from '../run/changes.ts'
import { schemaOf } from '../run/run-data.ts'
import { Exceptions } from './exceptions.tsx'
import { Preview } from './preview.tsx'
import { emptyCalendar, type Rhythm, rhythmBody, rhythmOf } from './rhythm.ts'
import css from './schedules.module.css'
import { When } from './when.tsx'

interface Draft {
  name: string
  description: string
  task: string
  payload: unknown
  rhythm: Rhythm
  timezone: string
  exceptions: { date?: string; time?: string }[]
  overlap: string
  missed: string
  jitterSec: number
  priority: number | null
  startsAt: string
  endsAt: string
  gap: string
  fold: string
}

function draftOf(from: ScheduleAnswer | null): Draft {
  if (from === null)
    return {
      ...{
        name: '',
        description: '',
        task: '',
        payload: {},
        exceptions: [],
        overlap: 'allow',
        missed: 'last',
        jitterSec: 0,
      },
      ...{ priority: null, startsAt: '', endsAt: '', gap: '', fold: '' },
      rhythm: { kind: 'calendar', calendar: { ...emptyCalendar, minutes: [0], hours: [9] } },
      timezone: browserZone(),
    }
  return {
    name: from.name,
    description: from.description ?? '',
    task: from.task,
    payload: from.payload ?? {},
    rhythm: rhythmOf(from),
    timezone: from.timezone,
    exceptions: from.exceptions.map(({ date, time }) => ({ ...(date ? { date } : {}), ...(time ? { time } : {}) })),
    overlap: from.overlap,
    missed: from.missed.policy,
    jitterSec: from.jitterMs / 1000,
    priority: from.priority,
    startsAt: from.startsAt ?? '',
    endsAt: from.endsAt ?? '',
    gap: from.dst.gap,
    fold: from.dst.fold,
  }
}

function rhythmFields({ rhythm, timezone, exceptions, startsAt, endsAt, gap, fold }: Draft) {
  return {
    ...rhythmBody(rhythm),
    timezone,
    exceptions,
    ...(startsAt ? { startsAt } : {}),
    ...(endsAt ? { endsAt } : {}),
    ...(gap || fold ? { dst: { ...(gap ? { gap } : {}), ...(fold ? { fold } : {}) } as { gap?: 'skip' } } : {}),
  }
}

function bodyOf(draft: Draft, from: ScheduleAnswer | null): NewScheduleBody {
  const { name, description, task, payload, overlap, missed, jitterSec, priority } = draft
  const { templateId, options } = from ?? {}
  return {
    name: name.trim(),
    description: description.trim() || null,
    ...(templateId ? { templateId } : { task }),
    payload,
    ...(options ? { options: options as NonNullable<NewScheduleBody['options']> } : {}),
    ...(priority === null ? {} : { priority }),
    ...rhythmFields(draft),
    overlap: overlap as 'allow',
    missed: from?.missed.policy === missed ? (from.missed as never) : (missed as 'last'),
    jitterMs: Math.round(jitterSec * 1000),
    ...(from ? { failureLimit: from.failureLimit, isEnabled: from.isEnabled } : {}),
  }
}

function Payload({
  draft,
  onChange,
  onTouch,
  misfits,
}: {
  draft: Draft
  onChange: (payload: unknown) => void
  /** What is written is no payload yet. */
  onTouch: () => void
  misfits: Misfit[]
}) {
  const tasks = useTasks()
  const task = tasks.data?.data.find((one) => one.task === draft.task)
  const schema = useMemo(() => schemaOf(task?.inputSchema), [task])
  const hasFields = Object.keys(schema?.properties ?? {}).length > 0
  const [look, setLook] = useState<'form' | 'json'>('form')
  const [text, setText] = useState<string | null>(null)
  const written = text ?? JSON.stringify(draft.payload, null, 2)
  let problem: string | null = null
  try {
    JSON.parse(written)
  } catch (error) {
    problem = (error as Error).message
  }
  return (
    <Sheet
      title="Payload"
      aside={
        hasFields && (
          <Choice
            label="Payload as"
            of={[
              { value: 'form', label: 'Form' },
              { value: 'json', label: 'JSON' },
            ]}
            value={look}
            onChoose={(next) => {
              setText(null)
              setLook(next)
            }}
          />
        )
      }
    >
      {hasFields && look === 'form' && schema ? (
        <SchemaForm schema={schema} value={draft.payload} misfits={misfits} onChange={onChange} />
      ) : (
        <CodeEditor
          label="Payload as JSON"
          isLabelHidden
          language="json"
          rows={[4, 20]}
          value={written}
          error={problem}
          onChange={(next) => {
            setText(next)
            try {
              onChange(JSON.parse(next))
            } catch {
              onTouch()
            }
          }}
        />
      )}
    </Sheet>
  )
}

function Policies({ draft, set }: { draft: Draft; set: (change: Partial<Draft>) => void }) {
  return (
    <details className={css.more}>
      <summary>What if: overlaps, missed runs, bounds, clocks</summary>
      <div className={css.policies}>
        <Select
          label="When the last run has not ended"
          data={[
            { value: 'allow', label: 'Run beside it' },
            { value: 'skip', label: 'Leave this run out' },
            { value: 'queue', label: 'Run after it' },
            { value: 'cancel', label: 'Cancel the last one' },
          ]}
          value={draft.overlap}
          onChange={(overlap) => overlap && set({ overlap })}
        />
        <Select
          label="When runs were missed"
          data={[
            { value: 'last', label: 'Make up for the last one' },
            { value: 'all', label: 'Make up for all' },
            { value: 'skip', label: 'Leave them out' },
          ]}
          value={draft.missed}
          onChange={(missed) => missed && set({ missed })}
        />
        <NumberInput
          label="Spread over, seconds"
          description="Each run begins by chance within it"
          min={0}
          max={86_400}
          value={draft.jitterSec}
          onChange={(v) => set({ jitterSec: Number(v) || 0 })}
        />
        <NumberInput
          label="Priority"
          description="Higher runs first"
          min={-100}
          max={100}
          value={draft.priority ?? ''}
          onChange={(v) => set({ priority: v === '' ? null : Number(v) })}
        />
        <TextInput
          label="Not before"
          type="date"
          value={draft.startsAt.slice(0, 10)}
          onChange={(e) => set({ startsAt: e.currentTarget.value ? `${e.currentTarget.value}T00:00:00Z` : '' })}
        />
        <TextInput
          label="Not after"
          type="date"
          value={draft.endsAt.slice(0, 10)}
          onChange={(e) => set({ endsAt: e.currentTarget.value ? `${e.currentTarget.value}T00:00:00Z` : '' })}
        />
        <Select
          label="A time that does not exist (spring)"
          placeholder="As the server does it"
          data={[
            { value: 'first', label: 'First minute after it' },
            { value: 'shift', label: 'One hour later' },
            { value: 'skip', label: 'Leave it out' },
          ]}
          value={draft.gap || null}
          onChange={(gap) => set({ gap: gap ?? '' })}
        />
        <Select
          label="A time that comes twice (autumn)"
          placeholder="As the server does it"
          data={[
            { value: 'first', label: 'The first time' },
            { value: 'second', label: 'The second time' },
            { value: 'both', label: 'Both times' },
          ]}
          value={draft.fold || null}
          onChange={(fold) => set({ fold: fold ?? '' })}
        />
      </div>
    </details>
  )
}

function Editor({ from, firstTask }: { from: ScheduleAnswer | null; firstTask: string | undefined }) {
  const me = useMe()
  const go = useGo()
  const tasks = useTasks()
  const [draft, setDraft] = useState<Draft>(() => ({ ...draftOf(from), ...(firstTask && !from ? { task: firstTask } : {}) }))
  const [refused, setRefused] = useState<unknown>(null)
  const [isPending, setPending] = useState(false)
  const [isTouched, touch] = useState(false)
  const set = (change: Partial<Draft>) => {
    touch(true)
    setDraft((before) => ({ ...before, ...change }))
  }
  const [question, letGo] = useUnsaved(isTouched)
  const why = whyNot(me, { role: 'admin' })
  const fields = refused instanceof ApiError ? refused.errors : []
  const problemOf = (field: string) => fields.find((one) => one.field === field)?.problem ?? null
  // what is not shown must not be saved as its mark
  const secrets = hiddenPaths(draft.payload).map((path) => ({ path, problem: 'is a secret: type it anew' }))
  const misfits = [
    ...fields.map(({ field, problem }) => ({ path: field.replace(/^payload\./, ''), problem })),
    ...(isTouched ? secrets : []),
  ]

  async function save(event: FormEvent) {
    event.preventDefault()
    touch(true)
    if (why || isPending || secrets.length > 0) return
    setPending(true)
    setRefused(null)
    try {
      const body = bodyOf(draft, from)
      const saved = from ? await client.schedules.update(from.id, { ...body, version: from.version }) : await client.schedules.create(body)
      letGo()
      await queryClient.invalidateQueries({ queryKey: ['schedules'] })
      toast({ tone: 'good', title: `${saved.name} is saved`, detail: saved.words })
      go(`/schedules/${saved.id}`)
    } catch (error) {
      reportExpired(error)
      setRefused(error)
    } finally {
      setPending(false)
    }
  }

  const chooseTask = (task: string | null) => {
    const known = tasks.data?.data.find((one) => one.task === task)
    set({ task: task ?? '', payload: startOf(schemaOf(known?.inputSchema)) ?? {} })
  }
  return (
    <form className={css.editor} onSubmit={(event) => void save(event)} noValidate>
      <div className={css.column}>
        <Sheet title="When">
          <When
            rhythm={draft.rhythm}
            onChange={(rhythm) => set({ rhythm })}
            timezone={draft.timezone}
            onTimezone={(timezone) => set({ timezone })}
          />
          <Exceptions exceptions={draft.exceptions} onChange={(exceptions) => set({ exceptions })} />
          <Policies draft={draft} set={set} />
        </Sheet>
        <Sheet title="What">
          <div className={css.what}>
            <TextInput
              label="Name"
              required
              maxLength={200}
              value={draft.name}
              error={problemOf('name')}
              onChange={(e) => set({ name: e.currentTarget.value })}
            />
            {from?.templateId ? (
              <TextInput label="Task, by a template" value={draft.task} disabled />
            ) : (
              <Select
                label="Task"
                selectFirstOptionOnChange
                required
                searchable
                data={(tasks.data?.data ?? []).map((one) => one.task)}
                value={draft.task || null}
                error={problemOf('task')}
                onChange={chooseTask}
              />
            )}
            <TextInput
              label="Description"
              maxLength={2000}
              value={draft.description}
              onChange={(e) => set({ description: e.currentTarget.value })}
            />
          </div>
        </Sheet>
        {draft.task !== '' && (
          <Payload draft={draft} misfits={misfits} onChange={(payload) => set({ payload })} onTouch={() => touch(true)} />
        )}
        {refused !== null && <Problem error={refused} what="It was not saved." />}
        <div className={css.buttons}>
          <Button type="submit" size="sm" loading={isPending} {...off(why)}>
            {from ? 'Save' : 'Make the schedule'}
          </Button>
          <Button variant="default" size="sm" onClick={() => history.back()}>
            Leave it
          </Button>
          {why && <span className={css.soft}>{why}</span>}
        </div>
      </div>
      <div className={css.column}>
        <Preview of={{ ...rhythmFields(draft), ...(from ? { scheduleId: from.id } : {}) }} />
      </div>
      {question}
    </form>
  )
}

/** A schedule is made or changed: when, what, and its next runs beside it. */
export default function ScheduleEditor() {
  const { id } = useParams({ strict: false }) as { id?: string }
  const me = useMe()
  const [address] = useAddress()
  const { data, error } = useQuery({
    queryKey: ['schedules', id ?? 'none', 'edit'],
    enabled: id !== undefined,
    queryFn: () => client.schedules.get(id as string),
    staleTime: Infinity,
    gcTime: 0,
  })
  const why = whyNot(me, { role: 'admin' })
  const isHidden = data !== undefined && !('payload' in data)
  return (
    <Page title={id === undefined ? 'New schedule' : (data?.name ?? 'Schedule')}>
      {error ? (
        <Problem error={error} />
      ) : id !== undefined && !data ? (
        <Loading rows={8} />
      ) : isHidden ? (
        <Forbidden sentence="It has a payload that you may not see; without it it cannot be changed. Needs the right payload.read." />
      ) : (
        <>
          {why && <p className={css.soft}>{why}</p>}
          <Editor from={data ?? null} firstTask={address.task} />
        </>
      )}
    </Page>
  )
}
