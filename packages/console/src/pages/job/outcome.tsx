import { numberText } from '../../parts/words.ts'
import css from './job.module.css'

const bad = /error|fail/i

/** What a job counted: updates, inserts, deletes, errors and whatever else. */
export function Outcome({ outcome }: { outcome: Record<string, number> | null }) {
  const entries = Object.entries(outcome ?? {})
  if (entries.length === 0) return null
  const most = Math.max(1, ...entries.map(([, count]) => count))
  return (
    <dl className={css.outcome}>
      {entries.map(([name, count]) => (
        <div key={name} data-bad={(bad.test(name) && count > 0) || undefined}>
          <dt>{name}</dt>
          <dd>
            <progress value={count} max={most} aria-label={`${name} ${count}`} /> {numberText(count)}
          </dd>
        </div>
      ))}
    </dl>
  )
}
