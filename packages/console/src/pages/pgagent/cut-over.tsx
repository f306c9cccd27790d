import { IconArrowBackUp, IconArrowsExchange } from '@tabler/icons-react'
import type { PgAgentJobAnswer, PgAgentRehearsalAnswer } from '@trunkline/client/contract'
import { useState } from 'react'
import { Act, useChange } from '../../parts/act.tsx'
import { Confirm } from '../../parts/confirm.tsx'
import { countText } from '../../parts/words.ts'
import { client, useMe, whyNot } from '../../session.tsx'
import { whyNotRun } from '../job/job-actions.tsx'
import css from './pgagent.module.css'

interface Of {
  sid: string
  job: PgAgentJobAnswer
  rehearsal: PgAgentRehearsalAnswer
}

const notBack = (name: string) => `${name} was not taken back`

/** @param failed left out where the error is shown by who undoes */
function useUndo(sid: string, { id, name }: PgAgentJobAnswer) {
  const change = useChange()
  return (failed?: { failed: string }) =>
    change(() => client.pgagent.jobs.undoImport(sid, id), {
      done: ({ isEnabled }) => (isEnabled ? `pgAgent runs ${name} again` : `${name} is pgAgent’s again, and off as before`),
      detail: ({ schedules }) => `${countText(schedules, 'native schedule')} deleted`,
      ...failed,
    })
}

/** Makes native schedules of a job, after a question that says what is switched off and what is made. */
function Begin({ sid, job, rehearsal }: Of) {
  const me = useMe()
  const change = useChange()
  const undo = useUndo(sid, job)
  const [isAsked, ask] = useState(false)
  const { id, name, isEnabled, steps } = job
  const { schedules, version } = rehearsal
  const payload = {
    steps: steps.filter((step) => step.isEnabled).map(({ kind }) => ({ task: kind === 'batch' ? 'shell_run' : 'sql_run' })),
  }
  const differing = schedules.reduce((n, one) => n + one.differing, 0)
  const cut = () =>
    change(() => client.pgagent.jobs.import(sid, id, { version }), {
      done: `${name} runs by ${countText(schedules.length, 'native schedule')} now`,
      action: () => ({ label: 'Undo', run: () => void undo({ failed: notBack(name) }) }),
    })
  return (
    <>
      <Act
        label="Cut over"
        size="sm"
        variant="filled"
        icon={<IconArrowsExchange size={15} aria-hidden />}
        why={whyNot(me, { role: 'admin' }) ?? whyNotRun(me, 'steps_run', payload)}
        onAct={() => ask(true)}
      />
      {isAsked && (
        <Confirm
          title={`Cut ${name} over`}
          button="Cut it over"
          failed={`${name} was not cut over`}
          onClose={() => ask(false)}
          onConfirm={cut}
        >
          <p>
            In pgAgent the job {name} (number {id}) {isEnabled ? 'is switched off; a run that goes on ends there' : 'is off and stays off'}.
            Its steps, schedules and history stay as they are.
          </p>
          <p>Here {schedules.length === 1 ? 'this schedule is' : 'these schedules are'} made, each with the steps of the job:</p>
          <ul className={css.made} aria-label="Schedules that are made">
            {schedules.map((one) => (
              <li key={one.name}>
                <b>{one.name}</b>: {one.words}; {one.isEnabled ? 'on' : 'off'}
              </li>
            ))}
          </ul>
          {differing > 0 && (
            <p className={css.bad}>{countText(differing, 'of the compared runs differs', 'of the compared runs differ')}.</p>
          )}
        </Confirm>
      )}
    </>
  )
}

/** Takes a cut-over back. */
function Back({ sid, job, rehearsal }: Of) {
  const why = whyNot(useMe(), { role: 'admin' })
  const undo = useUndo(sid, job)
  const [isAsked, ask] = useState(false)
  const { schedules, importedAs } = rehearsal
  const count = importedAs?.length ?? 0
  return (
    <>
      <Act label="Take it back" size="sm" icon={<IconArrowBackUp size={15} aria-hidden />} why={why} onAct={() => ask(true)} />
      {isAsked && (
        <Confirm
          title={`Give ${job.name} back to pgAgent`}
          button="Take it back"
          failed={notBack(job.name)}
          onClose={() => ask(false)}
          onConfirm={() => undo()}
        >
          <p>
            {countText(count, 'native schedule is', 'native schedules are')} deleted: {schedules.map(({ name }) => name).join(', ')}. The
            jobs that {count === 1 ? 'it' : 'they'} made stay, with their logs.
          </p>
          <p>In pgAgent the job is switched on again where it was on before.</p>
        </Confirm>
      )}
    </>
  )
}

/** What can be done after a rehearsal: the cut-over, or the way back. */
export function CutOver(of: Of) {
  const { verdict } = of.rehearsal
  if (verdict === 'impossible') return null
  return <div className={css.cut}>{verdict === 'done' ? <Back {...of} /> : <Begin {...of} />}</div>
}
