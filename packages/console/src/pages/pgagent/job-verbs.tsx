import { Menu } from '@mantine/core'
import { IconBan, IconCopy, IconDots, IconEraser, IconHeartOff, IconPlayerPlay, IconPower, IconTrash } from '@tabler/icons-react'
import { useState } from 'react'
import { Act, ActItem, useChange } from '../../parts/act.tsx'
import { Confirm } from '../../parts/confirm.tsx'
import { useGo } from '../../parts/go.tsx'
import { countText } from '../../parts/words.ts'
import { client, useMe, whyNot } from '../../session.tsx'
import css from './pgagent.module.css'
import { isRunning, type JobLine, jobPath, serverPath } from './pgagent-data.ts'

/** What can be done with a job of pgAgent, each with why not. */
export function useJobVerbs(sid: string, job: JobLine) {
  const me = useMe()
  const change = useChange()
  const { id, name, isEnabled, claimedByDead, last } = job
  const operate = whyNot(me, { role: 'operator' })
  const edit = whyNot(me, { role: 'admin' })
  const { jobs, runs } = client.pgagent
  const enable = () => change(() => jobs.enable(sid, id), { done: `${name} is on`, failed: `${name} was not turned on` })
  return {
    operate,
    edit,
    run: {
      why:
        operate ??
        (isEnabled ? null : 'It is off; turn it on first') ??
        (claimedByDead ? 'A dead agent holds it; release it first' : null) ??
        (isRunning(job) ? 'It runs now' : null),
      act: () => change(() => jobs.run(sid, id), { done: `${name} is to run now`, failed: `${name} was not started` }),
    },
    cancel: {
      why: operate ?? (last?.status === 'r' ? null : 'It does not run now'),
      act: () =>
        change(() => runs.cancel(sid, last?.runId ?? ''), { done: `${name} was asked to end`, failed: `${name} was not asked to end` }),
    },
    release: {
      why: operate ?? (claimedByDead ? null : 'No dead agent holds it'),
      act: () =>
        change(() => jobs.release(sid, id), {
          done: `${name} is free again; its run is closed as aborted`,
          failed: `${name} was not released`,
        }),
    },
    turn: {
      why: edit,
      act: () =>
        isEnabled
          ? change(() => jobs.disable(sid, id), {
              done: `${name} is off`,
              failed: `${name} was not turned off`,
              action: () => ({ label: 'Undo', run: () => void enable() }),
            })
          : enable(),
    },
  }
}

/** Frees a job that a dead agent holds. */
export function Release({ sid, job }: { sid: string; job: JobLine }) {
  const { release } = useJobVerbs(sid, job)
  return <Act label="Release" icon={<IconHeartOff size={15} aria-hidden />} why={release.why} onAct={release.act} />
}

/** What can be done with a job, as buttons and a menu. */
export function JobVerbs({ sid, job, wide = false }: { sid: string; job: JobLine; wide?: boolean }) {
  const change = useChange()
  const go = useGo()
  const [asked, ask] = useState<'delete' | 'clear' | null>(null)
  const verbs = useJobVerbs(sid, job)
  const { id, name, isEnabled } = job
  const size = wide ? 'sm' : 'xs'
  const clone = () =>
    change(() => client.pgagent.jobs.clone(sid, id), {
      done: (made) => `${made.name} is a copy, still off`,
      failed: `${name} was not copied`,
    }).then((made) => made && go(`${jobPath(sid, made.id)}/edit`))
  const remove = () => change(() => client.pgagent.jobs.delete(sid, id), { done: `${name} is gone` }).then(() => go(serverPath(sid)))
  const clear = () =>
    change(() => client.pgagent.jobs.clearHistory(sid, id), {
      done: ({ runs }) => `${countText(runs, 'run')} of ${name} ${runs === 1 ? 'is' : 'are'} forgotten`,
    })
  const whyNoChange = verbs.edit ?? (isRunning(job) ? 'It runs now; delete it when it has ended' : null)
  return (
    <div className={css.verbs}>
      {job.last?.status === 'r' && !job.claimedByDead ? (
        <Act label="Cancel" size={size} icon={<IconBan size={15} aria-hidden />} why={verbs.cancel.why} onAct={verbs.cancel.act} />
      ) : job.claimedByDead && !wide ? (
        <Release sid={sid} job={job} />
      ) : (
        <Act label="Run now" size={size} icon={<IconPlayerPlay size={15} aria-hidden />} why={verbs.run.why} onAct={verbs.run.act} />
      )}
      {wide && (
        <Act
          label={isEnabled ? 'Turn off' : 'Turn on'}
          size={size}
          icon={<IconPower size={15} aria-hidden />}
          why={verbs.turn.why}
          onAct={verbs.turn.act}
        />
      )}
      <Menu position="bottom-end" width={230}>
        <Menu.Target>
          <button type="button" className={css.dots} aria-label={`More about ${name}`}>
            <IconDots size={17} aria-hidden />
          </button>
        </Menu.Target>
        <Menu.Dropdown>
          {!wide && (
            <ActItem
              label={isEnabled ? 'Turn off' : 'Turn on'}
              icon={<IconPower size={15} aria-hidden />}
              why={verbs.turn.why}
              onAct={verbs.turn.act}
            />
          )}
          <ActItem label="Copy" icon={<IconCopy size={15} aria-hidden />} why={verbs.edit} onAct={clone} />
          <ActItem
            label="Forget its history"
            icon={<IconEraser size={15} aria-hidden />}
            why={verbs.edit}
            onAct={() => ask('clear')}
            danger
          />
          <ActItem label="Delete" icon={<IconTrash size={15} aria-hidden />} why={whyNoChange} onAct={() => ask('delete')} danger />
        </Menu.Dropdown>
      </Menu>
      {asked === 'delete' && (
        <Confirm title={`Delete ${name}`} button="Delete" failed={`${name} was not deleted`} onClose={() => ask(null)} onConfirm={remove}>
          Its steps, schedules and history are gone for good, also for pgAdmin.
        </Confirm>
      )}
      {asked === 'clear' && (
        <Confirm
          title={`Forget the history of ${name}`}
          button="Forget it"
          failed="The history stays"
          onClose={() => ask(null)}
          onConfirm={clear}
        >
          All runs that have ended are deleted from the log of pgAgent, with what their steps said. The job itself stays.
        </Confirm>
      )}
    </div>
  )
}
