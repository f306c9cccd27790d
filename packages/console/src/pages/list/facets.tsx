import { useQueries, useQuery } from '@tanstack/react-query'
import { formatQuery, type JobAnswer, parseQuery, type QueryField } from '@trunkline/client/contract'
import { useWorkers } from '../../live/data.ts'
import { Loading, Problem } from '../../parts/states.tsx'
import { numberText } from '../../parts/words.ts'
import { client } from '../../session.tsx'
import css from './facets.module.css'
import { type Asked, wholeQuery } from './list-data.ts'
import { useViews } from './views.ts'

/** So many of the newest jobs that match are looked at. */
const sample = 500
const mostValues = 10

interface Facet {
  label: string
  field: QueryField
  values: (job: JobAnswer) => string[]
}

const one = (value: string | null | undefined) => (value ? [value] : [])
const facets: Facet[] = [
  { label: 'Task', field: 'task', values: ({ task }) => [task] },
  { label: 'Queue', field: 'queue', values: ({ queue }) => [queue] },
  { label: 'Cause of failure', field: 'fingerprint', values: ({ error }) => one(error?.fingerprint) },
  { label: 'Tag', field: 'tag', values: ({ tags }) => tags },
  { label: 'Worker', field: 'worker', values: ({ workerId }) => one(workerId) },
  { label: 'Made by', field: 'by', values: ({ createdBy }) => one(createdBy) },
]

const termOf = (field: QueryField, value: string) => formatQuery({ op: 'term', field, values: [{ match: 'is', value }] })

/** The conditions of a query that all must fit; null = it cannot be read. */
function partsOf(q: string): string[] | null {
  if (q.trim() === '') return []
  try {
    const query = parseQuery(q)
    return query.op === 'and' ? query.parts.map(formatQuery) : [query.op === 'or' ? `(${formatQuery(query)})` : formatQuery(query)]
  } catch {
    return null
  }
}

/** The most frequent values first. */
function counted(jobs: readonly JobAnswer[], { values }: Facet): [string, number][] {
  const counts = new Map<string, number>()
  for (const job of jobs) for (const value of values(job)) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts].sort(([a, m], [b, n]) => n - m || a.localeCompare(b)).slice(0, mostValues)
}

/** One's own views, with how many jobs each has. */
function OwnViews({ asked, onView }: { asked: Asked; onView: (view: Asked) => void }) {
  const views = useViews()
  const counts = useQueries({
    queries: views.map((view) => ({
      queryKey: ['counts', 'view', wholeQuery(view)],
      queryFn: () => client.jobs.search({ q: wholeQuery(view) || 'id:>0', limit: 1 }),
    })),
  })
  if (views.length === 0) return null
  return (
    <section>
      <h2>Your views</h2>
      <ul>
        {views.map((view, i) => {
          const { total, totalIsEstimate } = counts[i]?.data ?? {}
          return (
            <li key={view.name}>
              <button
                type="button"
                className={css.value}
                aria-pressed={view.q === asked.q && view.state === asked.state && view.sort === asked.sort}
                onClick={() => onView(view)}
              >
                <span className={css.name}>{view.name}</span>
                <span className={css.count}>{total === undefined ? '' : `${totalIsEstimate ? '≈ ' : ''}${numberText(total)}`}</span>
              </button>
            </li>
          )
        })}
      </ul>
    </section>
  )
}

/** What the jobs that match have in common: a press narrows the list to it, another widens it again. */
export default function Facets({ asked, onQuery, onView }: { asked: Asked; onQuery: (q: string) => void; onView: (view: Asked) => void }) {
  const q = wholeQuery(asked)
  const { data, error } = useQuery({
    queryKey: ['facets', q],
    queryFn: ({ signal }) => client.jobs.search({ ...(q ? { q } : {}), limit: sample }, { signal }),
    staleTime: 10_000,
    refetchInterval: false,
  })
  const workers = useWorkers(true)
  const parts = partsOf(asked.q)
  if (error) return <Problem error={error} />
  if (!data) return <Loading rows={12} />
  const jobs = data.data
  const isPart = data.nextCursor !== null
  const nameOf = (field: QueryField, value: string) => {
    if (field === 'worker') return `${workers.data?.data.find(({ id }) => id === value)?.name ?? 'worker'} #${value}`
    if (field === 'by') return value.replace(/^user:/, '')
    if (field !== 'fingerprint') return value
    return jobs.find((job) => job.error?.fingerprint === value)?.error?.message || value
  }
  const toggle = (term: string) => {
    if (parts === null) return
    onQuery((parts.includes(term) ? parts.filter((part) => part !== term) : [...parts, term]).join(' '))
  }
  return (
    <div className={css.facets}>
      <OwnViews asked={asked} onView={onView} />
      {facets.map((facet) => {
        const values = counted(jobs, facet)
        // what is chosen stays, also when nothing has it any more
        if (values.length === 0) return null
        return (
          <section key={facet.field}>
            <h2>{facet.label}</h2>
            <ul>
              {values.map(([value, count]) => {
                const term = termOf(facet.field, value)
                return (
                  <li key={value}>
                    <button
                      type="button"
                      className={css.value}
                      aria-pressed={parts?.includes(term) ?? false}
                      title={term}
                      onClick={() => toggle(term)}
                    >
                      <span className={css.name}>{nameOf(facet.field, value)}</span>
                      <span className={css.count}>{numberText(count)}</span>
                    </button>
                  </li>
                )
              })}
            </ul>
          </section>
        )
      })}
      <p className={css.note}>{isPart ? `Of the newest ${sample} that match` : 'Of all that match'}</p>
    </div>
  )
}
