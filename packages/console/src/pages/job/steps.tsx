import type { JobState, JobStepsAnswer } from '@trunkline/client/contract'
import { JsonTree } from '../../parts/json-tree.tsx'
import { State } from '../../parts/state.tsx'
import { Copy } from '../../parts/states.tsx'
import { Time } from '../../parts/time.tsx'
import { durationText } from '../../parts/words.ts'
import css from './job.module.css'

type Step = JobStepsAnswer['steps'][number]

// states of steps in the looks of states of jobs
const looks: Record<Step['state'], JobState> = {
  waiting: 'pending',
  running: 'running',
  completed: 'completed',
  failed: 'failed',
  crashed: 'failed',
  cancelled: 'cancelled',
  skipped: 'cancelled',
}
const words: Partial<Record<Step['state'], string>> = {
  waiting: 'waits for its turn',
  crashed: 'its worker died',
  skipped: 'left out',
}

const earlierWords: Record<Step['earlier'][number]['state'], string> = {
  completed: 'completed',
  failed: 'failed',
  crashed: 'its worker died',
  cancelled: 'cancelled',
  handed_back: 'handed back',
}

function Earlier({ step }: { step: Step }) {
  if (step.earlier.length === 0) return null
  return (
    <details>
      <summary>
        {step.earlier.length} earlier {step.earlier.length === 1 ? 'try' : 'tries'}
      </summary>
      <ul>
        {step.earlier.map((one, i) => (
          <li key={i}>
            <Time at={one.startedAt} /> in attempt {one.attempt}: {earlierWords[one.state]}
            {one.error && `: ${one.error.message}`}
          </li>
        ))}
      </ul>
    </details>
  )
}

/** The steps of a job in their order, each with where it is, its error and what it returned. @param onLog shows the lines of one */
export function StepList({ steps, onLog }: { steps: Step[]; onLog: (name: string) => void }) {
  return (
    <ol className={css.attempts} aria-label="Steps">
      {steps.map((step) => (
        <li key={step.name} className={css.attempt}>
          <div className={css.attemptHead}>
            <h2>{step.name}</h2>
            {step.task && <span className={css.soft}>{step.task}</span>}
            <State state={looks[step.state]} quiet />
            {words[step.state] && <span className={css.soft}>{words[step.state]}</span>}
            {step.startedAt && (
              <span className={css.soft}>
                {step.durationMs === null ? '' : `${durationText(step.durationMs)} · `}
                <Time at={step.startedAt} />
                {step.tries > 1 && ` · ${step.tries} tries`}
              </span>
            )}
            {step.startedAt && (
              <button type="button" className={css.link} onClick={() => onLog(step.name)}>
                Its lines
              </button>
            )}
          </div>
          {step.error && (
            <div className={css.error}>
              <p className={css.errorMessage}>
                {step.error.message} {step.error.code && <code>{step.error.code}</code>}{' '}
                <Copy text={step.error.message} label="Copy the error" />
              </p>
            </div>
          )}
          <Earlier step={step} />
          {step.result !== undefined && step.result !== null && (
            <details>
              <summary>What it returned</summary>
              <JsonTree value={step.result} label={`result of ${step.name}`} />
            </details>
          )}
        </li>
      ))}
    </ol>
  )
}
