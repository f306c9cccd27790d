import { IconX } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { formatQuery, parseQuery } from '@trunkline/client/contract'
import { Empty } from '../../parts/states.tsx'
import { countText } from '../../parts/words.ts'
import { client } from '../../session.tsx'
import css from './list.module.css'
import { type Asked, wholeQuery } from './list-data.ts'

/** The conditions of a query that stand beside each other. */
function partsOf(q: string): string[] {
  try {
    const query = parseQuery(q)
    return query.op === 'and' ? query.parts.map(formatQuery) : [formatQuery(query)]
  } catch {
    return []
  }
}

function Chip({ parts, at, onQuery }: { parts: string[]; at: number; onQuery: (q: string) => void }) {
  const rest = parts.filter((_, i) => i !== at).join(' ')
  const { data } = useQuery({
    queryKey: ['jobs', 'without', rest],
    queryFn: () => client.jobs.search({ ...(rest ? { q: rest } : {}), limit: 1 }),
  })
  return (
    <button type="button" className={css.chip} onClick={() => onQuery(rest)}>
      <code>{parts[at]}</code> <IconX size={13} aria-hidden />
      <span>
        {data?.total === undefined ? 'without it' : `without it ${data.totalIsEstimate ? 'about ' : ''}${countText(data.total, 'job')}`}
      </span>
    </button>
  )
}

/** Nothing fits: each condition with what there would be without it. */
export function NoMatch({ asked, onQuery }: { asked: Asked; onQuery: (q: string) => void }) {
  const parts = partsOf(wholeQuery(asked))
  return (
    <Empty title="No job fits">
      <p>Take away a condition:</p>
      <div className={css.chips}>
        {parts.map((part, at) => (
          <Chip key={part} parts={parts} at={at} onQuery={onQuery} />
        ))}
      </div>
    </Empty>
  )
}
