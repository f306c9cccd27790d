import { Menu } from '@mantine/core'
import {
  IconCopy,
  IconDots,
  IconHistory,
  IconPencil,
  IconPlayerPause,
  IconPlayerPlay,
  IconPlayerSkipForward,
  IconTrash,
} from '@tabler/icons-react'
import type { ScheduleAnswer } from '@trunkline/client/contract'
import { lazy, Suspense, useState } from 'react'
import { Act, ActItem, useChange } from '../../parts/act.tsx'
import { Confirm } from '../../parts/confirm.tsx'
import { useGo } from '../../parts/go.tsx'
import { client, useMe, whyNot } from '../../session.tsx'
import { whyNotRun } from '../job/job-actions.tsx'
import css from './schedules.module.css'

const BackfillDialog = lazy(() => import('./backfill-dialog.tsx'))

/** What can be done with a schedule. */
export function ScheduleVerbs({ schedule, wide = false }: { schedule: ScheduleAnswer; wide?: boolean }) {
  const me = useMe()
  const change = useChange()
  const go = useGo()
  const [isDeleting, askDelete] = useState(false)
  const [isFilling, fillBack] = useState(false)
  const { id, name, paused } = schedule
  const why = whyNot(me, { role: 'admin' })
  const run = () =>
    change(() => client.schedules.run(id), {
      done: `${name} runs now`,
      failed: `${name} was not started`,
      action: ({ jobId }) => ({ label: 'Open', run: () => go(`/${jobId}`) }),
    })
  const resume = () => change(() => client.schedules.resume(id), { done: `${name} goes on`, failed: `${name} was not resumed` })
  const pause = () =>
    change(() => client.schedules.pause(id, {}), {
      done: `${name} is paused`,
      failed: `${name} was not paused`,
      action: () => ({ label: 'Undo', run: () => void resume() }),
    })
  const skip = () => change(() => client.schedules.skip(id), { done: `${name} leaves out its next run`, failed: 'The next run stays' })
  const clone = () =>
    change(() => client.schedules.clone(id, { isEnabled: false }), {
      done: (made) => `${made.name} is a copy, still off`,
      failed: 'It was not copied',
    }).then((made) => made && go(`/schedules/${made.id}/edit`))
  const remove = () => change(() => client.schedules.delete(id), { done: `${name} is gone; its jobs stay` }).then(() => go('/schedules'))
  return (
    <div className={css.verbs}>
      <Act
        label="Run now"
        size={wide ? 'sm' : 'xs'}
        icon={<IconPlayerPlay size={15} aria-hidden />}
        why={whyNotRun(me, schedule.task, schedule.payload)}
        onAct={run}
      />
      {wide && (
        <Act label="Change" size="sm" icon={<IconPencil size={15} aria-hidden />} why={why} onAct={() => go(`/schedules/${id}/edit`)} />
      )}
      <Menu position="bottom-end" width={220}>
        <Menu.Target>
          <button type="button" className={css.dots} aria-label={`More about ${name}`}>
            <IconDots size={17} aria-hidden />
          </button>
        </Menu.Target>
        <Menu.Dropdown>
          {!wide && (
            <ActItem label="Change" icon={<IconPencil size={15} aria-hidden />} why={why} onAct={() => go(`/schedules/${id}/edit`)} />
          )}
          {paused ? (
            <ActItem label="Resume" icon={<IconPlayerPlay size={15} aria-hidden />} why={why} onAct={resume} />
          ) : (
            <ActItem label="Pause" icon={<IconPlayerPause size={15} aria-hidden />} why={why} onAct={pause} />
          )}
          <ActItem
            label="Leave out the next run"
            icon={<IconPlayerSkipForward size={15} aria-hidden />}
            why={why ?? (schedule.nextRunAt ? null : 'There is none')}
            onAct={skip}
          />
          <ActItem
            label="Make up for the past"
            icon={<IconHistory size={15} aria-hidden />}
            why={why ?? whyNotRun(me, schedule.task, schedule.payload)}
            onAct={() => fillBack(true)}
          />
          <ActItem label="Copy" icon={<IconCopy size={15} aria-hidden />} why={why} onAct={clone} />
          <ActItem label="Delete" icon={<IconTrash size={15} aria-hidden />} why={why} onAct={() => askDelete(true)} danger />
        </Menu.Dropdown>
      </Menu>
      <Suspense fallback={null}>{isFilling && <BackfillDialog schedule={schedule} onClose={() => fillBack(false)} />}</Suspense>
      {isDeleting && (
        <Confirm
          title={`Delete ${name}`}
          button="Delete"
          failed={`${name} was not deleted`}
          onClose={() => askDelete(false)}
          onConfirm={remove}
        >
          It makes no job any more. Jobs that it has made stay.
        </Confirm>
      )}
    </div>
  )
}
