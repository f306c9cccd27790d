import { IconAlertTriangle, IconClockExclamation } from '@tabler/icons-react'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import type { SchedulePreviewBody } from '@trunkline/client/contract'
import { Sheet } from '../../parts/page.tsx'
import { useSettled } from '../../parts/settled.ts'
import { Problem } from '../../parts/states.tsx'
import { Time } from '../../parts/time.tsx'
import { durationText } from '../../parts/words.ts'
import { client } from '../../session.tsx'
import css from './schedules.module.css'

const marks = { gap: 'moved by the change of the clocks', fold: 'in the hour that comes twice' }

/** What a rhythm means: in words, its next runs, what changes of the clocks do to it; computed by the scheduler's own code. */
export function Preview({ of }: { of: SchedulePreviewBody }) {
  const text = useSettled(JSON.stringify(of), 200)
  const { data, error } = useQuery({
    queryKey: ['preview', text],
    queryFn: () => client.schedules.preview({ ...JSON.parse(text), count: 10 }),
    placeholderData: keepPreviousData,
    retry: false,
    refetchInterval: false,
  })
  if (error) return <Problem error={error} what="It never runs like this." />
  if (!data) return <Sheet title="Next runs"> </Sheet>
  return (
    <>
      <Sheet title="Next runs">
        <p className={css.words}>{data.words}</p>
        {data.slots.length === 0 ? (
          <p className={css.warning}>
            <IconAlertTriangle size={16} aria-hidden /> It does not run any more.
          </p>
        ) : (
          <ol className={css.slots}>
            {data.slots.map((slot) => (
              <li key={slot.at}>
                <span>
                  <strong>{slot.localTime.replace('T', ' ').slice(0, 19)}</strong>
                  {slot.mark && <span className={css.mark}>{marks[slot.mark]}</span>}
                </span>
                <span className={css.soft}>
                  <Time at={slot.at} zone={data.timezone} />
                  {slot.afterMs !== null && ` · ${durationText(slot.afterMs)} later`}
                </span>
              </li>
            ))}
          </ol>
        )}
        <p className={css.soft}>Times of {data.timezone}.</p>
      </Sheet>
      {data.clockChanges.some(({ isTouched }) => isTouched) && (
        <Sheet title="Changes of the clocks">
          <ul className={css.notes}>
            {data.clockChanges
              .filter(({ isTouched }) => isTouched)
              .map(({ at, note }) => (
                <li key={at}>
                  <IconClockExclamation size={16} aria-hidden /> {note}
                </li>
              ))}
          </ul>
        </Sheet>
      )}
      {data.difference && (data.difference.added.length > 0 || data.difference.removed.length > 0) && (
        <Sheet title="Against what is saved">
          <ul className={css.notes}>
            <li>
              {data.difference.added.length} runs more, {data.difference.removed.length} less, {data.difference.same} the same until{' '}
              <Time at={data.difference.to} absolute />
            </li>
          </ul>
        </Sheet>
      )}
    </>
  )
}
