import type { JobAnswer, JobWhyAnswer } from '@trunkline/client/contract'
import { useNow } from '../../live/now.ts'
import { Go } from '../../parts/go.tsx'
import { ProgressBar, progressSentence } from '../../parts/job-bits.tsx'
import { Since, Time } from '../../parts/time.tsx'
import { durationText } from '../../parts/words.ts'
import css from './job.module.css'

/** Why a job is as it is, in one sentence: that of the server, with what the page knows besides. */
export function Diagnosis({ job, why }: { job: JobAnswer; why: JobWhyAnswer | undefined }) {
  const { state, error } = job
  const sentence = why?.sentence ?? ''
  return (
    <div className={css.diagnosis} data-state={state}>
      <p className={css.sentence}>{sentence ? sentence.charAt(0).toUpperCase() + sentence.slice(1) : '\u00a0'}</p>
      {(state === 'failed' || (state === 'pending' && error)) && error && (
        <p className={css.errorMessage}>
          {error.name && error.name !== 'Error' ? `${error.name}: ` : ''}
          {error.message} {error.code && <code>{error.code}</code>}{' '}
          {error.fingerprint && <Go to={`/errors/${error.fingerprint}`}>all of this cause</Go>}
        </p>
      )}
      {error?.hint && <p className={css.soft}>{error.hint}</p>}
      {job.reason === 'retrying' && (
        <p className={css.soft}>
          Next attempt <Time at={job.runAt} />
        </p>
      )}
      {why?.waitsFor && why.waitsFor.length > 0 && (
        <p>
          Waits for{' '}
          {why.waitsFor.map(({ jobId, task, state: of }, i) => (
            <span key={jobId}>
              {i > 0 && ', '}
              <Go to={`/${jobId}`}>
                {task} #{jobId}
              </Go>{' '}
              ({of})
            </span>
          ))}
        </p>
      )}
    </div>
  )
}

/** How far a running job is: bar or counter, rate, what is left. */
export function ProgressNow({ job }: { job: JobAnswer }) {
  const now = useNow()
  const { progress, startedAt, state } = job
  if (!progress || state !== 'running' || startedAt === null) return null
  const ran = Math.max(1, now - new Date(startedAt).getTime())
  const perSecond = progress.current / (ran / 1000)
  const left = progress.total !== null && perSecond > 0 ? ((progress.total - progress.current) / perSecond) * 1000 : null
  return (
    <div className={css.progress}>
      <ProgressBar progress={progress} label={false} />
      <strong>{progress.percent === null ? '' : `${Math.floor(progress.percent)} %`}</strong>
      <span>{progressSentence(progress)}</span>
      <span className={css.soft}>
        <Since at={startedAt} />
        {perSecond >= 0.1 && ` · ${perSecond < 10 ? perSecond.toFixed(1) : Math.round(perSecond)}/s`}
        {left !== null && left > 0 && ` · about ${durationText(left)} left`}
      </span>
    </div>
  )
}
