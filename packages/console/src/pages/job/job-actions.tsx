import { Menu } from '@mantine/core'
import { IconBan, IconCopyPlus, IconDots, IconPencil, IconPlayerPlay, IconRefresh, IconTrash } from '@tabler/icons-react'
import { isTerminal, type JobAnswer, taskNeeds, tasksIn } from '@trunkline/client/contract'
import { useState } from 'react'
import { Act, ActItem, useChange } from '../../parts/act.tsx'
import { BulkDialog } from '../../parts/bulk-dialog.tsx'
import { useGo } from '../../parts/go.tsx'
import { client, type Me, useMe, whyNot } from '../../session.tsx'
import css from './job.module.css'

/** Why `me` may not run jobs of a task; null = they may, as far as can be seen here. @param payload where it is known: steps need what their tasks need */
export const whyNotRun = (me: Me, task: string, payload?: unknown): string | null =>
  tasksIn(task, payload).reduce<string | null>((why, one) => why ?? whyNot(me, taskNeeds[one] ?? {}), whyNot(me, { role: 'operator' }))

/** What can be done with a job, each with why not. */
export function useJobVerbs(job: JobAnswer) {
  const me = useMe()
  const change = useChange()
  const go = useGo()
  const { id, state, task } = job
  const may = whyNotRun(me, task, job.payload)
  const steer = whyNot(me, { role: 'operator' })
  const retry = () => change(() => client.jobs.retry(id), { done: `Job ${id} runs again`, failed: `Job ${id} was not retried` })
  const promote = () => change(() => client.jobs.promote(id), { done: `Job ${id} is due now`, failed: `Job ${id} was not promoted` })
  const undo = (bulkId: string) =>
    void change(() => client.jobs.bulk.undo({ bulkId }), { done: `Job ${id} waits again`, failed: 'It could not be undone' })
  const cancel = () =>
    change(
      // of a waiting job it can be undone, so it needs no question
      async () =>
        state === 'running'
          ? { asked: await client.jobs.cancel(id) }
          : { bulk: await client.jobs.bulk.cancel({ jobIds: [id], dryRun: false }) },
      {
        done: (answer) => (answer.asked ? `Job ${id} was asked to end` : `Job ${id} is cancelled`),
        failed: `Job ${id} was not cancelled`,
        action: ({ bulk }) =>
          bulk && 'undoUntil' in bulk && bulk.undoUntil && bulk.bulkId
            ? { label: 'Undo', run: () => undo(bulk.bulkId as string) }
            : undefined,
      },
    )
  const rerun = () =>
    change(() => client.jobs.rerun(id), { failed: `Job ${id} was not re-run`, done: (made) => `Job ${made.id} does it again` }).then(
      (made) => made && go(`/${made.id}`),
    )
  const edit = () => go('/new', { from: id })
  const ended = isTerminal(state)
  return {
    retry: {
      act: retry,
      why: may ?? (ended ? (state === 'completed' ? 'It has completed; re-run it instead' : null) : 'It has not ended yet'),
    },
    cancel: { act: cancel, why: steer ?? (ended ? 'Already ended' : null) },
    promote: { act: promote, why: steer ?? (state === 'pending' ? null : 'Only waiting jobs can be promoted') },
    rerun: { act: rerun, why: may },
    edit: { act: edit, why: may },
    delete: { why: whyNot(me, { role: 'admin' }) ?? (state === 'running' ? 'It runs; cancel it first' : null) },
  }
}

/** The button that is worth most now, and the others in a menu. */
export function JobActions({ job }: { job: JobAnswer }) {
  const verbs = useJobVerbs(job)
  const go = useGo()
  const [isDeleting, askDelete] = useState(false)
  const { state, reason } = job
  const isLater = state === 'pending' && (reason === 'scheduled' || reason === 'retrying')
  const icon = (Icon: typeof IconBan) => <Icon size={15} aria-hidden />
  return (
    <>
      {(state === 'failed' || state === 'cancelled') && (
        <Act label="Retry" icon={icon(IconRefresh)} variant="filled" size="sm" why={verbs.retry.why} onAct={verbs.retry.act} />
      )}
      {state === 'completed' && <Act label="Run again" icon={icon(IconCopyPlus)} size="sm" why={verbs.rerun.why} onAct={verbs.rerun.act} />}
      {isLater && (
        <Act label="Run now" icon={icon(IconPlayerPlay)} variant="filled" size="sm" why={verbs.promote.why} onAct={verbs.promote.act} />
      )}
      {(state === 'running' || state === 'pending' || state === 'blocked') && (
        <Act label="Cancel" icon={icon(IconBan)} size="sm" why={verbs.cancel.why} onAct={verbs.cancel.act} />
      )}
      <Act label="Re-run with changes" icon={icon(IconPencil)} size="sm" why={verbs.edit.why} onAct={verbs.edit.act} />
      <Menu position="bottom-end" width={220}>
        <Menu.Target>
          <button type="button" className={css.more} aria-label="More">
            <IconDots size={18} aria-hidden />
          </button>
        </Menu.Target>
        <Menu.Dropdown>
          <ActItem label="Run again as it was" icon={icon(IconCopyPlus)} why={verbs.rerun.why} onAct={verbs.rerun.act} />
          <ActItem label="Delete" icon={icon(IconTrash)} why={verbs.delete.why} onAct={() => askDelete(true)} danger />
        </Menu.Dropdown>
      </Menu>
      {isDeleting && (
        <BulkDialog
          verb="delete"
          of={{ jobIds: [job.id] }}
          title={`Delete job ${job.id}`}
          onClose={() => askDelete(false)}
          onDone={() => go('/list')}
        />
      )}
    </>
  )
}
