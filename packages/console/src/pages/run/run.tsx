import { Button, Menu, NumberInput, Select, TagsInput, TextInput } from '@mantine/core'
import { IconHistory, IconPlayerPlay } from '@tabler/icons-react'
import { ApiError } from '@trunkline/client'
import type { TaskAnswer } from '@trunkline/client/contract'
import { type FormEvent, useEffect, useMemo, useRef, useState } from 'react'
import { useTasks } from '../../live/data.ts'
import { reportExpired } from '../../live/expired.ts'
import { readAgain } from '../../live/live.ts'
import { off, useChange } from '../../parts/act.tsx'
import { Choice } from '../../parts/choice.tsx'
import { CodeEditor } from '../../parts/code-editor.tsx'
import { readJson, roundedPaths, writeJson } from '../../parts/exact.ts'
import { Go, useAddress, useGo } from '../../parts/go.tsx'
import { Page, Sheet } from '../../parts/page.tsx'
import { type Misfit, misfits, narrowed, startOf } from '../../parts/schema.ts'
import { SchemaForm } from '../../parts/schema-form.tsx'
import { Copy, Empty, Loading, Problem } from '../../parts/states.tsx'
import { Time } from '../../parts/time.tsx'
import { toast } from '../../parts/toasts.tsx'
import { useUnsaved } from '../../parts/unsaved.tsx'
import { browserZone } from '../../preferences.ts'
import { client, useMe } from '../../session.tsx'
import { whyNotRun } from '../job/job-actions.tsx'
import { type Changed, changesOf, hiddenPaths } from './changes.ts'
import css from './run.module.css'
import { noOptions, optionsBody, type RunOptions, schemaOf, useRecentPayloads, useSources } from './run-data.ts'
import { SaveTemplate } from './save-template.tsx'
import { WillHappen } from './will-happen.tsx'

function OptionFields({ options, onChange, isRerun }: { options: RunOptions; onChange: (options: RunOptions) => void; isRerun: boolean }) {
  const set = (change: Partial<RunOptions>) => onChange({ ...options, ...change })
  return (
    <details className={css.options}>
      <summary>Options: queue, priority, time, attempts, tags</summary>
      <div className={css.optionFields}>
        <TextInput
          label="Queue"
          description="Default: that of the task"
          value={options.queue}
          onChange={(e) => set({ queue: e.currentTarget.value })}
        />
        <NumberInput
          label="Priority"
          description="-100 to 100, higher runs first"
          min={-100}
          max={100}
          value={options.priority}
          onChange={(v) => set({ priority: String(v) })}
        />
        <TextInput
          label="Run at"
          description={`In ${browserZone()}; empty = now`}
          type="datetime-local"
          value={options.runAt}
          onChange={(e) => set({ runAt: e.currentTarget.value })}
        />
        <NumberInput
          label="Attempts"
          description="Until it has failed"
          min={1}
          max={100}
          value={options.maxAttempts}
          onChange={(v) => set({ maxAttempts: String(v) })}
        />
        {!isRerun && (
          <>
            <NumberInput
              label="Timeout, minutes"
              description="Of one attempt"
              min={0}
              value={options.timeoutMin}
              onChange={(v) => set({ timeoutMin: String(v) })}
            />
            <TextInput
              label="Unique key"
              description="One job of it at a time"
              value={options.uniqueKey}
              onChange={(e) => set({ uniqueKey: e.currentTarget.value })}
            />
          </>
        )}
        <TagsInput label="Tags" description="To find it again" value={options.tags} onChange={(tags) => set({ tags })} />
      </div>
    </details>
  )
}

function Differences({ of }: { of: Changed[] }) {
  if (of.length === 0) return <p className={css.soft}>As it was.</p>
  return (
    <dl className={css.changes}>
      {of.map(({ path, before, after }) => (
        <div key={path}>
          <dt>{path || 'payload'}</dt>
          <dd>
            <del>{writeJson(before) ?? 'nothing'}</del> → <ins>{writeJson(after) ?? 'nothing'}</ins>
          </dd>
        </div>
      ))}
    </dl>
  )
}

function Recipes({ task, payload, options }: { task: string; payload: unknown; options: object }) {
  const json = writeJson(payload) ?? 'null'
  const recipes: [string, string][] = [
    ['Command line', `trunkline enqueue ${task} '${json.replaceAll("'", "'\\''")}'`],
    ['TypeScript', `await trunkline.enqueue('${task}', ${json})`],
    ['SQL', `select trunkline.enqueue('${task}', '${json.replaceAll("'", "''")}'::jsonb)`],
    [
      'cURL',
      `curl ${client.baseUrl}/api/v1/jobs -H "authorization: Bearer $TOKEN" -H 'content-type: application/json' -d '${(writeJson({ task, payload, ...options }) ?? '').replaceAll("'", "'\\''")}'`,
    ],
  ]
  return (
    <ul className={css.recipes}>
      {recipes.map(([name, text]) => (
        <li key={name}>
          {name} <Copy text={text} label={`Copy as ${name}`} />
        </li>
      ))}
    </ul>
  )
}

function Recent({ task, onChoose }: { task: string; onChoose: (payload: unknown) => void }) {
  const { data } = useRecentPayloads(task)
  const change = useChange()
  // lists round numbers of many digits
  const choose = async (id: string) => {
    const job = await change(() => client.jobs.get(id, { includeData: true, parse: readJson }), {
      failed: `Job ${id} could not be read`,
      changes: [],
    })
    if (job) onChoose(job.payload)
  }
  if (!data || data.length === 0) return null
  return (
    <Menu position="bottom-start" width={420}>
      <Menu.Target>
        <Button variant="default" leftSection={<IconHistory size={15} aria-hidden />}>
          Recent payloads
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {data.map((job) => (
          <Menu.Item key={job.id} onClick={() => void choose(job.id)}>
            <span className={css.recent}>{JSON.stringify(job.payload)}</span>
            <span className={css.soft}>
              #{job.id} · <Time at={job.createdAt} />
            </span>
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  )
}

/** @param narrower the schema of the template, which jobs have to fit as well */
function useDraft(task: TaskAnswer | null, start: unknown, narrower: unknown) {
  const schema = useMemo(() => narrowed(schemaOf(task?.inputSchema), schemaOf(narrower)), [task, narrower])
  const [draft, setDraft] = useState({ text: writeJson(start ?? startOf(schema), 2) ?? '' })
  const parsed = useMemo((): { value: unknown; problem: string | null } => {
    try {
      return { value: readJson(draft.text), problem: null }
    } catch (error) {
      return { value: null, problem: (error as Error).message }
    }
  }, [draft])
  return {
    schema,
    ...draft,
    ...parsed,
    setText: (text: string) => setDraft({ text }),
    setValue: (value: unknown) => setDraft({ text: writeJson(value, 2) ?? '' }),
  }
}

/** Why a payload cannot be kept for later as it is; null = it can. */
function whyNotKept({ value, problem }: { value: unknown; problem: string | null }): string | null {
  if (problem !== null) return 'It is no JSON yet'
  if (hiddenPaths(value).length > 0) return 'It has secrets that are not shown; type them anew first'
  return roundedPaths(value).length > 0 ? 'It has numbers of more digits than the API takes; write them as texts first' : null
}

/** What the form begins anew with. */
const beginsWith = ['task', 'from', 'template']

/** The form for one task; its state begins anew with another task, job or template. */
function RunForm({
  task,
  from,
  start,
  templateId,
  narrower,
  startOptions,
}: {
  task: TaskAnswer
  from: string | undefined
  start: unknown
  templateId: string | undefined
  /** The schema of the template. */
  narrower: unknown
  startOptions: RunOptions
}) {
  const me = useMe()
  const go = useGo()
  const [address, setAddress] = useAddress()
  const draft = useDraft(task, start, narrower)
  const [options, setOptions] = useState(startOptions)
  const written = JSON.stringify([draft.text, options])
  const [kept, keep] = useState(written)
  const [question, letGo] = useUnsaved(written !== kept, beginsWith)
  const [refused, setRefused] = useState<{ misfits: Misfit[]; error: unknown } | null>(null)
  const [isPending, setPending] = useState(false)
  const [hasTried, setTried] = useState(false)
  const form = useRef<HTMLFormElement>(null)
  const hasFields = Object.keys(draft.schema?.properties ?? {}).length > 0
  const look = address.view === 'json' || !hasFields ? 'json' : 'form'
  const why = whyNotRun(me, task.task)
  const changed = from === undefined ? [] : changesOf(start, draft.value)
  const secrets = changed.length > 0 || from === undefined ? hiddenPaths(draft.value) : []
  const rounded = changed.length > 0 || from === undefined ? roundedPaths(draft.value) : []
  const lossy = rounded.map(({ path, text, becomes }) => ({
    path,
    problem: `${text} has more digits than the API takes and would become ${becomes}: write it as a text`,
  }))
  const found = [
    ...misfits(draft.value, draft.schema),
    ...secrets.map((path) => ({ path, problem: 'is a secret: type it anew' })),
    ...lossy,
    ...(refused?.misfits ?? []),
  ]
  // while somebody fills in the form, what is not there yet is no mistake
  const shown = hasTried ? found : found.filter(({ problem }) => problem !== 'is needed')
  const body = optionsBody(options)

  async function run(isStaying: boolean) {
    setTried(true)
    setRefused(null)
    if (why || isPending || draft.problem || [...misfits(draft.value, draft.schema), ...secrets, ...lossy].length > 0) return
    setPending(true)
    try {
      const made =
        from === undefined
          ? await client.jobs.enqueue({ task: task.task, payload: JSON.parse(draft.text), ...(templateId ? { templateId } : {}), ...body })
          : await client.jobs.rerun(from, { ...(changed.length > 0 ? { payload: JSON.parse(draft.text) } : {}), ...body })
      readAgain('jobs')
      if (!isStaying) {
        letGo()
        return go(`/${made.id}`)
      }
      keep(written)
      toast({ tone: 'good', title: `Job ${made.id} was made`, action: { label: 'Open', run: () => go(`/${made.id}`) } })
    } catch (error) {
      reportExpired(error)
      const fields = error instanceof ApiError ? error.errors : []
      setRefused({ error, misfits: fields.map(({ field, problem }) => ({ path: field.replace(/^payload\./, ''), problem })) })
    } finally {
      setPending(false)
    }
  }
  const latest = useRef(run)
  latest.current = run
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return
      event.preventDefault()
      void latest.current(false)
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [])

  return (
    <form
      ref={form}
      className={css.columns}
      noValidate
      onSubmit={(event: FormEvent) => {
        event.preventDefault()
        void run(false)
      }}
    >
      <div className={css.main}>
        <Sheet
          title="Payload"
          aside={
            <>
              <Recent task={task.task} onChoose={draft.setValue} />
              {hasFields && (
                <Choice
                  label="Payload as"
                  of={[
                    { value: 'form', label: 'Form' },
                    { value: 'json', label: 'JSON' },
                  ]}
                  value={look}
                  onChoose={(view) => setAddress({ view: view === 'json' ? 'json' : undefined })}
                />
              )}
            </>
          }
        >
          {look === 'form' && draft.problem === null ? (
            <SchemaForm schema={draft.schema ?? {}} value={draft.value} misfits={shown} onChange={draft.setValue} />
          ) : (
            <CodeEditor
              label="Payload as JSON"
              isLabelHidden
              language="json"
              rows={[8, 28]}
              value={draft.text}
              error={draft.problem}
              onChange={draft.setText}
            />
          )}
          {(look === 'json' || hasTried) && shown.length > 0 && (
            <ul className={css.misfits} role="alert">
              {shown.map(({ path, problem }) => (
                <li key={`${path} ${problem}`}>
                  <code>{path || 'payload'}</code> {problem}
                </li>
              ))}
            </ul>
          )}
          <OptionFields options={options} onChange={setOptions} isRerun={from !== undefined} />
          {refused && <Problem error={refused.error} what="It was not run." />}
        </Sheet>
        <div className={css.buttons}>
          <Button
            type="submit"
            size="sm"
            leftSection={<IconPlayerPlay size={16} aria-hidden />}
            loading={isPending}
            title="Ctrl or ⌘ with Enter"
            {...off(why)}
          >
            {from === undefined ? 'Run' : 'Run again'}
          </Button>
          <Button variant="default" size="sm" onClick={() => void run(true)} {...off(why)}>
            Run and stay here
          </Button>
          <SaveTemplate task={task.task} text={draft.text} options={options} whyNotNow={whyNotKept(draft)} onSaved={() => keep(written)} />
          {why && <span className={css.soft}>{why}</span>}
        </div>
      </div>
      <div className={css.side}>
        {from !== undefined && (
          <Sheet title={`Against job ${from}`}>
            <Differences of={changed} />
          </Sheet>
        )}
        <Sheet title="What will happen">
          <WillHappen task={task} queue={options.queue} uniqueKey={options.uniqueKey} isLater={options.runAt !== ''} />
        </Sheet>
        <Sheet title="The same elsewhere">
          <Recipes task={task.task} payload={draft.value} options={body} />
        </Sheet>
      </div>
      {question}
    </form>
  )
}

/** Runs something now: a form made from the schema of its task. */
export default function Run() {
  const [address, setAddress] = useAddress()
  const { from, template: templateId } = address
  const tasks = useTasks()
  const { job, template } = useSources(from, templateId)
  const source = from !== undefined ? job : templateId !== undefined ? template : null
  const name = address.task ?? job.data?.task ?? template.data?.task ?? null
  const task = tasks.data?.data.find((one) => one.task === name) ?? null
  const error = tasks.error ?? source?.error
  const isWaiting = tasks.isPending || source?.isPending === true
  const isHidden = source?.data !== undefined && !('payload' in source.data)
  const start = source?.data && 'payload' in source.data ? (source.data.payload ?? {}) : undefined
  const settings = template.data?.options
  const startOptions: RunOptions = {
    ...noOptions,
    ...(settings?.queue ? { queue: settings.queue } : {}),
    ...(settings?.priority === undefined ? {} : { priority: String(settings.priority) }),
    tags: [...(settings?.tags ?? (from === undefined ? [] : (job.data?.tags ?? [])))],
  }
  return (
    <Page
      title={from === undefined ? 'Run a new job' : `Run job ${from} again`}
      lead={
        from !== undefined ? (
          <>
            A new job, linked to <Go to={`/${from}`}>#{from}</Go>
          </>
        ) : template.data ? (
          `With the template ${template.data.name}`
        ) : undefined
      }
    >
      {error ? (
        <Problem error={error} />
      ) : isWaiting ? (
        <Loading rows={8} />
      ) : isHidden ? (
        <Empty title="You may not see this payload">Without the right payload.read it can be run again as it was, not with changes.</Empty>
      ) : (
        <>
          {from === undefined && templateId === undefined && (
            <Select
              label="Task"
              selectFirstOptionOnChange
              placeholder="Choose a task"
              searchable
              maw={480}
              data={(tasks.data?.data ?? []).map((one) => one.task)}
              value={name}
              onChange={(next) => setAddress({ task: next ?? undefined, view: undefined })}
              description={task?.description ?? undefined}
            />
          )}
          {task ? (
            <RunForm
              key={`${task.task} ${from} ${templateId}`}
              task={task}
              from={from}
              start={start}
              templateId={templateId}
              narrower={template.data?.inputSchema}
              startOptions={startOptions}
            />
          ) : name !== null ? (
            <Empty title={`No worker has published the task ${name}`}>Start a worker that knows it; then it can be run from here.</Empty>
          ) : tasks.data?.data.length === 0 ? (
            <Empty title="No task is known yet" code={{ 'Command line': 'trunkline worker' }}>
              Workers publish their tasks when they start.
            </Empty>
          ) : null}
        </>
      )}
    </Page>
  )
}
