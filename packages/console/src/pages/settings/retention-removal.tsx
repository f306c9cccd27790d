import { useQuery } from '@tanstack/react-query'
import type { NewRetentionBody, RetentionPreviewAnswer } from '@trunkline/client/contract'
import { Confirm } from '../../parts/confirm.tsx'
import { State } from '../../parts/state.tsx'
import { Counted } from '../../parts/states.tsx'
import { countText, numberText } from '../../parts/words.ts'
import { client } from '../../session.tsx'
import { endings } from './retention-draft.ts'
import css from './settings.module.css'

const mostTasks = 5

/** What rules would remove now, counted by the server. */
function useRemoval(body: NewRetentionBody) {
  return useQuery({
    queryKey: ['retention', 'preview', JSON.stringify(body)],
    queryFn: () => client.retention.preview(body),
    staleTime: 0,
    gcTime: 0,
    refetchOnWindowFocus: false,
  })
}

function Counts({ total, isWhole, groups }: RetentionPreviewAnswer) {
  const sum = (fits: (group: RetentionPreviewAnswer['groups'][number]) => boolean) =>
    groups.filter(fits).reduce((all, { count }) => all + count, 0)
  const tasks = [...new Set(groups.map(({ task }) => task))].map((task) => ({ task, count: sum((group) => group.task === task) }))
  tasks.sort((a, b) => b.count - a.count)
  if (total === 0) return <strong>{isWhole ? 'Would remove nothing now.' : 'Nothing was found in the time for counting.'}</strong>
  return (
    <>
      <strong>
        Would remove {isWhole ? '' : 'at least '}
        {countText(total, 'finished job')} now
      </strong>
      <span className={css.states}>
        {endings.map((state) => {
          const count = sum((group) => group.state === state)
          return count > 0 ? (
            <span key={state}>
              <State state={state} /> {numberText(count)}
            </span>
          ) : null
        })}
      </span>
      <span className={css.soft}>
        {tasks
          .slice(0, mostTasks)
          .map(({ task, count }) => `${task} ${numberText(count)}`)
          .join(' · ')}
        {tasks.length > mostTasks && ` · ${countText(tasks.length - mostTasks, 'more task')}`}
      </span>
    </>
  )
}

const counted = (found: RetentionPreviewAnswer) => (
  <div className={css.removal} role="status">
    <Counts {...found} />
  </div>
)

/** The same as a line of a page. */
export function Removal({ of }: { of: NewRetentionBody }) {
  return <Counted by={useRemoval(of)}>{counted}</Counted>
}

/** Asks before other rules hold: tells first what they would remove. */
export function RemovalDialog({
  of,
  ...rest
}: {
  title: string
  button: string
  failed: string
  of: NewRetentionBody
  onConfirm: () => Promise<unknown>
  onClose: () => void
}) {
  const removal = useRemoval(of)
  return (
    <Confirm {...rest} after={removal} typedTo="have them removed">
      <Counted by={removal}>{counted}</Counted>
      <p className={css.soft}>The keeper goes by the new rules within ten minutes. What it has removed is gone for good.</p>
    </Confirm>
  )
}
