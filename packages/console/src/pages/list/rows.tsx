import { useVirtualizer } from '@tanstack/react-virtual'
import type { JobAnswer } from '@trunkline/client/contract'
import { type MouseEvent, memo, type RefObject, useEffect } from 'react'
import { useGo } from '../../parts/go.tsx'
import { ProgressBar } from '../../parts/job-bits.tsx'
import { State } from '../../parts/state.tsx'
import { Since, Time } from '../../parts/time.tsx'
import { durationText } from '../../parts/words.ts'
import { consoleBase } from '../../session.tsx'
import css from './list.module.css'

export interface RowsProps {
  jobs: JobAnswer[]
  scroller: RefObject<HTMLDivElement | null>
  isNarrow: boolean
  /** Height of a row, px. */
  height: number
  active: number
  chosen: ReadonlySet<string>
  isAllChosen: boolean
  onActive: (index: number) => void
  onChoose: (job: JobAnswer, range: boolean) => void
  onAside: (job: JobAnswer) => void
  onEnd: () => void
}

function Happening({ job }: { job: JobAnswer }) {
  if (job.state === 'failed' && job.error) return <span className={css.snippet}>{job.error.message}</span>
  if (job.state === 'running' && job.progress) return <ProgressBar progress={job.progress} />
  if (job.state === 'pending' && job.error) return <span className={css.snippetSoft}>{job.error.message}</span>
  return job.tags.length > 0 ? (
    <span className={css.tags}>
      {job.tags.slice(0, 4).map((tag) => (
        <span key={tag} className={css.tag}>
          {tag}
        </span>
      ))}
    </span>
  ) : null
}

function When({ job }: { job: JobAnswer }) {
  if (job.reason === 'scheduled' || job.reason === 'retrying') return <Time at={job.runAt} />
  return <Time at={job.finishedAt ?? job.startedAt ?? job.createdAt} />
}

function Ran({ job }: { job: JobAnswer }) {
  if (job.state === 'running') return <Since at={job.startedAt} />
  return <>{job.durationMs === null ? '' : durationText(job.durationMs)}</>
}

interface RowProps {
  job: JobAnswer
  index: number
  /** Px from the top of the list. */
  start: number
  height: number
  isNarrow: boolean
  isActive: boolean
  isChosen: boolean
  onActive: (index: number) => void
  onChoose: (job: JobAnswer, range: boolean) => void
  onAside: (job: JobAnswer) => void
  onGo: (to: string) => void
}

/** One job. Drawn anew only when something of it has changed: scrolling brings ten other rows with each frame. */
const Row = memo(function Row({ job, index, start, height, isNarrow, isActive, isChosen, onActive, onChoose, onAside, onGo }: RowProps) {
  // a link of the router would listen to the router in each row
  const follow = (event: MouseEvent) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    event.preventDefault()
    onGo(`/${job.id}`)
  }
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: keys j, k, o, Enter and x do the same
    <div
      role="row"
      tabIndex={-1}
      aria-rowindex={index + 2}
      className={css.row}
      data-narrow={isNarrow || undefined}
      data-active={isActive || undefined}
      data-chosen={isChosen || undefined}
      style={{ transform: `translateY(${start}px)`, height }}
      onClick={(event) => {
        if ((event.target as HTMLElement).closest('a, button, input, label')) return
        onActive(index)
        onAside(job)
      }}
    >
      <div role="cell" className={css.check}>
        <label>
          <input
            type="checkbox"
            aria-label={`Choose job ${job.id}`}
            checked={isChosen}
            onChange={() => {}}
            onClick={(event) => onChoose(job, event.shiftKey)}
          />
        </label>
      </div>
      <div role="cell" className={css.state}>
        <State state={job.state} reason={job.reason} quiet />
      </div>
      <div role="cell" className={css.what}>
        <a href={`${consoleBase}/${job.id}`} className={css.task} data-job={job.id} onClick={follow}>
          {job.task} <span className={css.id}>#{job.id}</span>
        </a>
        <span className={css.happening}>
          <Happening job={job} />
        </span>
      </div>
      <div role="cell" className={css.queue}>
        {job.queue}
      </div>
      <div role="cell" className={css.number}>
        {job.attempt > 0 || job.maxAttempts > 1 ? `${job.attempt}/${job.maxAttempts}` : ''}
      </div>
      <div role="cell" className={css.number}>
        {job.waitMs === null ? '' : durationText(job.waitMs)}
      </div>
      <div role="cell" className={css.number}>
        <Ran job={job} />
      </div>
      <div role="cell" className={css.when}>
        <When job={job} />
      </div>
    </div>
  )
})

/** The rows of the list: only those near the window are there. */
export function Rows({ jobs, scroller, isNarrow, height, active, chosen, isAllChosen, onActive, onChoose, onAside, onEnd }: RowsProps) {
  const virtual = useVirtualizer({
    count: jobs.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => height,
    overscan: 8,
    getItemKey: (i) => jobs[i]?.id ?? i,
  })
  const go = useGo()
  const items = virtual.getVirtualItems()
  const last = items.at(-1)?.index ?? 0
  useEffect(() => {
    if (jobs.length > 0 && last >= jobs.length - 20) onEnd()
  }, [last, jobs.length, onEnd])
  // biome-ignore lint/correctness/useExhaustiveDependencies: rows are measured anew when their height changes
  useEffect(() => virtual.measure(), [virtual, height])
  useEffect(() => {
    if (active < 0) return
    virtual.scrollToIndex(active, { align: 'auto' })
  }, [active, virtual])
  return (
    <div role="rowgroup" className={css.rows} style={{ height: virtual.getTotalSize() }}>
      {items.map(({ index, start, key }) => {
        const job = jobs[index]
        if (!job) return null
        return (
          <Row
            key={key}
            {...{ job, index, start, height, isNarrow, onActive, onChoose, onAside }}
            isActive={index === active}
            isChosen={isAllChosen || chosen.has(job.id)}
            onGo={go}
          />
        )
      })}
    </div>
  )
}
