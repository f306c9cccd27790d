import { Autocomplete, Button, Checkbox, NumberInput, Select, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { ApiError } from '@trunkline/client'
import type { PgAgentJobAnswer } from '@trunkline/client/contract'
import { type FormEvent, useState } from 'react'
import { reportExpired } from '../../live/expired.ts'
import { queryClient } from '../../live/live.ts'
import { off } from '../../parts/act.tsx'
import { useGo } from '../../parts/go.tsx'
import { Page, Sheet } from '../../parts/page.tsx'
import { Loading, Problem } from '../../parts/states.tsx'
import { toast } from '../../parts/toasts.tsx'
import { useUnsaved } from '../../parts/unsaved.tsx'
import { client, useMe, whyNot } from '../../session.tsx'
import { bodyOf, draftOf, type JobDraft } from './draft.ts'
import css from './pgagent.module.css'
import { jobPath, useServer } from './pgagent-data.ts'
import { PlanFields } from './plan-fields.tsx'
import { PlanPreview } from './plan-preview.tsx'
import { StepFields } from './step-fields.tsx'

const zones = Intl.supportedValuesOf('timeZone')

function JobFields({
  sid,
  draft,
  timezone,
  problemOf,
  set,
}: {
  sid: string
  draft: JobDraft
  timezone: string
  problemOf: (field: string) => string | null
  set: (change: Partial<JobDraft>) => void
}) {
  const classes = useQuery({ queryKey: ['pgagent', sid, 'classes'], queryFn: () => client.pgagent.jobs.classes(sid), retry: false })
  return (
    <Sheet title="Job">
      <div className={css.fields}>
        <TextInput
          label="Name"
          required
          maxLength={500}
          value={draft.name}
          error={problemOf('name')}
          onChange={(e) => set({ name: e.currentTarget.value })}
        />
        <TextInput
          label="Description"
          maxLength={10_000}
          value={draft.description}
          onChange={(e) => set({ description: e.currentTarget.value })}
        />
        <Autocomplete
          label="Class"
          description="Another name makes another class"
          size="sm"
          data={(classes.data?.data ?? []).map(({ name }) => name)}
          value={draft.class}
          error={problemOf('class')}
          onChange={(value) => set({ class: value })}
        />
        <TextInput
          label="Host agent"
          description="Empty = any agent may run it"
          maxLength={255}
          value={draft.hostAgent}
          onChange={(e) => set({ hostAgent: e.currentTarget.value })}
        />
        <Select
          label="Time zone"
          description="Whose clock its schedules show"
          searchable
          data={[{ value: '', label: `That of the server (${timezone})` }, ...zones.map((zone) => ({ value: zone, label: zone }))]}
          value={draft.timezone}
          onChange={(zone) => zone !== null && set({ timezone: zone })}
          limit={80}
        />
        <NumberInput
          label="Each step at most, seconds"
          description="Where a step has no limit of its own"
          min={0.001}
          max={2_147_483}
          value={draft.timeoutSec}
          error={problemOf('timeoutMs')}
          onChange={(value) => set({ timeoutSec: String(value) })}
        />
        <Checkbox label="It is on" checked={draft.isEnabled} onChange={(e) => set({ isEnabled: e.currentTarget.checked })} />
      </div>
    </Sheet>
  )
}

function Editor({ sid, job, timezone }: { sid: string; job: PgAgentJobAnswer | null; timezone: string }) {
  const me = useMe()
  const go = useGo()
  const [draft, setDraft] = useState(() => draftOf(job, timezone))
  const [refused, setRefused] = useState<unknown>(null)
  const [isPending, setPending] = useState(false)
  const [isTouched, touch] = useState(false)
  const [question, letGo] = useUnsaved(isTouched)
  const why = whyNot(me, { role: 'admin' })
  const clock = draft.timezone || timezone
  const fields = refused instanceof ApiError ? refused.errors : []
  const problemOf = (field: string) => fields.find((one) => one.field === field)?.problem ?? null
  const set = (change: Partial<JobDraft>) => {
    touch(true)
    setDraft((before) => ({ ...before, ...change }))
  }

  async function save(event: FormEvent) {
    event.preventDefault()
    if (why || isPending) return
    setPending(true)
    setRefused(null)
    try {
      const body = bodyOf(draft, timezone)
      const { jobs } = client.pgagent
      const saved = job ? await jobs.replace(sid, job.id, { ...body, version: job.version }) : await jobs.create(sid, body)
      letGo()
      await queryClient.invalidateQueries({ queryKey: ['pgagent', sid] })
      toast({ tone: 'good', title: `${saved.name} is saved` })
      go(jobPath(sid, saved.id))
    } catch (error) {
      reportExpired(error)
      setRefused(error)
    } finally {
      setPending(false)
    }
  }

  return (
    <form className={css.columns} onSubmit={(event) => void save(event)} noValidate>
      <div className={css.column}>
        <JobFields sid={sid} draft={draft} timezone={timezone} problemOf={problemOf} set={set} />
        <StepFields sid={sid} steps={draft.steps} problemOf={problemOf} onChange={(steps) => set({ steps })} />
        <PlanFields plans={draft.schedules} clock={clock} problemOf={problemOf} onChange={(schedules) => set({ schedules })} />
        {refused !== null && <Problem error={refused} what="It was not saved." />}
        <div className={css.verbs}>
          <Button type="submit" size="sm" loading={isPending} {...off(why)}>
            {job ? 'Save' : 'Make the job'}
          </Button>
          <Button variant="default" size="sm" onClick={() => history.back()}>
            Leave it
          </Button>
          {why && <span className={css.soft}>{why}</span>}
        </div>
      </div>
      <div className={css.column}>
        <PlanPreview sid={sid} plans={draft.schedules} clock={clock} />
      </div>
      {question}
    </form>
  )
}

/** A job of pgAgent is made or changed. What pgAdmin has changed meanwhile is never overwritten unseen. */
export default function JobEditor() {
  const { sid = '', jobId } = useParams({ strict: false }) as { sid?: string; jobId?: string }
  const server = useServer(sid)
  const { data: job, error } = useQuery({
    queryKey: ['pgagent edit', sid, jobId ?? ''],
    enabled: jobId !== undefined,
    queryFn: () => client.pgagent.jobs.get(sid, jobId as string),
    staleTime: Number.POSITIVE_INFINITY,
    refetchInterval: false,
    gcTime: 0,
    retry: false,
  })
  const problem = error ?? server.error
  return (
    <Page title={jobId === undefined ? 'New pgAgent job' : (job?.name ?? 'pgAgent job')} lead={server.data?.name}>
      {problem ? (
        <Problem error={problem} />
      ) : !server.data || (jobId !== undefined && !job) ? (
        <Loading rows={8} />
      ) : (
        <Editor key={job?.version ?? 'new'} sid={sid} job={job ?? null} timezone={server.data.timezone} />
      )}
    </Page>
  )
}
