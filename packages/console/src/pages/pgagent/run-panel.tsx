import { IconBan } from '@tabler/icons-react'
import { useEffect } from 'react'
import { Act, useChange } from '../../parts/act.tsx'
import { Sheet } from '../../parts/page.tsx'
import { Copy, Loading, Problem } from '../../parts/states.tsx'
import { Since, Time } from '../../parts/time.tsx'
import { durationText, numberText, sizeText } from '../../parts/words.ts'
import { client, useMe, whyNot } from '../../session.tsx'
import css from './pgagent.module.css'
import { type Run, slowness, useRun } from './pgagent-data.ts'
import { Status } from './status.tsx'

/** What a step of a script or of SQL answered in a number. */
function resultText(result: number | null): string {
  // -1: it failed without one
  if (result === null || result === -1) return ''
  return result < 0 ? `ended by signal ${-result}` : `result ${numberText(result)}`
}

function Said({ what, text, of }: { what: string; text: string; of: string }) {
  return (
    <>
      <div className={css.codeHead}>
        <span>
          {what}, {sizeText(new Blob([text]).size)}
        </span>
        <Copy text={text} label={`Copy the ${what.toLowerCase()} of ${of}`} />
      </div>
      <pre className={css.code} tabIndex={0} role="group" aria-label={`${what} of ${of}`}>
        {text}
      </pre>
    </>
  )
}

function Output({ step }: { step: Run['steps'][number] }) {
  const { output, notices, stepName } = step
  if (!output && !notices) return <p className={css.soft}>{step.status === 'r' ? 'It has said nothing yet.' : 'It said nothing.'}</p>
  return (
    <>
      {notices && <Said what="Notices" text={notices} of={stepName} />}
      {output && <Said what="Output" text={output} of={stepName} />}
    </>
  )
}

/** A run: each step with its result, how long it took and what it said. @param step the one that is looked at */
export function RunPanel({ sid, id, step, usual }: { sid: string; id: string; step: string | undefined; usual: number | null }) {
  const me = useMe()
  const change = useChange()
  const { data: run, error } = useRun(sid, id)
  const isThere = run !== undefined
  useEffect(() => {
    if (isThere && step !== undefined) document.getElementById(`step-${step}`)?.scrollIntoView({ block: 'nearest' })
  }, [isThere, step])
  if (error) return <Problem error={error} what={`Run ${id} could not be read.`} />
  if (!run) return <Loading rows={4} />
  const slow = slowness(run.durationMs, usual)
  const cancel = () =>
    change(() => client.pgagent.runs.cancel(sid, id), { done: `Run ${id} was asked to end`, failed: 'It was not asked to end' })
  return (
    <Sheet
      title={`Run ${id}`}
      flush
      aside={
        <>
          <Status of={run.status} />
          <Time at={run.startedAt} />
          <span>
            {run.status === 'r' ? <Since at={run.startedAt} suffix=" so far" /> : `took ${durationText(run.durationMs)}`}
            {slow !== null && `, ${slow.toFixed(1)} times slower than usual`}
            {run.onlyStepId !== null && ', one step alone'}
          </span>
          {run.status === 'r' && (
            <Act label="Cancel" icon={<IconBan size={15} aria-hidden />} why={whyNot(me, { role: 'operator' })} onAct={cancel} />
          )}
        </>
      }
    >
      {run.steps.length === 0 ? (
        <p className={css.older}>No step of it has begun.</p>
      ) : (
        <ol className={css.list} aria-label={`Steps of run ${id}`}>
          {run.steps.map((one) => (
            <li key={one.id} id={`step-${one.stepId}`}>
              <div className={css.itemHead}>
                <h3>{one.stepName}</h3>
                <Status of={one.status} step />
                <span className={css.soft}>
                  {[one.status === 'r' ? '' : durationText(one.durationMs), resultText(one.result)].filter(Boolean).join(' · ')}
                  {one.status === 'r' && <Since at={one.startedAt} suffix=" so far" />}
                </span>
              </div>
              <Output step={one} />
            </li>
          ))}
        </ol>
      )}
    </Sheet>
  )
}
