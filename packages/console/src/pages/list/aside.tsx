import { Drawer } from '@mantine/core'
import { IconArrowsDiagonal, IconX } from '@tabler/icons-react'
import { Facts } from '../../parts/facts.tsx'
import { Go } from '../../parts/go.tsx'
import { State } from '../../parts/state.tsx'
import { Loading, Problem } from '../../parts/states.tsx'
import { Time } from '../../parts/time.tsx'
import { durationText } from '../../parts/words.ts'
import { Diagnosis, ProgressNow } from '../job/diagnosis.tsx'
import { JobActions } from '../job/job-actions.tsx'
import { useJob } from '../job/job-data.ts'
import css from './list.module.css'

function Content({ id, onClose, isNarrow }: { id: string; onClose: () => void; isNarrow: boolean }) {
  const { job, why } = useJob(id)
  const one = job.data
  return (
    <>
      <div className={css.asideHead}>
        <div>
          <h2>{one ? one.task : `Job ${id}`}</h2>
          <span className={css.id}>#{id}</span> {one && <State state={one.state} reason={one.reason} />}
        </div>
        <Go to={`/${id}`} className={css.more} aria-label="Open the whole page" title="Open the whole page">
          <IconArrowsDiagonal size={17} aria-hidden />
        </Go>
        {!isNarrow && (
          <button type="button" className={css.more} aria-label="Close" onClick={onClose}>
            <IconX size={18} aria-hidden />
          </button>
        )}
      </div>
      {job.error ? (
        <Problem error={job.error} />
      ) : !one ? (
        <Loading rows={5} />
      ) : (
        <>
          <div className={css.verbsAside}>
            <JobActions job={one} />
          </div>
          <Diagnosis job={one} why={why.data} />
          <ProgressNow job={one} />
          <Facts
            of={[
              [
                'Queue',
                <Go key="queue" to={`/queues/${encodeURIComponent(one.queue)}`}>
                  {one.queue}
                </Go>,
              ],
              ['Attempts', `${one.attempt} of ${one.maxAttempts}`],
              ['Made', <Time key="made" at={one.createdAt} />],
              ['By', one.createdBy?.replace(/^user:/, '')],
              ['Ran', one.durationMs === null ? null : durationText(one.durationMs)],
              ['Tags', one.tags.length > 0 && one.tags.join(', ')],
            ]}
          />
          <Go to={`/${id}`} search={{ tab: 'logs' }}>
            To its log
          </Go>
        </>
      )}
    </>
  )
}

/** A job beside the list; over it where the window is narrow. */
export default function Aside({ id, isNarrow, onClose }: { id: string; isNarrow: boolean; onClose: () => void }) {
  if (isNarrow)
    return (
      <Drawer opened onClose={onClose} position="bottom" size="75%" title={`Job ${id}`}>
        <div className={css.over}>
          <Content id={id} onClose={onClose} isNarrow />
        </div>
      </Drawer>
    )
  return (
    <aside className={css.aside} aria-label={`Job ${id}`}>
      <Content id={id} onClose={onClose} isNarrow={false} />
    </aside>
  )
}
