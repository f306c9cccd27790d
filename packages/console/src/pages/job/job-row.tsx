import type { JobAnswer } from '@trunkline/client/contract'
import { Go } from '../../parts/go.tsx'
import { State } from '../../parts/state.tsx'
import { Time } from '../../parts/time.tsx'
import { durationText } from '../../parts/words.ts'
import css from './job.module.css'

/** A job as a line. */
export function JobRow({ job }: { job: JobAnswer }) {
  return (
    <li className={css.relatedRow}>
      <span className={css.relatedState}>
        <State state={job.state} reason={job.reason} quiet />
      </span>
      <Go to={`/${job.id}`} className={css.relatedName}>
        {job.task} <span className={css.soft}>#{job.id}</span>
      </Go>
      <span className={css.soft}>
        {job.durationMs !== null && `${durationText(job.durationMs)} · `}
        <Time at={job.finishedAt ?? job.startedAt ?? job.createdAt} />
      </span>
    </li>
  )
}
