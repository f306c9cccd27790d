import type { FlowDetailAnswer } from '@trunkline/client/contract'
import { Go } from '../../parts/go.tsx'
import { State } from '../../parts/state.tsx'
import css from './flows.module.css'
import { layOut } from './layout.ts'

const width = 190
const height = 58
const gapX = 56
const gapY = 16

type FlowJob = FlowDetailAnswer['jobs'][number]

/** A flow as a drawing: jobs as boxes, what waits for what as lines. The table beside it says the same. */
export default function Graph({ jobs }: { jobs: FlowJob[] }) {
  const { places, columns, rows } = layOut(jobs.map(({ job, dependsOn }) => ({ id: job.id, parents: dependsOn.map(({ jobId }) => jobId) })))
  const at = new Map(places.map(({ id, column, row }) => [id, { x: column * (width + gapX), y: row * (height + gapY) }]))
  const size = { width: columns * (width + gapX) - gapX, height: rows * (height + gapY) - gapY }
  const lines = jobs.flatMap(({ job, dependsOn }) =>
    dependsOn.flatMap(({ jobId, open }) => {
      const from = at.get(jobId)
      const to = at.get(job.id)
      if (!from || !to) return []
      const [x1, y1, x2, y2] = [from.x + width, from.y + height / 2, to.x, to.y + height / 2]
      const bend = Math.max(24, (x2 - x1) / 2)
      return [{ key: `${jobId} ${job.id}`, open, d: `M${x1},${y1} C${x1 + bend},${y1} ${x2 - bend},${y2} ${x2},${y2}` }]
    }),
  )
  return (
    <div role="group" className={css.graph} tabIndex={0} aria-label="The flow as a drawing; the table says the same">
      <div className={css.canvas} style={size}>
        <svg width={size.width} height={size.height} aria-hidden="true">
          {lines.map(({ key, d, open }) => (
            <path key={key} d={d} className={css.line} data-open={open || undefined} />
          ))}
        </svg>
        {jobs.map(({ name, job }) => {
          const place = at.get(job.id)
          if (!place) return null
          return (
            <Go
              key={job.id}
              to={`/${job.id}`}
              className={css.box}
              data-state={job.state}
              style={{ left: place.x, top: place.y, width, height }}
              title={`${name ?? job.task} ${job.state}`}
            >
              <span className={css.boxName}>{name ?? job.task}</span>
              <State state={job.state} reason={job.reason} quiet />
            </Go>
          )
        })}
      </div>
    </div>
  )
}
