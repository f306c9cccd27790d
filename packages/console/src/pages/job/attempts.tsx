import type { JobTimelineAnswer } from '@trunkline/client/contract'
import { useEffect } from 'react'
import { Go } from '../../parts/go.tsx'
import { State } from '../../parts/state.tsx'
import { Copy, Empty } from '../../parts/states.tsx'
import { Time } from '../../parts/time.tsx'
import { durationText } from '../../parts/words.ts'
import css from './job.module.css'

type Attempt = JobTimelineAnswer['attempts'][number]

/** What an error says that the one before did not: where its first different line is. */
function difference(now: Attempt, before: Attempt | undefined): string | null {
  if (!before?.error || !now.error) return null
  if (before.error.message === now.error.message) return 'The same error as before.'
  return `Before it was: ${before.error.message}`
}

/** Every attempt with its error, and how it differs from the one before. */
export function Attempts({ attempts, chosen }: { attempts: Attempt[]; chosen: string | undefined }) {
  // a link to an attempt shows it
  useEffect(() => {
    document.getElementById(`attempt-${chosen}`)?.scrollIntoView({ block: 'nearest' })
  }, [chosen])
  if (attempts.length === 0) return <Empty title="It has not run yet">Its attempts appear here, each with its error.</Empty>
  return (
    <ol className={css.attempts}>
      {[...attempts].reverse().map((attempt, i, all) => {
        const { error } = attempt
        const changed = difference(attempt, all[i + 1])
        const stack = error?.stack
        return (
          <li
            key={attempt.attempt}
            id={`attempt-${attempt.attempt}`}
            className={css.attempt}
            data-chosen={chosen === String(attempt.attempt) || undefined}
          >
            <div className={css.attemptHead}>
              <h2>Attempt {attempt.attempt}</h2>
              <State state={attempt.state === 'crashed' ? 'failed' : attempt.state} quiet />
              {attempt.state === 'crashed' && <span className={css.soft}>its worker died</span>}
              <span className={css.soft}>
                {durationText(attempt.durationMs)} · <Time at={attempt.startedAt} />
                {attempt.workerId && (
                  <>
                    {' '}
                    · worker <Go to={`/workers/${attempt.workerId}`}>{attempt.workerId}</Go>
                  </>
                )}
              </span>
            </div>
            {error && (
              <div className={css.error}>
                <p className={css.errorMessage}>
                  {error.name && error.name !== 'Error' ? `${error.name}: ` : ''}
                  {error.message} {error.code && <code>{error.code}</code>} <Copy text={stack ?? error.message} label="Copy the error" />
                </p>
                {error.hint && <p className={css.soft}>{error.hint}</p>}
                {changed && <p className={css.soft}>{changed}</p>}
                {stack && (
                  <details open={i === 0}>
                    <summary>Stack</summary>
                    <pre className={css.stack} tabIndex={0}>
                      {stack.split('\n').map((line, n) => (
                        <span key={n} data-own={/^\s+at /.test(line) && !/node_modules|node:internal/.test(line) ? true : undefined}>
                          {`${line}\n`}
                        </span>
                      ))}
                    </pre>
                  </details>
                )}
              </div>
            )}
          </li>
        )
      })}
    </ol>
  )
}
