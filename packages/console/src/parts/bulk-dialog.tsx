import { Button, NumberInput, TagsInput, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import type { BulkBody, BulkResult } from '@trunkline/client/contract'
import { type FormEvent, useState } from 'react'
import { client } from '../session.tsx'
import { off, useChange } from './act.tsx'
import css from './bulk-dialog.module.css'
import { wantsTyped } from './confirm.tsx'
import { Dialog } from './dialog.tsx'
import { useGo } from './go.tsx'
import { State } from './state.tsx'
import { Counted } from './states.tsx'
import { toast } from './toasts.tsx'
import { countText, numberText } from './words.ts'

/** What can be done to many jobs. */
export type BulkVerb = 'retry' | 'cancel' | 'rerun' | 'update' | 'delete'

/** Which jobs. */
export type BulkOf = Pick<BulkBody, 'jobIds' | 'filter' | 'asOf'>

const said: Record<BulkVerb, { button: string; done: string; means: string }> = {
  retry: {
    button: 'Retry',
    done: 'will run again',
    means: 'Jobs that failed or were cancelled run again, with fresh attempts. Others are passed over.',
  },
  cancel: {
    button: 'Cancel',
    done: 'were cancelled',
    means: 'Waiting jobs are cancelled, running ones are asked to end. What has ended is passed over.',
  },
  rerun: { button: 'Re-run', done: 'were made anew', means: 'Each makes a new job with the same payload, linked to it.' },
  update: { button: 'Change', done: 'were changed', means: 'Waiting jobs get what is filled in here. Others are passed over.' },
  delete: {
    button: 'Delete',
    done: 'were deleted',
    means: 'Jobs, their logs and results are gone for good. Running ones are passed over.',
  },
}

interface Changes {
  priority?: number
  queue?: string
  tags?: string[]
}

function run(verb: BulkVerb, of: BulkOf, dryRun: boolean, changes: Changes): Promise<BulkResult> {
  const body = { ...of, dryRun }
  if (verb === 'update') return client.jobs.bulk.update({ ...body, changes })
  if (verb === 'rerun') return client.jobs.bulk.rerun({ ...body, ...(Object.keys(changes).length > 0 ? { rerun: changes } : {}) })
  return client.jobs.bulk[verb](body)
}

function ChangeFields({ changes, onChange }: { changes: Changes; onChange: (changes: Changes) => void }) {
  const without = (key: keyof Changes) => Object.fromEntries(Object.entries(changes).filter(([name]) => name !== key)) as Changes
  return (
    <div className={css.fields}>
      <NumberInput
        label="Priority"
        description="Higher runs first"
        min={-100}
        max={100}
        value={changes.priority ?? ''}
        onChange={(value) => onChange(typeof value === 'number' ? { ...changes, priority: value } : without('priority'))}
      />
      <TextInput
        label="Queue"
        description="Where they wait from now on"
        value={changes.queue ?? ''}
        onChange={({ currentTarget: { value } }) => onChange(value ? { ...changes, queue: value } : without('queue'))}
      />
      <TagsInput
        label="Tags"
        description="In place of those they have"
        value={changes.tags ?? []}
        onChange={(tags) => onChange(tags.length > 0 ? { ...changes, tags } : without('tags'))}
      />
    </div>
  )
}

/**
 * Does something to many jobs: shows first, by a dry run, what it would mean, then does exactly that. More than 1,000 jobs are
 * worked through by a job, which is opened.
 */
export function BulkDialog({
  verb,
  of,
  title,
  onClose,
  onDone,
}: {
  verb: BulkVerb
  of: BulkOf
  title?: string
  onClose: () => void
  onDone?: () => void
}) {
  const change = useChange()
  const go = useGo()
  const [changes, setChanges] = useState<Changes>({})
  const [typed, setTyped] = useState('')
  const [isPending, setPending] = useState(false)
  // a change must be named; which one it is does not matter for counting
  const dry = useQuery({
    queryKey: ['dry run', verb, JSON.stringify(of)],
    queryFn: () => run(verb, of, true, verb === 'update' ? { priority: 0 } : {}),
    staleTime: 0,
    gcTime: 0,
    refetchOnWindowFocus: false,
  })
  const counts = dry.data && 'byState' in dry.data ? dry.data : null
  const total = counts?.total ?? 0
  const mustType = verb === 'delete' && wantsTyped(total)
  const isReady = total > 0 && (!mustType || typed === String(total)) && (verb !== 'update' || Object.keys(changes).length > 0)
  const { button, done, means } = said[verb]

  async function act(event: FormEvent) {
    event.preventDefault()
    if (!isReady) return
    setPending(true)
    const meant: BulkOf = of.filter && counts?.asOf ? { ...of, asOf: counts.asOf } : of
    const answer = await change(() => run(verb, meant, false, changes), { failed: `Nothing was done: ${button.toLowerCase()}` })
    setPending(false)
    if (answer === undefined) return
    onDone?.()
    onClose()
    if ('jobId' in answer) {
      toast({
        tone: 'good',
        title: `${countText(answer.total, 'job')}: a job works through them`,
        action: { label: 'Follow', run: () => go(`/${answer.jobId}`) },
      })
      return
    }
    const { bulkId } = answer
    const refused = answer.results.find(({ ok }) => !ok)
    toast({
      tone: answer.accepted > 0 ? 'good' : 'bad',
      title: `${countText(answer.accepted, 'job')} ${done}`,
      detail: answer.skipped > 0 ? `${numberText(answer.skipped)} passed over${refused?.reason ? `: ${refused.reason}` : ''}` : undefined,
      ...(bulkId && answer.undoUntil && answer.accepted > 0 ? { action: { label: 'Undo', run: () => void undo(bulkId) } } : {}),
    })
  }

  const undo = (bulkId: string) =>
    change(() => client.jobs.bulk.undo({ bulkId }), {
      done: (undone) => ('accepted' in undone ? `${countText(undone.accepted, 'job')} put back` : 'Being put back'),
      failed: 'It could not be undone',
    })

  return (
    <Dialog onClose={onClose} title={title ?? `${button} jobs`} size="md">
      <form className={css.form} onSubmit={(event) => void act(event)}>
        <p className={css.means}>{means}</p>
        {verb === 'update' && <ChangeFields changes={changes} onChange={setChanges} />}
        <Counted by={dry}>
          {() => (
            <div className={css.counts} role="status">
              <strong>{total === 0 ? 'No job is meant.' : `${countText(total, 'job is', 'jobs are')} meant`}</strong>
              {Object.entries(counts?.byState ?? {}).map(([state, count]) => (
                <span key={state}>
                  <State state={state as 'failed'} /> {numberText(count)}
                </span>
              ))}
            </div>
          )}
        </Counted>
        {mustType && (
          <TextInput
            label={`Type ${total} to delete them for good`}
            inputMode="numeric"
            value={typed}
            onChange={(e) => setTyped(e.currentTarget.value)}
          />
        )}
        <div className={css.buttons}>
          <Button variant="default" size="sm" onClick={onClose}>
            Leave it
          </Button>
          <Button type="submit" size="sm" loading={isPending} {...off(!isReady)} data-autofocus>
            {button} {total > 0 ? numberText(total) : ''}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
